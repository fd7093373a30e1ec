package converse

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Losses implements wire.Codec.
func (Codec) Losses(r *llm.Request) []wire.Loss { return append(Table.Losses(r), elsewhere(r)...) }

// elsewhere finds media that the table says are carried and that cannot be: by address
// where only bytes are taken, or in a format that the service does not have.
func elsewhere(r *llm.Request) (out []wire.Loss) {
	if own(r) {
		return nil
	}
	lose := func(field, note string) {
		if !slices.ContainsFunc(out, func(l wire.Loss) bool { return l.Field == field }) {
			out = append(out, wire.Loss{Field: field, Class: wire.Semantic, Note: note})
		}
	}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			for k := range p.Content {
				switch c := &p.Content[k]; {
				case !isMedium(c):
				case c.Data == nil && c.Text == "":
					lose("tool_result.media", "its bytes are wanted")
				case mediumFormat(c) == "" || c.Kind == llm.Audio:
					lose("tool_result.media", "its format is not taken")
				}
			}
			switch {
			case !isMedium(p):
			case p.Kind == llm.Audio && p.Data == nil:
				lose("audio", "its bytes are wanted")
			case p.Data != nil && mediumFormat(p) == "":
				lose(string(p.Kind), "its format is not taken")
			}
		}
	}
	return out
}

func isMedium(p *llm.Part) bool {
	return p.Kind == llm.Image || p.Kind == llm.Document || p.Kind == llm.Audio || p.Kind == llm.Video
}

func carried() wire.Fate             { return wire.Fate{Class: wire.Carried} }
func emulated(note string) wire.Fate { return wire.Fate{Class: wire.Emulated, Note: note} }
func advisory(note string) wire.Fate { return wire.Fate{Class: wire.Advisory, Note: note} }
func semantic(note string) wire.Fate { return wire.Fate{Class: wire.Semantic, Note: note} }

// Table says what becomes of each field when a request is written in this format. What
// depends on the model, such as marks and top_k, or on the value, such as a tool_choice
// of none, is carried here and told when the request is written.
var Table = wire.LossTable{
	Format: llm.Converse,
	Fields: map[string]wire.Fate{
		"system":                    carried(),
		"system (later)":            emulated("as user text in <system-reminder> marks, at its place, so that the prefix stays"),
		"developer":                 emulated("as system text"),
		"assistant first":           emulated("a user turn before it says that the conversation begins"),
		"tools (missing)":           emulated("named as tools"),
		"messages.name":             emulated("before the text, in brackets"),
		"text":                      carried(),
		"refusal":                   emulated("as text"),
		"image":                     carried(),
		"image.url":                 semantic("an image's bytes are wanted, or its place in S3"),
		"image.detail":              advisory("images are always looked at in full"),
		"document":                  carried(),
		"document.text":             carried(),
		"document.url":              semantic("a document's bytes are wanted, or its place in S3"),
		"audio":                     carried(),
		"video":                     carried(),
		"video.url":                 semantic("a video's bytes are wanted, or its place in S3"),
		"state":                     advisory("only signed thinking is taken back"),
		"citations":                 advisory("sources of an earlier answer"),
		"modalities":                semantic("text only"),
		"opaque part":               semantic("known to its own format only"),
		"tool_call":                 carried(),
		"tool_result":               carried(),
		"tool_result.media":         carried(),
		"tool_result.is_error":      carried(),
		"thinking":                  advisory("only signed thinking is taken back"),
		"thinking.signature":        carried(),
		"cache_control":             carried(),
		"prefill":                   carried(),
		"tools":                     carried(),
		"tools (server)":            semantic("run by their own provider"),
		"tools.strict":              carried(),
		"tool_choice":               carried(),
		"parallel_tool_calls=false": emulated("in the words of the model's maker, or asked for in the system text"),
		"max_tokens":                carried(),
		"temperature":               carried(),
		"temperature>1":             semantic("at most 1 here"),
		"top_p":                     carried(),
		"top_k":                     carried(),
		"presence_penalty":          semantic("no such member"),
		"frequency_penalty":         semantic("no such member"),
		"seed":                      semantic("no such member"),
		"stop":                      carried(),
		"stop>4":                    carried(),
		"n>1":                       semantic("one answer a request"),
		"json_object":               emulated("asked for in the system text"),
		"json_schema":               carried(),
		"reasoning.effort":          emulated("in the words of the model's maker"),
		"reasoning.budget":          emulated("in the words of the model's maker"),
		"reasoning.adaptive":        emulated("in the words of the model's maker"),
		"reasoning.off":             emulated("in the words of the model's maker"),
		"reasoning.summary":         advisory("thinking is shown as the provider shows it"),
		"logprobs":                  semantic("no such member"),
		"service_tier=auto":         advisory("tiers differ by provider"),
		"service_tier":              advisory("tiers differ by provider"),
		"user":                      advisory("bookkeeping"),
		"metadata":                  advisory("labels that the service takes go along, the rest stays in Skein's own record"),
		"prompt_cache_key":          advisory("caches are keyed by the prompt itself"),
		"store=true":                semantic("answers are not kept"),
	},
	Extras: []wire.ExtraFate{
		// Messages says it of documents in the same words.
		{From: llm.Messages, Holder: "parts", Path: "citations", Fate: carried()},
		{From: llm.Messages, Holder: "parts", Path: "context", Fate: carried()},
	},
}
