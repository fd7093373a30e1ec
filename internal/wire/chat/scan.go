package chat

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// acted are the top-level members that routing, budgets or edits act on: a second
// one, or one in another case, could mean one thing to us and another upstream.
var acted = [...]string{
	"model", "stream", "max_tokens", "max_completion_tokens", "n", "stream_options",
	"messages", "tools", "response_format", "reasoning_effort", "tool_choice", "service_tier",
}

const (
	kModel = iota
	kStream
	kMaxTokens
	kMaxCompletion
	kN
	kStreamOptions
	kMessages
	kTools
	kResponseFormat
	kEffort
	kToolChoice
	kServiceTier
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
	s.Format, s.Choices, s.Bytes = llm.Chat, 1, int64(len(body))
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
		begin := c.Offset()
		key, ok := c.Key()
		if !ok || s.bad != nil {
			return
		}
		keySpan := wire.Span(c.KeySpan())
		k := s.act(key)
		from := c.Pos()
		switch k {
		case kModel:
			if s.Model = c.Text(); s.Model == "" {
				c.Fail(from, "name the model")
			}
			s.Spans.Model = s.span(from)
			s.Spans.ModelAt = s.member(from, begin)
		case kStream:
			s.Stream = c.Bool()
		case kMaxTokens, kMaxCompletion:
			s.cap(acted[k], keySpan, from)
		case kN:
			if n := c.Int(); n > 0 {
				s.Choices = n
			} else if n < 0 {
				c.Fail(from, "want at least 1")
			}
		case kStreamOptions:
			s.streamOptions(from)
			s.Spans.StreamOptionsAt = s.member(from, begin)
		case kMessages:
			s.messages()
		case kTools:
			s.tools()
		case kResponseFormat:
			s.responseFormat()
		case kEffort:
			if s.Effort = c.Text(); s.Effort != "" && s.Effort != "none" {
				s.Reasoning = true
			}
			s.Spans.Effort = s.member(from, begin)
		case kServiceTier:
			if tier := c.TextIf(); tier != "" {
				s.Tier = tier
			}
			s.Spans.ServiceTier = s.member(from, begin)
		default:
			switch string(key) {
			case "user", "metadata", "prompt_cache_key", "store", "seed":
				name := string(key)
				c.Skip()
				s.optional(name, keySpan, s.member(from, begin))
			case "reasoning", "thinking":
				s.reasoning()
			case "functions":
				s.TextBytes += int64(len(c.Raw()))
			case "web_search_options":
				if !c.Null() {
					s.ServerTool = string(key)
					c.Skip()
				}
			case "plugins", "search_parameters", "search_settings", "enable_search", "compound_custom", "data_sources":
				name := string(key)
				if wire.Says(c.Raw()) {
					s.ServerTool = name
				}
			case "models", "fallbacks", "preset":
				name := string(key)
				if wire.Says(c.Raw()) {
					s.OtherModels = name
				}
			case "provider": // whose, of several, and so at what price
				if wire.Says(c.Raw()) && s.Tier == "" {
					s.Tier = "chosen by provider"
				}
			case "best_of": // all are written, and billed
				s.Choices = max(s.Choices, c.Count())
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

// optional notes members that some vendors refuse or name otherwise.
func (s *scanner) optional(name string, key wire.Span, m wire.Member) {
	sp := &s.Spans
	switch name {
	case "user":
		sp.User = m
	case "metadata":
		sp.Metadata = m
	case "prompt_cache_key":
		sp.CacheKey = m
	case "store":
		sp.Store = m
	case "seed":
		sp.SeedKey = key
	}
}

func (s *scanner) member(from, begin int) wire.Member {
	return wire.Member{Value: s.span(from), Begin: begin}
}

func (s *scanner) span(from int) wire.Span {
	return wire.Span{From: from, To: s.c.Offset()}
}

func (s *scanner) cap(name string, key wire.Span, from int) {
	n := s.c.Int()
	if n < 0 {
		s.c.Fail(from, "want a positive number")
		return
	}
	if s.Spans.MaxOutput.Empty() {
		s.Spans.MaxOutput, s.Spans.MaxOutputName, s.Spans.MaxOutputKey = s.span(from), name, key
	} else {
		s.Spans.MaxOutputTwice = s.span(from)
	}
	s.MaxOutput = max(s.MaxOutput, n)
}

func (s *scanner) streamOptions(from int) {
	c := &s.c
	if c.Null() {
		s.Spans.StreamOptions = s.span(from)
		return
	}
	var seen bool
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		at := c.Pos()
		if wire.FoldsTo(key, "include_usage") {
			s.bad = wire.BadField("stream_options."+string(key), "is %q in another case; some providers would read it as that", "include_usage")
			return
		}
		if string(key) != "include_usage" {
			c.Skip()
			continue
		}
		if seen {
			s.bad = wire.BadField("stream_options.include_usage", "is there twice; send it once")
			return
		}
		seen = true
		s.StreamUsage = c.Bool()
		s.Spans.IncludeUsage = s.span(at)
	}
	s.Spans.StreamOptions = s.span(from)
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
			switch string(key) {
			case "content":
				s.content()
			case "tool_calls":
				calls := c.Raw()
				s.TextBytes += int64(len(calls))
				s.thought(calls)
			case "extra_content":
				s.thought(c.Raw())
			case "reasoning_content", "reasoning", "refusal", "name":
				if c.Kind() == '"' {
					s.TextBytes += int64(c.TextLen())
				} else {
					c.Skip()
				}
			case "reasoning_details":
				s.reasoningDetails()
			default:
				c.Skip()
			}
		}
	}
}
