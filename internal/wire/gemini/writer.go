package gemini

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Writer implements wire.Codec.
func (Codec) Writer(as *wire.Answer) wire.Writer {
	w := &writer{}
	if as != nil {
		w.as = *as
	}
	w.f.Framing = w.as.Framing.Of(llm.Gemini)
	w.e = newEncoder(&llm.Request{}, nil)
	w.e.answering = true
	return w
}

type writer struct {
	as     wire.Answer
	f      stream.Framer
	e      *encoder
	open   []open // by index
	parts  int    // that were written, as an unstreamed answer would have them
	usage  llm.Usage
	stop   llm.Event
	ground groundingWriter
	tail   []byte // what every chunk of content ends with
}

// open is a block that is being written.
type open struct {
	part  llm.Part // what it is, and what of it waits for its end
	text  []byte   // of texts, in which sources have places
	args  []byte
	place int
	signs bool // its state is written at its end
}

// Write implements wire.Writer. Texts go out as they come. A call waits for its last
// argument, as this format has it whole; why the answer ended, for its end.
func (w *writer) Write(dst []byte, events []llm.Event) []byte {
	for i := range events {
		dst = w.write(dst, &events[i])
	}
	return dst
}

func (w *writer) write(dst []byte, e *llm.Event) []byte {
	switch e.Kind {
	case llm.Start:
		w.as.ID, w.as.Model = pick(w.as.ID, e.ID), pick(w.as.Model, e.Model)
	case llm.BlockStart:
		return w.start(dst, e)
	case llm.Delta:
		return w.delta(dst, e)
	case llm.BlockStop:
		return w.shut(dst, e.Index)
	case llm.UsageUpdate:
		w.usage = e.Usage
	case llm.Stop:
		w.stop = *e
	case llm.Ping:
		return w.Heartbeat(dst)
	case llm.End:
		return w.end(dst)
	case llm.Failure:
		if w.f.Framing != wire.SSE {
			b := raw.Builder{B: w.f.Begin(dst, "")}
			putError(&b, e.Err)
			return w.f.End(w.f.Finish(b.B))
		}
		return append(dst, Codec{}.StreamError(e.Err)...)
	}
	return dst
}

func (w *writer) at(index int) *open {
	for index >= len(w.open) {
		w.open = append(w.open, open{})
	}
	return &w.open[index]
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	o := w.at(e.Index)
	*o = open{part: e.Part, place: w.parts}
	p := &o.part
	switch p.Kind {
	case llm.Text, llm.Refusal, llm.Thinking:
		o.signs = p.Signature != "" || p.Redacted != ""
		if p.Text != "" {
			return w.said(dst, o, p.Text)
		}
	case llm.ToolCall:
		o.args = append(o.args, p.Arguments...)
	}
	return dst
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	o := w.at(e.Index)
	if e.Citation != nil {
		w.ground.add(e.Citation, string(o.text), o.place)
	}
	if e.Signature != "" {
		o.part.Signature += e.Signature
		o.signs = true
		if e.Maker != "" {
			o.part.Maker = e.Maker
		}
	}
	if e.Text == "" {
		return dst
	}
	switch o.part.Kind {
	case llm.Text, llm.Refusal, llm.Thinking:
		return w.said(dst, o, e.Text)
	case llm.ToolCall:
		o.args = append(o.args, e.Text...)
	}
	return dst
}

// said is a chunk with a piece of text.
func (w *writer) said(dst []byte, o *open, text string) []byte {
	dst = append(w.f.Begin(dst, ""), `{"candidates":[{"content":{"parts":[{"text":`...)
	dst = raw.AppendString(dst, text)
	if o.part.Kind == llm.Thinking {
		dst = append(dst, `,"thought":true`...)
	} else {
		o.text = append(o.text, text...)
	}
	dst = append(append(dst, '}'), w.rest()...)
	return w.finish(dst)
}

// rest is how a chunk goes on behind its part.
func (w *writer) rest() []byte {
	if w.tail == nil {
		b := raw.Builder{B: []byte(`],"role":"model"},"index":0}]`)}
		w.identity(&b)
		w.tail = append(b.B, '}')
	}
	return w.tail
}

func (w *writer) identity(b *raw.Builder) {
	if w.as.Model != "" {
		b.PutString("modelVersion", w.as.Model)
	}
	if w.as.ID != "" {
		b.PutString("responseId", w.as.ID)
	}
}

// finish ends a chunk. Google's lines end with CRLF, and Go's library must not be
// given some of either kind.
func (w *writer) finish(dst []byte) []byte {
	dst = w.f.Finish(dst)
	if w.f.Framing == wire.SSE {
		dst = append(dst[:len(dst)-2], "\r\n\r\n"...)
	}
	return dst
}

// whole is a chunk with one part.
func (w *writer) whole(dst []byte, p *llm.Part) []byte {
	dst = append(w.f.Begin(dst, ""), `{"candidates":[{"content":{"parts":[`...)
	from := len(dst)
	w.e.b.B = dst
	w.e.part(0, w.parts, p)
	dst = w.e.b.B
	for i := from; i < len(dst); i++ { // a line break in JSON text is white space
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return w.finish(append(dst, w.rest()...))
}

func (w *writer) shut(dst []byte, index int) []byte {
	o := w.at(index)
	p := &o.part
	kind := p.Kind
	switch kind {
	case "":
		return dst
	case llm.ToolCall:
		p.Arguments = wire.Arguments(string(o.args))
		dst = w.whole(dst, p)
		w.parts++
	case llm.Text, llm.Refusal, llm.Thinking:
		if o.signs {
			p.Text = ""
			dst = w.whole(dst, p)
		}
		w.parts++
	default:
		if w.e.writable(p) {
			dst = w.whole(dst, p)
			w.parts++
		}
	}
	p.Kind = ""
	return dst
}

func (w *writer) end(dst []byte) []byte {
	b := raw.Builder{B: append(w.f.Begin(dst, ""), `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"}`...)}
	b.PutString("finishReason", wordOf(w.stop.Stop, w.stop.StopDetail))
	b.PutInt("index", 0)
	w.ground.put(&b)
	b.EndObject()
	b.EndList()
	if w.usage.Reported {
		putUsage(&b, &w.usage)
	}
	w.identity(&b)
	b.EndObject()
	return w.f.End(w.finish(b.B))
}

// Heartbeat implements wire.Writer: a blank line, or white space in an array. The
// libraries of Go, Python and JavaScript take a comment for a broken chunk.
func (w *writer) Heartbeat(dst []byte) []byte {
	if w.f.Framing == wire.SSE {
		return append(dst, "\r\n\r\n"...)
	}
	return w.f.Comment(dst, "")
}
