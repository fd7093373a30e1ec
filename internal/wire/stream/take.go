package stream

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// take adds the waiting event to the frame, or says that it does not belong there.
func (r *Reader) take(f *frame) bool {
	if f.some && f.Class != r.v.Class {
		return false
	}
	rawBytes := r.pending.Raw
	spliced := r.v.Splice.To > r.v.Splice.From
	switch {
	case r.v.Hide:
		if len(r.v.Events) > 0 {
			f.some, f.Class = true, r.v.Class
		}
		return true
	case r.pending.kind != made && (r.in != r.framer.Framing || spliced && r.binary()):
		r.copy(f)
		r.out = r.anew(r.out)
		f.Bytes = r.out
	case spliced:
		r.copy(f)
		r.out = splice(r.out, &r.pending.Event, r.v.Splice, r.v.By)
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
	case r.ending: // all of it is one frame
		r.copy(f)
		r.out = append(r.out, rawBytes...)
		f.Bytes = r.out
	default:
		return false
	}
	r.framer.some = true
	f.some, f.Class = true, r.v.Class
	return true
}

func (r *Reader) copy(f *frame) {
	if !f.copied {
		r.out = append(r.out[:0], f.Bytes...)
		f.Bytes = r.out
		f.copied = true
	}
}

// binary reports whether an event's data cannot be changed where it stands, as its
// length and its sum are written elsewhere.
func (r *Reader) binary() bool { return r.in == wire.EventStream || r.in == wire.Chunks }

// anew writes the waiting event, with its splice, as the client reads it.
func (r *Reader) anew(dst []byte) []byte {
	ev, at := &r.pending, r.v.Splice
	if !ev.Has {
		if r.v.Class == wire.Heart && !blank(ev.Raw) {
			dst = r.framer.Comment(dst, "keep-alive")
		}
		return dst
	}
	dst = r.framer.Begin(dst, string(ev.Name))
	from := len(dst)
	if at.To > at.From {
		dst = append(append(append(dst, ev.Data[:at.From]...), r.v.By...), ev.Data[at.To:]...)
	} else {
		dst = append(dst, ev.Data...)
	}
	oneLine(dst[from:])
	return r.framer.finish(dst, r.in != wire.EventStream) // whose data is padded already
}

// blank: a blank line too many, which goes with its neighbours.
func blank(rawBytes []byte) bool { return rawBytes[0] == '\n' || rawBytes[0] == '\r' }

// oneLine makes JSON text fit one line; a line break in it is white space.
func oneLine(b []byte) {
	for i := range b {
		if b[i] == '\n' || b[i] == '\r' {
			b[i] = ' '
		}
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
	oneLine(dst[from:])
	return sse.Finish(dst)
}
