package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// Writer implements wire.Codec.
func (Codec) Writer(as *wire.Answer) wire.Writer {
	w := &writer{}
	if as != nil {
		w.as = *as
	}
	return w
}

type writer struct {
	as    wire.Answer
	kinds []llm.PartKind // by index; empty: nothing was written for it
	place []int64        // the index that the client sees
	next  int64
	usage llm.Usage
	stop  llm.Event
	head  head // of the last delta
}

// Write implements wire.Writer. The reason to stop waits for the final usage, as
// this format tells both in one event.
func (w *writer) Write(dst []byte, events []llm.Event) []byte {
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
		if w.kind(e.Index) != "" {
			b := begin(dst, "content_block_stop")
			b.PutInt("index", w.place[e.Index])
			dst = finish(&b)
			w.kinds[e.Index] = ""
		}
	case llm.UsageUpdate:
		w.usage = e.Usage
	case llm.Stop:
		w.stop = *e
	case llm.Ping:
		return w.Heartbeat(dst)
	case llm.End:
		return w.end(dst)
	case llm.Failure:
		return append(dst, Codec{}.StreamError(e.Err)...)
	}
	return dst
}

// begin opens an event and the object of its data, in which its type stands.
func begin(dst []byte, name string) raw.Builder {
	b := raw.Builder{B: sse.Begin(dst, name)}
	b.Object()
	b.PutString("type", name)
	return b
}

func finish(b *raw.Builder) []byte {
	b.EndObject()
	return sse.Finish(b.B)
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	b := begin(dst, "message_start")
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
	return finish(&b)
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
	b := begin(dst, "content_block_start")
	b.PutInt("index", w.place[e.Index])
	b.Key("content_block")
	if p.Kind == llm.Opaque {
		from := len(b.B)
		b.Raw(p.Raw)
		oneLine(b.B[from:])
		return finish(&b)
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
		if p.Redacted != "" {
			b.PutString("type", "redacted_thinking")
			b.PutString("data", p.Redacted)
			break
		}
		b.PutString("type", "thinking")
		b.PutString("thinking", p.Text)
		b.PutString("signature", p.Signature)
	default:
		b.PutString("type", "text")
		b.PutString("text", p.Text)
	}
	b.EndObject()
	dst = finish(&b)
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
		return w.put(dst, e.Index, "text_delta", "text", e.Text)
	case llm.ToolCall:
		if e.Text != "" {
			return w.put(dst, e.Index, "input_json_delta", "partial_json", e.Text)
		}
	case llm.Thinking:
		if e.Text != "" {
			dst = w.put(dst, e.Index, "thinking_delta", "thinking", e.Text)
		}
		if e.Signature != "" {
			dst = w.put(dst, e.Index, "signature_delta", "signature", e.Signature)
		}
	}
	return dst
}

// put is a delta with one string. Most are like the last one but for the string.
func (w *writer) put(dst []byte, index int, kind, name, s string) []byte {
	if place := w.place[index]; len(w.head.text) == 0 || w.head.place != place || w.head.kind != kind {
		b := begin(w.head.text[:0], "content_block_delta")
		b.PutInt("index", place)
		b.Key("delta")
		b.Object()
		b.PutString("type", kind)
		b.Key(name)
		w.head = head{b.B, place, kind}
	}
	return sse.Finish(append(raw.AppendString(append(dst, w.head.text...), s), "}}"...))
}

// head is how a delta begins, up to its string; its kind says the string's name.
type head struct {
	text  []byte
	place int64
	kind  string
}

func (w *writer) end(dst []byte) []byte {
	b := begin(dst, "message_delta")
	b.Key("delta")
	b.Object()
	putStop(&b, w.stop.Stop, w.stop.StopDetail)
	b.EndObject()
	putUsage(&b, &w.usage)
	dst = finish(&b)
	return append(dst, madeStop...)
}

// Heartbeat implements wire.Writer: a ping, which is this format's own.
func (w *writer) Heartbeat(dst []byte) []byte {
	b := begin(dst, "ping")
	return finish(&b)
}
