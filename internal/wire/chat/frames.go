package chat

import (
	"bytes"
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Frames implements wire.Codec.
func (Codec) Frames(r io.Reader, d *wire.Dialect, o wire.FrameOptions) wire.Stream {
	if d == nil {
		d = &specification
	}
	s := &scan{d: d, o: o}
	if o.Model != "" {
		s.model = raw.AppendString(nil, o.Model)
	}
	if o.Events {
		s.out = &blocks{}
	}
	return stream.New(r, s, &s.p, d.Framing.Of(llm.Chat), o)
}

// scan reads the chunks of one answer. It implements stream.Scanner.
type scan struct {
	p     llm.Progress
	d     *wire.Dialect
	o     wire.FrameOptions
	model []byte // as JSON, to be put in place of the upstream's

	begun, finished uint64 // choices, by index
	tools           toolTrack
	alike           alike
	last            said
	out             *blocks // where canonical events are wanted
	scratch         []byte
	deltas          delta        // of the choice in hand
	held            []raw.Cursor // tool calls of the chunk in hand
}

var done = []byte("[DONE]")

// See implements stream.Scanner.
func (s *scan) See(name, data []byte, v *stream.Verdict) {
	if bytes.Equal(bytes.TrimSpace(data), done) {
		v.Class = wire.Terminal
		s.end(v)
		return
	}
	if string(name) == "error" {
		v.Err = wire.Classify(0, nil, wire.ReadError(data))
		return
	}
	if s.again(name, data, v) {
		return
	}
	s.last.repeat.Forget()
	c := raw.On(data)
	if c.Kind() != '{' || s.out != nil && !raw.Valid(data) {
		v.Bad = true
		return
	}
	v.Class = wire.Prelude
	before, begun, finished := s.p, s.begun, s.finished
	s.held, s.last.texts = s.held[:0], 0
	s.chunk(&c, v)
	if c.End() != nil { // what it counted before the fault stays out
		s.p, s.begun, s.finished = before, begun, finished
		v.Bad, v.Err = true, nil
		return
	}
	for i := range s.held {
		s.calls(&s.held[i], v, nil)
	}
	if s.p.Stopped {
		s.p.OpenTool = false
	}
	if finished == s.finished {
		s.learn(name, data, &before, v)
	}
}

// head is what stands at the top of a chunk.
type head struct {
	id, model []byte
	created   int64
}

// alike is how the last chunk began, up to the value of its choices, where nothing
// stood before them but names. The chunks of an answer begin alike, so that most
// need not be read from their beginning.
type alike struct {
	text  []byte
	at    raw.Cursor
	model raw.Span
}

func (s *scan) chunk(c *raw.Cursor, v *stream.Verdict) {
	var h head
	choices, plain, usageOnly := 0, true, false
	var later raw.Cursor // the choices, where they stand before the id
	deferred := false
	data := *c
	if len(s.alike.text) > 0 && bytes.HasPrefix(data.All(), s.alike.text) {
		*c = s.alike.at.Over(data.All())
		if s.model != nil {
			v.Splice, v.By = s.alike.model, s.model
		}
		choices = s.choices(c, v)
	} else {
		c.Object()
	}
	for {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "choices":
			if c.Kind() != '[' {
				c.Skip()
				continue
			}
			if s.out != nil && !s.out.started {
				later, deferred = *c, true
				c.Skip()
				continue
			}
			if s.out == nil && plain {
				s.alike.text, s.alike.at = append(s.alike.text[:0], data.All()[:c.Offset()]...), c.Over(nil)
				s.alike.model = v.Splice
			}
			choices = s.choices(c, v)
		case "model":
			at := c.Pos()
			h.model = s.field(c)
			if s.model != nil && len(h.model) > 0 {
				v.Splice, v.By = raw.Span{From: at, To: c.Offset()}, s.model
			}
		case "id":
			h.id = s.field(c)
		case "created":
			h.created = count(c)
		case "usage":
			plain = plain && c.Kind() == 'n'
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			s.usage(usage(c, s.d), v)
			usageOnly = true
		case "x_groq":
			plain = false
			s.groq(c, v)
		case "error":
			plain = plain && c.Kind() == 'n'
			if c.Kind() == 'n' {
				c.Skip()
				continue
			}
			c.Skip()
			v.Err = wire.Classify(0, nil, wire.ReadError(data.All()))
		default:
			c.Skip()
		}
	}
	if s.out != nil && c.Err() == nil {
		s.out.start(&h, deferred, v)
	}
	if deferred && c.Err() == nil {
		choices = s.choices(&later, v)
	}
	v.Hide = usageOnly && choices == 0 && s.o.HideUsage
}

func (s *scan) field(c *raw.Cursor) []byte {
	if c.Kind() != '"' {
		c.Skip()
		return nil
	}
	return c.Bytes()
}

func (s *scan) usage(u llm.Usage, v *stream.Verdict) {
	s.p.Usage = u
	if s.out != nil {
		v.Events = append(v.Events, llm.Event{Kind: llm.UsageUpdate, Usage: u})
	}
}

// groq finds the usage that Groq sends in a member of its own as well.
func (s *scan) groq(c *raw.Cursor, v *stream.Verdict) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "usage" && c.Kind() == '{' {
			s.usage(usage(c, s.d), v)
		} else {
			c.Skip()
		}
	}
}

func (s *scan) choices(c *raw.Cursor, v *stream.Verdict) (n int) {
	for c.List(); c.More(); n++ {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		s.choice(c, v)
	}
	return n
}

func (s *scan) choice(c *raw.Cursor, v *stream.Verdict) {
	index, reason, stopped := int64(0), []byte(nil), false
	var d *delta
	seen := false // a second delta is none, however the chunk is read
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			index = count(c)
		case "delta":
			switch {
			case c.Kind() != '{' || seen:
				c.Skip()
				continue
			case s.out == nil:
				s.pass(c, v)
			default:
				d = &s.deltas
				*d = delta{}
				s.delta(c, d, v)
			}
			seen = true
		case "finish_reason":
			if c.Kind() == '"' {
				reason = c.Bytes()
				stopped = len(reason) > 0
			} else {
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
	if c.Err() != nil {
		return
	}
	bit := uint64(1) << (uint(index) % 64)
	s.begun |= bit
	if stopped {
		s.finished |= bit
	}
	s.p.Stopped = s.begun == s.finished // one that begins late may be cut all the same
	out := s.out
	if index > 0 {
		out = nil // the canonical answer is the first choice
	}
	if d != nil {
		s.apply(d, v, out)
	}
	if stopped {
		s.p.OpenTool = false
		if out != nil {
			out.finish(string(reason), v)
		}
	}
}

// AtEnd implements stream.Scanner.
func (s *scan) AtEnd(v *stream.Verdict) *llm.Error {
	if s.o.Cut {
		if s.out != nil {
			s.out.cut(s.p.Stopped, v)
		}
		return nil
	}
	switch {
	case !s.p.Stopped:
		return wire.BrokenStream("it ended without a finish_reason")
	case !s.p.Usage.Reported && !s.d.NoDone && !s.d.NoStreamUsage:
		return wire.BrokenStream("it ended without [DONE] and without usage")
	}
	v.Make = done
	s.end(v)
	return nil
}

// Unframed implements stream.Scanner.
func (s *scan) Unframed(body []byte) *llm.Error {
	if t := wire.ReadError(body); t != (wire.Said{}) {
		return wire.Classify(200, nil, t)
	}
	return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the upstream answered with a plain body where a stream was asked for"}
}

func (s *scan) end(v *stream.Verdict) {
	if s.out != nil {
		s.out.end(v)
	}
}
