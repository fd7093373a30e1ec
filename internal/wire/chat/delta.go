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
	state     raw.Cursor
	sources   raw.Cursor
	images    raw.Cursor
	has       uint16
}

const (
	hasContent = 1 << iota
	hasList
	hasThinking
	hasDetails
	hasRefusal
	hasTools
	hasFunction
	hasState
	hasSources
	hasImages
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
		case "audio":
			if kind == '{' {
				s.sound(c, v)
				continue
			}
		case "images":
			if kind == '[' {
				s.pictures(c, v, nil)
				continue
			}
		}
		c.Skip()
	}
	if !thinks && details.Kind() == '[' && c.Err() == nil {
		s.details(&details, true, v, nil)
	}
}

func (s *scan) delta(c *raw.Cursor, d *delta, v *stream.Verdict) {
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
		case "extra_content":
			if kind == '{' {
				d.state, d.has = at, d.has|hasState
			}
		case "annotations":
			if kind == '[' {
				d.sources, d.has = at, d.has|hasSources
			}
		case "images":
			if kind == '[' {
				d.images, d.has = at, d.has|hasImages
			}
		case "audio":
			if kind == '{' {
				s.sound(c, v)
				continue
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
	if d.has&hasSources != 0 && out != nil {
		out.cite(annotations(&d.sources), v)
	}
	if d.has&hasState != 0 && out != nil {
		out.next(thoughtSignature(&d.state), v)
	}
	if d.has&hasImages != 0 {
		s.pictures(&d.images, v, out)
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
		var e detail
		format := ""
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			k := string(key)
			switch {
			case c.Kind() != '"':
				c.Skip()
			case texts && (k == "text" || k == "summary"):
				s.text(c, llm.Thinking, v, out)
			case out == nil:
				c.Skip()
			case k == "signature":
				e.signature = c.Text()
			case k == "data":
				e.data = c.Text()
			case k == "id":
				e.id = c.Text()
			case k == "format":
				format = c.Text()
			default:
				c.Skip()
			}
		}
		if e.state() && c.Err() == nil {
			e.maker = detailMaker(format)
			out.state(&e, v)
		}
	}
}

// sound counts what is said in sound; the canonical answer has no place for pieces
// of it.
func (s *scan) sound(c *raw.Cursor, v *stream.Verdict) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "transcript" && c.Kind() == '"':
			s.counted(llm.Text, c.TextLen(), v)
		case string(key) == "data" && c.Kind() == '"':
			if c.TextLen() > 0 {
				v.Class = wire.Content
			}
		default:
			c.Skip()
		}
	}
}

// pictures takes images, which come whole.
func (s *scan) pictures(c *raw.Cursor, v *stream.Verdict, out *blocks) {
	for c.List(); c.More(); {
		v.Class = wire.Content
		if out == nil || c.Kind() != '{' {
			c.Skip()
			continue
		}
		d := decoder{c: *c}
		p := d.part()
		c.Skip()
		if p.Kind == llm.Image && c.Err() == nil {
			p.Extra = nil
			out.whole(p, v)
		}
	}
}
