package all_test

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// erase takes out of a request what a loss names, so that what two requests still
// differ in is a loss that nobody named.
var erase = map[string]func(r *llm.Request){
	"system (later)":  func(r *llm.Request) { eraseMessages(r, laterSystem) },
	"developer":       func(r *llm.Request) { roles(r, llm.Developer, llm.System) },
	"assistant first": dropText(func(s string) bool { return s == "(The conversation begins.)" }),
	"tools (missing)": func(r *llm.Request) { r.Tools, r.ToolChoice = nil, llm.ToolChoice{} },
	"text (blank)":    dropText(func(s string) bool { return strings.TrimSpace(s) == "" }),
	"tools":           func(r *llm.Request) { r.Tools, r.ToolChoice = nil, llm.ToolChoice{} },
	"messages.name":   func(r *llm.Request) { names(r) },
	"refusal":         func(r *llm.Request) { kinds(r, llm.Refusal, llm.Text) },
	"image.detail":    func(r *llm.Request) { parts(r, func(p *llm.Part) bool { p.Detail = ""; return true }) },
	"document.text":   func(r *llm.Request) { parts(r, textual) },
	"document.title": func(r *llm.Request) {
		parts(r, func(p *llm.Part) bool {
			if p.Kind == llm.Document {
				p.Name = ""
			}
			return p.Kind != llm.Text || !strings.HasPrefix(p.Text, "Document: ")
		})
	},
	"document.url": func(r *llm.Request) {
		dropKind(llm.Document)(r)
		dropText(func(s string) bool { return strings.Contains(s, "\n\nhttp") || strings.HasPrefix(s, "http") })(r)
	},
	"audio":       dropKind(llm.Audio),
	"video":       dropKind(llm.Video),
	"video.url":   dropKind(llm.Video),
	"state":       func(r *llm.Request) { parts(r, stateless) },
	"citations":   func(r *llm.Request) { parts(r, func(p *llm.Part) bool { p.Citations = nil; return true }) },
	"modalities":  func(r *llm.Request) { r.Modalities = nil },
	"image":       dropKind(llm.Image),
	"image.url":   dropKind(llm.Image),
	"document":    dropKind(llm.Document),
	"json_schema": func(r *llm.Request) { r.Output = llm.OutputFormat{} },
	"tool_choice": func(r *llm.Request) { r.ToolChoice = llm.ToolChoice{} },
	"temperature": func(r *llm.Request) { r.Temperature = "" },
	"top_p":       func(r *llm.Request) { r.TopP = "" },
	"stop":        func(r *llm.Request) { r.Stop = nil },
	"user":        func(r *llm.Request) { r.User = "" },
	"max_tokens":  func(r *llm.Request) { r.MaxOutput = 0 },
	"tools.strict": func(r *llm.Request) {
		for i := range r.Tools {
			r.Tools[i].Strict = nil
		}
	},
	"parallel_tool_calls=false": func(r *llm.Request) {
		r.ParallelTools = nil
		dropText(func(s string) bool { return strings.HasPrefix(s, "Call at most one ") })(r)
	},
	"reasoning.adaptive": func(r *llm.Request) { r.Reasoning = llm.Reasoning{} },
	"service_tier=auto":  func(r *llm.Request) { r.ServiceTier = "" },
	"opaque part":        dropKind(llm.Opaque),
	"tool_result.media": func(r *llm.Request) {
		dropKind(llm.Image)(r)
		dropKind(llm.Document)(r)
		dropText(func(s string) bool { return s == "[see the next message]" })(r)
	},
	"tool_result.is_error":  func(r *llm.Request) { parts(r, failure) },
	"thinking":              dropKind(llm.Thinking),
	"thinking.signature":    dropKind(llm.Thinking),
	"cache_control":         func(r *llm.Request) { marks(r) },
	"prefill":               func(*llm.Request) {},
	"tools (server)":        func(r *llm.Request) { serverTools(r) },
	"temperature>1":         func(r *llm.Request) { r.Temperature = "" },
	"top_k":                 func(r *llm.Request) { r.TopK = "" },
	"presence_penalty":      func(r *llm.Request) { r.Penalties.Presence = "" },
	"frequency_penalty":     func(r *llm.Request) { r.Penalties.Frequency = "" },
	"seed":                  func(r *llm.Request) { r.Seed = "" },
	"stop>4":                func(r *llm.Request) { r.Stop = nil },
	"n>1":                   func(r *llm.Request) { r.Choices = 0 },
	"json_object":           func(r *llm.Request) { r.Output = llm.OutputFormat{}; eraseMessages(r, system) },
	"reasoning.effort":      func(r *llm.Request) { r.Reasoning = llm.Reasoning{} },
	"reasoning.budget":      func(r *llm.Request) { r.Reasoning = llm.Reasoning{} },
	"reasoning.off":         func(r *llm.Request) { r.Reasoning = llm.Reasoning{} },
	"reasoning.summary":     func(r *llm.Request) { r.Reasoning.Summary = "" },
	"logprobs":              func(r *llm.Request) { r.Logprobs, r.TopLogprobs = false, 0 },
	"service_tier":          func(r *llm.Request) { r.ServiceTier = "" },
	"metadata":              func(r *llm.Request) { r.Metadata = nil },
	"prompt_cache_key":      func(r *llm.Request) { r.CacheKey = "" },
	"store=true":            func(r *llm.Request) { r.Store = nil },
	"store":                 func(r *llm.Request) { r.Store = nil },
	"parts.citations":       func(*llm.Request) {},
	"messages.tool_choice":  func(*llm.Request) {},
	"messages.tool_calls":   func(*llm.Request) {},
	"tools.input_examples":  func(*llm.Request) {},
	"tools.allowed_callers": func(*llm.Request) {},
}

func dropText(is func(string) bool) func(*llm.Request) {
	return func(r *llm.Request) {
		parts(r, func(p *llm.Part) bool { return p.Kind != llm.Text || !is(p.Text) })
	}
}

func dropKind(k llm.PartKind) func(*llm.Request) {
	return func(r *llm.Request) { parts(r, func(p *llm.Part) bool { return p.Kind != k }) }
}

// parts keeps the parts for which keep is true, also inside tool results.
func parts(r *llm.Request, keep func(*llm.Part) bool) {
	for i := range r.Messages {
		r.Messages[i].Parts = kept(r.Messages[i].Parts, keep)
	}
}

func kept(in []llm.Part, keep func(*llm.Part) bool) (out []llm.Part) {
	for _, p := range in {
		p.Content = kept(p.Content, keep)
		if keep(&p) {
			out = append(out, p)
		}
	}
	return out
}

func failure(p *llm.Part) bool {
	if p.IsError || p.Kind == llm.ToolResult && len(p.Content) > 0 && strings.HasPrefix(p.Content[0].Text, "[error] ") {
		p.IsError, p.Content = false, nil
	}
	return true
}

func stateless(p *llm.Part) bool {
	if p.Kind != llm.Thinking && p.Signature != "" {
		p.Signature, p.Maker = "", ""
		return p.Kind != llm.Text || p.Text != ""
	}
	return true
}

// textual makes a document of plain text the text that it becomes.
func textual(p *llm.Part) bool {
	text := p.Text
	if text == "" && strings.HasPrefix(p.MediaType, "text/") {
		text = string(p.Data)
	}
	if p.Kind == llm.Document && text != "" {
		if p.Name != "" {
			text = p.Name + "\n\n" + text
		}
		*p = llm.Part{Kind: llm.Text, Text: text}
	}
	return true
}

func kinds(r *llm.Request, from, to llm.PartKind) {
	parts(r, func(p *llm.Part) bool {
		if p.Kind == from {
			p.Kind = to
		}
		return true
	})
}

func roles(r *llm.Request, from, to llm.Role) {
	for i := range r.Messages {
		if r.Messages[i].Role == from {
			r.Messages[i].Role = to
		}
	}
}

func names(r *llm.Request) {
	for i := range r.Messages {
		m := &r.Messages[i]
		m.Name = ""
		for j := range m.Parts {
			if t := &m.Parts[j].Text; strings.HasPrefix(*t, "[") {
				if _, rest, ok := strings.Cut(*t, "] "); ok {
					*t = rest
				}
			}
		}
	}
}

func marks(r *llm.Request) {
	parts(r, func(p *llm.Part) bool { p.Cache = nil; return true })
	for i := range r.Tools {
		r.Tools[i].Cache = nil
	}
}

func serverTools(r *llm.Request) {
	var own []llm.Tool
	for _, t := range r.Tools {
		if t.From == "" && (t.Description != "" || len(schemaMeaning(t.Schema)) > len(`{"properties":{},"type":"object"}`)) {
			own = append(own, t) // else it may stand for one that was called in the history
		}
	}
	if r.Tools = own; own == nil {
		r.ToolChoice, r.ParallelTools = llm.ToolChoice{}, nil
	}
}

func eraseMessages(r *llm.Request, which func(r *llm.Request, i int) bool) {
	var rest []llm.Message
	for i := range r.Messages {
		if !which(r, i) {
			rest = append(rest, r.Messages[i])
		}
	}
	r.Messages = rest
}

func system(r *llm.Request, i int) bool { return r.Messages[i].Role == llm.System }

func laterSystem(r *llm.Request, i int) bool {
	m := &r.Messages[i]
	if m.Role == llm.System || m.Role == llm.Developer {
		for j := range i {
			if role := r.Messages[j].Role; role != llm.System && role != llm.Developer {
				return true
			}
		}
	}
	n := len(m.Parts) // and what it became, or what a client itself puts so
	m.Parts = kept(m.Parts, func(p *llm.Part) bool { return !strings.HasPrefix(p.Text, "<system") })
	return n > 0 && len(m.Parts) == 0
}
