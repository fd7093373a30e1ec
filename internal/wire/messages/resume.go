package messages

import (
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Resume implements wire.Resumer. Blocks that mean nothing in canonical events were
// numbered as well.
func (w *writer) Resume(shown []byte) {
	last, open := int64(-1), int64(-1)
	stream.Each(shown, w.out.Framing, func(name, data []byte) {
		kind := string(name)
		if kind == "" {
			kind = typeOf(data)
		}
		switch kind {
		case "content_block_start":
			open = indexOf(data)
			last = max(last, open)
		case "content_block_stop":
			open = -1
		case "message_delta":
			w.told = true
		}
	})
	w.next = max(w.next, last+1)
	w.part.Signature = "" // it was written
	if n := len(w.kinds) - 1; n >= 0 && w.kinds[n] != "" && open >= 0 {
		w.place[n] = open
	}
	w.head = head{}
}

// indexOf is which block an event is of.
func indexOf(data []byte) int64 {
	c := raw.On(data)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			break
		}
		if string(key) == "index" {
			return count(&c)
		}
		c.Skip()
	}
	return 0
}
