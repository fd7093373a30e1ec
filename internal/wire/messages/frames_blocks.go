package messages

import (
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

func (s *scan) start(c *raw.Cursor, v *stream.Verdict) {
	index := int64(0)
	var block raw.Cursor
	has := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			index = count(c)
			continue
		case "content_block":
			block, has = *c, true
		}
		c.Skip()
	}
	if c.Err() != nil || !has || block.Kind() != '{' {
		return
	}
	s.open++
	kind, texts := "", int64(0)
	at := block
	for at.Object(); ; {
		key, ok := at.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "type":
			kind = string(at.Raw())
		case (string(key) == "text" || string(key) == "thinking") && at.Kind() == '"':
			texts = int64(at.TextLen())
		default:
			at.Skip()
		}
	}
	switch kind {
	case `"text"`:
		s.p.TextBytes += texts
	case `"thinking"`:
		s.p.ThinkingBytes += texts
	case `"tool_use"`, `"server_tool_use"`, `"mcp_tool_use"`:
		s.p.Tools++
		s.p.OpenTool = true
		v.Class = wire.Content
	default:
		v.Class = wire.Content
	}
	if texts > 0 {
		v.Class = wire.Content
	}
	if s.out != nil {
		s.out.start(int(index), &block, v)
	}
}

func (s *scan) delta(c *raw.Cursor, v *stream.Verdict) {
	index := int64(0)
	var d raw.Cursor
	has := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			index = count(c)
		case "delta":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			d, has = *c, true
			if s.out != nil {
				c.Skip()
				continue
			}
			s.count(c, v)
		default:
			c.Skip()
		}
	}
	if s.out == nil || !has || c.Err() != nil {
		return
	}
	at := d
	s.count(&at, v)
	s.out.delta(int(index), &d, v)
}

// count takes a delta and counts what is in it.
func (s *scan) count(c *raw.Cursor, v *stream.Verdict) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		var to *int64
		switch string(key) {
		case "text":
			to = &s.p.TextBytes
		case "thinking":
			to = &s.p.ThinkingBytes
		case "partial_json":
			to = &s.p.ToolBytes
		}
		if to == nil || c.Kind() != '"' {
			if string(key) != "type" {
				s.last.others++
			}
			c.Skip()
			continue
		}
		at := *c
		n := c.TextLen()
		s.last.text(at, c.Offset(), to, n)
		if n > 0 {
			*to += int64(n)
			v.Class = wire.Content
		}
	}
}

func (s *scan) stop(c *raw.Cursor, v *stream.Verdict) {
	index := int64(0)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) == "index" {
			index = count(c)
		} else {
			c.Skip()
		}
	}
	s.open = max(0, s.open-1)
	s.p.OpenTool = false // blocks come one after the other
	if s.out != nil && c.Err() == nil {
		s.out.stop(int(index), v)
	}
}
