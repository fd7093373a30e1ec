// Package stream is what the formats' readers and writers of streams share: a
// [Reader] takes events off the wire, in whichever framing, asks the format what
// each one is, and hands them on in frames: as many as came in one read and are of
// one class. A format is a [Scanner], which sees one event at a time. A [Framer]
// writes events.
//
// In scan mode a frame's bytes lie in the read buffer. Only where something must
// be changed or left out are they copied, into one buffer that is used again. Where
// the client reads another framing than the upstream writes, each event is written
// anew.
package stream

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/eventstream"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/window"
)

// Scanner is one format. It keeps the state of one answer. Exceptions of an AWS
// event stream end the stream and do not reach it.
type Scanner interface {
	// See looks at the data of one event and says in v what it is. Canonical events
	// are appended to v.Events where they are asked for.
	See(name, data []byte, v *Verdict)
	// AtEnd is asked where the stream ended without a terminal event: why the answer
	// is not whole, or nil where everything else says that it is; then Events and
	// the terminal frame to make up go into v.
	AtEnd(v *Verdict) *llm.Error
	// Unframed classifies a body that is not in its framing.
	Unframed(body []byte) *llm.Error
}

// Verdict is what a Scanner says of an event.
type Verdict struct {
	Class  wire.FrameClass
	Bad    bool     // not what the format allows: skipped and counted
	Hide   bool     // not for the client
	Splice raw.Span // a piece of the data to be replaced, where not empty
	By     []byte   // what by
	Name   string   // AtEnd: of the terminal event to make up, where the framing has names
	Make   []byte   // AtEnd: its data; none is made up where there is none
	// Ends, of a Terminal event: the answer is complete with it, but the stream goes on
	// to its end. What follows belongs to the terminal frame, and AtEnd is asked then.
	Ends   bool
	Err    *llm.Error // an error event: the stream is over
	Events []llm.Event
}

// Reader implements wire.Stream.
type Reader struct {
	src     source
	scanner Scanner
	opts    wire.FrameOptions
	p       *llm.Progress
	in      wire.Framing
	framer  Framer // as the client reads it

	v       Verdict
	events  []llm.Event // in a buffer that is used again by other streams
	out     []byte
	tail    []byte // what stands after the last event
	pending event  // seen, but of another class than the frame before it
	waits   bool
	pooled  *[]llm.Event
	content bool // content has come
	began   bool
	ending  bool // the answer is complete, the stream not yet at its end
	after   int  // bytes that came since
	done    bool
	err     error // what Next gives from now on
}

// New reads a stream that lies in the framing in with a format's scanner, which
// counts into p. Frames are in the framing o.Framing. Native is EventStream beside
// EventStream, which only Converse has, and SSE beside any other.
func New(r io.Reader, s Scanner, p *llm.Progress, in wire.Framing, o wire.FrameOptions) *Reader {
	if in == wire.Native {
		in = wire.SSE
	}
	if o.Framing == wire.Native {
		o.Framing = wire.SSE
		if in == wire.EventStream {
			o.Framing = in
		}
	}
	return &Reader{src: open(r, in), in: in, framer: Framer{Framing: o.Framing}, scanner: s, opts: o, p: p}
}

// Progress implements wire.Stream.
func (r *Reader) Progress() llm.Progress { return *r.p }

// frame is the one that is being put together: Bytes lie in the read buffer, or in
// out once something had to be copied.
type frame struct {
	wire.Frame
	copied bool
	some   bool
}

// Next implements wire.Stream.
func (r *Reader) Next() (wire.Frame, error) {
	var f frame
	r.out = r.out[:0]
	if r.waits { // its events are the last of r.events
		n := copy(r.events, r.events[len(r.events)-len(r.v.Events):])
		r.events = r.events[:n]
	} else {
		r.events = r.events[:0]
	}
	for {
		if !r.waits {
			if r.err != nil || r.done {
				return r.finish(&f)
			}
			if !r.src.next(&r.pending) {
				if f.some {
					if !r.ending {
						return r.give(&f)
					}
					r.copy(&f) // it lies in the read buffer
				}
				r.fill()
				continue
			}
			if !r.see(&f) {
				continue
			}
			if r.v.Err != nil {
				r.err = r.v.Err
				continue
			}
			r.waits = true
			r.keep()
		}
		if !r.take(&f) {
			return r.give(&f)
		}
		r.waits = false
	}
}

// give hands out the frame; events of a waiting one stay back.
func (r *Reader) give(f *frame) (wire.Frame, error) {
	if r.opts.Events {
		n := len(r.events)
		if r.waits {
			n -= len(r.v.Events)
		}
		f.Events = r.events[:n]
	}
	return f.Frame, nil
}

func (r *Reader) finish(f *frame) (wire.Frame, error) {
	if f.some && !(r.ending && r.err != nil) {
		return r.give(f)
	}
	if r.err == nil {
		r.err = io.EOF
	}
	r.src.Release()
	if r.pooled != nil {
		if cap(r.events) <= manyEvents {
			clear(r.events[:cap(r.events)])
			*r.pooled = r.events[:0]
			eventBuffers.Put(r.pooled)
		}
		r.events, r.pooled, r.v.Events = nil, nil, nil
	}
	return wire.Frame{}, r.err
}

// eventBuffers are for canonical events: they are large, and all but a few of a
// stream's come a dozen at a time.
var eventBuffers = sync.Pool{New: func() any { b := make([]llm.Event, 0, 2*fewEvents); return &b }}

const (
	fewEvents  = 8   // more than most events of a format mean in canonical ones
	manyEvents = 256 // more than most reads bring; a larger buffer is not kept
)

// room is where a scanner appends the canonical events of one event: behind those
// that are there, so that they need not be copied.
func (r *Reader) room() []llm.Event {
	if !r.opts.Events {
		return nil
	}
	if r.pooled == nil {
		r.pooled = eventBuffers.Get().(*[]llm.Event)
		r.events = append((*r.pooled)[:0], r.events...)
	}
	if cap(r.events)-len(r.events) < fewEvents {
		r.events = slices.Grow(r.events, max(fewEvents, len(r.events)))
	}
	return r.events[len(r.events):]
}

// junk reports whether bytes behind the end are nothing that a server-sent event, or a
// comment, is made of.
func (r *Reader) junk(ev *event) bool {
	return r.in == wire.SSE && !blank(ev.Raw) && ev.Raw[0] != ':'
}

// keep takes what the scanner appended.
func (r *Reader) keep() {
	if !r.opts.Events {
		return
	}
	n, more := len(r.events), len(r.v.Events)
	if n+more > cap(r.events) { // it did not fit, and is elsewhere
		r.events = append(r.events, r.v.Events...)
		return
	}
	r.events = r.events[:n+more]
}

// see asks the format about the next event and reports whether there is anything to
// do.
func (r *Reader) see(f *frame) bool {
	ev := &r.pending
	if r.ending { // all of it is kept
		if r.after += len(ev.Raw); r.after > mostAfter {
			r.v = Verdict{Err: &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the answer is whole, and its stream goes on and on"}}
			return true
		}
	}
	if ev.kind != usual {
		switch {
		case ev.kind == foreign && !r.began:
			r.unframed(ev)
			return false
		case ev.kind == tail:
			r.tail = bytes.Clone(ev.Raw)
			return false
		}
	}
	r.v = Verdict{Events: r.room()}
	if !ev.Has {
		switch {
		case r.ending && r.junk(ev):
			return false
		case r.ending:
			r.v.Class = wire.Terminal
		case blank(ev.Raw):
			r.v.Class = r.class(f)
		default:
			r.v.Class = wire.Heart
		}
		return true
	}
	r.began = true
	if ev.kind == fails { // in the same words whatever the format
		r.v.Err = wire.AWSException(string(ev.Name), ev.Data)
		return true
	}
	r.scanner.See(ev.Name, ev.Data, &r.v)
	if r.v.Bad {
		r.p.Malformed++
		return false
	}
	r.p.Frames++
	switch r.v.Class {
	case wire.Content:
		r.content = true
	case wire.Prelude:
		if r.content {
			r.v.Class = wire.Content
		}
	case wire.Terminal:
		r.ending = r.ending || r.v.Ends
		r.done = !r.ending
	}
	if r.ending {
		r.v.Class = wire.Terminal
	}
	return true
}

func (r *Reader) class(f *frame) wire.FrameClass {
	if f.some {
		return f.Class
	}
	if r.content {
		return wire.Content
	}
	return wire.Prelude
}

// mostAfter is how much may come behind a complete answer.
const mostAfter = 1 << 20

// mostBody is how much of a body is read that is not in its framing.
const mostBody = 64 << 10

// unframed takes a body that is plain JSON or a page instead of a stream.
func (r *Reader) unframed(ev *event) {
	body := bytes.Clone(ev.Raw[:min(len(ev.Raw), mostBody)])
	body = append(body, r.src.Rest(mostBody-len(body))...)
	r.err = r.scanner.Unframed(body)
}

// fill reads on, and at the end decides whether the answer was whole.
func (r *Reader) fill() {
	err := r.src.Fill()
	if err == nil {
		return
	}
	if r.src.next(&r.pending) { // the last block, without its blank line
		r.last()
		if r.waits || r.err != nil {
			return
		}
	}
	r.end(err)
}

func (r *Reader) last() {
	if !r.see(&frame{}) {
		return
	}
	if r.v.Err != nil {
		r.err = r.v.Err
		return
	}
	r.waits = true
	r.keep()
}

func (r *Reader) end(err error) {
	if !errors.Is(err, io.EOF) {
		r.err = broken(err)
		return
	}
	r.v = Verdict{Events: r.room()}
	if e := r.scanner.AtEnd(&r.v); e != nil {
		r.err = e
		return
	}
	r.done = true
	r.v.Class = wire.Terminal
	r.pending, r.waits = event{kind: made}, true
	r.pending.Raw = r.terminal()
	r.keep()
}

// terminal is what ends the stream: the event that the scanner made up, and what
// closes the framing, as it came where there is such.
func (r *Reader) terminal() (end []byte) {
	if r.v.Make != nil {
		end = r.framer.Event(end, r.v.Name, r.v.Make)
	}
	if r.in == r.framer.Framing && r.tail != nil {
		return append(end, r.tail...)
	}
	return r.framer.End(end)
}

// broken is what reading ended with, where the reader did not say it in our words.
func broken(err error) *llm.Error {
	if e := (*llm.Error)(nil); errors.As(err, &e) {
		return e
	}
	if errors.Is(err, window.ErrTooLong) || errors.Is(err, eventstream.ErrCorrupt) {
		return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: err.Error()}
	}
	return wire.BrokenStream(err.Error())
}
