package messages

import (
	"github.com/skein-run/skein/internal/llm"
)

// thinking writes what was asked for in this format's own terms, or makes a budget
// of another format's effort.
func (e *encoder) thinking() error {
	b, r, want := &e.b, e.r, &e.r.Reasoning
	budget := want.Budget
	if r.From != llm.Messages && budget == 0 {
		budget = budgetOf(want.Effort)
		if budget > 0 && !e.mayThink() {
			return nil
		}
		if most := e.cap() / 2; budget > most && budget > 0 {
			budget = most
			if budget < minThinking {
				return nil
			}
		}
	}
	kind := ""
	switch {
	case budget > 0:
		kind = "enabled"
	case want.Enabled != nil && !*want.Enabled || want.Effort == "none":
		kind = "disabled"
	case want.Enabled != nil:
		kind = "adaptive"
	default:
		return nil
	}
	if outputCap := e.cap(); budget >= outputCap {
		asked := budget
		if budget = max(minThinking, outputCap/2); budget >= outputCap {
			return noRoom(asked, outputCap)
		}
	}
	b.Key("thinking")
	b.Object()
	b.PutString("type", kind)
	if kind == "enabled" {
		b.PutInt("budget_tokens", budget)
	}
	b.Extras(r.Extra, llm.Messages, "thinking.")
	b.EndObject()
	return nil
}

// budgetOf is the thinking that an effort usually comes to.
func budgetOf(effort string) int64 {
	switch effort {
	case "", "none", "minimal":
		return 0
	case "low":
		return 2048
	case "medium":
		return 8192
	}
	return 16384
}

// mayThink reports whether thinking that the client asked for in other words may
// be switched on: the API refuses it beside a forced tool, another temperature, a
// prefill, or a tool loop whose calls were made without thinking.
func (e *encoder) mayThink() bool {
	r := e.r
	if r.ToolChoice.Mode == llm.ToolRequired || r.ToolChoice.Mode == llm.ToolNamed || r.TopK != "" {
		return false
	}
	if f, err := r.Temperature.Float64(); err == nil && f != 1 {
		return false
	}
	if f, err := r.TopP.Float64(); err == nil && f < 0.95 {
		return false
	}
	for i := len(r.Messages) - 1; i >= 0; i-- {
		m := &r.Messages[i]
		if m.Role != llm.Assistant {
			continue
		}
		if i == len(r.Messages)-1 {
			return false
		}
		signed, calls := false, false
		for j := range m.Parts {
			signed = signed || m.Parts[j].Kind == llm.Thinking && (m.Parts[j].Signature != "" || m.Parts[j].Redacted != "")
			calls = calls || m.Parts[j].Kind == llm.ToolCall
		}
		return signed || !calls
	}
	return true
}
