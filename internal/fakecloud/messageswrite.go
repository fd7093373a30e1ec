package fakecloud

import (
	"encoding/json"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// messagesUsage is usage in Anthropic's terms: input_tokens leaves the cached ones
// out, and output_tokens has in it what was thought. The clouds tell less.
func (f messagesFormat) usage(u Usage, output, thinking int64) members {
	m := members{
		"input_tokens", u.Input, "cache_creation_input_tokens", u.CacheWrite + u.CacheWrite1h,
		"cache_read_input_tokens", u.CacheRead}
	if f.service != "vertex" {
		m = append(m, "cache_creation", members{"ephemeral_5m_input_tokens", u.CacheWrite, "ephemeral_1h_input_tokens", u.CacheWrite1h})
	}
	m = append(m, "output_tokens", output+thinking)
	if f.service == "" {
		m = append(m, "service_tier", "standard", "inference_geo", "not_available")
	}
	if f.service != "vertex" {
		m = append(m, "output_tokens_details", members{"thinking_tokens", thinking})
	}
	return m
}

// messagesStop is Anthropic's word for why an answer ended, and the stop
// sequence where it was one.
func messagesStop(a *answer) (reason string, sequence any) {
	switch a.stop {
	case stopTools:
		return "tool_use", nil
	case stopLength:
		return "max_tokens", nil
	case stopSequence:
		return "stop_sequence", a.matched
	case stopFiltered:
		return "refusal", nil
	}
	return "end_turn", nil
}

func (f messagesFormat) whole(a *answer) []byte {
	content := []any{}
	for _, p := range a.parts {
		switch p.Kind {
		case analyst.Text:
			content = append(content, members{"type", "text", "text", p.Text})
		case analyst.Thinking:
			if p.Name == redacted {
				content = append(content, members{"type", "redacted_thinking", "data", seal(makerAnthropic, redacted)})
				continue
			}
			content = append(content, members{"type", "thinking", "thinking", p.Text, "signature", seal(makerAnthropic, p.Text)})
		case analyst.Call:
			input := p.Args
			if !json.Valid(input) { // the cap fell into the arguments
				input = json.RawMessage("{}")
			}
			content = append(content, f.toolUse(p.ID, p.Name, input))
		}
	}
	reason, sequence := messagesStop(a)
	m := f.message(a, content, reason, sequence)
	return mustJSON(append(m, "usage", f.usage(a.usage, a.usage.Output, a.usage.Reasoning)))
}

func (f messagesFormat) message(a *answer, content []any, reason, sequence any) members {
	m := members{"model", a.ask.model, "id", a.id, "type", "message", "role", "assistant", "content", content,
		"stop_reason", reason, "stop_sequence", sequence}
	if f.service != "vertex" {
		m = append(m, "stop_details", nil)
	}
	return m
}

// toolUse is a call; Anthropic itself says who made it.
func (f messagesFormat) toolUse(id, name string, input any) members {
	m := members{"type", "tool_use", "id", id, "name", name, "input", input}
	if f.service == "" {
		m = append(m, "caller", members{"type", "direct"})
	}
	return m
}

// failure is an error as Anthropic says it; on the clouds what their gateways say
// comes in their own form.
func (f messagesFormat) failure(e *apiError, requestID string) []byte {
	switch {
	case f.service == "bedrock":
		return converseFormat{}.failure(e, requestID)
	case f.service == "vertex" && e.status != http.StatusBadRequest:
		return geminiFormat{service: "vertex"}.failure(e, requestID)
	}
	kind := e.kind
	if kind == "server_error" {
		kind = "api_error"
	}
	out := members{"type", "error", "error", members{"type", kind, "message", e.message}}
	if requestID != "" {
		out = append(out, "request_id", requestID)
	}
	return mustJSON(out)
}

func (f messagesFormat) open(a *answer) streamer {
	s := &messagesStream{f: f, a: a}
	if f.service == "bedrock" {
		return chunked{s}
	}
	return s
}

// messagesStream frames an answer as Anthropic's events.
type messagesStream struct {
	f      messagesFormat
	a      *answer
	pinged bool
}

func (s *messagesStream) event(kind string, rest members) []byte {
	return sse(kind, mustJSON(append(members{"type", kind}, rest...)))
}

// prelude has the usage as far as it is known; its output count is provisional.
func (s *messagesStream) prelude() []byte {
	u := s.f.usage(s.a.usage, 1, 0)
	if n := len(u); s.f.service != "vertex" {
		u = u[:n-2] // what was thought is told at the end
	}
	return s.event("message_start", members{"message", append(s.f.message(s.a, []any{}, nil, nil), "usage", u)})
}

func (s *messagesStream) piece(p piece) []byte {
	var out []byte
	var start, delta members
	switch p.kind {
	case analyst.Text:
		start, delta = members{"type", "text", "text", ""}, members{"type", "text_delta", "text", p.text}
	case analyst.Thinking:
		start = members{"type", "thinking", "thinking", "", "signature", ""}
		if p.name == redacted {
			start = members{"type", "redacted_thinking", "data", seal(makerAnthropic, redacted)}
		}
		delta = members{"type", "thinking_delta", "thinking", p.text}
	case analyst.Call:
		start = s.f.toolUse(p.id, p.name, members{})
		delta = members{"type", "input_json_delta", "partial_json", p.text}
	}
	if p.first {
		out = append(out, s.event("content_block_start", members{"index", p.part, "content_block", start})...)
		if !s.pinged {
			s.pinged = true
			out = append(out, s.event("ping", members{})...)
		}
		if p.kind == analyst.Call { // arguments begin with an empty piece
			out = append(out, s.delta(p.part, members{"type", "input_json_delta", "partial_json", ""})...)
		}
	}
	if p.text != "" {
		out = append(out, s.delta(p.part, delta)...)
	}
	if p.last {
		if p.kind == analyst.Thinking && p.name != redacted {
			out = append(out, s.delta(p.part, members{"type", "signature_delta", "signature", seal(makerAnthropic, s.a.parts[p.part].Text)})...)
		}
		out = append(out, s.event("content_block_stop", members{"index", p.part})...)
	}
	return out
}

func (s *messagesStream) delta(index int, delta members) []byte {
	return s.event("content_block_delta", members{"index", index, "delta", delta})
}

func (s *messagesStream) end() []byte {
	reason, sequence := messagesStop(s.a)
	delta := members{"stop_reason", reason, "stop_sequence", sequence}
	u := s.f.usage(s.a.usage, s.a.usage.Output, s.a.usage.Reasoning)
	switch s.f.service {
	case "vertex", "bedrock":
		u = members{"output_tokens", s.a.usage.Output + s.a.usage.Reasoning}
	case "":
		delta = append(delta, "stop_details", nil)
		u = members{"input_tokens", s.a.usage.Input, "cache_creation_input_tokens", s.a.usage.CacheWrite + s.a.usage.CacheWrite1h,
			"cache_read_input_tokens", s.a.usage.CacheRead, "output_tokens", s.a.usage.Output + s.a.usage.Reasoning,
			"output_tokens_details", members{"thinking_tokens", s.a.usage.Reasoning}}
	}
	out := s.event("message_delta", members{"delta", delta, "usage", u})
	var metrics members
	if s.f.service == "bedrock" {
		metrics = members{"amazon-bedrock-invocationMetrics", members{"inputTokenCount", s.a.usage.Input, "outputTokenCount", s.a.usage.Output + s.a.usage.Reasoning,
			"invocationLatency", 12, "firstByteLatency", 6, "cacheReadInputTokenCount", s.a.usage.CacheRead, "cacheWriteInputTokenCount", s.a.usage.CacheWrite + s.a.usage.CacheWrite1h}}
	}
	return append(out, s.event("message_stop", metrics)...)
}

func (s *messagesStream) failure(e *apiError) []byte {
	return sse("error", messagesFormat{}.failure(e, ""))
}

func (s *messagesStream) malformed() []byte { return s.garbage() }

func (s *messagesStream) ping() []byte { return s.event("ping", members{}) }

func (s *messagesStream) garbage() []byte {
	return []byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"ind\x00\n\n")
}

func (s *Server) listMessagesModels(w http.ResponseWriter, r *http.Request) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, messagesFormat{}, e, s.ids.next("req_", 24))
		return
	}
	data := []any{}
	for _, m := range messagesModels {
		data = append(data, members{"type", "model", "id", m, "display_name", m, "created_at", "2025-01-01T00:00:00Z"})
	}
	writeJSON(w, http.StatusOK, members{"data", data, "has_more", false,
		"first_id", messagesModels[0], "last_id", messagesModels[len(messagesModels)-1]})
}
