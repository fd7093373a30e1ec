package stream

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire"
)

// Each calls see with the events of frames that are at hand, in their order. What it
// is given is valid until it returns.
func Each(frames []byte, in wire.Framing, see func(name, data []byte)) {
	if in == wire.Native {
		in = wire.SSE
	}
	src := open(bytes.NewReader(frames), in)
	defer src.Release()
	var e event
	for more := true; more; {
		for src.next(&e) {
			if e.Has && e.kind == usual {
				see(e.Name, e.Data)
			}
		}
		more = src.Fill() == nil
	}
	for src.next(&e) { // the last, without its blank line
		if e.Has && e.kind == usual {
			see(e.Name, e.Data)
		}
	}
}
