package fakecloud

import "github.com/skein-run/skein/internal/fakecloud/analyst"

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
	at := members{"item_id", s.f.itemID(s.a, p.part, part), "output_index", p.part}
	var out []byte
	say := func(kind string, rest ...any) {
		out = append(out, s.event(kind, append(at[:len(at):len(at)], rest...)...)...)
	}
	if p.first {
		out = s.event("response.output_item.added", "output_index", p.part, "item", item)
	}
	switch {
	case p.kind == analyst.Text:
		text := func(text string) members {
			return members{"type", "output_text", "annotations", []any{}, "logprobs", []any{}, "text", text}
		}
		if p.first {
			say("response.content_part.added", "content_index", 0, "part", text(""))
		}
		if p.text != "" {
			say("response.output_text.delta", "content_index", 0, "delta", p.text, "logprobs", []any{}, "obfuscation", pad(len(p.text)))
		}
		if p.last {
			say("response.output_text.done", "content_index", 0, "text", part.Text, "logprobs", []any{})
			say("response.content_part.done", "content_index", 0, "part", text(part.Text))
		}
	case p.kind == analyst.Thinking && part.Text != "":
		if p.first {
			say("response.reasoning_summary_part.added", "summary_index", 0, "part", members{"type", "summary_text", "text", ""})
		}
		say("response.reasoning_summary_text.delta", "summary_index", 0, "delta", p.text, "obfuscation", pad(len(p.text)))
		if p.last {
			say("response.reasoning_summary_text.done", "summary_index", 0, "text", part.Text)
			say("response.reasoning_summary_part.done", "summary_index", 0, "part", members{"type", "summary_text", "text", part.Text})
		}
	case p.kind == analyst.Call:
		kind, member := "response.function_call_arguments", "arguments"
		if s.a.ask.custom[part.Name] {
			kind, member = "response.custom_tool_call_input", "input"
		}
		if p.text != "" {
			say(kind+".delta", "delta", p.text, "obfuscation", pad(len(p.text)))
		}
		if p.last {
			say(kind+".done", member, string(part.Args))
		}
	}
	if p.last {
		out = append(out, s.event("response.output_item.done", "output_index", p.part, "item", s.f.item(s.a, p.part, part, "completed"))...)
	}
	return out
}

func (s *responsesStream) end() []byte {
	kind := "response.completed"
	if s.a.stop == stopLength || s.a.stop == stopFiltered {
		kind = "response.incomplete"
	}
	return s.event(kind, "response", s.f.response(s.a, "completed", s.f.output(s.a), responsesUsage(s.a.usage)))
}

// failure is what the provider sends in mid-stream: an error, and that the response
// failed.
func (s *responsesStream) failure(e *apiError) []byte {
	kind, code := e.kind, e.code
	if kind == "" || kind == "overloaded_error" {
		kind = "server_error"
	}
	if code == "" {
		code = "server_error"
	}
	out := s.event("error", "error", members{"type", kind, "code", code, "message", e.message, "param", nil})
	r := s.f.response(s.a, "failed", []any{}, nil)
	for i := 0; i < len(r); i += 2 {
		if r[i] == "error" {
			r[i+1] = members{"code", code, "message", e.message}
		}
	}
	return append(out, s.event("response.failed", "response", r)...)
}

func (s *responsesStream) malformed() []byte { return s.garbage() }

func (s *responsesStream) ping() []byte { return []byte(keepAlive) }

func (s *responsesStream) garbage() []byte {
	return []byte("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"del\x00\n\n")
}
