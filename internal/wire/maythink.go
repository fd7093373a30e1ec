package wire

import "github.com/skein-run/skein/internal/llm"

// MayThink reports whether thinking that was asked for in another format's words may
// be switched on at Anthropic's models: they refuse it beside a forced tool, another
// temperature, a prefill, or a tool loop whose calls were made without thinking.
// Signed says which parts are thinking that the target takes back.
func MayThink(r *llm.Request, m *Model, signed func(*llm.Part) bool) bool {
	if r.ToolChoice.Mode == llm.ToolRequired || r.ToolChoice.Mode == llm.ToolNamed {
		return false
	}
	if m.Samples(r) {
		if r.TopK != "" {
			return false
		}
		if f, err := r.Temperature.Float64(); err == nil && f != 1 {
			return false
		}
		if f, err := r.TopP.Float64(); err == nil && f < 0.95 {
			return false
		}
	}
	for i := len(r.Messages) - 1; i >= 0; i-- {
		turn := &r.Messages[i]
		if turn.Role != llm.Assistant {
			continue
		}
		if i == len(r.Messages)-1 {
			return false
		}
		thought, called := false, false
		for j := range turn.Parts {
			thought = thought || signed(&turn.Parts[j])
			called = called || turn.Parts[j].Kind == llm.ToolCall
		}
		return thought || !called
	}
	return true
}
