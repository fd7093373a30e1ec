package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Writer implements wire.Codec.
func (Codec) Writer(as *wire.Answer) wire.Writer {
	w := &writer{carry: wire.Carrying{NotLast: true}}
	if as != nil {
		w.as = *as
	}
	w.out.Framing = w.as.Framing.Of(llm.Messages)
	return w
}

type writer struct {
	as    wire.Answer
	out   stream.Framer
	carry wire.Carrying  // of state on parts that have no place for it here
	kinds []llm.PartKind // by index; empty: nothing was written for it
	place []int64        // the index that the client sees
	next  int64
	sealed
	usage llm.Usage
	stop  llm.Event
	head  head // of the last delta
	told  bool // why it ends: message_delta was written by another
}

// sealed is state of another maker, which is wrapped once all of it is there.
type sealed struct {
	index int
	part  llm.Part
}

// Write implements wire.Writer. The reason to stop waits for the final usage, as
// this format tells both in one event.
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
		return w.start(dst, e)
	case llm.BlockStart:
		return w.blockStart(dst, e)
	case llm.Delta:
		return w.delta(dst, e)
	case llm.BlockStop:
		return w.blockStop(dst, e.Index)
	case llm.UsageUpdate:
		w.usage = e.Usage
	case llm.Stop:
		w.stop = *e
	case llm.Ping:
		return w.Heartbeat(dst)
	case llm.End:
		return w.end(dst)
	case llm.Failure:
		return failed(dst, e.Err, &w.out)
	}
	return dst
}

// begin opens an event and the object of its data, in which its type stands.
func (w *writer) begin(dst []byte, name string) raw.Builder {
	b := raw.Builder{B: append(w.out.Begin(dst, name), '{')}
	b.PutString("type", name)
	return b
}

func (w *writer) finish(b *raw.Builder) []byte {
	b.EndObject()
	return w.out.Finish(b.B)
}

func (w *writer) blockStop(dst []byte, index int) []byte {
	if w.kind(index) == "" {
		return dst
	}
	if p := &w.part; w.index == index && p.Signature != "" {
		dst = w.put(dst, index, "signature_delta", "signature", wire.WrapState(p, llm.MakerAnthropic))
	}
	w.part = llm.Part{}
	b := w.begin(dst, "content_block_stop")
	b.PutInt("index", w.place[index])
	w.kinds[index] = ""
	return w.finish(&b)
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	b := w.begin(dst, "message_start")
	b.Key("message")
	b.Object()
	b.PutString("id", pick(w.as.ID, e.ID))
	b.PutString("type", "message")
	b.PutString("role", "assistant")
	b.PutString("model", pick(w.as.Model, e.Model))
	b.Key("content")
	b.List()
	b.EndList()
	b.PutNull("stop_reason")
	b.PutNull("stop_sequence")
	putUsage(&b, &w.usage) // what is known by now; message_delta has the final counts
	b.EndObject()
	return w.finish(&b)
}

func (w *writer) kind(index int) llm.PartKind {
	for index >= len(w.kinds) {
		w.kinds, w.place = append(w.kinds, ""), append(w.place, 0)
	}
	return w.kinds[index]
}

func (w *writer) blockStart(dst []byte, e *llm.Event) []byte {
	p := &e.Part
	w.kind(e.Index)
	if p.Kind == llm.Opaque && p.From != llm.Messages || p.Kind == llm.Image || p.Kind == llm.Audio || p.Kind == llm.Document {
		w.kinds[e.Index] = ""
		return dst
	}
	w.kinds[e.Index], w.place[e.Index] = p.Kind, w.next
	w.next++
	b := w.begin(dst, "content_block_start")
	b.PutInt("index", w.place[e.Index])
	b.Key("content_block")
	if p.Kind == llm.Opaque {
		from := len(b.B)
		b.Raw(p.Raw)
		oneLine(b.B[from:])
		return w.finish(&b)
	}
	b.Object()
	switch p.Kind {
	case llm.ToolCall:
		b.PutString("type", "tool_use")
		b.PutString("id", callID(p.ID))
		b.PutString("name", p.Name)
		b.Key("input")
		b.Object()
		b.EndObject()
	case llm.Thinking:
		if p.Redacted != "" && p.Signature == "" {
			b.PutString("type", "redacted_thinking")
			b.PutString("data", wire.WrapState(p, llm.MakerAnthropic))
			break
		}
		b.PutString("type", "thinking")
		b.PutString("thinking", p.Text)
		b.PutString("signature", wire.WrapState(p, llm.MakerAnthropic))
		w.sealed = sealed{e.Index, *p}
		w.part.Text, w.part.Signature = "", ""
	default:
		b.PutString("type", "text")
		b.PutString("text", p.Text)
	}
	b.EndObject()
	dst = w.finish(&b)
	if p.Kind == llm.ToolCall && len(p.Arguments) > 0 && string(p.Arguments) != "{}" {
		dst = w.put(dst, e.Index, "input_json_delta", "partial_json", string(p.Arguments))
	}
	return dst
}

// oneLine makes JSON text fit a data: line; a line break in it is white space.
func oneLine(b []byte) {
	for i := range b {
		if b[i] == '\n' || b[i] == '\r' {
			b[i] = ' '
		}
	}
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	switch w.kind(e.Index) {
	case llm.Text, llm.Refusal:
		if e.Text != "" {
			dst = w.put(dst, e.Index, "text_delta", "text", e.Text)
		}
		if e.Citation != nil {
			dst = w.cite(dst, e.Index, e.Citation)
		}
	case llm.ToolCall:
		if e.Text != "" {
			return w.put(dst, e.Index, "input_json_delta", "partial_json", e.Text)
		}
	case llm.Thinking:
		if e.Text != "" {
			dst = w.put(dst, e.Index, "thinking_delta", "thinking", e.Text)
		}
		switch {
		case e.Signature == "":
		case e.Maker == llm.MakerAnthropic || e.Maker == "":
			dst = w.put(dst, e.Index, "signature_delta", "signature", e.Signature)
		default:
			w.index, w.part.Maker = e.Index, e.Maker
			w.part.Signature += e.Signature
		}
	}
	return dst
}

func (w *writer) cite(dst []byte, index int, c *llm.Citation) []byte {
	if !citable(c, true) {
		return dst
	}
	b := w.begin(dst, "content_block_delta")
	b.PutInt("index", w.place[index])
	b.Key("delta")
	b.Object()
	b.PutString("type", "citations_delta")
	b.Key("citation")
	from := len(b.B)
	putCitation(&b, c)
	oneLine(b.B[from:])
	b.EndObject()
	return w.finish(&b)
}

// put is a delta with one string. Most are like the last one but for the string.
func (w *writer) put(dst []byte, index int, kind, name, s string) []byte {
	if place := w.place[index]; len(w.head.text) == 0 || w.head.place != place || w.head.kind != kind {
		b := raw.Builder{B: w.head.text[:0]}
		b.Object()
		b.PutString("type", "content_block_delta")
		b.PutInt("index", place)
		b.Key("delta")
		b.Object()
		b.PutString("type", kind)
		b.Key(name)
		w.head = head{b.B, place, kind}
	}
	dst = append(w.out.Begin(dst, "content_block_delta"), w.head.text...)
	return w.out.Finish(append(raw.AppendString(dst, s), "}}"...))
}

// head is how a delta begins, up to its string; its kind says the string's name.
type head struct {
	text  []byte
	place int64
	kind  string
}

func (w *writer) end(dst []byte) []byte {
	if !w.told {
		b := w.begin(dst, "message_delta")
		b.Key("delta")
		b.Object()
		putStop(&b, w.stop.Stop, w.stop.StopDetail)
		b.EndObject()
		putUsage(&b, &w.usage)
		dst = w.finish(&b)
	}
	b := w.begin(dst, "message_stop")
	return w.out.End(w.finish(&b))
}

// Heartbeat implements wire.Writer: a ping, which is this format's own.
func (w *writer) Heartbeat(dst []byte) []byte {
	b := w.begin(dst, "ping")
	return w.finish(&b)
}
