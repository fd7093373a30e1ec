package chat

import (
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
			if kind == '[' { // they change what later chunks mean, so they wait until this one is known to be whole
				s.held = append(s.held, *c)
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
	c.Pos()
	at := *c
	if out == nil {
		n = c.TextLen()
	} else if t := c.Text(); t != "" {
		n = len(t)
		out.text(kind, t, v)
	}
	s.counted(kind, n, v)
	s.last.text(at, c.Offset(), kind, n)
}

func (s *scan) counted(kind llm.PartKind, n int, v *stream.Verdict) {
	if n == 0 {
		return
	}
	v.Class = wire.Content
	counter(&s.p, kind, n)
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
