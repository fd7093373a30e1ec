package chat

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// resumed is what a writer keeps to of chunks that another wrote.
type resumed struct {
	fingerprint, tier []byte // as JSON
	reasoning         string // the member that holds thinking; "" for reasoning_content
	counted           bool   // the answer's last usage was told
}

// again writes the members that every chunk of the answer has.
func (r *resumed) again(b *raw.Builder) {
	if r.tier != nil {
		b.PutRaw("service_tier", r.tier)
	}
	if r.fingerprint != nil {
		b.PutRaw("system_fingerprint", r.fingerprint)
	}
}

// thinking is the member of a delta that holds thinking.
func (r *resumed) thinking() string {
	if r.reasoning != "" {
		return r.reasoning
	}
	return "reasoning_content"
}

// Resume implements wire.Resumer.
func (w *writer) Resume(shown []byte) {
	stopped := false
	names := map[string]bool{}
	stream.Each(shown, w.as.Framing, func(_, data []byte) {
		c := raw.On(data)
		for ok := c.Kind() == '{' && c.Object(); ok; {
			key, more := c.Key()
			if !more {
				return
			}
			switch kind := c.Kind(); {
			case string(key) == "system_fingerprint" && kind == '"':
				w.fingerprint = bytes.Clone(c.Raw())
			case string(key) == "service_tier" && kind == '"':
				w.tier = bytes.Clone(c.Raw())
			case string(key) == "choices" && kind == '[':
				stopped = ends(&c, names) || stopped
			case string(key) == "usage" && kind == '{':
				w.counted = stopped
				c.Skip()
			default:
				c.Skip()
			}
		}
	})
	if names["reasoning"] && !names["reasoning_content"] {
		w.reasoning = "reasoning"
	}
	w.head = nil
}

// ends reads choices: whether one says why it ended, and which members deltas have.
func ends(c *raw.Cursor, names map[string]bool) (stopped bool) {
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch kind := c.Kind(); {
			case string(key) == "finish_reason" && kind == '"':
				stopped = c.TextLen() > 0
			case string(key) == "delta" && kind == '{':
				for c.Object(); ; {
					name, ok := c.Key()
					if !ok {
						break
					}
					if c.Kind() == '"' {
						names[string(name)] = true
					}
					c.Skip()
				}
			default:
				c.Skip()
			}
		}
	}
	return stopped
}
