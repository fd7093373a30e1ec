// Package sse reads and writes server-sent events. A [Reader] works on the read
// buffer: an [Event]'s bytes lie in it and nothing is copied, so an event is valid
// until the reader reads on. However the bytes were cut on their way, the events
// are the same.
//
// Lines may end in LF, CR or CRLF; comments and unknown fields belong to the event
// in whose block they stand. See https://html.spec.whatwg.org/multipage/server-sent-events.html,
// with one difference: a last block without its blank line is given, not dropped,
// because vendors end streams so; Event.Cut says that it was.
package sse

import (
	"bytes"
	"io"

	"github.com/skein-run/skein/internal/wire/window"
)

// MaxEvent is the most bytes that one event may have.
const MaxEvent = 32 << 20

// ErrTooLong is an event of more than the allowed bytes.
var ErrTooLong = window.ErrTooLong

// Event is one block of lines.
type Event struct {
	Name []byte // of the last event: line
	Data []byte // of the data: lines, joined by LF
	Raw  []byte // the block with its blank line, as it came
	Has  bool   // there was a data: line; else it is a comment, or nothing
	Cut  bool   // the stream ended before the blank line
}

// Reader finds events in a stream of bytes. Not safe for concurrent use.
type Reader struct {
	w      window.Reader
	seen   int  // so many of the waiting bytes have no blank line that begins in them
	begun  bool // the byte order mark, if any, is behind us
	joined []byte
}

// NewReader reads events of at most max bytes; 0 is MaxEvent.
func NewReader(r io.Reader, max int) *Reader {
	if max <= 0 {
		max = MaxEvent
	}
	return &Reader{w: window.New(r, max)}
}

// Release gives the buffer back; no event may be used after it, and Next is at an
// end.
func (r *Reader) Release() { r.w.Release() }

// Buffered gives the next event that is there without reading. It keeps earlier
// events valid, except that their joined data lines are overwritten.
func (r *Reader) Buffered() (e Event, ok bool) {
	ok = r.Take(&e)
	return e, ok
}

// Take is Buffered into e, which is left as it is where there is no event.
func (r *Reader) Take(e *Event) bool {
	if !r.begun && !r.mark() {
		return false
	}
	have := r.w.Waiting()
	end := r.blockEnd(have)
	cut := end == 0
	if cut {
		if end = len(have); r.w.Err() == nil || end == 0 {
			return false
		}
	}
	r.seen = 0
	r.parse(e, r.w.Take(end))
	e.Cut = cut
	return true
}

// mark steps over a byte order mark, once it is clear whether there is one.
func (r *Reader) mark() bool {
	const bom = "\xEF\xBB\xBF"
	have := r.w.Waiting()
	if len(have) < len(bom) && r.w.Err() == nil && string(have) == bom[:len(have)] {
		return false
	}
	if bytes.HasPrefix(have, []byte(bom)) {
		r.w.Take(len(bom))
	}
	r.begun = true
	return true
}

// Fill reads once, and more where the reader gave nothing. What Buffered gave
// before is no longer valid. At the end it gives the reader's error; events may
// still be buffered then.
func (r *Reader) Fill() error { return r.w.Fill() }

// Rest reads on to the end, or to max bytes, without looking for events.
func (r *Reader) Rest(max int) []byte { return r.w.Rest(max) }

// Next gives the next event, reading as needed. At the end it gives the reader's
// error, io.EOF for a plain end.
func (r *Reader) Next() (Event, error) {
	for {
		if ev, ok := r.Buffered(); ok {
			return ev, nil
		}
		if err := r.Fill(); err != nil {
			if ev, ok := r.Buffered(); ok {
				return ev, nil
			}
			return Event{}, err
		}
	}
}

// blockEnd is where the first block of the waiting bytes ends, past its blank line,
// or 0 where it is not yet there. A CR that stands last may be half of a CRLF, so
// it waits.
func (r *Reader) blockEnd(have []byte) int {
	i := r.seen
	for i < len(have) {
		line := have[i:]
		n := bytes.IndexByte(line, '\n')
		if cr := bytes.IndexByte(line[:max(n, 0)], '\r'); n >= 0 && cr >= 0 {
			n = cr
		} else if n < 0 {
			if n = bytes.IndexByte(line, '\r'); n < 0 {
				return 0
			}
		}
		end := i + n + 1
		if have[end-1] == '\r' {
			if end == len(have) && r.w.Err() == nil {
				return 0
			}
			if end < len(have) && have[end] == '\n' {
				end++
			}
		}
		if n == 0 { // a blank line
			return end
		}
		i = end
		r.seen = i // whole lines need not be looked at again
	}
	return 0
}

// parse reads the lines of one block.
func (r *Reader) parse(ev *Event, block []byte) {
	*ev = Event{Raw: block}
	lines := 0
	for len(block) > 0 {
		line := block
		if n := bytes.IndexByte(block, '\n'); n >= 0 {
			line, block = block[:n], block[n+1:]
		} else {
			block = nil
		}
		if n := bytes.IndexByte(line, '\r'); n >= 0 {
			if n < len(line)-1 { // a lone CR ends a line, too
				r.parseSlow(ev, ev.Raw)
				return
			}
			line = line[:n]
		}
		lines = r.field(ev, line, lines)
	}
}

// parseSlow is parse for blocks with lone CRs, which nobody sends but the
// specification allows.
func (r *Reader) parseSlow(ev *Event, block []byte) {
	*ev = Event{Raw: block}
	lines := 0
	rest := block
	for len(rest) > 0 {
		n := bytes.IndexAny(rest, "\r\n")
		if n < 0 {
			n = len(rest)
		}
		lines = r.field(ev, rest[:n], lines)
		if n+1 < len(rest) && rest[n] == '\r' && rest[n+1] == '\n' {
			n++
		}
		rest = rest[min(n+1, len(rest)):]
	}
}

func (r *Reader) field(ev *Event, line []byte, lines int) int {
	if v, ok := value(line, "data"); ok {
		switch {
		case lines == 0:
			ev.Data, ev.Has = v, true
		case lines == 1:
			r.joined = append(append(append(r.joined[:0], ev.Data...), '\n'), v...)
			ev.Data = r.joined
		default:
			r.joined = append(append(r.joined, '\n'), v...)
			ev.Data = r.joined
		}
		return lines + 1
	}
	if v, ok := value(line, "event"); ok {
		ev.Name = v
	}
	return lines
}

func value(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || string(line[:len(name)]) != name {
		return nil, false
	}
	line = line[len(name):]
	if len(line) == 0 {
		return line, true
	}
	if line[0] != ':' {
		return nil, false
	}
	if line = line[1:]; len(line) > 0 && line[0] == ' ' {
		line = line[1:]
	}
	return line, true
}
