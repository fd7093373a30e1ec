package fakecloud

import (
	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// responsesUsage is usage in Responses' terms.
func responsesUsage(u Usage) members {
	in, out := u.Input+u.CacheRead+u.CacheWrite+u.CacheWrite1h, u.Output+u.Reasoning
	return members{
		"input_tokens", in, "input_tokens_details", members{"cached_tokens", u.CacheRead},
		"output_tokens", out, "output_tokens_details", members{"reasoning_tokens", u.Reasoning},
		"total_tokens", in + out,
	}
}

func (f responsesFormat) whole(a *answer) []byte {
	output := []any{}
	for i, p := range a.parts {
		output = append(output, f.item(a, i, p, "completed"))
	}
	return mustJSON(f.response(a, "completed", output, responsesUsage(a.usage)))
}

func (responsesFormat) response(a *answer, status string, output []any, usage any) members {
	var incomplete any
	if status == "completed" && a.stop == stopLength {
		status, incomplete = "incomplete", members{"reason", "max_output_tokens"}
	}
	return members{
		"id", a.id, "object", "response", "created_at", a.created, "status", status, "background", false,
		"error", nil, "incomplete_details", incomplete, "instructions", nil, "max_output_tokens", nil,
		"model", a.ask.model, "output", output, "parallel_tool_calls", !a.ask.Sequential, "previous_response_id", nil,
		"reasoning", members{"effort", nil, "summary", nil}, "store", true, "temperature", 1, "text", members{"format", members{"type", "text"}},
		"tool_choice", "auto", "tools", []any{}, "top_p", 1, "truncation", "disabled", "usage", usage, "metadata", members{},
	}
}

// item is one part of the answer as an output item.
func (responsesFormat) item(a *answer, i int, p analyst.Part, status string) members {
	switch p.Kind {
	case analyst.Call:
		return members{"id", "fc_" + a.id[5:] + string(rune('a'+i)), "type", "function_call", "status", status,
			"arguments", string(p.Args), "call_id", p.ID, "name", p.Name}
	case analyst.Thinking:
		summary := []any{}
		if p.Text != "" {
			summary = append(summary, members{"type", "summary_text", "text", p.Text})
		}
		out := members{"id", p.ID, "type", "reasoning", "summary", summary}
		if a.ask.keepsThink {
			out = append(out, "encrypted_content", encryptedReasoning)
		}
		return out
	}
	content := []any{}
	if status == "completed" {
		content = append(content, members{"type", "output_text", "annotations", []any{}, "logprobs", []any{}, "text", p.Text})
	}
	return members{"id", "msg_" + a.id[5:] + string(rune('a'+i)), "type", "message", "status", status, "content", content, "role", "assistant"}
}

func (f responsesFormat) open(a *answer) streamer { return &responsesStream{f: f, a: a} }

// responsesStream frames an answer as Responses' events.
type responsesStream struct {
	f   responsesFormat
	a   *answer
	seq int
}

func (s *responsesStream) event(kind string, rest ...any) []byte {
	m := append(members{"type", kind, "sequence_number", s.seq}, rest...)
	s.seq++
	return sse(kind, mustJSON(m))
}

func (s *responsesStream) prelude() []byte {
	out := s.event("response.created", "response", s.f.response(s.a, "in_progress", []any{}, nil))
	return append(out, s.event("response.in_progress", "response", s.f.response(s.a, "in_progress", []any{}, nil))...)
}

func (s *responsesStream) piece(p piece) []byte {
	part := s.a.parts[p.part]
	empty := analyst.Part{Kind: part.Kind, ID: part.ID, Name: part.Name}
	item := s.f.item(s.a, p.part, empty, "in_progress")
	id := item[1]
	var out []byte
	if p.first {
		out = append(out, s.event("response.output_item.added", "output_index", p.part, "item", item)...)
		switch p.kind {
		case analyst.Text:
			out = append(out, s.event("response.content_part.added", "item_id", id, "output_index", p.part, "content_index", 0,
				"part", members{"type", "output_text", "annotations", []any{}, "logprobs", []any{}, "text", ""})...)
		case analyst.Thinking:
			out = append(out, s.event("response.reasoning_summary_part.added", "item_id", id, "output_index", p.part, "summary_index", 0,
				"part", members{"type", "summary_text", "text", ""})...)
		}
	}
	if p.text != "" {
		switch p.kind {
		case analyst.Text:
			out = append(out, s.event("response.output_text.delta", "item_id", id, "output_index", p.part, "content_index", 0,
				"delta", p.text, "logprobs", []any{}, "obfuscation", pad(len(p.text)))...)
		case analyst.Thinking:
			out = append(out, s.event("response.reasoning_summary_text.delta", "item_id", id, "output_index", p.part, "summary_index", 0,
				"delta", p.text, "obfuscation", pad(len(p.text)))...)
		case analyst.Call:
			out = append(out, s.event("response.function_call_arguments.delta", "item_id", id, "output_index", p.part,
				"delta", p.text, "obfuscation", pad(len(p.text)))...)
		}
	}
	if !p.last {
		return out
	}
	switch p.kind {
	case analyst.Text:
		out = append(out, s.event("response.output_text.done", "item_id", id, "output_index", p.part, "content_index", 0, "text", part.Text, "logprobs", []any{})...)
		out = append(out, s.event("response.content_part.done", "item_id", id, "output_index", p.part, "content_index", 0,
			"part", members{"type", "output_text", "annotations", []any{}, "logprobs", []any{}, "text", part.Text})...)
	case analyst.Thinking:
		out = append(out, s.event("response.reasoning_summary_text.done", "item_id", id, "output_index", p.part, "summary_index", 0, "text", part.Text)...)
		out = append(out, s.event("response.reasoning_summary_part.done", "item_id", id, "output_index", p.part, "summary_index", 0,
			"part", members{"type", "summary_text", "text", part.Text})...)
	case analyst.Call:
		out = append(out, s.event("response.function_call_arguments.done", "item_id", id, "output_index", p.part, "arguments", string(part.Args))...)
	}
	return append(out, s.event("response.output_item.done", "output_index", p.part, "item", s.f.item(s.a, p.part, part, "completed"))...)
}

func (s *responsesStream) end() []byte {
	output := []any{}
	for i, p := range s.a.parts {
		output = append(output, s.f.item(s.a, i, p, "completed"))
	}
	kind := "response.completed"
	if s.a.stop == stopLength {
		kind = "response.incomplete"
	}
	return s.event(kind, "response", s.f.response(s.a, "completed", output, responsesUsage(s.a.usage)))
}

// failure is what the provider sends in mid-stream: the response failed.
func (s *responsesStream) failure(e *apiError) []byte {
	r := s.f.response(s.a, "failed", []any{}, nil)
	for i := 0; i < len(r); i += 2 {
		if r[i] == "error" {
			r[i+1] = members{"code", "server_error", "message", e.message}
		}
	}
	return s.event("response.failed", "response", r)
}

func (s *responsesStream) garbage() []byte {
	return []byte("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"del\x00\n\n")
}
