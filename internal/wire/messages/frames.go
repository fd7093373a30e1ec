package messages

import (
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Frames implements wire.Codec.
func (Codec) Frames(r io.Reader, d *wire.Dialect, o wire.FrameOptions) wire.Stream {
	s := &scan{cut: o.Cut}
	if o.Model != "" {
		s.model = raw.AppendString(nil, o.Model)
	}
	if o.Events {
		s.out = &blocks{}
	}
	in := wire.SSE
	if d != nil {
		in = d.Framing.Of(llm.Messages)
	}
	return stream.New(r, s, &s.p, in, o)
}

// scan reads the events of one answer. It implements stream.Scanner.
type scan struct {
	p       llm.Progress
	model   []byte // as JSON, to be put in place of the upstream's
	n       counts
	open    int // blocks that are open
	out     *blocks
	counted bool // message_delta has brought its usage
	cut     bool
	last    said
}

// See implements stream.Scanner.
func (s *scan) See(name, data []byte, v *stream.Verdict) {
	if s.again(name, data, v) {
		return
	}
	kind := string(name) // always equal to the type where it is there
	if kind == "" {
		kind = typeOf(data)
	}
	if kind == "error" {
		said := wire.ReadError(data)
		v.Err = wire.Classify(statusOf(said.Type), nil, said)
		return
	}
	s.last.repeat.Forget()
	c := raw.On(data)
	if c.Kind() != '{' || s.out != nil && !raw.Valid(data) {
		v.Bad = true
		return
	}
	s.last.texts, s.last.others = 0, 0
	before, counts, counted := s.p, s.n, s.counted
	v.Class = wire.Prelude
	switch kind {
	case "content_block_delta":
		s.delta(&c, v)
	case "content_block_start":
		s.start(&c, v)
	case "content_block_stop":
		s.stop(&c, v)
	case "message_start":
		s.begin(&c, v)
	case "message_delta":
		s.message(&c, v)
	case "message_stop":
		c.Skip()
		v.Class = wire.Terminal
		// What the beginning says of usage is no count of what was written.
		s.p.Usage.Reported = s.p.Usage.Reported && s.counted
		if s.out != nil {
			s.out.end(v)
		}
	case "ping":
		c.Skip()
		v.Class = wire.Heart
		if s.out != nil {
			v.Events = append(v.Events, llm.Event{Kind: llm.Ping})
		}
	default: // the format may grow
		c.Skip()
	}
	if c.End() != nil {
		s.p, s.n, s.counted = before, counts, counted
		v.Bad, v.Err = true, nil
		return
	}
	if kind == "content_block_delta" {
		s.learn(name, data, &before, v)
	}
}

// typeOf finds the type of an event whose event: line is missing.
func typeOf(data []byte) string {
	c := raw.On(data)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return ""
		}
		if string(key) == "type" {
			return text(&c)
		}
		c.Skip()
	}
}

func (s *scan) begin(c *raw.Cursor, v *stream.Verdict) {
	if s.p.Content() {
		c.Skip()
		v.Err = wire.BrokenStream("the upstream began a second answer inside the first")
		return
	}
	e := llm.Event{Kind: llm.Start}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) != "message" || c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "id":
				e.ID = text(c)
			case "model":
				at := c.Pos()
				if e.Model = text(c); e.Model != "" && s.model != nil {
					v.Splice, v.By = raw.Span{From: at, To: c.Offset()}, s.model
				}
			case "usage":
				s.n.take(c)
				s.p.Usage = s.n.usage()
			default:
				c.Skip()
			}
		}
	}
	if s.out != nil {
		v.Events = append(v.Events, e)
		s.usage(v)
	}
}

func (s *scan) usage(v *stream.Verdict) {
	if s.out != nil && s.p.Usage.Reported {
		v.Events = append(v.Events, llm.Event{Kind: llm.UsageUpdate, Usage: s.p.Usage})
	}
}

// message reads message_delta: why the answer ended, and the final usage, which is
// cumulative and replaces what message_start said.
func (s *scan) message(c *raw.Cursor, v *stream.Verdict) {
	reason, sequence := "", ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "delta":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				switch string(key) {
				case "stop_reason":
					reason = text(c)
				case "stop_sequence":
					sequence = text(c)
				default:
					c.Skip()
				}
			}
		case "usage":
			s.counted = s.counted || c.Kind() == '{'
			s.n.take(c)
			s.p.Usage = s.n.usage()
		default:
			c.Skip()
		}
	}
	if reason != "" {
		s.p.Stopped = true
	}
	if s.out != nil && c.Err() == nil {
		s.usage(v)
		if reason != "" {
			s.out.reason(reason, sequence, v)
		}
	}
}

// AtEnd implements stream.Scanner.
func (s *scan) AtEnd(v *stream.Verdict) *llm.Error {
	if s.cut {
		if s.out != nil {
			s.out.cut(v)
		}
		return nil
	}
	switch {
	case !s.p.Stopped:
		return wire.BrokenStream("it ended without a stop_reason")
	case s.open > 0 || !s.counted:
		return wire.BrokenStream("it ended without message_stop, with something still open")
	}
	v.Name, v.Make = "message_stop", []byte(`{"type":"message_stop"}`)
	if s.out != nil {
		s.out.end(v)
	}
	return nil
}

// Unframed implements stream.Scanner.
func (s *scan) Unframed(body []byte) *llm.Error {
	if t := wire.ReadError(body); t.Message != "" || t.Type != "" || t.Status != 0 {
		return wire.Classify(statusOf(t.Type), nil, t)
	}
	return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the upstream answered with a plain body where a stream was asked for"}
}
