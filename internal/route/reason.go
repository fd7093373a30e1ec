package route

import "github.com/skein-run/skein/internal/llm"

// Reason says why a candidate was taken or skipped.
type Reason uint8

// The reasons: to take one, then to skip one.
const (
	First Reason = iota + 1
	Next
	Lossy // it loses some of the meaning, which is allowed here
	Queue // all are at capacity: wait for a slot

	NoAnswers
	NoEmbeddings
	NoCounting
	NoCredential
	KeptElsewhere
	OtherState
	TooShort
	Loss
	CredentialRests
	QuotaRests
	Resting
	Probed
	AtCapacity
)

var reasons = [...]string{
	First:           "first in order",
	Next:            "next in order",
	Lossy:           "next in order, losing some of the request's meaning",
	Queue:           "at capacity, as all are: waits for a slot",
	NoAnswers:       "it has no API that gives answers",
	NoEmbeddings:    "it has no embeddings API",
	NoCounting:      "it has no API that counts tokens",
	NoCredential:    "none of its credentials is for this team",
	KeptElsewhere:   "what the request goes on from is kept by another deployment",
	OtherState:      "the request carries another provider's state",
	TooShort:        "its context is too short",
	Loss:            "it cannot carry all that the request means",
	CredentialRests: "its credential was refused",
	QuotaRests:      "its quota is used up",
	Resting:         "it failed repeatedly",
	Probed:          "one call is trying whether it works again",
	AtCapacity:      "at capacity",
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
