package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

func (s *scan) delta(c *raw.Cursor, v *stream.Verdict) {
	index, at, ok := block(c, "delta")
	if !ok {
		return
	}
	all := at
	for at.Object(); ; {
		key, ok := at.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "text":
			from := at
			if s.count(&at, &s.p.TextBytes) > 0 {
				v.Class = wire.Content
				s.learn(from, index)
			}
		case "reasoningContent":
			s.reasoning(&at, v)
		case "toolUse":
			if at.Kind() != '{' {
				at.Skip()
				continue
			}
			for at.Object(); ; {
				key, ok := at.Key()
				if !ok {
					break
				}
				if string(key) == "input" {
					s.count(&at, &s.p.ToolBytes)
				} else {
					at.Skip()
				}
			}
			v.Class = wire.Content
		default: // a source, a server tool's result, an image
			v.Class = wire.Content
			at.Skip()
		}
	}
	if s.out != nil && at.Err() == nil {
		s.out.delta(index, &all, v)
	}
}

func (s *scan) reasoning(c *raw.Cursor, v *stream.Verdict) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "text" {
			v.Class = wire.Content
			c.Skip()
		} else if s.count(c, &s.p.ThinkingBytes) > 0 {
			v.Class = wire.Content
		}
	}
}

// count takes a piece of text and counts it.
func (s *scan) count(c *raw.Cursor, to *int64) int {
	if c.Kind() != '"' {
		c.Skip()
		return 0
	}
	n := c.TextLen()
	*to += int64(n)
	return n
}

// learn remembers how an event begins that brought a piece of text, which stands at
// the cursor:
//
//	{"contentBlockIndex":0,"delta":{"text":" the"},"p":"abcd"}
//	└─────────────── alike ────────────────┘
func (s *scan) learn(at raw.Cursor, index int) {
	s.alike = append(s.alike[:0], at.All()[:at.Pos()+1]...)
	s.at, s.index = at.Over(nil), index
}

// again takes an event that begins like the last one, has another text, and nothing
// behind it but padding.
func (s *scan) again(data []byte, v *stream.Verdict) bool {
	if len(s.alike) == 0 || len(data) < len(s.alike) || string(data[:len(s.alike)]) != string(s.alike) {
		return false
	}
	c := s.at.Over(data)
	var text string
	var n int
	if s.out == nil {
		n = c.TextLen()
	} else {
		text = c.Text()
		n = len(text)
	}
	if c.Err() != nil || n == 0 || !padded(data[c.Offset():]) || s.out != nil && s.out.kind(s.index) != llm.Text {
		return false
	}
	v.Class = wire.Content
	s.p.TextBytes += int64(n)
	if s.out != nil {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: s.index, Text: text})
	}
	return true
}

// padded reports whether an event ends so: },"p":"abcd"}, or without the padding.
func padded(rest []byte) bool {
	const before, after = `},"p":"`, `"}`
	if string(rest) == "}}" {
		return true
	}
	if len(rest) < len(before)+len(after) || string(rest[:len(before)]) != before || string(rest[len(rest)-len(after):]) != after {
		return false
	}
	for _, ch := range rest[len(before) : len(rest)-len(after)] {
		if ch == '"' || ch == '\\' || ch < ' ' || ch >= 0x80 {
			return false
		}
	}
	return true
}
