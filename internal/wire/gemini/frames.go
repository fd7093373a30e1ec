package gemini

import (
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Frames implements wire.Codec.
func (Codec) Frames(r io.Reader, d *wire.Dialect, o wire.FrameOptions) wire.Stream {
	s := &chunks{cut: o.Cut}
	if o.Model != "" {
		s.model = raw.AppendString(nil, o.Model)
	}
	if o.Events {
		s.out = &events{}
	}
	in := wire.SSE
	if d != nil {
		in = d.Framing.Of(llm.Gemini)
	}
	return stream.New(r, s, &s.p, in, o)
}

// chunks reads the chunks of one answer. It implements stream.Scanner.
type chunks struct {
	p     llm.Progress
	model []byte // as JSON, to be put in place of the upstream's
	n     counts
	out   *events // where canonical events are wanted

	begun, finished uint64 // candidates, by index
	blocked         string // why the prompt was refused
	last            alike
	cut             bool
}

// head is what stands at the top of a chunk.
type head struct {
	id, model string
	created   int64
}

// See implements stream.Scanner.
func (s *chunks) See(name, data []byte, v *stream.Verdict) {
	if s.again(data, v) {
		return
	}
	s.last.forget()
	c := raw.On(data)
	if c.Kind() != '{' || s.out != nil && !raw.Valid(data) {
		v.Bad = true
		return
	}
	before, counts, begun, finished, blocked := s.p, s.n, s.begun, s.finished, s.blocked
	v.Class = wire.Prelude
	s.chunk(&c, v)
	if c.End() != nil { // what it counted before the fault stays out
		s.p, s.n, s.begun, s.finished, s.blocked = before, counts, begun, finished, blocked
		v.Bad, v.Err = true, nil
		return
	}
	s.p.Stopped = s.begun != 0 && s.begun == s.finished || s.begun == 0 && s.blocked != ""
	if s.p.Stopped {
		s.p.OpenTool = false
		v.Class, v.Ends = wire.Terminal, true
		return
	}
	s.last.learn(s, &before, data, v)
}

func (s *chunks) chunk(c *raw.Cursor, v *stream.Verdict) {
	var h head
	var later raw.Cursor // the candidates, which stand before the answer's id
	deferred, counted := false, false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "candidates":
			switch {
			case c.Kind() != '[':
				c.Skip()
			case s.out != nil:
				later, deferred = *c, true
				c.Skip()
			default:
				s.candidates(c, v)
			}
		case "usageMetadata":
			s.last.usage = s.last.usage.over(c)
			s.n.take(c)
			s.p.Usage = s.n.usage()
			counted = s.p.Usage.Reported
		case "modelVersion":
			at, named := c.Pos(), c.Kind() == '"'
			if s.out != nil {
				h.model = text(c)
			} else {
				c.Skip()
			}
			if s.model != nil && named {
				v.Splice, v.By = raw.Span{From: at, To: c.Offset()}, s.model
			}
		case "responseId":
			if s.out == nil {
				c.Skip()
				continue
			}
			h.id = text(c)
		case "createTime":
			if s.out == nil {
				c.Skip()
				continue
			}
			h.created = unix(text(c))
		case "promptFeedback":
			if w := blockReason(c); w != "" {
				s.blocked = w
			}
		case "error":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			c.Skip()
			v.Err = decodeError(200, nil, c.All())
		default:
			c.Skip()
		}
	}
	if s.out == nil || c.Err() != nil {
		return
	}
	s.out.start(&h, v)
	if deferred {
		s.candidates(&later, v)
	}
	if counted {
		v.Events = append(v.Events, llm.Event{Kind: llm.UsageUpdate, Usage: s.p.Usage})
	}
}

func (s *chunks) candidates(c *raw.Cursor, v *stream.Verdict) {
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		s.candidate(c, v)
	}
}

func (s *chunks) candidate(c *raw.Cursor, v *stream.Verdict) {
	index, word := int64(0), ""
	var content, ground, recited raw.Cursor
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			index = count(c)
		case "content":
			content = *c
			if s.out == nil {
				s.content(c, v)
			} else {
				c.Skip()
			}
		case "finishReason":
			word = finishOf(c)
		case "groundingMetadata":
			ground = *c
			c.Skip()
		case "citationMetadata":
			recited = *c
			c.Skip()
		default:
			c.Skip()
		}
	}
	if c.Err() != nil {
		return
	}
	bit := uint64(1) << (uint(index) % 64)
	s.begun |= bit
	if word != "" {
		s.finished |= bit
	}
	s.grounded(&ground)
	if s.out == nil {
		return
	}
	if content.All() != nil {
		at := content
		s.content(&at, v)
	}
	if index > 0 {
		return // the canonical answer is the first candidate
	}
	if content.All() != nil {
		s.out.content(&content, v)
	}
	s.out.ground("groundingMetadata", &ground, v)
	s.out.ground("citationMetadata", &recited, v)
	if word != "" {
		s.out.word = word
	}
}

// grounded counts the searches that an answer rests on.
func (s *chunks) grounded(c *raw.Cursor) {
	if c.All() == nil {
		return
	}
	at := *c
	g := grounds("groundingMetadata", &at)
	s.n.searches = max(s.n.searches, g.searches(generationOf(s.version(c.All()))))
	s.p.Usage = s.n.usage()
}

// version is the model that a chunk says it is of.
func (s *chunks) version(chunk []byte) string {
	c := raw.On(chunk)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return ""
		}
		if string(key) == "modelVersion" {
			return text(&c)
		}
		c.Skip()
	}
}

// content counts what is in a piece of a turn.
func (s *chunks) content(c *raw.Cursor, v *stream.Verdict) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "parts" || c.Kind() != '[' {
			c.Skip()
			continue
		}
		for c.List(); c.More(); {
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			s.part(c, v)
		}
	}
}

func (s *chunks) part(c *raw.Cursor, v *stream.Verdict) {
	n, thought := 0, false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "text":
			if c.Kind() != '"' {
				c.Skip()
				continue
			}
			at := *c
			n += c.TextLen()
			s.last.text(at, c.Offset())
		case "thought":
			thought = c.Kind() == 't'
			c.Skip()
		case "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution":
			s.last.other()
			c.Skip()
		case "functionCall":
			s.last.other()
			s.call(c, v)
		default: // code, files and tools of the server's, and what is yet to come
			s.last.other()
			if c.Kind() == '{' {
				v.Class = wire.Content
			}
			c.Skip()
		}
	}
	if n == 0 {
		return
	}
	v.Class = wire.Content
	if thought {
		s.p.ThinkingBytes += int64(n)
		s.last.to = &s.p.ThinkingBytes
	} else {
		s.p.TextBytes += int64(n)
		s.last.to = &s.p.TextBytes
	}
}

// call counts a function call, or a piece of one: those that come in pieces are named
// by the first alone.
func (s *chunks) call(c *raw.Cursor, v *stream.Verdict) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	v.Class = wire.Content
	more := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "name":
			if text(c) != "" {
				s.p.Tools++
			}
		case "args", "partialArgs":
			s.p.ToolBytes += int64(len(c.Raw()))
		case "willContinue":
			more = c.Kind() == 't'
			c.Skip()
		default:
			c.Skip()
		}
	}
	s.p.OpenTool = more
}

// AtEnd implements stream.Scanner. The format has no event that ends a stream: it is
// whole where each candidate has said why it ended.
func (s *chunks) AtEnd(v *stream.Verdict) *llm.Error {
	if s.cut {
		if s.p.Stopped && s.out != nil {
			s.out.stop(s.blocked, s.begun == 0, v)
		}
		return nil
	}
	if !s.p.Stopped {
		return wire.BrokenStream("it ended without a finishReason")
	}
	if s.out != nil {
		s.out.end(s.blocked, s.begun == 0, v)
	}
	return nil
}

// Unframed implements stream.Scanner: errors come as plain JSON, under whichever
// content type.
func (s *chunks) Unframed(body []byte) *llm.Error {
	if readError(body).some {
		return decodeError(200, nil, body)
	}
	if t := wire.ReadError(body); t.Message != "" || t.Type != "" || t.Status != 0 {
		return wire.Classify(200, nil, t)
	}
	return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the upstream answered with a plain body where a stream was asked for"}
}
