package gemini

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// acted are the top-level members that routing, budgets or edits act on: a second
// one, in whichever of its spellings, could mean one thing to us and another upstream.
var acted = [...]string{
	"contents", "generationConfig", "tools", "systemInstruction", "cachedContent", "model", "generateContentRequest",
	"toolConfig", "safetySettings", "serviceTier",
}

const (
	kContents = iota
	kConfig
	kTools
	kSystem
	kCached
	kModel
	kRequest
	kToolConfig
	kSafety
	kTier
)

// folded are the same for comparing without regard to case.
var folded = func() (out [len(acted)][]byte) {
	for i, name := range acted {
		out[i] = []byte(name)
	}
	return out
}()

type scanner struct {
	wire.Scan
	c        raw.Cursor
	seen     wire.Once
	counting bool
	bad      *llm.Error
	room     [64]byte
}

// Scan implements wire.Codec.
func (Codec) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	return scan(body, h, false)
}

func scan(body []byte, h *wire.Head, counting bool) (*wire.Scan, error) {
	s := scanner{c: raw.On(body), counting: counting}
	s.Format, s.Choices, s.Bytes = llm.Gemini, 1, int64(len(body))
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
	h.Name(&s.Model, &s.Stream)
	if s.Model == "" {
		return nil, wire.BadField("model", "name the model, in the address")
	}
	if s.seen&(1<<kContents) == 0 {
		return nil, wire.BadField("contents", "the list of contents is missing")
	}
	return &s.Scan, nil
}

// key is the next member's name, in the spelling of this package.
func (s *scanner) key() ([]byte, bool) {
	key, ok := s.c.Key()
	if !ok || bytes.IndexByte(key, '_') <= 0 {
		return key, ok
	}
	return camel(s.room[:0], key), true
}

func (s *scanner) members() {
	c := &s.c
	for {
		key, ok := s.key()
		if !ok || s.bad != nil {
			return
		}
		from := c.Pos()
		switch s.act(key) {
		case kContents:
			s.each(func() { s.Messages++; s.content() })
		case kConfig:
			if !c.Null() {
				s.config()
			}
			s.Spans.Config = s.span(from)
		case kTools:
			s.each(s.tool)
		case kSystem:
			if !c.Null() {
				s.content()
			}
		case kCached:
			if name := c.Text(); name != "" {
				s.StateIDs = append(s.StateIDs, name)
				s.Spans.StateIDs = append(s.Spans.StateIDs, s.span(from))
				s.Unsized = true // what is cached is read as well
				s.Kept = "cachedContent"
				s.bind()
			}
		case kModel:
			s.Model = modelName(c.Text())
			s.Spans.Model = s.span(from)
		case kTier:
			s.Tier = strings.ToLower(strings.TrimPrefix(c.TextIf(), "SERVICE_TIER_"))
		case kRequest:
			if !s.counting {
				c.Skip()
				continue
			}
			if s.seen&(1<<kContents) != 0 {
				s.bad = wire.BadField("generateContentRequest", "is there beside contents; send one of them")
				return
			}
			if c.Object() {
				s.members()
			}
		default:
			c.Skip()
		}
	}
}

// modelName is a model without what the Gemini API puts before it in a body.
func modelName(s string) string {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):]
	}
	return s
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
	}
	for i := range folded {
		if len(key) <= 3*len(folded[i]) && bytes.EqualFold(key, folded[i]) {
			s.bad = wire.BadField(string(key), "is %q in another case; some servers would read it as that", acted[i])
		}
	}
	return -1
}

func (s *scanner) span(from int) wire.Span { return wire.Span{From: from, To: s.c.Offset()} }

// each takes a list, of which one element may stand without its brackets.
func (s *scanner) each(take func()) {
	c := &s.c
	switch c.Kind() {
	case 'n':
		c.Null()
	case '{':
		take()
	default:
		for c.List(); c.More(); {
			take()
		}
	}
}

func (s *scanner) content() {
	c := &s.c
	for c.Object(); ; {
		key, ok := s.key()
		if !ok {
			return
		}
		if string(key) == "parts" {
			s.each(s.part)
		} else {
			c.Skip()
		}
	}
}

// config reads generationConfig.
func (s *scanner) config() {
	c := &s.c
	var seen wire.Once
	for c.Object(); ; {
		key, ok := s.key()
		if !ok || s.bad != nil {
			return
		}
		from := c.Pos()
		n := -1
		switch string(key) {
		case "maxOutputTokens":
			n = 0
			keySpan := wire.Span(c.KeySpan())
			if s.MaxOutput = whole(c); s.MaxOutput < 0 {
				c.Fail(from, "want a positive number")
			}
			s.Spans.MaxOutput, s.Spans.MaxOutputName, s.Spans.MaxOutputKey = s.span(from), capName, keySpan
		case "candidateCount":
			n = 1
			s.Choices = max(1, whole(c))
		case "thinkingConfig":
			n = 2
			s.thinking()
		case "responseSchema", "responseJsonSchema", "_responseJsonSchema":
			if c.Kind() == '{' {
				s.Schema = true
				s.TextBytes += int64(len(c.Raw()))
				continue
			}
			c.Skip()
		case "responseMimeType":
			s.Schema = c.TextIf() == jsonType || s.Schema
		default:
			c.Skip()
		}
		if n >= 0 && seen.See(n) {
			s.bad = wire.BadField("generationConfig."+string(key), "is there twice; send it once")
		}
	}
}

const (
	capName  = "maxOutputTokens"
	jsonType = "application/json"
)

func (s *scanner) thinking() {
	c := &s.c
	if c.Null() {
		return
	}
	var seen wire.Once
	for c.Object(); ; {
		key, ok := s.key()
		if !ok || s.bad != nil {
			return
		}
		switch string(key) {
		case "thinkingBudget":
			if seen.See(0) {
				s.bad = wire.BadField("generationConfig.thinkingConfig.thinkingBudget", "is there twice; send it once")
				return
			}
			budget := whole(c)
			s.ThinkingBudget = max(0, budget)
			s.Reasoning = s.Reasoning || budget != 0
		case "thinkingLevel", "includeThoughts":
			s.Reasoning = s.Reasoning || c.Kind() != 'n' && c.Kind() != 'f'
			c.Skip()
		default:
			c.Skip()
		}
	}
}

// whole takes a whole number, which may stand in quotes, as numbers of 64 bits do in
// Google's JSON.
func whole(c *raw.Cursor) int64 {
	if c.Kind() != '"' {
		return c.Int()
	}
	at := c.Pos()
	text := c.Bytes()
	n := raw.On(text)
	v := n.Int()
	if n.End() != nil {
		c.Fail(at, "want a whole number")
	}
	return v
}
