package gemini

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Losses implements wire.Codec.
func (Codec) Losses(r *llm.Request) []wire.Loss { return lossesAt(&Table, r, nil) }

func carried() wire.Fate             { return wire.Fate{Class: wire.Carried} }
func emulated(note string) wire.Fate { return wire.Fate{Class: wire.Emulated, Note: note} }
func advisory(note string) wire.Fate { return wire.Fate{Class: wire.Advisory, Note: note} }
func semantic(note string) wire.Fate { return wire.Fate{Class: wire.Semantic, Note: note} }

// Table says what becomes of each field when a request is written in this format.
var Table = wire.LossTable{Format: llm.Gemini, Fields: fates}

var fates = map[string]wire.Fate{
	"system":                    carried(),
	"system (later)":            emulated("as user text in <system-reminder> marks, at its place, so that the prefix stays"),
	"developer":                 emulated("as system text"),
	"assistant first":           emulated("a user turn before it says that the conversation begins"),
	"tools (missing)":           carried(),
	"messages.name":             emulated("before the text, in brackets"),
	"text":                      carried(),
	"refusal":                   emulated("as text"),
	"image":                     carried(),
	"image.url":                 carried(),
	"image.detail":              advisory("images are looked at as the model sees fit"),
	"document":                  carried(),
	"document.text":             emulated("as text, its title before it"),
	"document.url":              carried(),
	"audio":                     carried(),
	"video":                     carried(),
	"video.url":                 carried(),
	"opaque part":               semantic("known to its own format only"),
	"tool_call":                 emulated("with the signature that Google documents for calls which Gemini 3 did not make"),
	"tool_result":               carried(),
	"tool_result.media":         emulated("before Gemini 3 after the results of its step"),
	"tool_result.is_error":      carried(),
	"thinking":                  advisory("only signed thinking is taken back"),
	"thinking.signature":        carried(),
	"state":                     carried(),
	"citations":                 advisory("sources of an earlier answer"),
	"cache_control":             advisory("caches work by themselves"),
	"prefill":                   semantic("the answer begins anew instead of going on"),
	"tools":                     carried(),
	"tools (server)":            semantic("run by their own provider"),
	"tools.strict":              emulated("by the mode VALIDATED, which holds the arguments of all tools to their schemas"),
	"tool_choice":               carried(),
	"parallel_tool_calls=false": emulated("asked for in the system text"),
	"max_tokens":                carried(),
	"temperature":               carried(),
	"temperature>1":             carried(),
	"top_p":                     carried(),
	"top_k":                     carried(),
	"presence_penalty":          carried(),
	"frequency_penalty":         carried(),
	"seed":                      carried(),
	"stop":                      carried(),
	"stop>4":                    semantic("at most five"),
	"n>1":                       carried(),
	"json_object":               carried(),
	"json_schema":               carried(),
	"reasoning.effort":          emulated("as the nearest level, or number of tokens, that the model takes"),
	"reasoning.budget":          emulated("as the nearest level, or number of tokens, that the model takes"),
	"reasoning.adaptive":        carried(),
	"reasoning.off":             emulated("by a budget of 0, or the least level that the model has"),
	"reasoning.summary":         carried(),
	"modalities":                carried(),
	"logprobs":                  semantic("told in a form of its own"),
	"service_tier=auto":         advisory("tiers differ by provider"),
	"service_tier":              advisory("tiers differ by provider"),
	"user":                      advisory("no such member"),
	"metadata":                  advisory("labels stay in Skein's own record"),
	"prompt_cache_key":          advisory("caches are keyed by the prompt itself"),
	"store=true":                semantic("answers are not kept"),
}

// lossesAt are the losses at a target, by what the table's rows mean for this request
// and this model: rows that hold for some only are taken out for the others.
func lossesAt(table *wire.LossTable, r *llm.Request, t *wire.Target) []wire.Loss {
	losses := wire.LossesAt(table, r, t)
	if own(r) {
		return losses
	}
	e := encoder{r: r, t: t}
	if t == nil {
		e.t = &wire.Target{}
	}
	e.generation = generationOf(e.model())
	losses = slices.DeleteFunc(losses, func(l wire.Loss) bool {
		switch l.Field {
		case "stop>4":
			return len(r.Stop) <= mostStops
		case "tool_call":
			return !e.since(3) || !e.unsigned()
		case "tool_result.media":
			return t != nil && e.since(3) && !anyPart(r, mixed)
		case "reasoning.effort":
			return e.thinks() && e.levels() && e.level(false) == r.Reasoning.Effort
		case "reasoning.budget":
			budget, _ := e.budget(false)
			return e.thinks() && !e.levels() && budget == r.Reasoning.Budget
		}
		return false
	})
	add := func(when bool, field string, class wire.LossClass, note string) {
		if when && !slices.ContainsFunc(losses, func(l wire.Loss) bool { return l.Field == field }) {
			losses = append(losses, wire.Loss{Field: field, Class: class, Note: note})
		}
	}
	const unread = "only its own maker's models can read it"
	w := &r.Reasoning
	add(w.Summary == "" && (w.Budget > 0 || w.Enabled != nil && *w.Enabled) && e.thinks(),
		"reasoning.summary", wire.Emulated, "what is thought is asked for, as the other format shows it")
	add(anyPart(r, func(p *llm.Part) bool { return p.Kind == llm.Document && p.Name != "" && textOf(p) == "" }),
		"document.title", wire.Emulated, "as text before the document")
	add(anyPart(r, func(p *llm.Part) bool { return p.Kind == llm.Document && p.Text == "" && textOf(p) != "" }),
		"document.text", wire.Emulated, fates["document.text"].Note)
	add(anyPart(r, foreign), "thinking.signature", wire.Semantic, unread)
	add(anyPart(r, func(p *llm.Part) bool { return p.Kind != llm.Thinking && p.Signature != "" && !native(p) }), "state", wire.Semantic, unread)
	add(r.Output.Kind != "" && !e.structures(), string(r.Output.Kind), wire.Emulated,
		"asked for in the system text, as the model takes no form of output beside functions")
	return losses
}

// unsigned reports whether a step of the history has no thought signature on its
// first call.
func (e *encoder) unsigned() bool {
	for i := range e.r.Messages {
		for j := range e.r.Messages[i].Parts {
			if p := &e.r.Messages[i].Parts[j]; p.Kind == llm.ToolCall {
				if !native(p) {
					return true
				}
				break
			}
		}
	}
	return false
}

// mixed: a result with text behind a medium, which comes after all texts here.
func mixed(p *llm.Part) bool {
	media := false
	for i := range p.Content {
		if text := p.Content[i].Kind == llm.Text || p.Content[i].Kind == llm.Refusal; text && media {
			return true
		} else if !text {
			media = true
		}
	}
	return false
}

func anyPart(r *llm.Request, is func(*llm.Part) bool) bool {
	for i := range r.Messages {
		if slices.ContainsFunc(r.Messages[i].Parts, func(p llm.Part) bool { return is(&p) }) {
			return true
		}
	}
	return false
}
