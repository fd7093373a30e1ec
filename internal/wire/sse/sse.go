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
	"errors"
	"io"
	"sync"
)

// MaxEvent is the most bytes that one event may have.
const MaxEvent = 32 << 20

// ErrTooLong is an event of more than the allowed bytes.
var ErrTooLong = errors.New("server-sent event is too long")

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
	r        io.Reader
	buf      []byte
	from, to int // buf[from:to] is read and not yet given
	seen     int // buf[from:seen] has no blank line that begins in it
	max      int
	begun    bool  // the byte order mark, if any, is behind us
	err      error // what reading ended with
	joined   []byte
	pooled   *[]byte
}

const firstSize = 8 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, firstSize); return &b }}

// NewReader reads events of at most max bytes; 0 is MaxEvent.
func NewReader(r io.Reader, max int) *Reader {
	if max <= 0 {
		max = MaxEvent
	}
	p := buffers.Get().(*[]byte)
	return &Reader{r: r, buf: *p, pooled: p, max: max}
}

// Release gives the buffer back; no event may be used after it, and Next is at an
// end.
func (r *Reader) Release() {
	if r.pooled == nil {
		return
	}
	buffers.Put(r.pooled)
	r.pooled, r.buf, r.from, r.to, r.seen = nil, nil, 0, 0, 0
	if r.err == nil {
		r.err = io.EOF
	}
}

// Buffered gives the next event that is there without reading. It keeps earlier
// events valid, except that their joined data lines are overwritten.
func (r *Reader) Buffered() (Event, bool) {
	if !r.begun && !r.mark() {
		return Event{}, false
	}
	end := r.blockEnd()
	if end == 0 {
		if r.err == nil || r.from == r.to {
			return Event{}, false
		}
		ev := r.parse(r.buf[r.from:r.to])
		ev.Cut = true
		r.from, r.seen = r.to, r.to
		return ev, true
	}
	ev := r.parse(r.buf[r.from:end])
	r.from, r.seen = end, end
	return ev, true
}

// mark steps over a byte order mark, once it is clear whether there is one.
func (r *Reader) mark() bool {
	const bom = "\xEF\xBB\xBF"
	have := r.buf[r.from:r.to]
	if len(have) < len(bom) && r.err == nil && string(have) == bom[:len(have)] {
		return false
	}
	if bytes.HasPrefix(have, []byte(bom)) {
		r.from += len(bom)
		r.seen = r.from
	}
	r.begun = true
	return true
}

// Fill reads once, and more where the reader gave nothing. What Buffered gave
// before is no longer valid. At the end it gives the reader's error; events may
// still be buffered then.
func (r *Reader) Fill() error {
	if r.err != nil {
		return r.err
	}
	if r.from > 0 {
		copy(r.buf, r.buf[r.from:r.to])
		r.to -= r.from
		r.seen -= r.from
		r.from = 0
	}
	if r.to == len(r.buf) {
		if len(r.buf) >= r.max {
			r.err = ErrTooLong
			r.to = 0 // what cannot be an event is not given as one
			r.seen = 0
			return r.err
		}
		grown := make([]byte, min(2*len(r.buf), r.max))
		copy(grown, r.buf[:r.to])
		r.buf = grown
	}
	for range 100 {
		n, err := r.r.Read(r.buf[r.to:])
		r.to += n
		if err != nil {
			r.err = err
			if n > 0 {
				return nil
			}
			return err
		}
		if n > 0 {
			return nil
		}
	}
	r.err = io.ErrNoProgress
	return r.err
}

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

// blockEnd is where the block at r.from ends, past its blank line, or 0 where it
// is not yet there. A CR that stands last may be half of a CRLF, so it waits.
func (r *Reader) blockEnd() int {
	i := r.seen
	for i < r.to {
		line := r.buf[i:r.to]
		n := bytes.IndexByte(line, '\n')
		if cr := bytes.IndexByte(line[:max(n, 0)], '\r'); n >= 0 && cr >= 0 {
			n = cr
		} else if n < 0 {
			if n = bytes.IndexByte(line, '\r'); n < 0 {
				return 0
			}
		}
		end := i + n + 1
		if r.buf[end-1] == '\r' {
			if end == r.to && r.err == nil {
				return 0
			}
			if end < r.to && r.buf[end] == '\n' {
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
func (r *Reader) parse(block []byte) Event {
	ev := Event{Raw: block}
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
				return r.parseSlow(ev.Raw)
			}
			line = line[:n]
		}
		lines = r.field(&ev, line, lines)
	}
	return ev
}

// parseSlow is parse for blocks with lone CRs, which nobody sends but the
// specification allows.
func (r *Reader) parseSlow(block []byte) Event {
	ev := Event{Raw: block}
	lines := 0
	rest := block
	for len(rest) > 0 {
		n := bytes.IndexAny(rest, "\r\n")
		if n < 0 {
			n = len(rest)
		}
		lines = r.field(&ev, rest[:n], lines)
		if n+1 < len(rest) && rest[n] == '\r' && rest[n+1] == '\n' {
			n++
		}
		rest = rest[min(n+1, len(rest)):]
	}
	return ev
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
