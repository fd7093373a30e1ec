package wiretest

import (
	"errors"
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Drained is everything that a stream gave.
type Drained struct {
	Frames   int
	Classes  []wire.FrameClass // of the frames, in order
	Bytes    []byte
	Events   []llm.Event
	Progress llm.Progress
	Err      error // nil at the proper end
}

// Drain reads a stream to its end.
func Drain(s wire.Stream) (d Drained) {
	for {
		f, err := s.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				d.Err = err
			}
			d.Progress = s.Progress()
			return d
		}
		d.Frames++
		d.Classes = append(d.Classes, f.Class)
		d.Bytes = append(d.Bytes, f.Bytes...)
		d.Events = append(d.Events, f.Events...)
	}
}
