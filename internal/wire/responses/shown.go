package responses

import (
	"bytes"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// shown is what another's events have told of an answer.
type shown struct {
	next  int64 // sequence number
	echo  []byte
	items []shownItem // by output index
}

// shownItem is an item of which the client has been told.
type shownItem struct {
	id, kind string
	added    []byte // as it began
	done     []byte // as it is when it is complete
	parts    []shownPart
	called   bool // a call: its arguments were told whole
}

// shownPart is a part of a message's content, or of reasoning.
type shownPart struct {
	begun  bool   // some servers number the first part 1
	events string // what the events are called that begin and end it; "" where none began it
	plain  bool   // reasoning: it is shown as it is, not summarised
	no     bool   // it is a refusal
	text   []byte // so far
	notes  [][]byte
	told   bool   // its text was told whole
	closed []byte // as it is when it is complete
}

// whole is a part as it is when it is complete.
func (p *shownPart) whole(kind string) []byte {
	if p.closed != nil {
		return p.closed
	}
	var b raw.Builder
	switch {
	case kind == "message" && p.no:
		putPart(&b, &llm.Part{Kind: llm.Refusal, Text: string(p.text)})
	case kind == "message":
		b.Object()
		b.PutString("type", "output_text")
		putList(&b, "annotations", p.notes)
		putList(&b, "logprobs", nil)
		b.PutString("text", string(p.text))
		b.EndObject()
	case p.plain:
		putThought(&b, "reasoning_text", string(p.text))
	default:
		putThought(&b, "summary_text", string(p.text))
	}
	return b.B
}

// see takes one event.
func (s *shown) see(name, data []byte) {
	c := raw.On(data)
	if c.Kind() != '{' {
		return
	}
	ev := event{data: data}
	ev.read(&c)
	if c.Err() != nil {
		return
	}
	if ev.has(ev.number) {
		n := ev.at(ev.number)
		s.next = max(s.next, n.Count()+1)
	}
	kind := string(name)
	if kind == "" {
		kind = wire.TypeOf(data)
	}
	switch kind {
	case "response.created", "response.in_progress", "response.queued":
		if ev.has(ev.response) && s.echo == nil {
			s.echo = echoed(data[ev.response.From:ev.response.To])
		}
	case "response.output_item.added", "response.output_item.done":
		if ev.has(ev.item) {
			s.item(&ev, kind == "response.output_item.done")
		}
	case "response.content_part.added", "response.reasoning_summary_part.added", "response.reasoning_part.added":
		if p := s.part(&ev, kind != "response.reasoning_summary_part.added"); p != nil {
			p.events = strings.TrimSuffix(kind, ".added")
		}
	case "response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta", "response.reasoning_summary_text.delta":
		if p := s.part(&ev, kind != "response.reasoning_summary_text.delta"); p != nil && ev.n > 0 {
			p.text = append(p.text, ev.text(ev.delta)...)
			p.no = kind == "response.refusal.delta"
		}
	case "response.output_text.done", "response.refusal.done", "response.reasoning_text.done", "response.reasoning_summary_text.done":
		if p := s.part(&ev, kind != "response.reasoning_summary_text.done"); p != nil {
			if p.told = true; ev.has(ev.whole) {
				p.text = []byte(ev.text(ev.whole))
			}
		}
	case "response.content_part.done", "response.reasoning_summary_part.done", "response.reasoning_part.done":
		if p := s.part(&ev, kind != "response.reasoning_summary_part.done"); p != nil && ev.has(ev.part) {
			p.told, p.closed = true, clean(data[ev.part.From:ev.part.To])
		}
	case "response.output_text.annotation.added":
		if p := s.part(&ev, true); p != nil && ev.has(ev.note) {
			p.notes = append(p.notes, clean(data[ev.note.From:ev.note.To]))
		}
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		if it := s.at(ev.output); it != nil {
			it.called = true
		}
	}
}

// clean is a copy that fits a data: line.
func clean(v []byte) []byte {
	v = bytes.Clone(v)
	oneLine(v)
	return v
}

// mostPlaces bounds the indices that are believed.
const mostPlaces = 1 << 12

func (s *shown) at(output int64) *shownItem {
	if output < 0 || output >= mostPlaces {
		return nil
	}
	for int64(len(s.items)) <= output {
		s.items = append(s.items, shownItem{})
	}
	return &s.items[output]
}

func (s *shown) item(ev *event, done bool) {
	it := s.at(ev.output)
	if it == nil {
		return
	}
	is := clean(ev.data[ev.item.From:ev.item.To])
	if it.id == "" {
		it.id = member(is, "id") // some change it on the way; events are of the first
	}
	it.kind = wire.TypeOf(is)
	if done {
		it.done = is
	} else {
		it.added = is
	}
}

func (s *shown) part(ev *event, plain bool) *shownPart {
	it := s.at(ev.output)
	if it == nil || ev.content < 0 || ev.content >= mostPlaces {
		return nil
	}
	for int64(len(it.parts)) <= ev.content {
		it.parts = append(it.parts, shownPart{plain: plain})
	}
	p := &it.parts[ev.content]
	p.begun = true
	return p
}

// echoed are the members of a response object that stay the same to its end, each with
// a comma before it.
func echoed(response []byte) []byte {
	b := raw.Builder{B: []byte(`,"store":false`)}
	from := len(b.B)
	c := raw.On(response)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			break
		}
		switch name, v := string(key), c.Raw(); name {
		case "id", "object", "created_at", "status", "background", "error", "incomplete_details", "model", "output", "usage", "service_tier", "completed_at", "output_text":
		default:
			b.PutRaw(name, v)
		}
	}
	if c.Err() != nil || len(b.B) == from {
		return nil
	}
	oneLine(b.B)
	return b.B[from:]
}
