package converse

import (
	"bytes"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// acted are the top-level members that routing, budgets or edits act on: a second
// one, or one in another case, could mean one thing to us and another upstream.
var acted = [...]string{"messages", "system", configName, "toolConfig", fieldsName, "outputConfig", "serviceTier", "promptVariables"}

const (
	kMessages = iota
	kSystem
	kConfig
	kTools
	kFields
	kOutput
	kTier
	kVariables
)

// otherCase reports whether a key is a name in another case.
func otherCase(key []byte, name string) bool {
	return string(key) != name && bytes.EqualFold(key, []byte(name))
}

type scanner struct {
	wire.Scan
	c     raw.Cursor
	seen  wire.Once
	model string // as the address names it
	bad   *llm.Error
}

// Scan implements wire.Codec.
func (Codec) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	s, err := start(body, h)
	if err != nil {
		return nil, err
	}
	s.Format = llm.Converse
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
	if s.seen&(1<<kMessages|1<<kVariables) == 0 {
		return nil, wire.BadField("messages", "the list of messages is missing")
	}
	return &s.Scan, nil
}

// start is a scanner of a body whose model the address names.
func start(body []byte, h *wire.Head) (*scanner, error) {
	s := &scanner{c: raw.On(body)}
	s.Choices, s.Bytes = 1, int64(len(body))
	s.StreamUsage = true // this format always tells
	if !utf8.Valid(body) {
		return nil, wire.BadField("", "the body is not UTF-8")
	}
	h.Name(&s.Model, &s.Stream)
	s.model = s.Model
	if h != nil {
		s.Betas = h.Betas
		s.Client = h.Dialect
	}
	if s.Model == "" {
		return nil, wire.BadField("modelId", "name the model in the address")
	}
	return s, nil
}

func (s *scanner) members() {
	c := &s.c
	for {
		key, ok := c.Key()
		if !ok || s.bad != nil {
			return
		}
		from := c.Pos()
		switch s.act(key) {
		case kMessages:
			s.messages()
		case kSystem:
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				s.block()
			}
		case kConfig:
			s.config()
			s.Spans.Config = wire.Span{From: from, To: c.Offset()}
		case kTools:
			s.tools()
		case kFields:
			s.fields()
		case kOutput:
			if c.Kind() == '{' {
				s.Schema = true
				s.TextBytes += int64(len(c.Raw()))
			} else {
				c.Skip()
			}
		case kTier:
			s.Tier = tierOf(c)
		case kVariables:
			s.TextBytes += int64(len(c.Raw()))
			s.Unsized = true // the prompt itself is elsewhere
		default:
			if string(key) == "performanceConfig" && c.Kind() == '{' {
				if latency := member(c, "latency"); latency != "" && s.Tier == "" {
					s.Tier = latency
				}
				continue
			}
			c.Skip()
		}
	}
}

// act is the index of a key that is acted on, or -1; it refuses a second one.
func (s *scanner) act(key []byte) int {
	for i, name := range acted {
		if string(key) == name {
			if s.seen.See(i) {
				s.bad = wire.BadField(name, "is there twice; send it once")
			}
			return i
		}
		if otherCase(key, name) {
			s.bad = wire.BadField(string(key), "is %q in another case; some services would read it as that", name)
		}
	}
	return -1
}

func (s *scanner) config() {
	c := &s.c
	if c.Null() {
		return
	}
	seen := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != capName {
			if otherCase(key, capName) {
				s.bad = wire.BadField(configName+"."+string(key), "is %q in another case", capName)
				return
			}
			c.Skip()
			continue
		}
		if seen {
			s.bad = wire.BadField(configName+"."+capName, "is there twice; send it once")
			return
		}
		seen = true
		keySpan, from := wire.Span(c.KeySpan()), c.Pos()
		if s.MaxOutput = c.Int(); s.MaxOutput < 0 {
			c.Fail(from, "want a positive number")
		}
		s.Spans.MaxOutput, s.Spans.MaxOutputName, s.Spans.MaxOutputKey = wire.Span{From: from, To: c.Offset()}, capName, keySpan
	}
}

func (s *scanner) messages() {
	c := &s.c
	for c.List(); c.More(); {
		s.Messages++
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) != "content" || c.Kind() == 'n' {
				c.Skip()
				continue
			}
			for c.List(); c.More(); {
				s.block()
			}
		}
	}
}

func (s *scanner) tools() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "tools" || c.Kind() == 'n' {
			c.Skip()
			continue
		}
		for c.List(); c.More(); {
			at := *c
			s.TextBytes += int64(len(c.Raw()))
			s.tool(&at)
		}
	}
}

func (s *scanner) tool(c *raw.Cursor) {
	if c.Kind() != '{' {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "cachePoint":
			s.CacheMarks = true
		case "systemTool":
			s.Tools++
			s.ServerTool = "systemTool"
			if m := raw.On(c.Raw()); m.Kind() == '{' {
				if name := member(&m, "name"); name != "" {
					s.ServerTool = name
				}
			}
			continue
		default:
			s.Tools++
		}
		c.Skip()
	}
}

// member is a string member of an object, taken with it.
func member(c *raw.Cursor, name string) (text string) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return text
		}
		if string(key) == name {
			text = c.TextIf()
		} else {
			c.Skip()
		}
	}
}
