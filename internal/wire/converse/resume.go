package converse

import (
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Resume implements wire.Resumer. Blocks that mean nothing in canonical events were
// numbered as well.
func (w *writer) Resume(shown []byte) {
	last, open := int64(-1), int64(-1)
	stream.Each(shown, w.f.Framing, func(name, data []byte) {
		switch string(name) {
		case blockStart, blockDelta:
			c := raw.On(data)
			if c.Kind() == '{' {
				index, _, _ := block(&c, "")
				open = int64(index)
				last = max(last, open)
			}
		case blockStop:
			open = -1
		}
	})
	w.next = max(w.next, last+1)
	if n := len(w.blocks) - 1; n >= 0 && w.blocks[n].kind != "" && open >= 0 {
		w.blocks[n].place = open
		w.blocks[n].part.Signature = "" // what came of it was written
	}
	w.head = nil
}
