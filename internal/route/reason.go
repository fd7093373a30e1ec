package route

import "github.com/skein-run/skein/internal/llm"

// Reason says why a candidate was taken or skipped.
type Reason uint8

// The reasons to take one.
const (
	First          Reason = iota + 1
	Next                  //
	ByPrice               // the least money expected
	NextByPrice           //
	OtherCurrency         // its price cannot be compared with the others'
	Unpriced              //
	BySpeed               // the least time expected
	NextBySpeed           //
	Explored              // by chance, so that its speed becomes known
	Unmeasured            //
	ByLoad                // the less loaded of two
	NextByLoad            //
	ByWeight              //
	NextByWeight          //
	CommittedFirst        // what is paid for anyway
	CacheWarm             // its prompt cache saves enough
	Fallback              // another model, where none of the model's own can serve
	ComingBack            // it failed lately and is given traffic little by little
	Ejected               // it fails far more often than its best peer
	Lossy                 // it loses some of the meaning, which is allowed here
	Queue                 // all are at capacity: wait for room

	lastTaken = Queue
)

// The reasons to skip one that time does not mend.
const (
	NoAnswers Reason = iota + lastTaken + 1
	NoEmbeddings
	NoCounting
	NoCredential
	KeptElsewhere
	OtherState
	MissingTag
	NotAllowed
	NoVision
	NoDocuments
	NoAudio
	NoTools
	NoSchema
	NoReasoning
	TooShort
	Loss
	OtherModel
	TooLarge
	Barred

	lastLasting = Barred
)

// The reasons to skip one for now.
const (
	CredentialRests Reason = iota + lastLasting + 1
	QuotaRests
	Resting
	Asked
	Probed
	QuotaFull
	CommittedFull
	AtCapacity
	PoolFull
)

var reasons = [...]string{
	First:          "first in order",
	Next:           "next in order",
	ByPrice:        "cheapest",
	NextByPrice:    "next by price",
	OtherCurrency:  "after those with a price in the first one's currency",
	Unpriced:       "after those with a known price",
	BySpeed:        "fastest",
	NextBySpeed:    "next by speed",
	Explored:       "tried by chance, to learn its speed",
	Unmeasured:     "its speed is not known yet",
	ByLoad:         "less loaded of two",
	NextByLoad:     "next by load",
	ByWeight:       "drawn by weight",
	NextByWeight:   "next by weight",
	CommittedFirst: "committed capacity first",
	CacheWarm:      "its prompt cache is warm",
	Fallback:       "a fallback model",
	ComingBack:     "coming back, so with a share of its traffic only",
	Ejected:        "last, as it fails far more often than its best peer",
	Lossy:          "next in order, losing some of the request's meaning",
	Queue:          "at capacity, as all are: waits for a slot",

	NoAnswers:     "it has no API that gives answers",
	NoEmbeddings:  "it has no embeddings API",
	NoCounting:    "it has no API that counts tokens",
	NoCredential:  "none of its credentials is for this team",
	KeptElsewhere: "what the request goes on from is kept by another deployment",
	OtherState:    "the request carries another provider's state",
	MissingTag:    "it lacks a tag that is required",
	NotAllowed:    "it is not among those allowed",
	NoVision:      "its model takes no images",
	NoDocuments:   "its model takes no documents",
	NoAudio:       "its model takes no sound",
	NoTools:       "its model takes no tools",
	NoSchema:      "its model takes no output schema",
	NoReasoning:   "its model does not reason",
	TooShort:      "its context is too short",
	Loss:          "it cannot carry all that the request means",
	OtherModel:    "it is another model than the one that began the answer",
	TooLarge:      "the request has more tokens than its quota takes in a minute",
	Barred:        "it has failed this request, and would again",

	CredentialRests: "its credential was refused",
	QuotaRests:      "its quota is used up",
	Resting:         "it failed repeatedly",
	Asked:           "it failed and asked to be left alone for a time",
	Probed:          "one call is trying whether it works again",
	QuotaFull:       "its quota has no room for this call now",
	CommittedFull:   "its committed capacity is full",
	AtCapacity:      "at capacity",
	PoolFull:        "no replica of its pool has room",
}

// lacks is the reason of a candidate that has no API for an operation.
func lacks(op llm.Operation) Reason {
	switch op {
	case llm.Embed:
		return NoEmbeddings
	case llm.Count:
		return NoCounting
	}
	return NoAnswers
}

// String is the reason in words.
func (r Reason) String() string { return reasons[r] }

// Lasting reports whether it is a reason to skip one that time does not mend.
func (r Reason) Lasting() bool { return r > lastTaken && r <= lastLasting }

// Capacity reports whether it is a reason to skip one that ends as soon as others
// have been served.
func (r Reason) Capacity() bool { return r >= QuotaFull }
