package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/skein-run/skein/internal/llm"
)

// Resumer is a [Writer] that can go on behind frames which another wrote, even the
// upstream of an answer that passed as it came.
type Resumer interface {
	// Resume takes over from frames whose events were written already, with what those
	// frames say beyond the events: numbers of events, places and ids of items, members
	// that are the same in every frame.
	Resume(shown []byte)
}

// Prime makes a writer that goes on with an answer of which the client has got shown:
// whole frames in the codec's format and in as.Framing, in the upstream's dialect d
// where they came from there. It gives the events of what was shown, too. The
// writer's next events are numbered behind those, and have no Start.
func Prime(c Codec, as *Answer, shown []byte, d *Dialect) (Writer, []llm.Event, error) {
	in := Dialect{}
	if d != nil {
		in = *d
	}
	in.Framing = as.Framing
	events, err := shownEvents(c.Frames(bytes.NewReader(shown), &in, FrameOptions{Events: true, Cut: true, Framing: as.Framing}))
	if err != nil {
		return nil, nil, fmt.Errorf("reading what the client was shown of an answer in the format %s: %w", c.Format(), err)
	}
	own := *as
	for i := range events {
		if e := &events[i]; e.Kind == llm.Start {
			if e.ID != "" {
				own.ID = e.ID
			}
			if e.Created != 0 {
				own.Created = e.Created
			}
			break
		}
	}
	w := c.Writer(&own)
	w.Write(nil, events)
	if r, ok := w.(Resumer); ok {
		r.Resume(shown)
	}
	return w, events, nil
}

func shownEvents(s Stream) (events []llm.Event, err error) {
	for {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		events = append(events, f.Events...)
	}
}
