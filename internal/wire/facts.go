package wire

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// FactsOf are the facts of a request that was made here and has no bytes yet; its
// sizes are those of what the model will read.
func FactsOf(r *llm.Request) *Facts {
	f := &Facts{
		Format: r.From, Model: r.Model, Stream: r.Stream, StreamUsage: r.StreamUsage,
		MaxOutput: r.MaxOutput, Choices: max(1, r.Choices), Messages: len(r.Messages), Tools: len(r.Tools),
		Schema:         r.Output.Kind != "",
		Reasoning:      r.Reasoning.Budget > 0 || r.Reasoning.Effort != "" && r.Reasoning.Effort != "none" || r.Reasoning.Enabled != nil && *r.Reasoning.Enabled,
		ThinkingBudget: r.Reasoning.Budget, Tier: r.ServiceTier,
	}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			f.part(&r.Messages[i].Parts[j])
		}
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		f.TextBytes += int64(len(t.Name) + len(t.Description) + len(t.Schema) + len(t.Raw))
	}
	f.TextBytes += int64(len(r.Output.Schema))
	f.Bytes = f.TextBytes + f.MediaBytes
	f.costs(r)
	return f
}

func (f *Facts) part(p *llm.Part) {
	f.TextBytes += int64(len(p.Text) + len(p.Arguments) + len(p.Raw))
	if p.Data != nil || p.URL != "" {
		f.Media++
		f.MediaBytes += int64(len(p.Data))
	}
	if p.Signature != "" || p.Redacted != "" {
		f.Reasoning = true
		f.Bind(p.Maker)
	}
	for i := range p.Content {
		f.part(&p.Content[i])
	}
}

// Bind notes whose opaque state is carried.
func (f *Facts) Bind(maker llm.Maker) {
	if maker != "" && !slices.Contains(f.Bindings, maker) {
		f.Bindings = append(f.Bindings, maker)
	}
}
