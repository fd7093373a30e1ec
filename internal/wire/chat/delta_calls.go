package chat

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

func (s *scan) function(c *raw.Cursor, v *stream.Verdict) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "name" && c.Kind() == '"':
			if c.TextLen() > 0 {
				s.p.Tools++
				s.p.OpenTool = true
				v.Class = wire.Content
			}
		case string(key) == "arguments" && c.Kind() == '"':
			s.p.ToolBytes += int64(c.TextLen())
			v.Class = wire.Content
		default:
			c.Skip()
		}
	}
}

// toolTrack tells the tool calls of a stream apart.
type toolTrack struct{ calls []track }

type track struct {
	index   int64
	id      []byte
	balance raw.Balance
}

// find is the place of the call that a delta belongs to, or a new one. Vendors
// leave the index out, or give several whole calls the same; then the id decides.
func (t *toolTrack) find(index int64, id []byte) (at int, isNew bool) {
	for i := len(t.calls) - 1; i >= 0; i-- {
		k := &t.calls[i]
		if index >= 0 && k.index != index {
			continue
		}
		if len(id) > 0 && len(k.id) > 0 && !bytes.Equal(id, k.id) {
			continue
		}
		if index < 0 && len(id) > 0 && len(k.id) == 0 {
			continue
		}
		return i, false
	}
	t.calls = append(t.calls, track{index: index, id: bytes.Clone(id)})
	return len(t.calls) - 1, true
}

func (s *scan) calls(c *raw.Cursor, v *stream.Verdict, out *blocks) {
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		s.call(c, v, out)
	}
}

func (s *scan) call(c *raw.Cursor, v *stream.Verdict, out *blocks) {
	index := int64(-1)
	var id, name []byte
	state := ""
	s.scratch = s.scratch[:0]
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			if c.Kind() == '0' {
				index = count(c)
			} else {
				c.Skip()
			}
		case "id":
			id = s.field(c)
		case "extra_content":
			if out == nil {
				c.Skip()
				continue
			}
			state = thoughtSignature(c)
		case "function":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				switch {
				case string(key) == "name":
					name = s.field(c)
				case string(key) == "arguments" && c.Kind() == '"':
					s.scratch = c.AppendText(s.scratch)
				case string(key) == "arguments" && c.Kind() == '{': // some local servers
					s.scratch = append(s.scratch, c.Raw()...)
				default:
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
	if c.Err() != nil {
		return
	}
	at, isNew := s.tools.find(index, id)
	k := &s.tools.calls[at]
	k.balance.Feed(s.scratch)
	if isNew {
		s.p.Tools++
	}
	s.p.ToolBytes += int64(len(s.scratch))
	s.p.OpenTool = !k.balance.Complete()
	v.Class = wire.Content
	if out != nil {
		out.call(at, id, name, s.scratch, state, v)
	}
}
