package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Writer implements wire.Codec. Events are padded as the service's own are, see
// [stream.Framer]: a stream that shows the length of each token shows much of the
// answer to whoever sees the encrypted bytes.
func (Codec) Writer(as *wire.Answer) wire.Writer {
	w := &writer{}
	w.f.Framing = wire.EventStream
	if as != nil {
		w.f.Framing = as.Framing.Of(llm.Converse)
	}
	return w
}

type writer struct {
	f      stream.Framer
	blocks []written
	next   int64
	usage  llm.Usage
	called bool // there was a tool call
	ended  bool // messageStop is written
	carry  wire.Carrying
	head   []byte // how the last delta of text began
	headAt int64
}

// written is what the client has been told of a block.
type written struct {
	kind  llm.PartKind
	place int64 // its index there; -1 until something is told
	args  bool  // something of its arguments
	part  llm.Part
}

// Write implements wire.Writer. Text and thinking begin with their first delta here,
// so that a block with nothing in it is none.
func (w *writer) Write(dst []byte, events []llm.Event) []byte {
	events = w.carry.Events(events)
	for i := range events {
		dst = w.write(dst, &events[i])
	}
	return dst
}

func (w *writer) write(dst []byte, e *llm.Event) []byte {
	switch e.Kind {
	case llm.Start:
		return w.f.Event(dst, messageStart, []byte(`{"role":"assistant"}`))
	case llm.BlockStart:
		return w.start(dst, e)
	case llm.Delta:
		return w.delta(dst, e)
	case llm.BlockStop:
		return w.stop(dst, e)
	case llm.UsageUpdate:
		w.usage = e.Usage
	case llm.Stop:
		return w.message(dst, e)
	case llm.Ping:
		return w.Heartbeat(dst)
	case llm.End:
		return w.end(dst)
	case llm.Failure:
		return append(dst, Codec{}.StreamError(e.Err)...)
	}
	return dst
}

// begin opens an event and the object of its data.
func (w *writer) begin(dst []byte, name string) raw.Builder {
	b := raw.Builder{B: w.f.Begin(dst, name)}
	b.Object()
	return b
}

func (w *writer) finish(b *raw.Builder) []byte {
	b.EndObject()
	return w.f.Finish(b.B)
}

func (w *writer) at(index int) *written {
	for index >= len(w.blocks) {
		w.blocks = append(w.blocks, written{})
	}
	return &w.blocks[index]
}

// place is a block's index at the client, given when something is told of it.
func (w *writer) place(k *written) int64 {
	if k.place < 0 {
		k.place = w.next
		w.next++
	}
	return k.place
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	k, p := w.at(e.Index), &e.Part
	*k = written{kind: p.Kind, place: -1}
	switch p.Kind {
	case llm.Text, llm.Refusal:
		if p.Text != "" {
			dst = w.text(dst, k, p.Text)
		}
		for i := range p.Citations {
			dst = w.cite(dst, k, &p.Citations[i])
		}
	case llm.Thinking:
		k.part = llm.Part{Kind: llm.Thinking, ID: p.ID, Name: p.Name}
		switch {
		case p.Redacted != "":
			dst = w.put(dst, k, "reasoningContent", "redactedContent", redact(p))
		default:
			if p.Text != "" {
				dst = w.put(dst, k, "reasoningContent", "text", p.Text)
			}
			dst = w.sign(dst, k, p.Signature, p.Maker)
		}
	case llm.ToolCall:
		w.called = true
		b := w.begin(dst, blockStart)
		b.PutInt("contentBlockIndex", w.place(k))
		b.Key("start")
		b.Object()
		b.Key("toolUse")
		b.Object()
		b.PutString("toolUseId", callID(p.ID))
		b.PutString("name", p.Name)
		b.Extras(p.Extra, format, "toolUse.")
		b.EndObject()
		b.EndObject()
		dst = w.finish(&b)
		if len(p.Arguments) > 0 && string(p.Arguments) != "{}" {
			dst = w.input(dst, k, wire.ArgumentsText(p.Arguments))
		}
	case llm.Image:
		return w.image(dst, k, p)
	case llm.Opaque:
		return w.opaque(dst, k, p)
	}
	return dst
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	k := w.at(e.Index)
	switch k.kind {
	case llm.Text, llm.Refusal:
		if e.Text != "" {
			dst = w.text(dst, k, e.Text)
		}
		if e.Citation != nil {
			dst = w.cite(dst, k, e.Citation)
		}
	case llm.Thinking:
		if e.Text != "" {
			dst = w.put(dst, k, "reasoningContent", "text", e.Text)
		}
		dst = w.sign(dst, k, e.Signature, e.Maker)
	case llm.ToolCall:
		if e.Text != "" {
			dst = w.input(dst, k, e.Text)
		}
	}
	return dst
}

func (w *writer) stop(dst []byte, e *llm.Event) []byte {
	k := w.at(e.Index)
	if k.kind == llm.ToolCall && !k.args {
		dst = w.input(dst, k, "{}") // clients read what came as JSON
	}
	if k.kind != "" && k.place >= 0 {
		if k.part.Signature != "" {
			dst = w.put(dst, k, "reasoningContent", "signature", wire.WrapState(&k.part, llm.MakerAnthropic))
		}
		b := w.begin(dst, blockStop)
		b.PutInt("contentBlockIndex", k.place)
		dst = w.finish(&b)
	}
	*k = written{}
	return dst
}

// sign keeps the state of thinking until the block ends: it goes out in one piece.
func (w *writer) sign(dst []byte, k *written, signature string, maker llm.Maker) []byte {
	if signature == "" {
		return dst
	}
	w.place(k)
	k.part.Signature += signature
	if maker != "" {
		k.part.Maker = maker
	}
	return dst
}

func (w *writer) message(dst []byte, e *llm.Event) []byte {
	w.ended = true
	b := w.begin(dst, messageStop)
	b.PutString("stopReason", wordOf(e.Stop, e.StopDetail, w.called))
	return w.finish(&b)
}

func (w *writer) end(dst []byte) []byte {
	if !w.ended {
		dst = w.message(dst, &llm.Event{})
	}
	b := w.begin(dst, metadata)
	putUsage(&b, &w.usage)
	b.PutRaw("metrics", noLatency)
	return w.f.End(w.finish(&b))
}

// Heartbeat implements wire.Writer: an event of a type that the SDKs skip.
func (w *writer) Heartbeat(dst []byte) []byte { return w.f.Comment(dst, "keep-alive") }
