package agent

import "github.com/skein-run/skein/internal/llm"

// Message is one entry of what the next model call sees. The engine loads it.
type Message struct {
	Role llm.Role
	Ref  Ref    // a message's parts; for a result, its text
	Call *Call  // set for a tool result
	Text string // where Ref is empty: fixed words of our own
}

// What follows an answer without calls.
const (
	goOnCut = "Your answer was cut off at its length limit. Go on exactly where it stopped."
	goOn    = "Go on."
)

// Context is what the next model call sees: the goal, then each answer followed
// by its results in the order of the calls, whatever the order in which they
// came. A longer history starts with a shorter one's, so prompt caches stay warm.
func Context(s *State) []Message {
	ms := make([]Message, 0, 1+4*len(s.Turns))
	ms = append(ms, Message{Role: llm.User, Ref: s.Goal})
	for i := range s.Turns {
		t := &s.Turns[i]
		ms = append(ms, Message{Role: llm.Assistant, Ref: t.Message})
		for j := range t.Calls {
			ms = append(ms, Message{Role: llm.User, Ref: t.Calls[j].Result, Call: &t.Calls[j]})
		}
		switch {
		case len(t.Calls) > 0:
		case t.Cut:
			ms = append(ms, Message{Role: llm.User, Text: goOnCut})
		default: // the run was resumed after it
			ms = append(ms, Message{Role: llm.User, Text: goOn})
		}
	}
	return ms
}
