package fakecloud

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// chatUsage is usage in OpenAI's terms: cached tokens are inside the prompt,
// reasoning is inside the completion.
func chatUsage(u Usage) map[string]any {
	prompt, completion := u.Input+u.CacheRead+u.CacheWrite+u.CacheWrite1h, u.Output+u.Reasoning
	return map[string]any{
		"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
		"prompt_tokens_details": map[string]any{"cached_tokens": u.CacheRead, "audio_tokens": 0},
		"completion_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning, "audio_tokens": 0,
			"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
	}
}

// chatFinish is OpenAI's word for why an answer ended. Where one tool was asked
// for by name the reason is "stop", as it is at OpenAI.
func chatFinish(a *answer) string {
	switch {
	case a.stop == stopLength:
		return "length"
	case a.stop == stopTools && a.ask.Named == "":
		return "tool_calls"
	}
	return "stop"
}

func (chatFormat) whole(a *answer) []byte {
	message := map[string]any{"role": "assistant", "content": nil, "refusal": nil, "annotations": []any{}}
	if text := joinText(a.parts); text != "" {
		message["content"] = text
	}
	var calls []chatCall
	for _, p := range a.parts {
		if p.Kind == analyst.Call {
			c := chatCall{ID: p.ID, Type: "function"}
			c.Function.Name, c.Function.Arguments = p.Name, string(p.Args)
			calls = append(calls, c)
		}
	}
	if calls != nil {
		message["tool_calls"] = calls
	}
	return mustJSON(map[string]any{
		"id": a.id, "object": "chat.completion", "created": a.created, "model": a.ask.model,
		"choices":      []any{map[string]any{"index": 0, "message": message, "logprobs": nil, "finish_reason": chatFinish(a)}},
		"usage":        chatUsage(a.usage),
		"service_tier": "default", "system_fingerprint": "fp_fakecloud",
	})
}

func (chatFormat) failure(e *apiError, _ string) []byte {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	kind := e.kind
	switch kind {
	case "authentication_error":
		kind = "invalid_request_error"
	case "rate_limit_error":
		kind = "requests"
	case "overloaded_error":
		kind = "server_error"
	}
	return mustJSON(map[string]any{"error": map[string]any{"message": e.message, "type": kind,
		"param": orNull(e.param), "code": orNull(e.code)}})
}

func (f chatFormat) open(a *answer) streamer { return &chatStream{f: f, a: a, calls: -1} }

// chatStream frames an answer as chat.completion.chunk objects.
type chatStream struct {
	f     chatFormat
	a     *answer
	calls int // the index of the last call that was begun
}

func (s *chatStream) prelude() []byte {
	delta := map[string]any{"role": "assistant", "content": "", "refusal": nil}
	if len(s.a.parts) > 0 && s.a.parts[0].Kind == analyst.Call {
		delta["content"] = nil
	}
	return s.chunk(delta, nil)
}

func (s *chatStream) piece(p piece) []byte {
	if p.kind != analyst.Call {
		return s.chunk(map[string]any{"content": p.text}, nil)
	}
	c := chatCall{}
	if p.first {
		s.calls++
		c.ID, c.Type, c.Function.Name = p.id, "function", p.name
	}
	c.Index = &s.calls
	if !p.first {
		c.Function.Arguments = p.text
		return s.chunk(map[string]any{"tool_calls": []any{c}}, nil)
	}
	// The call's name comes with no arguments yet, and these in a frame of their own.
	out := s.chunk(map[string]any{"tool_calls": []any{c}}, nil)
	if p.text == "" {
		return out
	}
	more := chatCall{Index: &s.calls}
	more.Function.Arguments = p.text
	return append(out, s.chunk(map[string]any{"tool_calls": []any{more}}, nil)...)
}

func (s *chatStream) end() []byte {
	out := s.chunk(map[string]any{}, chatFinish(s.a))
	if s.a.ask.wantsUsage {
		out = append(out, s.frame([]any{}, chatUsage(s.a.usage))...)
	}
	return append(out, "data: [DONE]\n\n"...)
}

func (s *chatStream) failure(e *apiError) []byte {
	return sse("", s.f.failure(e, ""))
}

func (s *chatStream) garbage() []byte {
	return []byte("data: {\"id\":\"" + s.a.id + "\",\"choices\":[{\"ind\x00\n\n")
}

func (s *chatStream) chunk(delta map[string]any, finish any) []byte {
	choice := map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish}
	return s.frame([]any{choice}, nil)
}

func (s *chatStream) frame(choices []any, usage any) []byte {
	chunk := map[string]any{
		"id": s.a.id, "object": "chat.completion.chunk", "created": s.a.created, "model": s.a.ask.model,
		"service_tier": "default", "system_fingerprint": "fp_fakecloud", "choices": choices,
	}
	if s.a.ask.wantsUsage {
		chunk["usage"] = usage // null on every chunk but the last
	}
	return sse("", mustJSON(chunk))
}

// sse frames one event; without a name it has a data line only.
func sse(event string, data []byte) []byte {
	var b strings.Builder
	if event != "" {
		b.WriteString("event: " + event + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return []byte(b.String())
}

func joinText(parts []analyst.Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Kind == analyst.Text {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// The models on show. Others of the same families are served all the same.
var (
	chatModels     = []string{"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-5", "gpt-5-mini", "gpt-5.1"}
	messagesModels = []string{"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"}
)

func servesChat(model string) bool {
	return strings.HasPrefix(model, "gpt-") || thinks(model)
}

// thinks reports whether a model of OpenAI is one that reasons.
func thinks(model string) bool {
	return strings.HasPrefix(model, "gpt-5") || strings.HasPrefix(model, "o1") ||
		strings.HasPrefix(model, "o3") || strings.HasPrefix(model, "o4")
}

func (s *Server) listChatModels(w http.ResponseWriter, r *http.Request) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, chatFormat{}, e, s.ids.next("req_", 24))
		return
	}
	data := []any{}
	for _, m := range chatModels {
		data = append(data, map[string]any{"id": m, "object": "model", "created": 1735689600, "owned_by": "fakecloud"})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": data})
}
