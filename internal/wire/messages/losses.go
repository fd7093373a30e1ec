package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Losses implements wire.Codec.
func (Codec) Losses(r *llm.Request) []wire.Loss { return Table.Losses(r) }

func carried() wire.Fate             { return wire.Fate{Class: wire.Carried} }
func emulated(note string) wire.Fate { return wire.Fate{Class: wire.Emulated, Note: note} }
func advisory(note string) wire.Fate { return wire.Fate{Class: wire.Advisory, Note: note} }
func semantic(note string) wire.Fate { return wire.Fate{Class: wire.Semantic, Note: note} }

// Table says what becomes of each field when a request is written in this format.
var Table = wire.LossTable{
	Format: llm.Messages,
	Maker:  llm.MakerAnthropic,
	Fields: map[string]wire.Fate{
		"system":                    carried(),
		"system (later)":            emulated("as user text in <system-reminder> marks, at its place, so that the prefix stays"),
		"developer":                 emulated("as system text"),
		"assistant first":           emulated("a user turn before it says that the conversation begins"),
		"tools (missing)":           emulated("named as tools that may not be called"),
		"messages.name":             emulated("before the text, in brackets"),
		"text":                      carried(),
		"refusal":                   emulated("as text"),
		"image":                     carried(),
		"image.url":                 carried(),
		"image.detail":              advisory("images are always looked at in full"),
		"document":                  carried(),
		"document.text":             carried(),
		"document.url":              carried(),
		"audio":                     semantic("no sound"),
		"video":                     semantic("no video"),
		"video.url":                 semantic("no video"),
		"state":                     semantic("only its maker's models can read it"),
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
		"parallel_tool_calls=false": carried(),
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
		"reasoning.effort":          emulated("as a thinking budget, where the rest of the request allows thinking"),
		"reasoning.budget":          carried(),
		"reasoning.adaptive":        carried(),
		"reasoning.off":             carried(),
		"reasoning.summary":         advisory("thinking is shown as the provider shows it"),
		"logprobs":                  semantic("no such member"),
		"service_tier=auto":         carried(),
		"service_tier":              advisory("tiers differ by provider"),
		"user":                      carried(),
		"metadata":                  advisory("labels stay in Skein's own record"),
		"prompt_cache_key":          advisory("caches are keyed by the prompt itself"),
		"store=true":                semantic("answers are not kept"),
	},
}
