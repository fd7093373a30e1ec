package responses

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// acted are the top-level members that routing, budgets or edits act on: a second
// one, or one in another case, could mean one thing to us and another upstream.
var acted = [...]string{
	"model", "stream", capName, "input", "instructions", "tools", "text", "reasoning", "previous_response_id", "conversation",
	"prompt", "tool_choice", "service_tier", "store", "background",
}

const (
	kModel = iota
	kStream
	kMaxOutput
	kInput
	kInstructions
	kTools
	kText
	kReasoning
	kPrevious
	kConversation
	kPrompt
	kToolChoice
	kServiceTier
)

const capName = "max_output_tokens"

type scanner struct {
	wire.Scan
	c    raw.Cursor
	seen wire.Once
	bad  *llm.Error
}

// Scan implements wire.Codec.
func (Codec) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	s := scanner{c: raw.On(body)}
	s.Format, s.Choices, s.Bytes = llm.Responses, 1, int64(len(body))
	s.StreamUsage = true // this format always tells
	s.CacheMarks = wire.MarksCache(body)
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
	h.Name(&s.Model, &s.Stream)
	if s.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	if s.seen&(1<<kInput|1<<kInstructions|1<<kPrevious|1<<kConversation|1<<kPrompt) == 0 {
		return nil, wire.BadField("input", "there is nothing to answer")
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
		k := s.act(key)
		if c.Kind() == 'n' && k != kModel {
			c.Null()
			continue
		}
		switch k {
		case kModel:
			if s.Model = c.Text(); s.Model == "" {
				c.Fail(from, "name the model")
			}
			s.Spans.Model = s.span(from)
		case kStream:
			s.Stream = c.Bool()
		case kMaxOutput:
			if s.MaxOutput = c.Int(); s.MaxOutput < 0 {
				c.Fail(from, "want a positive number")
			}
			s.Spans.MaxOutput, s.Spans.MaxOutputName, s.Spans.MaxOutputKey = s.span(from), capName, keySpan
		case kInput:
			s.input()
		case kInstructions:
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
			} else {
				s.input()
			}
		case kTools:
			s.tools()
		case kText:
			s.text()
		case kReasoning:
			s.reasoning()
		case kPrevious:
			s.Unsized = true
			s.stateID()
		case kConversation:
			s.Unsized = true
			s.conversation()
		case kPrompt: // a template that OpenAI keeps
			s.Unsized = true
			s.ServerTool = "prompt" // whose tools nobody here sees
			s.Bind(llm.MakerOpenAI)
			s.TextBytes += int64(len(c.Raw()))
		case kServiceTier:
			s.Tier = c.TextIf()
		default:
			switch string(key) { // without a copy of the others
			case "plugins", "search_parameters":
				name := string(key)
				if wire.Says(c.Raw()) {
					s.ServerTool = name
				}
			case "models", "preset":
				name := string(key)
				if wire.Says(c.Raw()) {
					s.OtherModels = name
				}
			default:
				c.Skip()
			}
		}
	}
}

// act is the index of a key that is acted on, or -1; it refuses a second one.
func (s *scanner) act(key []byte) int {
	i, bad := s.seen.Acted(acted[:], key)
	if bad != nil {
		s.bad = bad
	}
	return i
}

func (s *scanner) span(from int) wire.Span { return wire.Span{From: from, To: s.c.Offset()} }

// stateID takes the id of something that a provider keeps.
func (s *scanner) stateID() {
	from := s.c.Pos()
	if id := s.c.Text(); id != "" {
		s.StateIDs = append(s.StateIDs, id)
		s.Spans.StateIDs = append(s.Spans.StateIDs, s.span(from))
	}
}

func (s *scanner) conversation() {
	c := &s.c
	if c.Kind() == '"' {
		s.stateID()
		return
	}
	seen := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "id" || c.Kind() != '"' {
			c.Skip()
			continue
		}
		if seen {
			s.bad = wire.BadField("conversation.id", "is there twice; send it once")
			return
		}
		seen = true
		s.stateID()
	}
}

func (s *scanner) text() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "format" && c.Kind() == '{' {
			format := c.Raw()
			if kind := wire.TypeOf(format); kind != "text" {
				s.Schema = true
				s.TextBytes += int64(len(format))
			}
			continue
		}
		c.Skip()
	}
}

func (s *scanner) reasoning() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "effort" && c.Kind() == '"' {
			if e := c.Text(); e != "" && e != "none" {
				s.Reasoning = true
			}
			continue
		}
		c.Skip()
	}
}
