package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Resume implements wire.Resumer. Items keep the places and the ids that the client
// knows, and those that are complete stand in the last event as they came.
func (w *writer) Resume(frames []byte) {
	var s shown
	stream.Each(frames, w.f.Framing, s.see)
	w.head = head{}
	if s.next > 0 {
		w.seq = s.next
	}
	if s.echo != nil {
		w.env.echo = s.echo
	}
	w.env.made = max(w.env.made, len(s.items))
	fed := w.outs
	w.outs, w.message = make([]outItem, len(s.items)), -1
	for i := range s.items {
		it := &s.items[i]
		w.outs[i] = outItem{id: it.id, kind: it.kind, done: it.done}
		if it.done == nil && it.kind == "message" {
			w.message = i
			w.outs[i].head = messageHead(it)
		}
	}
	for i := range w.blocks {
		if k := &w.blocks[i]; k.open {
			w.take(k, fed, &s)
		}
	}
	for i := range s.items {
		w.owe(i, &s.items[i])
	}
}

// take gives an open block its place among the items that the client knows.
func (w *writer) take(k *block, fed []outItem, s *shown) {
	at := len(s.items) - 1
	for at > 0 && (s.items[at].done != nil || s.items[at].kind != fed[k.out].kind) {
		at--
	}
	if at < 0 {
		return
	}
	it := &s.items[at]
	last := len(it.parts) - 1
	k.out = at
	switch k.kind {
	case llm.Text, llm.Refusal:
		k.part = max(last, 0)
	case llm.ToolCall:
		k.ended = it.called
	case llm.Thinking:
		k.told, k.text = false, nil
		for i := range it.parts {
			p := &it.parts[i]
			if !p.begun {
				continue
			}
			k.part, k.plain = i, p.plain
			if p.told || p.closed != nil {
				k.before = append(k.before, p.whole(it.kind))
			} else {
				k.told, k.text, k.events = true, p.text, p.events
			}
		}
	}
}

// owe completes the parts whose text was told whole and which were not ended, and
// gives a message's parts to its item.
func (w *writer) owe(out int, it *shownItem) {
	if it.done != nil || it.kind != "message" && it.kind != "reasoning" {
		return
	}
	o := &w.outs[out]
	for i := range it.parts {
		p := &it.parts[i]
		if p.told && p.closed == nil {
			if p.closed = p.whole(it.kind); p.events != "" {
				w.owed = w.partDone(w.owed, p.events, it.id, out, i, p.closed)
			}
		}
		if it.kind == "message" {
			if o.parts = append(o.parts, p.closed); p.closed == nil && p.begun {
				o.live++
			}
		}
	}
}

// partDone ends a part of an item by the event that belongs to the one that began it.
func (w *writer) partDone(dst []byte, events, id string, out, part int, is []byte) []byte {
	place := "content_index"
	if events == summaryPart {
		place = "summary_index"
	}
	b := w.begin(dst, events+".done")
	b.PutString("item_id", id)
	b.PutInt("output_index", int64(out))
	b.PutInt(place, int64(part))
	b.PutRaw("part", is)
	return w.finish(&b)
}

// summaryPart is what the events of a reasoning summary's part are called.
const summaryPart = "response.reasoning_summary_part"

// messageHead is how a message's item begins, up to its status.
func messageHead(it *shownItem) []byte {
	var b raw.Builder
	b.Object()
	b.PutString("id", it.id)
	b.PutString("type", "message")
	b.PutString("role", "assistant")
	c := raw.On(it.added)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			break
		}
		switch name, v := string(key), c.Raw(); name {
		case "id", "type", "role", "status", "content":
		default:
			b.PutRaw(name, v)
		}
	}
	oneLine(b.B)
	return b.B
}

// plainDone ends reasoning that is shown as it is, and its part where one was begun.
func (w *writer) plainDone(dst []byte, k *block, text string) []byte {
	b := w.begin(dst, "response.reasoning_text.done")
	w.where(&b, k)
	b.PutInt("content_index", int64(k.part))
	b.PutString("text", text)
	dst = w.finish(&b)
	if k.events == "" {
		return dst
	}
	var is raw.Builder
	putThought(&is, "reasoning_text", text)
	return w.partDone(dst, k.events, w.outs[k.out].id, k.out, k.part, is.B)
}
