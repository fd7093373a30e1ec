package stream

import (
	"encoding/base64"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/eventstream"
	"github.com/skein-run/skein/internal/wire/sse"
)

// Framer writes events in one framing. A [wire.Writer] begins an event, appends its
// data, and finishes it; the format's own end of a stream is one more event, and
// End comes last:
//
//	dst = f.Begin(dst, "message_stop")
//	dst = append(dst, `{"type":"message_stop"}`...)
//	dst = f.Finish(dst)
//	dst = f.End(dst)
//
// The data is one JSON value, without line breaks; a raw.Builder may write it. Not safe for concurrent use; one
// for each stream.
type Framer struct {
	Framing wire.Framing // never Native: see wire.Framing.Of
	start   int          // where the event that is being written begins
	from    int          // where its data begins
	some    bool         // JSONArray: an element was written
	data    []byte       // Chunks: what is to be encoded
}

// Begin appends an event up to its data. Chunks and JSONArray have no place for
// a name.
func (f *Framer) Begin(dst []byte, name string) []byte {
	f.start = len(dst)
	switch f.Framing {
	case wire.EventStream:
		dst = append(eventstream.Begin(dst, name), gap)
	case wire.Chunks:
		dst = append(eventstream.Begin(dst, "chunk"), gap)
	case wire.JSONArray:
		dst = f.separate(dst)
	default:
		dst = sse.Begin(dst, name)
	}
	f.from = len(dst)
	return dst
}

// gap stands before the data until it is finished, so that a raw.Builder sees that no
// value comes before its own.
const gap = ' '

func (f *Framer) separate(dst []byte) []byte {
	if f.some {
		return append(dst, ",\r\n"...) // as Google has it
	}
	f.some = true
	return append(dst, '[')
}

// Finish ends the event.
func (f *Framer) Finish(dst []byte) []byte { return f.finish(dst, true) }

// finish is Finish; the data of an EventStream may be padded already.
func (f *Framer) finish(dst []byte, pad bool) []byte {
	switch f.Framing {
	case wire.EventStream:
		copy(dst[f.from-1:], dst[f.from:])
		f.from--
		if dst = dst[:len(dst)-1]; pad {
			dst = f.pad(dst)
		}
		return eventstream.Finish(dst, f.start)
	case wire.Chunks:
		f.data = append(f.data[:0], dst[f.from:]...)
		f.from--
		dst = append(dst[:f.from], `{"bytes":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, f.data), `"}`...)
		return eventstream.Finish(f.pad(dst), f.start)
	case wire.JSONArray:
		return append(dst, "\r\n"...)
	}
	return sse.Finish(dst)
}

// Resume says that something was written before, by another.
func (f *Framer) Resume() { f.some = true }

// Event appends an event whose data is at hand.
func (f *Framer) Event(dst []byte, name string, data []byte) []byte {
	return f.Finish(append(f.Begin(dst, name), data...))
}

// End appends what ends a whole stream, such as the array's bracket.
func (f *Framer) End(dst []byte) []byte {
	if f.Framing != wire.JSONArray {
		return dst
	}
	if !f.some {
		dst = append(dst, '[')
	}
	f.some = false
	return append(dst, ']')
}

// Exception appends what ends a stream as a failure in the AWS framings: SDKs raise
// it as the service's exception of that name. The data is JSON with a message.
func (f *Framer) Exception(dst []byte, name string, data []byte) []byte {
	return eventstream.AppendException(dst, name, data)
}

// Comment appends a sign of life that clients skip. In the AWS framings it is an
// event of a type that no service has: SDKs hand on members of a union that they
// do not know as unknown, or leave them out, so that services can grow. In an array
// it is white space.
func (f *Framer) Comment(dst []byte, text string) []byte {
	switch f.Framing {
	case wire.EventStream, wire.Chunks:
		return eventstream.Append(dst, heartbeat, []byte(`{}`))
	case wire.JSONArray:
		return append(dst, '\n')
	}
	return sse.Comment(dst, text)
}

// heartbeat is the :event-type of a sign of life.
const heartbeat = "heartbeat"

// padding is what Bedrock fills up its events with, in a member p of each, so that
// an encrypted stream does not show how long each token is. Where it takes a random
// length, we fill up to a whole number of blocks: that hides as well, and the same
// answer is the same bytes.
const (
	padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	block   = 64
)

// pad adds the padding to the object that begins at f.from.
func (f *Framer) pad(dst []byte) []byte {
	n := len(dst) - f.from
	if n < 2 || dst[len(dst)-1] != '}' || n > 16*block {
		return dst // no object, or so long that its length says little
	}
	dst = dst[:len(dst)-1]
	if n > len(`{}`) {
		dst = append(dst, ',')
	}
	dst = append(dst, `"p":"`...)
	const closing = len(`"}`)
	if want := block - (len(dst)+closing-f.from)%block; want < block {
		dst = append(dst, padding[:min(want, len(padding))]...)
	}
	return append(dst, `"}`...)
}
