// Package limit keeps within what a provider, a credential or a deployment takes,
// and decides who goes first where that is not enough for all.
//
// A [Group] is one quota group or one committed capacity: requests and tokens a
// minute and requests in flight, as configured, as reported in the headers of
// answers, and as learned from refusals. A [Queue] holds those who wait: bounded, by
// [Priority], fair between keys, with deadlines. A [Share] keeps extra attempts
// (repetitions, hedges) a share of the traffic. A [Cooldown] is a rest that an
// upstream asked for, and [Slots] are the calls in flight at one deployment.
//
// Pure: the time is an argument and the caller has the lock. Nobody waits here; a
// queue holds tickets, and names the one that is next. Times that come from one clock
// with a monotonic reading make all of it safe from a wall clock that is set.
package limit

// Verdict is what a [Group] says of its room.
type Verdict uint8

// The verdicts.
const (
	Given       Verdict = iota + 1 // there is room
	Full                           // as many are in flight as may be
	Resting                        // a refusal is being waited out
	OutOfCalls                     // as many requests were started in the window as may be
	OutOfTokens                    // too few tokens are left in the window
	TooLarge                       // more tokens than the configured limit of a whole minute
)

var verdicts = [...]string{
	Given: "there is room", Full: "at capacity", Resting: "its quota is used up",
	OutOfCalls: "its requests per minute are used up", OutOfTokens: "its tokens per minute are used up",
	TooLarge: "the request has more tokens than its limit per minute",
}

// String is the verdict in words, for a record.
func (v Verdict) String() string {
	if int(v) < len(verdicts) && verdicts[v] != "" {
		return verdicts[v]
	}
	return "unknown"
}

// Ticket is a place in a queue; 0 is none.
type Ticket uint64

// Priority says who is served first, and who is shed last, where there is not enough
// for all.
type Priority int8

// The priorities.
const (
	Low Priority = iota - 1
	Normal
	High
)
