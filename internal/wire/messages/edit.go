package messages

import (
	"github.com/skein-run/skein/internal/wire"
)

// minThinking is the least budget_tokens that the API takes.
const minThinking = 1024

// Edit implements wire.Codec.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	var e wire.Editor
	sp := &s.Spans
	if t.Upstream != "" && t.Upstream != s.Model && !sp.Model.Empty() {
		e.String(sp.Model, t.Upstream)
	}
	if t.OutputCap > 0 {
		if sp.MaxOutput.Empty() {
			e.Member(sp.Object.To-1, capName, t.OutputCap)
		} else {
			e.Int(sp.MaxOutput, t.OutputCap)
		}
		// The cap counts thinking, and the API refuses a budget that reaches it.
		if !sp.ThinkingBudget.Empty() && s.ThinkingBudget >= t.OutputCap {
			budget := max(minThinking, t.OutputCap/2)
			if budget >= t.OutputCap {
				return dst, noRoom(s.ThinkingBudget, t.OutputCap)
			}
			e.Int(sp.ThinkingBudget, budget)
		}
	}
	return e.Apply(dst, body), nil
}

func noRoom(budget, outputCap int64) error {
	return wire.BadField("thinking.budget_tokens", "%d tokens of thinking do not fit under the output cap of %d; ask for less thinking, or raise the budget that set the cap", budget, outputCap)
}
