package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Losses implements wire.Codec.
func (Codec) Losses(r *llm.Request) []wire.Loss { return Table.Losses(r) }

// unread adds to the losses that there is state which the target's models cannot
// read. Whose they are is for the dialect to say.
func unread(losses []wire.Loss, r *llm.Request, d *wire.Dialect) []wire.Loss {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			if p.Kind == llm.Thinking && p.Signature+p.Redacted != "" && !reads(p.Maker, d) {
				return append(losses, wire.Loss{Field: "thinking.signature", Class: wire.Semantic, Note: "only its own maker's models can read it"})
			}
		}
	}
	return losses
}

func carried() wire.Fate             { return wire.Fate{Class: wire.Carried} }
func emulated(note string) wire.Fate { return wire.Fate{Class: wire.Emulated, Note: note} }
func advisory(note string) wire.Fate { return wire.Fate{Class: wire.Advisory, Note: note} }
func semantic(note string) wire.Fate { return wire.Fate{Class: wire.Semantic, Note: note} }
func neutral(note string) wire.Fate  { return wire.Fate{Class: wire.Neutral, Note: note} }

// Table says what becomes of each field when a request is written in this format.
var Table = wire.LossTable{
	Format: llm.Responses,
	Fields: map[string]wire.Fate{
		"system":                    carried(),
		"system (later)":            carried(),
		"developer":                 carried(),
		"assistant first":           carried(),
		"tools (missing)":           carried(),
		"messages.name":             emulated("before the text, in brackets"),
		"text":                      carried(),
		"refusal":                   carried(),
		"image":                     carried(),
		"image.url":                 carried(),
		"image.detail":              carried(),
		"document":                  carried(),
		"document.text":             emulated("as text, its title before it"),
		"document.url":              carried(),
		"audio":                     semantic("no sound"),
		"video":                     semantic("no video"),
		"video.url":                 semantic("no video"),
		"state":                     advisory("state of another maker's models, which these do not read"),
		"citations":                 advisory("only sources by address are told again"),
		"modalities":                semantic("answers are text"),
		"opaque part":               semantic("known to its own format only"),
		"tool_call":                 carried(),
		"tool_result":               carried(),
		"tool_result.media":         carried(),
		"tool_result.is_error":      emulated("text that begins with [error]"),
		"thinking":                  advisory("only encrypted thinking is taken back"),
		"thinking.signature":        carried(),
		"cache_control":             advisory("caches work by themselves"),
		"prefill":                   semantic("the answer begins anew instead of going on"),
		"tools":                     carried(),
		"tools (server)":            semantic("run by their own provider"),
		"tools.strict":              carried(),
		"tool_choice":               carried(),
		"parallel_tool_calls=false": carried(),
		"max_tokens":                carried(),
		"temperature":               carried(),
		"temperature>1":             carried(),
		"top_p":                     carried(),
		"top_k":                     semantic("no such member"),
		"presence_penalty":          semantic("no such member"),
		"frequency_penalty":         semantic("no such member"),
		"seed":                      semantic("no such member"),
		"stop":                      semantic("no such member"),
		"stop>4":                    semantic("no such member"),
		"n>1":                       semantic("one answer a request"),
		"json_object":               carried(),
		"json_schema":               carried(),
		"reasoning.effort":          carried(),
		"reasoning.budget":          emulated("as the nearest effort"),
		"reasoning.adaptive":        neutral("a reasoning model decides for itself"),
		"reasoning.off":             emulated("as effort none, where the model takes it"),
		"reasoning.summary":         carried(),
		"logprobs":                  semantic("they come in a form that others have no place for"),
		"service_tier=auto":         carried(),
		"service_tier":              carried(),
		"user":                      carried(),
		"metadata":                  carried(),
		"prompt_cache_key":          carried(),
		"store=true":                carried(),
	},
	Extras: []wire.ExtraFate{
		ofChat("", "verbosity", carried()),
		ofChat("", "safety_identifier", carried()),
		ofChat("", "prompt_cache_retention", carried()),
		ofChat("", "prompt_cache_options", carried()),
	},
}

func ofChat(holder, path string, f wire.Fate) wire.ExtraFate {
	return wire.ExtraFate{From: llm.Chat, Holder: holder, Path: path, Fate: f}
}
