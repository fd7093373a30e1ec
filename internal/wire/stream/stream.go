// Package stream is what the formats' readers of server-sent event streams share:
// it takes events off the wire, asks the format what each one is, and hands them
// on in frames: as many as came in one read and are of one class. A format is a
// [Scanner], which sees one event at a time.
//
// In scan mode a frame's bytes lie in the read buffer. Only where something must
// be changed or left out are they copied, into one buffer that is used again.
package stream

import (
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// Scanner is one format. It keeps the state of one answer.
type Scanner interface {
	// See looks at the data of one event and says in v what it is. Canonical events
	// are appended to v.Events where they are asked for.
	See(name, data []byte, v *Verdict)
	// AtEnd is asked where the stream ended without a terminal event: why the answer
	// is not whole, or nil where everything else says that it is; then Events and
	// the terminal frame to make up go into v.
	AtEnd(v *Verdict) *llm.Error
	// Unframed classifies a body that is no event stream.
	Unframed(body []byte) *llm.Error
}

// Verdict is what a Scanner says of an event.
type Verdict struct {
	Class  wire.FrameClass
	Bad    bool       // not what the format allows: skipped and counted
	Hide   bool       // not for the client
	Splice raw.Span   // a piece of the data to be replaced, where not empty
	By     []byte     // what by
	Make   []byte     // AtEnd: the terminal frame
	Err    *llm.Error // an error event: the stream is over
	Events []llm.Event
}

// Reader implements wire.Stream.
type Reader struct {
	sse     *sse.Reader
	scanner Scanner
	opts    wire.FrameOptions
	p       *llm.Progress

	v       Verdict
	events  []llm.Event // in a buffer that is used again by other streams
	out     []byte
	pending sse.Event // seen, but of another class than the frame before it
	waits   bool
	pooled  *[]llm.Event
	content bool // content has come
	began   bool
	done    bool
	err     error // what Next gives from now on
}

// New reads a stream with a format's scanner, which counts into p.
func New(r io.Reader, s Scanner, p *llm.Progress, o wire.FrameOptions) *Reader {
	return &Reader{sse: sse.NewReader(r, 0), scanner: s, opts: o, p: p}
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
			ev, ok := r.sse.Buffered()
			if !ok {
				if f.some {
					return r.give(&f)
				}
				r.fill()
				continue
			}
			if !r.see(&ev, &f) {
				continue
			}
			r.pending, r.waits = ev, true
			if r.v.Err != nil {
				r.waits, r.err = false, r.v.Err
				continue
			}
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
	if f.some {
		return r.give(f)
	}
	if r.err == nil {
		r.err = io.EOF
	}
	r.sse.Release()
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

// see asks the format about an event and reports whether there is anything to do.
func (r *Reader) see(ev *sse.Event, f *frame) bool {
	if !r.began && r.unframed(ev) {
		return false
	}
	r.v = Verdict{Events: r.room()}
	if !ev.Has {
		if ev.Raw[0] == '\n' || ev.Raw[0] == '\r' { // a blank line too many goes with its neighbours
			r.v.Class = r.class(f)
		} else {
			r.v.Class = wire.Heart
		}
		return true
	}
	r.began = true
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
		r.done = true
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

// unframed finds a body that is plain JSON or a page instead of an event stream.
func (r *Reader) unframed(ev *sse.Event) bool {
	if ev.Has || ev.Raw[0] != '{' && ev.Raw[0] != '[' && ev.Raw[0] != '<' {
		return false
	}
	body := append([]byte(nil), ev.Raw...)
	for len(body) < 64<<10 {
		more, err := r.sse.Next()
		if err != nil {
			break
		}
		body = append(body, more.Raw...)
	}
	r.err = r.scanner.Unframed(body)
	return true
}

// fill reads on, and at the end decides whether the answer was whole.
func (r *Reader) fill() {
	err := r.sse.Fill()
	if err == nil {
		return
	}
	if ev, ok := r.sse.Buffered(); ok { // the last block, without its blank line
		r.last(&ev)
		if r.waits || r.err != nil {
			return
		}
	}
	r.end(err)
}

func (r *Reader) last(ev *sse.Event) {
	if !r.see(ev, &frame{}) {
		return
	}
	if r.v.Err != nil {
		r.err = r.v.Err
		return
	}
	r.pending, r.waits = *ev, true
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
	r.pending, r.waits = sse.Event{Raw: r.v.Make}, true
	r.keep()
}

// broken is what reading ended with, where the reader did not say it in our words.
func broken(err error) *llm.Error {
	if e := (*llm.Error)(nil); errors.As(err, &e) {
		return e
	}
	if errors.Is(err, sse.ErrTooLong) {
		return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: err.Error()}
	}
	return wire.BrokenStream(err.Error())
}
