package chat

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// delta is where the members of a chunk's delta stand. Their order in the text is
// any; they take effect in the order in which a model makes them.
type delta struct {
	content   raw.Cursor
	thinking  raw.Cursor
	details   raw.Cursor
	refusal   raw.Cursor
	toolCalls raw.Cursor
	function  raw.Cursor
	has       uint8
}

const (
	hasContent = 1 << iota
	hasList
	hasThinking
	hasDetails
	hasRefusal
	hasTools
	hasFunction
)

// pass takes a delta where only counters are wanted, for which order is nothing.
func (s *scan) pass(c *raw.Cursor, v *stream.Verdict) {
	thinks := false
	var details raw.Cursor
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		kind := c.Kind()
		switch string(key) {
		case "content":
			if kind == '"' {
				s.text(c, llm.Text, v, nil)
				continue
			} else if kind == '[' {
				s.list(c, v, nil)
				continue
			}
		case "reasoning_content", "reasoning":
			if kind == '"' && !thinks {
				s.text(c, llm.Thinking, v, nil)
				thinks = true
				continue
			}
		case "reasoning_details":
			if kind == '[' {
				details = *c
			}
		case "refusal":
			if kind == '"' {
				s.text(c, llm.Refusal, v, nil)
				continue
			}
		case "tool_calls":
			if kind == '[' {
				s.calls(c, v, nil)
				continue
			}
		case "function_call":
			if kind == '{' {
				s.function(c, v)
				continue
			}
		}
		c.Skip()
	}
	if !thinks && details.Kind() == '[' && c.Err() == nil {
		s.details(&details, true, v, nil)
	}
}

func (s *scan) delta(c *raw.Cursor, d *delta) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		at, kind := *c, c.Kind()
		switch string(key) {
		case "content":
			if kind == '"' {
				d.content, d.has = at, d.has|hasContent
			} else if kind == '[' { // Mistral
				d.content, d.has = at, d.has|hasList
			}
		case "reasoning_content", "reasoning":
			if kind == '"' && d.has&hasThinking == 0 {
				d.thinking, d.has = at, d.has|hasThinking
			}
		case "reasoning_details":
			if kind == '[' {
				d.details, d.has = at, d.has|hasDetails
			}
		case "refusal":
			if kind == '"' {
				d.refusal, d.has = at, d.has|hasRefusal
			}
		case "tool_calls":
			if kind == '[' {
				d.toolCalls, d.has = at, d.has|hasTools
			}
		case "function_call":
			if kind == '{' {
				d.function, d.has = at, d.has|hasFunction
			}
		}
		c.Skip()
	}
}

func (s *scan) apply(d *delta, v *stream.Verdict, out *blocks) {
	if d.has&hasThinking != 0 {
		s.text(&d.thinking, llm.Thinking, v, out)
	}
	if d.has&hasDetails != 0 {
		s.details(&d.details, d.has&hasThinking == 0, v, out)
	}
	if d.has&hasContent != 0 {
		s.text(&d.content, llm.Text, v, out)
	}
	if d.has&hasList != 0 {
		s.list(&d.content, v, out)
	}
	if d.has&hasRefusal != 0 {
		s.text(&d.refusal, llm.Refusal, v, out)
	}
	if d.has&hasTools != 0 {
		s.calls(&d.toolCalls, v, out)
	}
	if d.has&hasFunction != 0 { // of old: counted, but no client of another format can have asked for it
		s.function(&d.function, v)
	}
}

// text takes a piece of text, counts it, and says that content has come.
func (s *scan) text(c *raw.Cursor, kind llm.PartKind, v *stream.Verdict, out *blocks) {
	var n int
	if out == nil {
		n = c.TextLen()
	} else if t := c.Text(); t != "" {
		n = len(t)
		out.text(kind, t, v)
	}
	s.counted(kind, n, v)
}

func (s *scan) counted(kind llm.PartKind, n int, v *stream.Verdict) {
	if n == 0 {
		return
	}
	v.Class = wire.Content
	if kind == llm.Thinking {
		s.p.ThinkingBytes += int64(n)
	} else {
		s.p.TextBytes += int64(n)
	}
}

// list takes Mistral's content: a list of text and thinking parts.
func (s *scan) list(c *raw.Cursor, v *stream.Verdict, out *blocks) {
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
			switch {
			case string(key) == "text" && c.Kind() == '"':
				s.text(c, llm.Text, v, out)
			case string(key) == "thinking":
				t := thinkingText(c)
				if out != nil && t != "" {
					out.text(llm.Thinking, t, v)
				}
				s.counted(llm.Thinking, len(t), v)
			default:
				c.Skip()
			}
		}
	}
}

// details takes reasoning_details: its text only where no other member has it.
func (s *scan) details(c *raw.Cursor, texts bool, v *stream.Verdict, out *blocks) {
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
			switch {
			case texts && c.Kind() == '"' && (string(key) == "text" || string(key) == "summary"):
				s.text(c, llm.Thinking, v, out)
			case string(key) == "signature" && c.Kind() == '"' && out != nil:
				if sig := c.Text(); sig != "" {
					out.signature(sig, v)
				}
			default:
				c.Skip()
			}
		}
	}
}

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
		out.call(at, id, name, s.scratch, v)
	}
}
