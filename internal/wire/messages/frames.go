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
	s := &scan{}
	if o.Model != "" {
		s.model = raw.AppendString(nil, o.Model)
	}
	if o.Events {
		s.out = &blocks{}
	}
	return stream.New(r, s, &s.p, o)
}

// scan reads the events of one answer. It implements stream.Scanner.
type scan struct {
	p       llm.Progress
	model   []byte // as JSON, to be put in place of the upstream's
	n       counts
	open    int // blocks that are open
	out     *blocks
	counted bool // message_delta has brought its usage
}

// See implements stream.Scanner.
func (s *scan) See(name, data []byte, v *stream.Verdict) {
	c := raw.On(data)
	if c.Kind() != '{' || s.out != nil && !raw.Valid(data) {
		v.Bad = true
		return
	}
	before, counts := s.p, s.n
	v.Class = wire.Prelude
	kind := string(name) // always equal to the type where it is there
	if kind == "" {
		kind = typeOf(data)
	}
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
		if s.out != nil {
			s.out.end(v)
		}
	case "ping":
		c.Skip()
		v.Class = wire.Heart
		if s.out != nil {
			v.Events = append(v.Events, llm.Event{Kind: llm.Ping})
		}
	case "error":
		c.Skip()
		said := wire.ReadError(data)
		v.Err = wire.Classify(statusOf(said.Type), nil, said)
		return
	default: // the format may grow
		c.Skip()
	}
	if c.End() != nil {
		s.p, s.n, v.Bad = before, counts, true
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

func (s *scan) start(c *raw.Cursor, v *stream.Verdict) {
	index := int64(0)
	var block raw.Cursor
	has := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			index = count(c)
			continue
		case "content_block":
			block, has = *c, true
		}
		c.Skip()
	}
	if c.Err() != nil || !has || block.Kind() != '{' {
		return
	}
	s.open++
	kind, texts := "", int64(0)
	at := block
	for at.Object(); ; {
		key, ok := at.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "type":
			kind = string(at.Raw())
		case (string(key) == "text" || string(key) == "thinking") && at.Kind() == '"':
			texts = int64(at.TextLen())
		default:
			at.Skip()
		}
	}
	switch kind {
	case `"text"`:
		s.p.TextBytes += texts
	case `"thinking"`:
		s.p.ThinkingBytes += texts
	case `"tool_use"`, `"server_tool_use"`, `"mcp_tool_use"`:
		s.p.Tools++
		s.p.OpenTool = true
		v.Class = wire.Content
	default:
		v.Class = wire.Content
	}
	if texts > 0 {
		v.Class = wire.Content
	}
	if s.out != nil {
		s.out.start(int(index), &block, v)
	}
}

func (s *scan) delta(c *raw.Cursor, v *stream.Verdict) {
	index := int64(0)
	var d raw.Cursor
	has := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "index":
			index = count(c)
		case "delta":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			d, has = *c, true
			if s.out != nil {
				c.Skip()
				continue
			}
			s.count(c, v)
		default:
			c.Skip()
		}
	}
	if s.out == nil || !has || c.Err() != nil {
		return
	}
	at := d
	s.count(&at, v)
	s.out.delta(int(index), &d, v)
}

// count takes a delta and counts what is in it.
func (s *scan) count(c *raw.Cursor, v *stream.Verdict) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		var to *int64
		switch string(key) {
		case "text":
			to = &s.p.TextBytes
		case "thinking":
			to = &s.p.ThinkingBytes
		case "partial_json":
			to = &s.p.ToolBytes
		}
		if to == nil || c.Kind() != '"' {
			c.Skip()
			continue
		}
		if n := c.TextLen(); n > 0 {
			*to += int64(n)
			v.Class = wire.Content
		}
	}
}

func (s *scan) stop(c *raw.Cursor, v *stream.Verdict) {
	index := int64(0)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) == "index" {
			index = count(c)
		} else {
			c.Skip()
		}
	}
	s.open = max(0, s.open-1)
	s.p.OpenTool = false // blocks come one after the other
	if s.out != nil && c.Err() == nil {
		s.out.stop(int(index), v)
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

// madeStop ends a stream whose upstream forgot to.
const madeStop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

// AtEnd implements stream.Scanner.
func (s *scan) AtEnd(v *stream.Verdict) *llm.Error {
	switch {
	case !s.p.Stopped:
		return wire.BrokenStream("it ended without a stop_reason")
	case s.open > 0 || !s.counted:
		return wire.BrokenStream("it ended without message_stop, with something still open")
	}
	v.Make = []byte(madeStop)
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
