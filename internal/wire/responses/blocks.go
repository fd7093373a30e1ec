package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// blocks turns items into canonical parts. An item that only this format knows is
// handed on whole, when it is complete.
type blocks struct {
	d       *wire.Dialect
	next    int
	started bool
	calls   bool
	refused bool
	state   llm.Part // a carrier, whose state is of the block that comes next
}

// start says that the answer begins, with what its first event tells of it.
func (b *blocks) start(s *answer, v *stream.Verdict) {
	if b.started {
		return
	}
	b.started = true
	e := llm.Event{Kind: llm.Start}
	if s.ev.has(s.ev.response) {
		c := s.ev.at(s.ev.response)
		for ok := c.Kind() == '{' && c.Object(); ok; {
			key, more := c.Key()
			if !more {
				break
			}
			switch string(key) {
			case "id":
				e.ID = c.TextIf()
			case "model":
				e.Model = c.TextIf()
			case "created_at":
				e.Created = seconds(c)
				c.Skip()
			default:
				c.Skip()
			}
		}
	}
	v.Events = append(v.Events, e)
}

// open begins a block. One that can have state gets what was carried before it.
func (b *blocks) open(it *item, p llm.Part, v *stream.Verdict) {
	if b.state.Signature != "" {
		if p.Kind == llm.Text || p.Kind == llm.ToolCall {
			p.Signature, p.Maker = b.state.Signature, b.state.Maker
			b.state = llm.Part{}
		} else {
			b.alone(v)
		}
	}
	it.block, it.begun = b.next, true
	b.next++
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: it.block, Part: p})
}

func (b *blocks) close(it *item, v *stream.Verdict) {
	if it.begun {
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStop, Index: it.block, Part: llm.Part{Extra: it.late}})
		it.begun, it.late = false, nil
	}
}

// alone hands on state that was carried before nothing that could have it.
func (b *blocks) alone(v *stream.Verdict) {
	if b.state.Signature == "" {
		return
	}
	p := llm.Part{Kind: llm.Text, Signature: b.state.Signature, Maker: b.state.Maker}
	b.state = llm.Part{}
	it := item{}
	b.open(&it, p, v)
	b.close(&it, v)
}

// added begins an item: a call at once, a message and reasoning with their first
// text, anything else when it is complete.
func (b *blocks) added(s *answer, it *item, is []byte, v *stream.Verdict) {
	switch it.kind {
	case functionCall, customCall:
		if parts := s.decode(is); len(parts) == 1 && parts[0].Kind == llm.ToolCall {
			p := parts[0]
			p.Arguments = nil // they come as deltas
			p.Extra = settled(p.Extra, "arguments")
			b.calls = true
			b.open(it, p, v)
		}
	case "reasoning":
		it.id = member(is, "id")
	case "message":
		it.extra = itemExtra(is)
	}
}

// settled are the extras of an item that began, as they are when it is complete.
func settled(extra []llm.Extra, without string) (out []llm.Extra) {
	for _, x := range extra {
		switch {
		case x.Path == without:
			continue
		case x.Path == "status", x.Path == ofItem+"status":
			x.Value = []byte(`"completed"`)
		}
		out = append(out, x)
	}
	return out
}

// itemExtra are the members of a message item, for its first part.
func itemExtra(is []byte) []llm.Extra {
	extra := keep(nil, ofItem+"role", quoted("assistant"))
	c := raw.On(is)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			break
		}
		if k := string(key); k == "role" || k == "content" {
			c.Skip()
			continue
		}
		extra = raw.Keep(extra, llm.Responses, ofItem, key, &c)
	}
	return settled(extra, "")
}

// part begins a part of a message's content.
func (b *blocks) part(s *answer, it *item, v *stream.Verdict) {
	if it.kind != "message" && it.kind != "" || !s.ev.has(s.ev.part) {
		return
	}
	switch wire.TypeOf(s.ev.data[s.ev.part.From:s.ev.part.To]) {
	case "output_text":
		b.content(s, it, llm.Text, v)
	case "refusal":
		b.content(s, it, llm.Refusal, v)
	}
}

func (b *blocks) content(s *answer, it *item, kind llm.PartKind, v *stream.Verdict) {
	if it.begun && it.inPart == s.ev.content {
		return
	}
	b.close(it, v)
	b.refused = b.refused || kind == llm.Refusal
	it.inPart = s.ev.content
	p := llm.Part{Kind: kind, Extra: it.extra}
	it.extra, it.told = nil, false
	b.open(it, p, v)
}

// partDone keeps the probabilities that a part's end tells.
func (b *blocks) partDone(s *answer, it *item) {
	if !s.ev.has(s.ev.part) || !it.begun || it.kind != "message" {
		return
	}
	it.told = it.told || it.inPart == s.ev.content
	c := s.ev.at(s.ev.part)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		if string(key) != "logprobs" {
			c.Skip()
			continue
		}
		it.late = keep(it.late, "logprobs", c.Raw())
	}
}

func (b *blocks) text(s *answer, it *item, kind llm.PartKind, text string, v *stream.Verdict) {
	switch kind {
	case llm.Text, llm.Refusal:
		b.content(s, it, kind, v)
	case llm.Thinking:
		if !it.begun {
			b.open(it, llm.Part{Kind: llm.Thinking, ID: it.id}, v)
		}
		switch {
		case it.streamed > int64(len(text)) && it.inPart != s.ev.content:
			text = "\n\n" + text
		}
		it.inPart = s.ev.content
	case llm.ToolCall:
		if !it.begun { // nobody can tell whose they are
			return
		}
		if it.kind == customCall {
			text = escaped(text)
			if !it.raw {
				it.raw = true
				text = `{"` + textInput + `":"` + text
			}
		}
	}
	v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Text: text})
}

// escaped is a text as it stands inside a JSON string.
func escaped(s string) string {
	q := raw.AppendString(nil, s)
	return string(q[1 : len(q)-1])
}

func (b *blocks) annotation(s *answer, it *item, v *stream.Verdict) {
	b.content(s, it, llm.Text, v)
	c := s.ev.at(s.ev.note)
	note := citation(&c)
	v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Citation: &note})
}
