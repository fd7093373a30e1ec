package messages

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// acted are the top-level members that routing, budgets or edits act on: a second
// one, or one in another case, could mean one thing to us and another upstream.
var acted = [...]string{"model", "stream", "max_tokens", "messages", "system", "tools", "thinking", "output_config", "output_format", "tool_choice", "service_tier"}

const (
	kModel = iota
	kStream
	kMaxTokens
	kMessages
	kSystem
	kTools
	kThinking
	kOutputConfig
	kOutputFormat
)

type scanner struct {
	wire.Scan
	c    raw.Cursor
	seen wire.Once
	bad  *llm.Error
}

// Scan implements wire.Codec.
func (Codec) Scan(body []byte) (*wire.Scan, error) {
	s := scanner{c: raw.On(body)}
	s.Format, s.Choices, s.Bytes = llm.Messages, 1, int64(len(body))
	s.StreamUsage = true // this format always tells
	if !utf8.Valid(body) {
		return nil, wire.BadField("", "the body is not UTF-8")
	}
	s.Spans.Object.From = s.c.Pos()
	if s.c.Object() {
		s.members()
	}
	if s.bad != nil {
		return nil, s.bad
	}
	s.Spans.Object.To = s.c.Offset()
	if err := s.c.End(); err != nil {
		return nil, wire.BadRequestText(body, err)
	}
	if s.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	if s.seen&(1<<kMessages) == 0 {
		return nil, wire.BadField("messages", "the list of messages is missing")
	}
	return &s.Scan, nil
}

func (s *scanner) members() {
	c := &s.c
	for {
		key, ok := c.Key()
		if !ok || s.bad != nil {
			return
		}
		keySpan := wire.Span(c.KeySpan())
		from := c.Pos()
		switch s.act(key) {
		case kModel:
			if s.Model = c.Text(); s.Model == "" {
				c.Fail(from, "name the model")
			}
			s.Spans.Model = s.span(from)
		case kStream:
			s.Stream = c.Bool()
		case kMaxTokens:
			if s.MaxOutput = c.Int(); s.MaxOutput < 0 {
				c.Fail(from, "want a positive number")
			}
			s.Spans.MaxOutput, s.Spans.MaxOutputName, s.Spans.MaxOutputKey = s.span(from), capName, keySpan
		case kMessages:
			s.messages()
		case kSystem:
			s.content()
		case kTools:
			s.tools()
		case kThinking:
			s.thinking()
		case kOutputConfig:
			s.outputConfig()
		case kOutputFormat:
			if c.Kind() == '{' {
				s.Schema = true
				s.TextBytes += int64(len(c.Raw()))
			} else {
				c.Skip()
			}
		default:
			if string(key) == "container" && c.Kind() != 'n' {
				s.bind()
			}
			c.Skip()
		}
	}
}

const capName = "max_tokens"

// act is the index of a key that is acted on, or -1; it refuses a second one.
func (s *scanner) act(key []byte) int {
	for i, name := range acted {
		if string(key) == name {
			if s.seen.See(i) {
				s.bad = wire.BadField(name, "is there twice; send it once")
			}
			return i
		}
		if wire.FoldsTo(key, name) {
			s.bad = wire.BadField(string(key), "is %q in another case; some providers would read it as that", name)
		}
	}
	return -1
}

func (s *scanner) span(from int) wire.Span { return wire.Span{From: from, To: s.c.Offset()} }

func (s *scanner) messages() {
	c := &s.c
	for c.List(); c.More(); {
		s.Messages++
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) == "content" {
				s.content()
			} else {
				c.Skip()
			}
		}
	}
}

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
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "text", "thinking", "title", "context":
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
		case "signature", "data": // of thinking, signed or redacted
			if c.Kind() == '"' {
				if c.TextLen() > 0 {
					s.bind()
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
				s.source()
				continue
			}
		case "file_id":
			s.bind()
		}
		c.Skip()
	}
}

func (s *scanner) source() {
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
			s.content()
		case string(key) == "file_id":
			s.bind()
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
}

func (s *scanner) tools() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.List(); c.More(); {
		s.Tools++
		s.TextBytes += int64(len(c.Raw()))
	}
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
			if t := c.Text(); t != "disabled" && t != "" {
				s.Reasoning = true
			}
		case "budget_tokens":
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
		c.Skip()
	}
}

func (s *scanner) bind() {
	if len(s.Bindings) == 0 {
		s.Bindings = []string{string(llm.Messages)}
	}
}
