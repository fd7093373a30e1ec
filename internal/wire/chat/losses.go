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
func extra(holder, path string, f wire.Fate, neutral ...string) wire.ExtraFate {
	return wire.ExtraFate{From: llm.Messages, Holder: holder, Path: path, Fate: f, Neutral: neutral}
}

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
		"state":                     emulated("in extra_content, as Google has it in this format"),
		"citations":                 advisory("sources of an earlier answer"),
		"modalities":                carried(),
		"opaque part":               semantic("known to its own format only"),
		"tool_call":                 carried(),
		"tool_result":               carried(),
		"tool_result.media":         emulated("in a user message after the results"),
		"tool_result.is_error":      emulated("text that begins with [error]"),
		"thinking":                  advisory("kept only by vendors that have a member for it"),
		"thinking.signature":        semantic("only its maker can read it"),
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
	Extras: []wire.ExtraFate{
		extra("", "inference_geo", semantic("where the work is done is a guarantee")),
		extra("", "container", semantic("a sandbox at its own provider"), `null`),
		extra("", "mcp_servers", semantic("servers that the provider itself calls"), `[]`),
		extra("", "context_management", semantic("the provider edits the history")),
		extra("", "output_config.effort", carried()), // read into the canonical members, as output_format is
		extra("", "output_format", carried()),
		extra("", "thinking.display", advisory("thinking is shown as the provider shows it")),
		extra("messages", "role", carried()), // system text between the turns
		extra("", "output_config.task_budget", advisory("a hint of how much work is left")),
		extra("", "anthropic_version", neutral("of the other format")),
		extra("", "anthropic_beta", neutral("of the other format")),
		extra("", "cache_control", advisory("caches work by themselves")),
		extra("parts", "citations", semantic("sources are not cited"), `{"enabled":false}`, `[]`),
		extra("parts", "context", advisory("a document's context for its reader")),
		extra("parts", "caller", neutral("who called the tool")),
		extra("tools", "defer_loading", emulated("all tools are shown at once"), `false`),
		extra("tools", "allowed_callers", semantic("only its own provider can call tools from code"), `["direct"]`),
		extra("tools", "eager_input_streaming", advisory("arguments stream as they come")),
		extra("tools", "input_examples", semantic("examples of arguments")),
		extra("tools", "type", neutral("an ordinary tool")),
	},
}
