package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// splice changes the name and the ids that the event's response object has.
func (s *answer) splice(v *stream.Verdict) {
	if s.model == "" && s.seal == nil || !s.ev.has(s.ev.response) {
		return
	}
	c := s.ev.at(s.ev.response)
	if c.Kind() != '{' {
		return
	}
	s.change.response(&c, s.model, s.seal)
	at := s.change.span()
	if c.Err() != nil || at.To == 0 {
		return
	}
	is := s.ev.data[s.ev.response.From:s.ev.response.To]
	s.by = s.change.apply(s.by[:0], is, at.From, at.To)
	v.Splice = raw.Span{From: s.ev.response.From + at.From, To: s.ev.response.From + at.To}
	v.By = s.by
}

func (s *answer) end(how ending, v *stream.Verdict) {
	v.Class = wire.Terminal
	s.splice(v)
	r := &llm.Response{}
	if s.ev.has(s.ev.response) {
		c := s.ev.at(s.ev.response)
		if c.Kind() == '{' {
			d := decoder{c: c, r: &llm.Request{}, dialect: s.d}
			d.last(r, &how, !s.items)
		}
	}
	s.p.Usage = r.Usage
	s.p.Stopped = true
	s.p.OpenTool = false
	if !s.items {
		s.missed(r.Parts, v)
		v.Class = wire.Terminal
	}
	if s.out != nil {
		s.out.end(s, r, &how, v)
	}
}

// last reads of the last response object what a stream has not told before.
func (d *decoder) last(r *llm.Response, how *ending, output bool) {
	c := &d.c
	var n counts
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "usage":
			n.take(c)
			continue
		case "tool_usage":
			n.toolUsage(c)
			continue
		case "service_tier":
			n.tier = c.TextIf()
			continue
		case "incomplete_details":
			how.reason = member(c.Raw(), "reason")
			continue
		case "output":
			if output && c.Kind() == '[' {
				r.Parts = d.answerItems()
				continue
			}
		}
		c.Skip()
	}
	r.Usage = n.usage()
}

// failed classifies an event that is an error: response.failed has it in its
// response object, error in itself, in two shapes.
func (s *answer) failed(data []byte) *llm.Error {
	if s.ev.has(s.ev.response) {
		c := s.ev.at(s.ev.response)
		for ok := c.Kind() == '{' && c.Object(); ok; {
			key, more := c.Key()
			if !more {
				break
			}
			if string(key) == "error" && c.Kind() == '{' {
				return failure(c.Raw())
			}
			c.Skip()
		}
	}
	e := Codec{}.DecodeError(200, nil, data, s.d)
	if e.Billed == llm.BilledNo && s.p.Content() {
		e.Billed = llm.BilledMaybe
	}
	return e
}

// AtEnd implements stream.Scanner: the last event is the only one that says that an
// answer is whole.
func (s *answer) AtEnd(v *stream.Verdict) *llm.Error {
	if s.cut {
		if s.out != nil {
			s.out.cut(s, v)
		}
		return nil
	}
	return wire.BrokenStream("it ended without response.completed")
}

// Unframed implements stream.Scanner.
func (s *answer) Unframed(body []byte) *llm.Error {
	if t := wire.ReadError(body); t != (wire.Said{}) {
		return Codec{}.DecodeError(200, nil, body, s.d)
	}
	return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the upstream answered with a plain body where a stream was asked for"}
}
