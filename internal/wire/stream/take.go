package stream

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// take adds the waiting event to the frame, or says that it does not belong there.
func (r *Reader) take(f *frame) bool {
	if f.some && f.Class != r.v.Class {
		return false
	}
	rawBytes := r.pending.Raw
	switch {
	case r.v.Hide:
		if len(r.v.Events) > 0 {
			f.some, f.Class = true, r.v.Class
		}
		return true
	case r.v.Splice.To > r.v.Splice.From:
		r.copy(f)
		r.out = splice(r.out, &r.pending, r.v.Splice, r.v.By)
		f.Bytes = r.out
	case r.pending.Cut: // a client would wait for the blank line
		r.copy(f)
		r.out = append(r.out, bytes.TrimRight(rawBytes, "\r\n")...)
		r.out = sse.Finish(r.out)
		f.Bytes = r.out
	case f.copied:
		r.out = append(r.out, rawBytes...)
		f.Bytes = r.out
	case len(f.Bytes) == 0:
		f.Bytes = rawBytes
	case cap(f.Bytes)-len(f.Bytes) == cap(rawBytes): // it follows in the read buffer
		f.Bytes = f.Bytes[:len(f.Bytes)+len(rawBytes)]
	default:
		return false
	}
	f.some, f.Class = true, r.v.Class
	return true
}

func (r *Reader) copy(f *frame) {
	if !f.copied {
		r.out = append(r.out[:0], f.Bytes...)
		f.copied = true
	}
}

// splice appends an event with a piece of its data replaced. Where the data is one
// line it lies in the raw bytes; joined lines are written as one, in which a line
// break can only be white space.
func splice(dst []byte, ev *sse.Event, at raw.Span, by []byte) []byte {
	if off := cap(ev.Raw) - cap(ev.Data); off >= 0 && off+len(ev.Data) <= len(ev.Raw) && len(ev.Data) > 0 && &ev.Raw[off] == &ev.Data[0] {
		dst = append(append(dst, ev.Raw[:off+at.From]...), by...)
		return append(dst, ev.Raw[off+at.To:]...)
	}
	dst = sse.Begin(dst, string(ev.Name))
	from := len(dst)
	dst = append(append(append(dst, ev.Data[:at.From]...), by...), ev.Data[at.To:]...)
	for i := from; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return sse.Finish(dst)
}
