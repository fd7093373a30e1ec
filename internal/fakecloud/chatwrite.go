package fakecloud

import (
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
	case a.stop == stopFiltered:
		return "content_filter"
	case a.stop == stopTools && a.ask.Named == "":
		return "tool_calls"
	}
	return "stop"
}

func (f chatFormat) whole(a *answer) []byte {
	var text any
	if said := joinText(a.parts); said != "" {
		text = said
	}
	message := members{"role", "assistant", "content", text}
	if thought := joinKind(a.parts, analyst.Thinking); thought != "" {
		message = append(message, "reasoning_content", thought)
	}
	var calls []any
	for _, p := range a.parts {
		switch {
		case p.Kind == analyst.Call && a.ask.custom[p.Name]:
			calls = append(calls, members{"id", p.ID, "type", "custom", "custom", members{"name", p.Name, "input", string(p.Args)}})
		case p.Kind == analyst.Call:
			calls = append(calls, members{"id", p.ID, "type", "function", "function", members{"name", p.Name, "arguments", string(p.Args)}})
		}
	}
	if calls != nil {
		message = append(message, "tool_calls", calls)
	}
	message = append(message, "refusal", nil, "annotations", []any{})
	choice := members{"index", 0, "message", message, "logprobs", nil, "finish_reason", chatFinish(a)}
	m := members{"id", a.id, "object", "chat.completion", "created", a.created, "model", a.ask.model}
	if f.service == "azure" {
		choice = append(choice, "content_filter_results", filtered())
		m = append(m, "prompt_filter_results", promptFiltered())
	}
	return mustJSON(append(m, "choices", []any{choice}, "usage", chatUsage(a.usage),
		"service_tier", "default", "system_fingerprint", "fp_fakecloud"))
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
	first := s.chunk(members{"role", "assistant", "content", content, "refusal", nil}, nil)
	if s.f.service == "azure" { // before anything else it tells what it thinks of the prompt
		filter := members{"choices", []any{}, "created", 0, "id", "", "model", "", "object", "", "prompt_filter_results", promptFiltered()}
		return append(sse("", mustJSON(filter)), first...)
	}
	return first
}

func (s *chatStream) piece(p piece) []byte {
	switch p.kind {
	case analyst.Thinking:
		return s.chunk(members{"reasoning_content", p.text}, nil)
	case analyst.Text:
		return s.chunk(members{"content", p.text}, nil)
	}
	kind, text := "function", "arguments"
	if s.a.ask.custom[p.name] {
		kind, text = "custom", "input"
	}
	if !p.first {
		return s.call(members{kind, members{text, p.text}})
	}
	// The call's name comes with no arguments yet, and these in a frame of their own.
	s.calls++
	out := s.call(members{"id", p.id, "type", kind, kind, members{"name", p.name, text, ""}})
	if p.text != "" {
		out = append(out, s.call(members{kind, members{text, p.text}})...)
	}
	return out
}

func (s *chatStream) call(c members) []byte {
	return s.chunk(members{"tool_calls", []any{append(members{"index", s.calls}, c...)}}, nil)
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

func (s *chatStream) malformed() []byte { return s.garbage() }

func (s *chatStream) ping() []byte { return []byte(keepAlive) }

func (s *chatStream) garbage() []byte {
	return []byte("data: {\"id\":\"" + s.a.id + "\",\"choices\":[{\"ind\x00\n\n")
}

func (s *chatStream) chunk(delta members, finish any) []byte {
	choice := members{"index", 0, "delta", delta, "logprobs", nil, "finish_reason", finish}
	if s.f.service == "azure" {
		choice = append(choice, "content_filter_results", members{})
	}
	return s.frame([]any{choice}, nil)
}

func (s *chatStream) frame(choices []any, usage any) []byte {
	if s.f.service == "vllm" {
		chunk := members{"id", s.a.id, "object", "chat.completion.chunk", "created", s.a.created, "model", s.a.ask.model, "choices", choices}
		if usage != nil {
			chunk = append(chunk, "usage", usage)
		}
		return sse("", mustJSON(chunk))
	}
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
