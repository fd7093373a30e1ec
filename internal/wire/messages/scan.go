package messages

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// acted are the top-level members that routing, budgets or edits act on: a second
// one, or one in another case, could mean one thing to us and another upstream.
var acted = [...]string{"model", "stream", "max_tokens", "messages", "system", "tools", "thinking", "output_config", "output_format", "tool_choice", "service_tier", "anthropic_version", "anthropic_beta"}

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
	kToolChoice
	kServiceTier
	kVersion
	kBetas
)

type scanner struct {
	wire.Scan
	c    raw.Cursor
	seen wire.Once
	bad  *llm.Error
}

// Scan implements wire.Codec.
func (Codec) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	s := scanner{c: raw.On(body)}
	s.Format, s.Choices, s.Bytes = llm.Messages, 1, int64(len(body))
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
	if h != nil {
		s.Client = h.Dialect
		s.Betas = merged(h.Betas, s.Betas)
	}
	if s.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	if s.seen&(1<<kMessages) == 0 {
		return nil, wire.BadField("messages", "the list of messages is missing")
	}
	return &s.Scan, nil
}

// merged are the flags of both lists, each once.
func merged(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	out := slices.Clip(a)
	for _, flag := range b {
		if !slices.Contains(out, flag) {
			out = append(out, flag)
		}
	}
	return out
}

func (s *scanner) members() {
	c := &s.c
	for {
		begin := c.Offset()
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
			s.Spans.ModelAt = s.member(from, begin)
		case kStream:
			s.Stream = c.Bool()
			s.Spans.Stream = s.member(from, begin)
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
		case kServiceTier:
			s.tier(c.TextIf())
		case kVersion:
			c.Skip()
			s.Spans.Version = s.member(from, begin)
		case kBetas:
			s.betas()
			s.Spans.Betas = s.member(from, begin)
		case kOutputFormat:
			if c.Kind() == '{' {
				s.Schema = true
				s.TextBytes += int64(len(c.Raw()))
			} else {
				c.Skip()
			}
		default:
			switch kind := c.Kind(); {
			case string(key) == "container" && kind != 'n':
				s.bind()
			case string(key) == "mcp_servers" && kind != 'n':
				s.ServerTool = "mcp_servers"
			case string(key) == "context_management":
				// A compaction is a pass of its own, which no cap bounds.
				if edits := c.Raw(); bytes.Contains(edits, []byte("compact")) || bytes.IndexByte(edits, '\\') >= 0 {
					s.ServerTool = "a compaction"
				}
				continue
			case string(key) == "fallbacks":
				if wire.Says(c.Raw()) {
					s.OtherModels = "fallbacks"
				}
				continue
			case string(key) == "speed":
				s.tier(c.TextIf())
				continue
			case string(key) == "inference_geo":
				if geo := c.TextIf(); geo != "" && geo != "global" {
					s.tier("inference_geo " + geo)
				}
				continue
			}
			c.Skip()
		}
	}
}

const capName = "max_tokens"

// act is the index of a key that is acted on, or -1; it refuses a second one.
func (s *scanner) act(key []byte) int {
	i, bad := s.seen.Acted(acted[:], key)
	if bad != nil {
		s.bad = bad
	}
	return i
}

// tier notes a service tier, a speed or a place that has a price of its own; of several,
// one that is not the standard.
func (s *scanner) tier(name string) {
	if s.Tier == "" || s.Tier == "auto" || strings.HasPrefix(s.Tier, "standard") {
		s.Tier = name
	}
}

func (s *scanner) member(from, begin int) wire.Member {
	return wire.Member{Value: s.span(from), Begin: begin}
}

func (s *scanner) betas() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.List(); c.More(); {
		s.Betas = append(s.Betas, c.Text())
	}
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
			switch {
			case string(key) == "content":
				s.content()
			case string(key) == "role" && c.Kind() == '"':
				if string(c.Bytes()) == "system" {
					s.Asks |= wire.AsksLateSystem
				}
			default:
				c.Skip()
			}
		}
	}
}
