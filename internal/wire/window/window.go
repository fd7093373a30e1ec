// Package window holds the bytes of a stream that were read and not yet taken. The
// readers of the stream framings find their events in it: what [Reader.Take] gives
// lies in the read buffer, nothing is copied, and all of it stays valid until the
// next [Reader.Fill].
package window

import (
	"errors"
	"io"
	"sync"
)

// ErrTooLong is an event that does not fit into the allowed bytes.
var ErrTooLong = errors.New("an event of the stream is too long")

// Reader reads a stream into a buffer that grows with its longest event. Not safe
// for concurrent use.
type Reader struct {
	r        io.Reader
	buf      []byte
	from, to int // buf[from:to] is read and not yet taken
	max      int
	err      error // what reading ended with
	pooled   *[]byte
}

const firstSize = 8 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, firstSize); return &b }}

// New reads r; more than max bytes are never waiting.
func New(r io.Reader, max int) Reader {
	p := buffers.Get().(*[]byte)
	return Reader{r: r, buf: *p, pooled: p, max: max}
}

// Waiting are the bytes that are there.
func (w *Reader) Waiting() []byte { return w.buf[w.from:w.to] }

// Take gives the first n bytes that are waiting. Bytes that are taken one after the
// other lie behind each other: the capacity of a slice reaches to the buffer's end.
func (w *Reader) Take(n int) []byte {
	b := w.buf[w.from : w.from+n]
	w.from += n
	return b
}

// Err is what reading ended with; nil while it may go on.
func (w *Reader) Err() error { return w.err }

// Fail makes reading end with an error of the caller's; what is waiting is dropped.
func (w *Reader) Fail(err error) {
	w.err = err
	w.from, w.to = 0, 0
}

// Fill reads once, and more where the reader gave nothing. What was taken before is
// no longer valid. At the end it gives the reader's error; bytes may still be
// waiting then.
func (w *Reader) Fill() error {
	if w.err != nil {
		return w.err
	}
	if w.from > 0 {
		copy(w.buf, w.buf[w.from:w.to])
		w.to -= w.from
		w.from = 0
	}
	if w.to == len(w.buf) {
		if len(w.buf) >= w.max {
			w.Fail(ErrTooLong) // what cannot be an event is not given as one
			return w.err
		}
		grown := make([]byte, min(2*len(w.buf), w.max))
		copy(grown, w.buf[:w.to])
		w.buf = grown
	}
	for range 100 {
		n, err := w.r.Read(w.buf[w.to:])
		w.to += n
		if err != nil {
			w.err = err
			if n > 0 {
				return nil
			}
			return err
		}
		if n > 0 {
			return nil
		}
	}
	w.err = io.ErrNoProgress
	return w.err
}

// Rest reads on to the end, or to max bytes, without looking for events.
func (w *Reader) Rest(max int) (rest []byte) {
	for {
		n := min(max-len(rest), w.to-w.from)
		rest = append(rest, w.Take(n)...)
		if len(rest) >= max || w.Fill() != nil {
			return rest
		}
	}
}

// Release gives the buffer back; nothing that was taken may be used after it, and
// reading is at an end.
func (w *Reader) Release() {
	if w.pooled == nil {
		return
	}
	buffers.Put(w.pooled)
	w.pooled, w.buf, w.from, w.to = nil, nil, 0, 0
	if w.err == nil {
		w.err = io.EOF
	}
}
