package chat

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// Writer implements wire.Codec.
func (Codec) Writer(as *wire.Answer) wire.Writer {
	w := &writer{legal: callID(&answering)}
	if as != nil {
		w.as = *as
	}
	return w
}

type writer struct {
	as    wire.Answer
	legal func(string) string
	head  []byte // what every chunk begins with, up to its choices
	parts []part // by index
	tools int64
	think int64 // thinking parts begun
	runes int   // of text written
	usage llm.Usage
	resumed
}

type part struct {
	kind  llm.PartKind
	id    string
	tool  int64
	think int64
	from  int // Text: how many runes of the answer's text stand before it
	wrote bool
}

// Write implements wire.Writer.
func (w *writer) Write(dst []byte, events []llm.Event) []byte {
	for i := range events {
		dst = w.write(dst, &events[i])
	}
	return dst
}

func (w *writer) write(dst []byte, e *llm.Event) []byte {
	switch e.Kind {
	case llm.Start:
		w.begin(e)
		return w.chunk(dst, func(b *raw.Builder) {
			b.PutString("role", "assistant")
			b.PutString("content", "")
		})
	case llm.BlockStart:
		return w.start(dst, e)
	case llm.Delta:
		return w.delta(dst, e)
	case llm.BlockStop:
		if p := w.at(e.Index); p.kind == llm.ToolCall && !p.wrote {
			return w.arguments(dst, p, "{}") // no arguments at all: clients parse the joined text
		}
	case llm.UsageUpdate:
		w.usage = e.Usage
	case llm.Stop:
		return w.stop(dst, e)
	case llm.End:
		return w.end(dst)
	case llm.Failure:
		return append(dst, Codec{}.StreamError(e.Err)...)
	}
	return dst
}

func (w *writer) begin(e *llm.Event) {
	w.as.ID, w.as.Model = pick(w.as.ID, e.ID), pick(w.as.Model, e.Model)
	if w.as.Created == 0 {
		w.as.Created = e.Created
	}
}

// open begins a chunk up to its choices.
func (w *writer) open(dst []byte) raw.Builder {
	if w.head == nil {
		var b raw.Builder
		b.Object()
		b.PutString("id", w.as.ID)
		b.PutString("object", "chat.completion.chunk")
		b.PutInt("created", w.as.Created)
		b.PutString("model", w.as.Model)
		w.again(&b)
		b.Key("choices")
		b.List()
		w.head = b.B
	}
	return raw.Builder{B: append(sse.Begin(dst, ""), w.head...)}
}

func (w *writer) chunk(dst []byte, delta func(b *raw.Builder)) []byte {
	b := w.openDelta(dst)
	delta(&b)
	return w.closeDelta(&b)
}

func (w *writer) openDelta(dst []byte) raw.Builder {
	b := w.open(dst)
	b.B = append(b.B, `{"index":0,"delta":{`...)
	return b
}

func (w *writer) closeDelta(b *raw.Builder) []byte {
	return sse.Finish(append(b.B, `},"finish_reason":null}]}`...))
}

// put is a chunk whose delta is one string.
func (w *writer) put(dst []byte, name, s string) []byte {
	b := w.openDelta(dst)
	b.PutString(name, s)
	return w.closeDelta(&b)
}

func (w *writer) at(index int) *part {
	for index >= len(w.parts) {
		w.parts = append(w.parts, part{})
	}
	return &w.parts[index]
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	p := w.at(e.Index)
	*p = part{kind: e.Part.Kind, id: e.Part.ID, from: w.runes}
	switch e.Part.Kind {
	case llm.Text:
		dst = w.text(dst, e.Part.Text)
		dst = w.state(dst, &e.Part)
		for i := range e.Part.Citations {
			dst = w.cite(dst, p, &e.Part.Citations[i])
		}
	case llm.Image:
		return w.chunk(dst, func(b *raw.Builder) {
			enc := encoder{b: *b, r: &llm.Request{From: llm.Chat}, d: &answering}
			enc.b.Key("images")
			enc.b.List()
			enc.part(&e.Part)
			enc.b.EndList()
			b.B = enc.b.B
		})
	case llm.Audio:
		return w.chunk(dst, func(b *raw.Builder) {
			b.Key("audio")
			putSound(b, &e.Part)
		})
	case llm.Refusal:
		if e.Part.Text != "" {
			return w.put(dst, "refusal", e.Part.Text)
		}
	case llm.Thinking:
		p.think = w.think
		w.think++
		if e.Part.Text != "" {
			dst = w.put(dst, w.thinking(), e.Part.Text)
		}
		if e.Part.Redacted != "" || e.Part.Signature != "" {
			state := e.Part
			state.Text = "" // it stands in its own member
			dst = w.detail(dst, p, &state)
		}
	case llm.ToolCall:
		p.tool = w.tools
		w.tools++
		args := ""
		if len(e.Part.Arguments) > 0 && string(e.Part.Arguments) != "{}" {
			args = wire.ArgumentsText(e.Part.Arguments)
			p.wrote = true
		}
		return w.chunk(dst, func(b *raw.Builder) {
			b.Key("tool_calls")
			b.List()
			b.Object()
			b.PutInt("index", p.tool)
			b.PutString("id", w.legal(e.Part.ID))
			b.PutString("type", "function")
			b.Key("function")
			b.Object()
			b.PutString("name", e.Part.Name)
			b.PutString("arguments", args)
			b.EndObject()
			putThoughtSignature(b, &e.Part)
			b.EndObject()
			b.EndList()
		})
	}
	return dst
}

func (w *writer) text(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	w.runes += utf8.RuneCountInString(s)
	return w.put(dst, "content", s)
}

// state writes Google's state of a text.
func (w *writer) state(dst []byte, p *llm.Part) []byte {
	if p.Signature == "" || p.Maker != llm.MakerGoogle {
		return dst
	}
	return w.chunk(dst, func(b *raw.Builder) { putThoughtSignature(b, p) })
}

func (w *writer) cite(dst []byte, p *part, c *llm.Citation) []byte {
	if !citable(c) {
		return dst
	}
	return w.chunk(dst, func(b *raw.Builder) {
		b.Key("annotations")
		b.List()
		putAnnotation(b, c, p.from)
		b.EndList()
	})
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	p := w.at(e.Index)
	switch p.kind {
	case llm.Text:
		dst = w.text(dst, e.Text)
		if e.Citation != nil {
			dst = w.cite(dst, p, e.Citation)
		}
		if e.Signature != "" {
			dst = w.state(dst, &llm.Part{Signature: e.Signature, Maker: e.Maker})
		}
	case llm.Refusal:
		return w.put(dst, "refusal", e.Text)
	case llm.Thinking:
		if e.Text != "" {
			dst = w.put(dst, w.thinking(), e.Text)
		}
		if e.Signature != "" {
			dst = w.detail(dst, p, &llm.Part{Signature: e.Signature, Maker: e.Maker, ID: p.id})
		}
	case llm.ToolCall:
		if e.Signature != "" && e.Maker == llm.MakerGoogle {
			dst = w.callState(dst, p, e)
		}
		if e.Text != "" {
			p.wrote = true
			return w.arguments(dst, p, e.Text)
		}
	}
	return dst
}

func (w *writer) arguments(dst []byte, p *part, args string) []byte {
	b := w.openDelta(dst)
	b.Key("tool_calls")
	b.List()
	b.Object()
	b.PutInt("index", p.tool)
	b.Key("function")
	b.Object()
	b.PutString("arguments", args)
	b.EndObject()
	b.EndObject()
	b.EndList()
	return w.closeDelta(&b)
}

func (w *writer) callState(dst []byte, p *part, e *llm.Event) []byte {
	return w.chunk(dst, func(b *raw.Builder) {
		b.Key("tool_calls")
		b.List()
		b.Object()
		b.PutInt("index", p.tool)
		putThoughtSignature(b, &llm.Part{Signature: e.Signature, Maker: e.Maker})
		b.EndObject()
		b.EndList()
	})
}

func (w *writer) detail(dst []byte, p *part, state *llm.Part) []byte {
	return w.chunk(dst, func(b *raw.Builder) {
		b.Key("reasoning_details")
		b.List()
		putDetail(b, p.think, state)
		b.EndList()
	})
}

func (w *writer) stop(dst []byte, e *llm.Event) []byte {
	b := w.open(dst)
	b.B = append(b.B, `{"index":0,"delta":{},"finish_reason":`...)
	reason := wordOf(e.Stop, e.StopDetail)
	if w.tools > 0 && e.Stop == llm.StopUnstated {
		reason = "tool_calls"
	}
	b.String(reason)
	return sse.Finish(append(b.B, `}]}`...))
}

func (w *writer) end(dst []byte) []byte {
	if w.as.StreamUsage && w.usage.Reported && !w.counted {
		b := w.open(dst)
		b.EndList()
		putUsage(&b, &w.usage)
		b.EndObject()
		dst = sse.Finish(b.B)
	}
	return sse.Append(dst, "", done)
}

// Heartbeat implements wire.Writer: a comment, which clients ignore.
func (w *writer) Heartbeat(dst []byte) []byte { return sse.Comment(dst, "keep-alive") }
