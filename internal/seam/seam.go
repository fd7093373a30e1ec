// Package seam says what may follow when an answer breaks off after its client has
// been shown some of it, and makes what follows fit.
//
// A [Partial] is what the client was shown. [Decide] gives the [Verdict]: the answer
// may be continued by another attempt, restarted where nothing but thinking was shown,
// finished short where all that matters is there, or must be refused. [Request] is
// the request of the attempt that goes on, in one of two [Way]s. A [Joiner] takes
// that attempt's events and gives those that the client may see:
//
//	shown            The capital of France is Par
//	asked to repeat      capital of France is Par          the anchor
//	comes back     Sure: capital of France is Paris, on    held until the anchor is found
//	joined                                      is, on     goes out, in the block that is open
//
// Nothing of an attempt is let go before it is known where it joins. An attempt that
// cannot be joined is an error of its deployment; nothing of it was shown then, and
// another may be tried.
//
// Everything here is a pure function of events. Frames are read and written by `wire`,
// and when to try and how often is `call`'s to say.
package seam

import "github.com/skein-run/skein/internal/llm"

// Verdict is what may follow a break.
type Verdict uint8

// The verdicts.
const (
	Refuse   Verdict = iota // end with an error that the client's library raises
	Continue                // another attempt goes on with the text
	Restart                 // another attempt answers anew, behind what was shown
	Finish                  // end properly here: what matters was shown
)

var verdictNames = [...]string{"refuse", "continue", "restart", "finish"}

// String is the verdict's word in records.
func (v Verdict) String() string { return verdictNames[v] }

// Way is how an attempt is asked to go on with a text.
type Way uint8

// The ways.
const (
	// Prefill: the history ends with the partial answer, for models that go on from there.
	Prefill Way = iota + 1
	// Turn: behind the partial answer stands a short turn of the user's, which asks for
	// its last words again and for what follows them.
	Turn
)

// String is the way's word in records.
func (w Way) String() string {
	if w == Turn {
		return "turn"
	}
	return "prefill"
}

// The bounds of what a seam works on, in bytes.
const (
	mostShown    = 256 << 10 // a longer answer is not continued
	mostPreamble = 512       // before the anchor
	lookahead    = 256       // behind it, in which it must not come again
	shortAnchor  = 24        // a shorter one is no mark in the middle of a text
)

// Usage is what the client is told at the end: what was read counts once, as the
// first attempt counted it where it did; what was written is that of both.
func Usage(first, second llm.Usage) llm.Usage {
	u := second
	if first.InputTokens() > 0 {
		for c := range u.Tokens {
			if reads(llm.TokenClass(c)) {
				u.Tokens[c] = first.Tokens[c]
			}
		}
	}
	for c := range u.Tokens {
		if !reads(llm.TokenClass(c)) {
			u.Tokens[c] += first.Tokens[c]
		}
	}
	u.Searches += first.Searches
	if u.Tier == "" {
		u.Tier = first.Tier
	}
	u.Reported = first.Reported || second.Reported
	return u
}

// reads reports whether tokens of a class are of the request.
func reads(c llm.TokenClass) bool {
	switch c {
	case llm.TokOutput, llm.TokReasoning, llm.TokAudioOutput:
		return false
	}
	return true
}
