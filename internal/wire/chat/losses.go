package chat

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
func neutral(note string) wire.Fate  { return wire.Fate{Class: wire.Neutral, Note: note} }

// Table says what becomes of each field when a request is written in this format.
var Table = wire.LossTable{
	Format: llm.Chat,
	Fields: map[string]wire.Fate{
		"system":                    carried(),
		"system (later)":            carried(),
		"developer":                 carried(),
		"assistant first":           carried(),
		"tools (missing)":           carried(),
		"messages.name":             carried(),
		"text":                      carried(),
		"refusal":                   carried(),
		"image":                     carried(),
		"image.url":                 carried(),
		"image.detail":              carried(),
		"document":                  carried(),
		"document.text":             emulated("as text, its title before it"),
		"document.url":              semantic("a file must be in the request"),
		"audio":                     carried(),
		"video":                     semantic("no video"),
		"video.url":                 semantic("no video"),
		"state":                     semantic("kept only by vendors that have a member for it"),
		"citations":                 advisory("sources of an earlier answer"),
		"modalities":                carried(),
		"opaque part":               semantic("known to its own format only"),
		"tool_call":                 carried(),
		"tool_result":               carried(),
		"tool_result.media":         emulated("in a user message after the results"),
		"tool_result.is_error":      emulated("text that begins with [error]"),
		"thinking":                  advisory("kept only by vendors that have a member for it"),
		"thinking.signature":        semantic("kept only by vendors that have a member for it"),
		"cache_control":             advisory("caches work by themselves; kept by vendors that take marks"),
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
		"presence_penalty":          carried(),
		"frequency_penalty":         carried(),
		"seed":                      carried(),
		"stop":                      carried(),
		"stop>4":                    semantic("at most four"),
		"n>1":                       carried(),
		"json_object":               carried(),
		"json_schema":               carried(),
		"reasoning.effort":          carried(),
		"reasoning.budget":          emulated("as the nearest reasoning_effort"),
		"reasoning.adaptive":        neutral("a reasoning model decides for itself"),
		"reasoning.off":             emulated("as reasoning_effort none, where the request said so in those words"),
		"reasoning.summary":         advisory("thinking is not shown"),
		"logprobs":                  carried(),
		"service_tier=auto":         carried(),
		"service_tier":              advisory("tiers differ by provider"),
		"user":                      carried(),
		"metadata":                  carried(),
		"prompt_cache_key":          carried(),
		"store=true":                carried(),
	},
}
