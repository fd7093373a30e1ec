package converse

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
	if o.Events {
		s.out = &blocks{}
	}
	in := wire.EventStream
	if d != nil {
		in = d.Framing.Of(llm.Converse)
	}
	o.Framing = o.Framing.Of(llm.Converse)
	return stream.New(r, s, &s.p, in, o)
}

// scan reads the events of one answer. It implements stream.Scanner.
type scan struct {
	p   llm.Progress
	out *blocks
	n   counts
	cut bool
	// alike is how the last piece of text began, up to its text: most begin so.
	alike []byte
	at    raw.Cursor
	index int
}

// The events, by their :event-type.
const (
	messageStart = "messageStart"
	blockStart   = "contentBlockStart"
	blockDelta   = "contentBlockDelta"
	blockStop    = "contentBlockStop"
	messageStop  = "messageStop"
	metadata     = "metadata"
	heartbeat    = "heartbeat" // of a gateway, which clients skip
)

// See implements stream.Scanner.
func (s *scan) See(name, data []byte, v *stream.Verdict) {
	if string(name) == blockDelta && s.again(data, v) {
		return
	}
	if string(name) == heartbeat {
		v.Class = wire.Heart
		if s.out != nil {
			v.Events = append(v.Events, llm.Event{Kind: llm.Ping})
		}
		return
	}
	c := raw.On(data)
	if c.Kind() != '{' || s.out != nil && !raw.Valid(data) {
		v.Bad = true
		return
	}
	before, counted, events := s.p, s.n, len(v.Events)
	v.Class = wire.Prelude
	switch string(name) {
	case messageStart:
		c.Skip()
		if s.out != nil {
			v.Events = append(v.Events, llm.Event{Kind: llm.Start})
		}
	case blockStart:
		s.start(&c, v)
	case blockDelta:
		s.delta(&c, v)
	case blockStop:
		s.stop(&c, v)
	case messageStop:
		s.message(&c, v)
	case metadata:
		s.metadata(&c, v)
	default: // the format may grow
		c.Skip()
	}
	if c.End() != nil {
		s.p, s.n = before, counted
		v.Events = v.Events[:events]
		v.Bad = true
	}
}

// block reads {"contentBlockIndex":0,…} and gives the member that is asked for.
func block(c *raw.Cursor, name string) (index int, at raw.Cursor, ok bool) {
	for c.Object(); ; {
		key, more := c.Key()
		if !more {
			return index, at, ok && c.Err() == nil
		}
		switch string(key) {
		case "contentBlockIndex":
			index = int(c.Count())
			continue
		case name:
			at, ok = *c, c.Kind() == '{'
		}
		c.Skip()
	}
}

// start reads the start of a tool's call or of its result; other blocks begin with
// their first delta.
func (s *scan) start(c *raw.Cursor, v *stream.Verdict) {
	index, at, ok := block(c, "start")
	if !ok {
		return
	}
	v.Class = wire.Content
	if onlyMember(at) == "toolUse" {
		s.p.Tools++
		s.p.OpenTool = true
	}
	if s.out != nil {
		s.out.start(index, &at, v)
	}
}

func (s *scan) stop(c *raw.Cursor, v *stream.Verdict) {
	index, _, _ := block(c, "")
	s.p.OpenTool = false // blocks come one after the other
	if s.out != nil && c.Err() == nil {
		s.out.stop(index, v)
	}
}

func (s *scan) message(c *raw.Cursor, v *stream.Verdict) {
	reason := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) == "stopReason" {
			reason = c.TextIf()
		} else {
			c.Skip()
		}
	}
	s.p.Stopped = true
	s.p.OpenTool = false
	if s.out != nil && c.Err() == nil {
		s.out.close(v)
		stop, detail := stopOf(reason)
		v.Events = append(v.Events, llm.Event{Kind: llm.Stop, Stop: stop, StopDetail: detail})
	}
}

// metadata comes last and has the usage.
func (s *scan) metadata(c *raw.Cursor, v *stream.Verdict) {
	tier := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "usage":
			s.n.take(c)
		case "serviceTier":
			tier = tierOf(c)
		default:
			c.Skip()
		}
	}
	if s.n.some {
		s.p.Usage = s.n.usage(tier)
	}
	if s.out != nil && c.Err() == nil && s.n.some {
		v.Events = append(v.Events, llm.Event{Kind: llm.UsageUpdate, Usage: s.p.Usage})
	}
	if s.p.Stopped {
		s.end(v)
	}
}

func (s *scan) end(v *stream.Verdict) {
	v.Class = wire.Terminal
	if s.out != nil {
		v.Events = append(v.Events, llm.Event{Kind: llm.End})
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
		return wire.BrokenStream("it ended without messageStop")
	case !s.n.some:
		return wire.BrokenStream("it ended without metadata, and so without its usage")
	}
	s.end(v) // the metadata came before the stop
	return nil
}

// Unframed implements stream.Scanner.
func (s *scan) Unframed(body []byte) *llm.Error {
	if c := raw.On(body); c.Kind() == '{' {
		return wire.ClassifyAWS(200, nil, body)
	}
	return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the upstream answered with a plain body where a stream was asked for"}
}
