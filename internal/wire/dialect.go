package wire

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// Dialect is how a vendor speaks a format, where that differs from the format's
// specification. The zero value is the specification.
type Dialect struct {
	Name string
	// OutputCapName is the request member for the output cap: max_tokens or
	// max_completion_tokens (chat). Empty: the specification's.
	OutputCapName string
	// NoDone: streams end without "data: [DONE]" (chat).
	NoDone bool
	// ReasoningOutside: reasoning tokens are not inside completion_tokens (xAI).
	ReasoningOutside bool
	// ReasoningMayExceed: reasoning tokens are inside completion_tokens unless there
	// are more of them, then outside (gateways in front of several makers).
	ReasoningMayExceed bool
	// GapIsReasoning: what total has over prompt and completion is reasoning (Google's OpenAI-compatible endpoint).
	GapIsReasoning bool
	// AudioOutside: audio tokens are not inside prompt_tokens (Mistral).
	AudioOutside bool
	// ReasoningNames are the members of a message or delta that hold reasoning text;
	// the first is the one to write.
	ReasoningNames []string
	// SeedName is the request member for the seed; empty: seed (chat).
	SeedName string
	// Takes are names of [Fields] that this vendor takes although the format's
	// specification does not, or only in another form.
	Takes []string
	// Refuses are names of [Fields] that this vendor refuses although the
	// specification has them.
	Refuses []string
	// NoStreamUsage: the vendor refuses stream_options.
	NoStreamUsage bool
	// CacheMarks: the vendor takes cache_control in chat, which its maker refuses.
	CacheMarks bool
	// Maker is whose opaque state this vendor's models write, where they are not of the
	// format's own maker (responses).
	Maker llm.Maker
	// ToolIDLength is the length that tool call ids must have, all of them letters
	// and digits; 0 where any short id will do.
	ToolIDLength int

	// Prefill is how a request asks to go on from an answer that is begun (chat).
	Prefill Prefilling

	// InAddress: model and stream stand in the request's address; a body that states
	// them is refused (Bedrock, Vertex).
	InAddress bool
	// StreamInBody: InAddress is of the model only; a body that wants a stream says so
	// all the same (Vertex).
	StreamInBody bool
	// Cloud is whose column of the table of beta flags counts; "" is the maker's own.
	Cloud Cloud
	// Version is the member anthropic_version that the body must have (messages).
	Version string
	// BetasInBody: beta flags stand in the body, not in a header (messages on Bedrock).
	BetasInBody bool
	// Framing of streams, where it is not the format's own.
	Framing Framing
}

// Carries reports whether a vendor takes a field that the format's specification
// does not.
func (d *Dialect) Carries(field string) bool { return d != nil && slices.Contains(d.Takes, field) }

// Bars reports whether a vendor refuses a field that the format's specification has.
func (d *Dialect) Bars(field string) bool { return d != nil && slices.Contains(d.Refuses, field) }

// Lost is what a request loses at this vendor, of what it loses by the vendor's
// format; Bars and Carries make the difference.
func (d *Dialect) Lost(r *llm.Request, format llm.Format, losses []Loss) []Loss {
	if d == nil || r.From == format || len(d.Takes)+len(d.Refuses) == 0 {
		return losses
	}
	out := slices.DeleteFunc(slices.Clone(losses), func(l Loss) bool { return d.Carries(l.Field) })
	u := usesOf(r, format)
	for i := range Fields {
		f := &Fields[i]
		if !d.Bars(f.Name) || !f.used(r, u) || slices.ContainsFunc(out, func(l Loss) bool { return l.Field == f.Name }) {
			continue
		}
		out = append(out, Loss{f.Name, barred[f.Name].or(Semantic), "this vendor refuses it"})
	}
	return out
}

// barred are the classes of refused fields that change no answer; of others it is
// [Semantic].
var barred = map[string]LossClass{
	"user": Advisory, "metadata": Advisory, "prompt_cache_key": Advisory, "service_tier": Advisory, "service_tier=auto": Advisory,
	"messages.name": Emulated, "reasoning.summary": Advisory,
}

func (c LossClass) or(otherwise LossClass) LossClass {
	if c == "" {
		return otherwise
	}
	return c
}
