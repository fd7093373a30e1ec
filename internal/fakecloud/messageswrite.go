package fakecloud

import (
	"encoding/json"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// messagesUsage is usage in Anthropic's terms: input_tokens leaves the cached
// ones out.
func messagesUsage(u Usage, output int64) members {
	return members{
		"input_tokens", u.Input, "cache_read_input_tokens", u.CacheRead,
		"cache_creation_input_tokens", u.CacheWrite + u.CacheWrite1h,
		"cache_creation", members{"ephemeral_5m_input_tokens", u.CacheWrite, "ephemeral_1h_input_tokens", u.CacheWrite1h},
		"output_tokens", output, "service_tier", "standard",
	}
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
	}
	return "end_turn", nil
}

// messagesSignature stands for the opaque state of a thinking block.
const messagesSignature = "ZmFrZWNsb3Vk"

func (messagesFormat) whole(a *answer) []byte {
	content := []any{}
	for _, p := range a.parts {
		switch p.Kind {
		case analyst.Text:
			content = append(content, members{"type", "text", "text", p.Text})
		case analyst.Thinking:
			content = append(content, members{"type", "thinking", "thinking", p.Text, "signature", messagesSignature})
		case analyst.Call:
			input := p.Args
			if !json.Valid(input) { // the cap fell into the arguments
				input = json.RawMessage("{}")
			}
			content = append(content, members{"type", "tool_use", "id", p.ID, "name", p.Name, "input", input})
		}
	}
	reason, sequence := messagesStop(a)
	return mustJSON(members{
		"id", a.id, "type", "message", "role", "assistant", "model", a.ask.model, "content", content,
		"stop_reason", reason, "stop_sequence", sequence, "usage", messagesUsage(a.usage, a.usage.Output),
	})
}

func (messagesFormat) failure(e *apiError, requestID string) []byte {
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
	return s.event("message_start", members{"message", members{
		"id", s.a.id, "type", "message", "role", "assistant", "model", s.a.ask.model, "content", []any{},
		"stop_reason", nil, "stop_sequence", nil, "usage", messagesUsage(s.a.usage, 1),
	}})
}

func (s *messagesStream) piece(p piece) []byte {
	var out []byte
	var start, delta members
	switch p.kind {
	case analyst.Text:
		start, delta = members{"type", "text", "text", ""}, members{"type", "text_delta", "text", p.text}
	case analyst.Thinking:
		start = members{"type", "thinking", "thinking", "", "signature", ""}
		delta = members{"type", "thinking_delta", "thinking", p.text}
	case analyst.Call:
		start = members{"type", "tool_use", "id", p.id, "name", p.name, "input", members{}}
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
		if p.kind == analyst.Thinking {
			out = append(out, s.delta(p.part, members{"type", "signature_delta", "signature", messagesSignature})...)
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
	out := s.event("message_delta", members{
		"delta", members{"stop_reason", reason, "stop_sequence", sequence},
		"usage", messagesUsage(s.a.usage, s.a.usage.Output)})
	return append(out, s.event("message_stop", members{})...)
}

func (s *messagesStream) failure(e *apiError) []byte { return sse("error", s.f.failure(e, "")) }

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
