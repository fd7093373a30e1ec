package responses

import (
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Writer implements wire.Codec.
func (Codec) Writer(as *wire.Answer) wire.Writer {
	w := &writer{message: -1}
	if as != nil {
		w.as = *as
	}
	w.f.Framing = w.as.Framing.Of(llm.Responses)
	return w
}

type writer struct {
	as    wire.Answer
	f     stream.Framer
	env   envelope
	carry wire.Carrying
	seq   int64
	begun bool

	blocks  []block   // by index
	outs    []outItem // by output index
	message int       // the last of them, where it is a message that is open; else -1
	usage   llm.Usage
	stop    llm.Event
	refusal bool
	head    head   // of the last delta
	owed    []byte // events that end what another's frames left half told
}

// block is a canonical part that is being written.
type block struct {
	kind llm.PartKind // "": nothing is written for it
	out  int          // the item that it is, or is in
	part int          // which part of its content
	text []byte       // so far
	p    llm.Part
	tool tool
	sent int        // custom tools: of the input
	arg  textReader // custom tools: reads the input out of the arguments
	open bool
	told bool // reasoning: its summary was begun

	// Of an item that another began.
	before [][]byte // reasoning: the parts that are complete, as JSON
	plain  bool     // reasoning: it is shown as it is, not summarised
	events string   // reasoning: what the events of the part that is open are called
	ended  bool     // a call: its arguments were told whole
}

// outItem is an item of the answer.
type outItem struct {
	id    string
	kind  string
	head  []byte // message: its members before the content
	parts [][]byte
	live  int    // of its parts, those that are open
	done  []byte // as it is when it is complete
}

// Write implements wire.Writer. The reason to stop waits for the final usage, as
// this format tells both in one event.
func (w *writer) Write(dst []byte, events []llm.Event) []byte {
	events = w.carry.Events(events)
	if w.owed != nil && len(events) > 0 {
		dst, w.owed = append(dst, w.owed...), nil
	}
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
		return w.blockStart(w.started(dst), e)
	case llm.Delta:
		return w.delta(dst, e)
	case llm.BlockStop:
		return w.blockStop(dst, e)
	case llm.UsageUpdate:
		w.usage = e.Usage
	case llm.Stop:
		w.stop = *e
	case llm.Ping:
		return w.Heartbeat(dst)
	case llm.End:
		return w.end(w.started(dst))
	case llm.Failure:
		return w.fail(dst, e.Err)
	}
	return dst
}

// Heartbeat implements wire.Writer: a comment, which clients ignore.
func (w *writer) Heartbeat(dst []byte) []byte { return w.f.Comment(dst, "keep-alive") }

// begin opens an event and the object of its data, in which its type and number
// stand.
func (w *writer) begin(dst []byte, kind string) raw.Builder {
	if w.f.Framing == wire.Native {
		w.f.Framing = wire.SSE
	}
	b := raw.Builder{B: w.f.Begin(dst, kind)}
	b.Object()
	b.PutString("type", kind)
	b.PutInt("sequence_number", w.seq)
	w.seq++
	return b
}

func (w *writer) finish(b *raw.Builder) []byte {
	b.EndObject()
	return w.f.Finish(b.B)
}

// response writes the answer as it is now.
func (w *writer) response(b *raw.Builder, status string, fault func()) {
	usage, incomplete := &llm.Usage{}, ""
	var output func()
	if status != "in_progress" {
		usage = &w.usage
		output = func() {
			for i := range w.outs {
				if w.outs[i].done != nil {
					b.Raw(w.outs[i].done)
				}
			}
		}
	}
	if status == "incomplete" {
		_, incomplete = ended(w.stop.Stop, w.stop.StopDetail, w.refusal)
	}
	w.env.object(b, status, incomplete, usage, fault, output)
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	if w.begun {
		return dst
	}
	w.begun = true
	w.env.begin(&w.as, e.ID, e.Model, e.Created)
	for _, kind := range [...]string{"response.created", "response.in_progress"} {
		b := w.begin(dst, kind)
		b.Key("response")
		w.response(&b, "in_progress", nil)
		dst = w.finish(&b)
	}
	return dst
}

// started makes up the beginning where there was none.
func (w *writer) started(dst []byte) []byte {
	if w.begun {
		return dst
	}
	return w.start(dst, &llm.Event{})
}

func (w *writer) end(dst []byte) []byte {
	for i := range w.blocks {
		if w.blocks[i].open {
			dst = w.blockStop(dst, &llm.Event{Index: i})
		}
	}
	dst = w.closeMessage(dst)
	status, _ := ended(w.stop.Stop, w.stop.StopDetail, w.refusal)
	kind := "response.completed"
	if status == "incomplete" {
		kind = "response.incomplete"
	} else {
		status = "completed"
	}
	b := w.begin(dst, kind)
	b.Key("response")
	w.response(&b, status, nil)
	return w.f.End(w.finish(&b))
}

// head is how an event with one piece of text goes on behind its number, up to the
// text, and how it ends. Most are like the last one.
type head struct {
	kind      string
	out, part int
	before    []byte
	after     string
}

// piece writes an event that brings one piece of text to a part of an item. member
// is the name of the part's index, or "".
func (w *writer) piece(dst []byte, kind, member string, k *block, text, after string) []byte {
	h := &w.head
	if h.kind != kind || h.out != k.out || h.part != k.part {
		b := raw.Builder{B: append(h.before[:0], ' ')}
		b.PutString("item_id", w.outs[k.out].id)
		b.PutInt("output_index", int64(k.out))
		if member != "" {
			b.PutInt(member, int64(k.part))
		}
		b.Key("delta")
		b.B[0] = ','
		*h = head{kind: kind, out: k.out, part: k.part, before: b.B, after: after}
	}
	dst = w.f.Begin(dst, kind)
	dst = append(append(dst, `{"type":"`...), kind...)
	dst = strconv.AppendInt(append(dst, `","sequence_number":`...), w.seq, 10)
	w.seq++
	dst = raw.AppendString(append(dst, h.before...), text)
	return w.f.Finish(append(append(dst, h.after...), '}'))
}
