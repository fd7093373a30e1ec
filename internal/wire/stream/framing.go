package stream

import (
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/sse"
)

// Framer writes events in one framing. A [wire.Writer] begins an event, appends its
// data, and finishes it:
//
//	dst = f.Begin(dst, "message_stop")
//	dst = append(dst, `{"type":"message_stop"}`...)
//	dst = f.Finish(dst)
//
// Not safe for concurrent use; one for each stream.
type Framer struct {
	Framing wire.Framing // never Native
	from    int          // where the data of the event that is being written begins
	some    bool         // JSONArray: an element was written
}

// Begin appends an event up to its data.
func (f *Framer) Begin(dst []byte, name string) []byte {
	dst = sse.Begin(dst, name)
	f.from = len(dst)
	return dst
}

// Finish ends the event.
func (f *Framer) Finish(dst []byte) []byte { return sse.Finish(dst) }

// End appends what ends a whole stream, such as the array's bracket.
func (f *Framer) End(dst []byte) []byte { return dst }

// Comment appends a sign of life that no client takes for an event, where the
// framing has one.
func (f *Framer) Comment(dst []byte, text string) []byte { return sse.Comment(dst, text) }
