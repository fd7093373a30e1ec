package converse

import (
	"fmt"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// minThinking is the least budget_tokens that Anthropic's models take.
const minThinking = 1024

// Edit implements wire.Codec. The model and whether to stream are in the address, so
// that the output cap is all that is ever changed.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	if t.OutputCap <= 0 {
		return append(dst, body...), nil
	}
	var e wire.Editor
	sp := &s.Spans
	text := fmt.Sprintf(`"%s":%d`, capName, t.OutputCap)
	switch config := body[sp.Config.From:sp.Config.To]; {
	case !sp.MaxOutput.Empty():
		e.Int(sp.MaxOutput, t.OutputCap)
	case sp.Config.Empty():
		e.Raw(wire.Span{From: sp.Object.To - 1, To: sp.Object.To - 1}, fmt.Sprintf(`,"%s":{%s}`, configName, text))
	case someMembers(config):
		e.Raw(wire.Span{From: sp.Config.To - 1, To: sp.Config.To - 1}, ","+text)
	default: // null, or {}
		e.Raw(sp.Config, "{"+text+"}")
	}
	// The cap counts thinking, and Anthropic's models refuse a budget that reaches it.
	if !sp.ThinkingBudget.Empty() && s.ThinkingBudget >= t.OutputCap {
		budget := max(minThinking, t.OutputCap/2)
		if budget >= t.OutputCap {
			return dst, noRoom(s.ThinkingBudget, t.OutputCap)
		}
		e.Int(sp.ThinkingBudget, budget)
	}
	return e.Apply(dst, body), nil
}

func someMembers(object []byte) bool {
	c := raw.On(object)
	if c.Kind() != '{' || !c.Object() {
		return false
	}
	_, ok := c.Key()
	return ok
}

func noRoom(budget, outputCap int64) error {
	return wire.BadField(fieldsName+".thinking.budget_tokens", "%d tokens of thinking do not fit under the output cap of %d; ask for less thinking, or raise the budget that set the cap", budget, outputCap)
}
