package wire

import "github.com/skein-run/skein/internal/llm"

// Field is one thing that a request can ask for, or one group of values of it
// that targets treat differently.
type Field struct {
	Name string // as losses name it
	Doc  string
	Used func(r *llm.Request) bool // nil: read off the messages, see uses
}

// Fields are the rows of every loss table, in the order in which docs print them.
var Fields = []Field{
	{"system", "system text at the beginning", nil},
	{"system (later)", "system or developer text after the first turn", nil},
	{"developer", "developer text at the beginning", nil},
	{"assistant first", "a history that the assistant begins", func(r *llm.Request) bool {
		for i := range r.Messages {
			if m := &r.Messages[i]; m.Role != llm.System && m.Role != llm.Developer && says(m) {
				return m.Role == llm.Assistant
			}
		}
		return false
	}},
	{"messages.name", "a speaker's name", nil},
	{"text", "text of a turn", nil},
	{"refusal", "an earlier refusal of the model", nil},
	{"image", "an image, its bytes in the request", nil},
	{"image.url", "an image by address", nil},
	{"image.detail", "how closely an image is looked at (other than auto)", nil},
	{"document", "a PDF or other file, its bytes in the request", nil},
	{"document.text", "a document that is plain text", nil},
	{"document.url", "a document by address", nil},
	{"audio", "sound as input", nil},
	{"video", "a video, its bytes in the request", nil},
	{"video.url", "a video by address", nil},
	{"opaque part", "a part that only its own format knows", nil},
	{"tool_call", "an earlier tool call of the model", nil},
	{"tool_result", "a tool's result as text", nil},
	{"tool_result.media", "an image or document inside a tool's result", nil},
	{"tool_result.is_error", "a tool's result that is a failure", nil},
	{"thinking", "earlier thinking without its provider's signature", nil},
	{"thinking.signature", "earlier thinking with its provider's signature, or redacted", nil},
	{"state", "opaque state of a maker on earlier text and tool calls (thought signatures)", nil},
	{"citations", "sources of an earlier answer", nil},
	{"cache_control", "a mark where a cached prefix ends", nil},
	{"prefill", "a last turn that begins the answer", func(r *llm.Request) bool {
		n := len(r.Messages)
		return n > 0 && r.Messages[n-1].Role == llm.Assistant
	}},
	{"tools", "tools with a schema", func(r *llm.Request) bool { return anyTool(r, func(t *llm.Tool) bool { return t.From == "" }) }},
	{"tools (server)", "tools that the provider itself runs", nil},
	{"tools (missing)", "calls in the history of tools that are not given", func(r *llm.Request) bool {
		return len(r.Tools) == 0 && anyPart(r, func(p *llm.Part) bool { return p.Kind == llm.ToolCall })
	}},
	{"tools.strict", "arguments are held to the schema", func(r *llm.Request) bool {
		return anyTool(r, func(t *llm.Tool) bool { return t.Strict != nil && *t.Strict })
	}},
	{"tool_choice", "auto, none, required or one by name", func(r *llm.Request) bool { return r.ToolChoice.Mode != "" }},
	{"parallel_tool_calls=false", "at most one tool call a turn", func(r *llm.Request) bool { return r.ParallelTools != nil && !*r.ParallelTools }},
	{"max_tokens", "the output cap", func(r *llm.Request) bool { return r.MaxOutput > 0 }},
	{"temperature", "0 to 1", func(r *llm.Request) bool { return r.Temperature != "" && number(r.Temperature) <= 1 }},
	{"temperature>1", "above 1", func(r *llm.Request) bool { return number(r.Temperature) > 1 }},
	{"top_p", "", func(r *llm.Request) bool { return r.TopP != "" }},
	{"top_k", "", func(r *llm.Request) bool { return r.TopK != "" }},
	{"presence_penalty", "other than 0", func(r *llm.Request) bool { return number(r.Penalties.Presence) != 0 }},
	{"frequency_penalty", "other than 0", func(r *llm.Request) bool { return number(r.Penalties.Frequency) != 0 }},
	{"seed", "", func(r *llm.Request) bool { return r.Seed != "" }},
	{"stop", "up to four stop sequences", func(r *llm.Request) bool { return len(r.Stop) > 0 && len(r.Stop) <= 4 }},
	{"stop>4", "more than four stop sequences", func(r *llm.Request) bool { return len(r.Stop) > 4 }},
	{"n>1", "several answers", func(r *llm.Request) bool { return r.Choices > 1 }},
	{"json_object", "the answer is some JSON object", func(r *llm.Request) bool { return r.Output.Kind == llm.JSONObject }},
	{"json_schema", "the answer follows a schema", func(r *llm.Request) bool { return r.Output.Kind == llm.JSONSchema }},
	{"reasoning.effort", "how hard to think", func(r *llm.Request) bool {
		return r.Reasoning.Effort != "" && r.Reasoning.Effort != "none" && r.Reasoning.Budget == 0
	}},
	{"reasoning.budget", "tokens to think with", func(r *llm.Request) bool { return r.Reasoning.Budget > 0 }},
	{"reasoning.adaptive", "thinking as the model sees fit", func(r *llm.Request) bool {
		return r.Reasoning.Enabled != nil && *r.Reasoning.Enabled && r.Reasoning.Budget == 0 && r.Reasoning.Effort == ""
	}},
	{"reasoning.off", "no thinking", func(r *llm.Request) bool {
		return r.Reasoning.Effort == "none" || r.Reasoning.Enabled != nil && !*r.Reasoning.Enabled
	}},
	{"reasoning.summary", "how thinking is shown", func(r *llm.Request) bool { return r.Reasoning.Summary != "" }},
	{"modalities", "an answer in more than text", func(r *llm.Request) bool { return len(r.Modalities) > 0 }},
	{"logprobs", "probabilities of tokens", func(r *llm.Request) bool { return r.Logprobs || r.TopLogprobs > 0 }},
	{"service_tier=auto", "", func(r *llm.Request) bool { return r.ServiceTier == "auto" }},
	{"service_tier", "any other", func(r *llm.Request) bool { return r.ServiceTier != "" && r.ServiceTier != "auto" }},
	{"user", "the caller's end user", func(r *llm.Request) bool { return r.User != "" }},
	{"metadata", "the caller's labels", func(r *llm.Request) bool { return len(r.Metadata) > 0 }},
	{"prompt_cache_key", "a hint that prompts share a prefix", func(r *llm.Request) bool { return r.CacheKey != "" }},
	{"store=true", "the provider keeps the answer", func(r *llm.Request) bool { return r.Store != nil && *r.Store }},
}

// says reports whether there is anything in a message.
func says(m *llm.Message) bool {
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Kind != llm.Text || p.Text != "" {
			return true
		}
	}
	return false
}

func anyTool(r *llm.Request, is func(*llm.Tool) bool) bool {
	for i := range r.Tools {
		if is(&r.Tools[i]) {
			return true
		}
	}
	return false
}

func anyPart(r *llm.Request, is func(*llm.Part) bool) bool {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if is(&r.Messages[i].Parts[j]) {
				return true
			}
		}
	}
	return false
}

// number is a rough reading of a number, for comparing with a bound only.
func number(n interface{ Float64() (float64, error) }) float64 {
	f, err := n.Float64()
	if err != nil {
		return 0
	}
	return f
}

// uses is which of the fields a request's messages use, found in one pass.
type uses map[string]bool

func (f *Field) used(r *llm.Request, u uses) bool {
	if f.Used == nil {
		return u[f.Name]
	}
	return f.Used(r)
}

func usesOf(r *llm.Request, target llm.Format) uses {
	u := uses{}
	turns := false
	for i := range r.Messages {
		m := &r.Messages[i]
		switch {
		case m.Role != llm.System && m.Role != llm.Developer:
			turns = true
		case turns:
			u["system (later)"] = true
		default:
			u[string(m.Role)] = true
		}
		if m.Name != "" {
			u["messages.name"] = true
		}
		for j := range m.Parts {
			u.part(&m.Parts[j], target, false)
		}
	}
	for i := range r.Tools {
		if r.Tools[i].Cache != nil {
			u["cache_control"] = true
		}
		if from := r.Tools[i].From; from != "" && from != target {
			u["tools (server)"] = true
		}
	}
	return u
}

func (u uses) part(p *llm.Part, target llm.Format, inResult bool) {
	if p.Cache != nil {
		u["cache_control"] = true
	}
	if onOther(p) {
		u["state"] = true
	}
	if len(p.Citations) > 0 {
		u["citations"] = true
	}
	switch p.Kind {
	case llm.Text, llm.Refusal, llm.Audio:
		u[string(p.Kind)] = true
	case llm.Opaque:
		if p.From != target {
			u["opaque part"] = true
		}
	case llm.ToolCall:
		u["tool_call"] = true
	case llm.ToolResult:
		u["tool_result"] = true
		if p.IsError {
			u["tool_result.is_error"] = true
		}
		for i := range p.Content {
			u.part(&p.Content[i], target, true)
		}
	case llm.Thinking:
		if p.Signature != "" || p.Redacted != "" {
			u["thinking.signature"] = true
		} else {
			u["thinking"] = true
		}
	case llm.Image, llm.Document, llm.Video:
		u.media(p, inResult)
	}
}

func (u uses) media(p *llm.Part, inResult bool) {
	name := string(p.Kind)
	if inResult {
		u["tool_result.media"] = true
	}
	switch {
	case inResult && p.URL == "":
		name = "tool_result.media"
	case p.URL != "":
		name += ".url"
	case p.Kind == llm.Document && p.Text != "":
		name += ".text"
	}
	u[name] = true
	if p.Detail != "" && p.Detail != "auto" {
		u["image.detail"] = true
	}
}
