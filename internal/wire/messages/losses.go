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
func neutral(note string) wire.Fate  { return wire.Fate{Class: wire.Neutral, Note: note} }

func extra(holder, path string, f wire.Fate, neutral ...string) wire.ExtraFate {
	return wire.ExtraFate{From: llm.Chat, Holder: holder, Path: path, Fate: f, Neutral: neutral}
}

// Table says what becomes of each field when a request is written in this format.
var Table = wire.LossTable{
	Format: llm.Messages,
	Fields: map[string]wire.Fate{
		"system":                    carried(),
		"system (later)":            emulated("as user text in <system> marks, at its place, so that the prefix stays"),
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
		"state":                     emulated("as thinking before it that carries it"),
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
	Extras: []wire.ExtraFate{
		extra("", "top_k", carried()),
		extra("", "reasoning", carried()), // read into the canonical members, as thinking is
		extra("", "thinking", carried()),
		extra("", "logit_bias", semantic("no such member"), `{}`),
		extra("", "modalities", semantic("answers are text"), `["text"]`),
		extra("", "audio", semantic("answers are text")),
		extra("", "prediction", advisory("it only makes the answer quicker")),
		extra("", "verbosity", semantic("no such member"), `"medium"`),
		extra("", "web_search_options", semantic("a search by its own provider")),
		extra("", "functions", semantic("the form of old; use tools")),
		extra("", "function_call", semantic("the form of old; use tool_choice"), `"auto"`),
		extra("", "tool_choice", semantic("a choice among some of the tools")),
		extra("", "safety_identifier", advisory("bookkeeping")),
		extra("", "prompt_cache_retention", advisory("a cache hint")),
		extra("", "prompt_cache_options", advisory("a cache hint")),
		extra("", "stream_options.include_obfuscation", neutral("padding of the other format")),
		extra("", "usage", neutral("usage is always told")),
		extra("", "provider", advisory("another gateway's routing")),
		extra("", "models", advisory("another gateway's routing")),
		extra("", "route", advisory("another gateway's routing")),
		extra("", "transforms", advisory("another gateway's routing"), `[]`),
		extra("", "reasoning_format", neutral("thinking is a part of its own")),
		extra("", "include_reasoning", neutral("thinking is a part of its own")),
		extra("messages", "annotations", advisory("sources of an earlier answer"), `[]`),
		extra("messages", "audio", semantic("an earlier answer in sound")),
		extra("messages", "function_call", semantic("the form of old; use tool_calls")),
		extra("messages", "prefix", carried(), `false`), // a last assistant turn is one anyway
		extra("messages", "reasoning_details", carried()),
		extra("messages", "role", semantic("the form of old; use tool")),
		extra("messages", "tool_calls", neutral("none")),
		extra("messages", "cache_control", advisory("a mark at the message; put it on a part")),
		extra("parts", "index", neutral("a place in a stream")),
		extra("parts", "prompt_cache_breakpoint", advisory("a cache hint")),
		extra("parts", "thinking", advisory("only signed thinking is taken back")),
	},
}
