package responses

import (
	"github.com/skein-run/skein/internal/wire/raw"
)

// splices are the places of a response object that its client sees otherwise: the
// model's name, and the ids that the client may come back with.
type splices struct {
	n  int
	at [4]raw.Span // in their order
	by [4]string
}

func (s *splices) add(at raw.Span, by string) {
	if s.n < len(s.at) {
		s.at[s.n], s.by[s.n] = at, by
		s.n++
	}
}

// string notes that the string at the cursor, which is taken, is to be another.
func (s *splices) string(c *raw.Cursor, change func(string) string) {
	from := c.Pos()
	old := c.Text()
	if c.Err() != nil || old == "" {
		return
	}
	if by := change(old); by != old {
		s.add(raw.Span{From: from, To: c.Offset()}, by)
	}
}

// response takes a response object.
func (s *splices) response(c *raw.Cursor, model string, seal func(string) string) {
	s.n = 0
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		kind := c.Kind()
		switch string(key) {
		case "model":
			if kind == '"' && model != "" {
				s.string(c, func(string) string { return model })
				continue
			}
		case "id", "previous_response_id":
			if kind == '"' && seal != nil {
				s.string(c, seal)
				continue
			}
		case "conversation":
			if seal != nil && kind == '"' {
				s.string(c, seal)
				continue
			}
			if seal != nil && kind == '{' {
				for c.Object(); ; {
					key, ok := c.Key()
					if !ok {
						break
					}
					if string(key) == "id" && c.Kind() == '"' {
						s.string(c, seal)
					} else {
						c.Skip()
					}
				}
				continue
			}
		}
		c.Skip()
	}
}

// span is the piece of the text that changes.
func (s *splices) span() raw.Span {
	if s.n == 0 {
		return raw.Span{}
	}
	return raw.Span{From: s.at[0].From, To: s.at[s.n-1].To}
}

// apply appends text[from:to] with the changes to dst.
func (s *splices) apply(dst, text []byte, from, to int) []byte {
	for i := range s.n {
		dst = append(dst, text[from:s.at[i].From]...)
		dst = raw.AppendString(dst, s.by[i])
		from = s.at[i].To
	}
	return append(dst, text[from:to]...)
}
