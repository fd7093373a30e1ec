package fakecloud

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// chatUsage is usage in OpenAI's terms: cached tokens are inside the prompt,
// reasoning is inside the completion.
func chatUsage(u Usage) members {
	prompt, completion := u.Input+u.CacheRead+u.CacheWrite+u.CacheWrite1h, u.Output+u.Reasoning
	return members{
		"prompt_tokens", prompt, "completion_tokens", completion, "total_tokens", prompt + completion,
		"prompt_tokens_details", members{"cached_tokens", u.CacheRead, "audio_tokens", 0},
		"completion_tokens_details", members{"reasoning_tokens", u.Reasoning, "audio_tokens", 0,
			"accepted_prediction_tokens", 0, "rejected_prediction_tokens", 0},
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
	var text any
	if said := joinText(a.parts); said != "" {
		text = said
	}
	message := members{"role", "assistant", "content", text}
	var calls []chatCall
	for _, p := range a.parts {
		if p.Kind == analyst.Call {
			c := chatCall{ID: p.ID, Type: "function"}
			c.Function.Name, c.Function.Arguments = p.Name, string(p.Args)
			calls = append(calls, c)
		}
	}
	if calls != nil {
		message = append(message, "tool_calls", calls)
	}
	message = append(message, "refusal", nil, "annotations", []any{})
	return mustJSON(members{
		"id", a.id, "object", "chat.completion", "created", a.created, "model", a.ask.model,
		"choices", []any{members{"index", 0, "message", message, "logprobs", nil, "finish_reason", chatFinish(a)}},
		"usage", chatUsage(a.usage),
		"service_tier", "default", "system_fingerprint", "fp_fakecloud",
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
	return mustJSON(members{"error", members{"message", e.message, "type", kind,
		"param", orNull(e.param), "code", orNull(e.code)}})
}

func (f chatFormat) open(a *answer) streamer { return &chatStream{f: f, a: a, calls: -1} }

// chatStream frames an answer as chat.completion.chunk objects.
type chatStream struct {
	f     chatFormat
	a     *answer
	calls int // the index of the last call that was begun
}

func (s *chatStream) prelude() []byte {
	var content any = ""
	if len(s.a.parts) > 0 && s.a.parts[0].Kind == analyst.Call {
		content = nil
	}
	return s.chunk(members{"role", "assistant", "content", content, "refusal", nil}, nil)
}

func (s *chatStream) piece(p piece) []byte {
	if p.kind != analyst.Call {
		return s.chunk(members{"content", p.text}, nil)
	}
	c := chatCall{}
	if p.first {
		s.calls++
		c.ID, c.Type, c.Function.Name = p.id, "function", p.name
	}
	c.Index = &s.calls
	if !p.first {
		c.Function.Arguments = p.text
		return s.chunk(members{"tool_calls", []any{c}}, nil)
	}
	// The call's name comes with no arguments yet, and these in a frame of their own.
	out := s.chunk(members{"tool_calls", []any{c}}, nil)
	if p.text == "" {
		return out
	}
	more := chatCall{Index: &s.calls}
	more.Function.Arguments = p.text
	return append(out, s.chunk(members{"tool_calls", []any{more}}, nil)...)
}

func (s *chatStream) end() []byte {
	out := s.chunk(members{}, chatFinish(s.a))
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

func (s *chatStream) chunk(delta members, finish any) []byte {
	choice := members{"index", 0, "delta", delta, "logprobs", nil, "finish_reason", finish}
	return s.frame([]any{choice}, nil)
}

func (s *chatStream) frame(choices []any, usage any) []byte {
	chunk := members{
		"id", s.a.id, "object", "chat.completion.chunk", "created", s.a.created, "model", s.a.ask.model,
		"service_tier", "default", "system_fingerprint", "fp_fakecloud", "choices", choices,
	}
	if s.a.ask.wantsUsage {
		chunk = append(chunk, "usage", usage) // null on every chunk but the last
	}
	return sse("", mustJSON(append(chunk, "obfuscation", s.padding(choices))))
}

// padding makes chunks nearly equal in length, so that their sizes do not tell
// what is in them; it is no output.
func (s *chatStream) padding(choices []any) string {
	const letters = "q7ZkX2mNwP9cVb4R"
	return letters[:len(letters)-len(appendJSON(nil, choices))%len(letters)]
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
		data = append(data, members{"id", m, "object", "model", "created", 1735689600, "owned_by", "fakecloud"})
	}
	writeJSON(w, http.StatusOK, members{"object", "list", "data", data})
}
