package messages

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// content reads a string or a list of blocks, of a turn, of the system text or of
// a tool's result.
func (s *scanner) content() {
	c := &s.c
	switch c.Kind() {
	case '"':
		s.TextBytes += int64(c.TextLen())
	case '[':
		for c.List(); c.More(); {
			s.block()
		}
	case '{': // a server tool's result
		s.TextBytes += int64(len(c.Raw()))
	default:
		if !c.Null() {
			c.Fail(c.Pos(), "want a string or a list of blocks")
		}
	}
}

func (s *scanner) block() {
	c := &s.c
	if c.Kind() == '"' {
		s.TextBytes += int64(c.TextLen())
		return
	}
	document, sized := false, true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			s.Unsized = s.Unsized || document && !sized
			return
		}
		switch string(key) {
		case "type":
			if c.Kind() == '"' {
				document = string(c.Bytes()) == "document"
				continue
			}
		case "text", "thinking", "title", "context":
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
		case "signature", "data": // of thinking, signed or redacted
			if c.Kind() == '"' {
				if state := c.Bytes(); len(state) > 0 {
					s.Bind(wire.MakerOf(state, llm.MakerAnthropic))
					s.Reasoning = true
				}
				continue
			}
		case "input":
			s.TextBytes += int64(len(c.Raw()))
			continue
		case "content":
			s.content()
			continue
		case "source":
			if c.Kind() == '{' {
				s.Media++
				sized = s.source()
				continue
			}
		case "file_id":
			s.bind()
			s.Kept = "file_id"
		}
		c.Skip()
	}
}

// source reads where a medium comes from, and reports whether it is text, whose
// tokens can be told from its bytes.
func (s *scanner) source() (text bool) {
	c := &s.c
	plain, n := false, int64(0)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "data" && c.Kind() == '"':
			n = int64(c.TextLen())
		case string(key) == "type" && c.Kind() == '"':
			plain = string(c.Bytes()) == "text"
		case string(key) == "content":
			text = true
			s.content()
		case string(key) == "file_id":
			s.bind()
			s.Kept = "file_id"
			c.Skip()
		default:
			c.Skip()
		}
	}
	if plain {
		s.TextBytes += n
	} else {
		s.MediaBytes += n / 4 * 3
	}
	return text || plain
}

func (s *scanner) tools() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.List(); c.More(); {
		s.Tools++
		tool := c.Raw()
		s.TextBytes += int64(len(tool))
		if kind := wire.TypeOf(tool); !clients(kind) {
			s.ServerTool = kind
		}
	}
}

// clients reports whether tools of a kind are run by the client, and so cost nothing
// beyond what the model writes.
func clients(kind string) bool {
	if kind == "" || kind == "custom" {
		return true
	}
	for _, name := range [...]string{"bash_", "text_editor_", "computer_", "memory_"} {
		if strings.HasPrefix(kind, name) {
			return true
		}
	}
	return false
}

func (s *scanner) thinking() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "type":
			switch c.Text() {
			case "disabled", "":
				continue
			case "adaptive":
				s.Asks |= wire.AsksAdaptive
			case "enabled":
				s.Asks |= wire.AsksBudget
			}
			s.Reasoning = true
		case "budget_tokens":
			if !s.Spans.ThinkingBudget.Empty() {
				s.bad = wire.BadField("thinking.budget_tokens", "is there twice; send it once")
				return
			}
			from := c.Pos()
			s.ThinkingBudget = c.Int()
			s.Spans.ThinkingBudget = s.span(from)
		default:
			c.Skip()
		}
	}
}

func (s *scanner) outputConfig() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "format" && c.Kind() == '{' {
			s.Schema = true
			s.TextBytes += int64(len(c.Raw()))
			continue
		}
		if string(key) == "effort" && c.Kind() == '"' {
			s.Effort = c.Text()
			continue
		}
		c.Skip()
	}
}

func (s *scanner) bind() {
	s.Bind(llm.MakerAnthropic)
}
