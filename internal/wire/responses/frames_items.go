package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// find is the item that the event in hand belongs to. One that was not announced
// begins with it.
func (s *answer) find() *item {
	for i := range s.open {
		if s.open[i].index == s.ev.output {
			return &s.open[i]
		}
	}
	s.items = true
	s.open = append(s.open, item{index: s.ev.output})
	return &s.open[len(s.open)-1]
}

func (s *answer) drop(index int64) {
	for i := range s.open {
		if s.open[i].index == index {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}

// count counts n bytes of a kind.
func (s *answer) count(kind llm.PartKind, n int, v *stream.Verdict) {
	if n == 0 {
		return
	}
	v.Class = wire.Content
	switch kind {
	case llm.Thinking:
		s.p.ThinkingBytes += int64(n)
	case llm.ToolCall:
		s.p.ToolBytes += int64(n)
	default:
		s.p.TextBytes += int64(n)
	}
}

func (s *answer) delta(name []byte, kind llm.PartKind, v *stream.Verdict) {
	it := s.find()
	it.parts |= bit(s.ev.content)
	it.streamed += int64(s.ev.n)
	s.count(kind, s.ev.n, v)
	if s.out != nil && s.ev.n > 0 {
		s.out.text(s, it, kind, s.ev.text(s.ev.delta), v)
	}
	s.learn(name, kind, it, v)
}

// whole takes a text that ends: all of it where none of it was streamed, as some
// servers send it.
func (s *answer) whole(kind llm.PartKind, v *stream.Verdict) {
	it := s.find()
	it.told = it.inPart == s.ev.content
	if it.parts&bit(s.ev.content) != 0 || !s.ev.has(s.ev.whole) {
		return
	}
	it.parts |= bit(s.ev.content)
	text := s.ev.text(s.ev.whole)
	it.streamed += int64(len(text))
	s.count(kind, len(text), v)
	if s.out != nil && text != "" {
		s.out.text(s, it, kind, text, v)
	}
}

func (s *answer) added(v *stream.Verdict) {
	if !s.ev.has(s.ev.item) {
		return
	}
	s.drop(s.ev.output)
	it := s.find()
	is := s.ev.data[s.ev.item.From:s.ev.item.To]
	it.kind = wire.TypeOf(is)
	switch it.kind {
	case "message", "reasoning":
	case functionCall, customCall:
		s.p.Tools++
		s.p.OpenTool = true
		v.Class = wire.Content
	default:
		v.Class = wire.Content
	}
	if s.out != nil {
		s.out.added(s, it, is, v)
	}
}

// done takes an item that is complete, with what of it has not come before.
func (s *answer) done(v *stream.Verdict) {
	if !s.ev.has(s.ev.item) {
		return
	}
	it := s.find()
	is := s.ev.data[s.ev.item.From:s.ev.item.To]
	kind := wire.TypeOf(is)
	announced := it.kind != ""
	it.kind = kind
	if kind == functionCall || kind == customCall {
		if !announced {
			s.p.Tools++
			v.Class = wire.Content
		}
		s.p.OpenTool = false
	}
	var parts []llm.Part
	if s.out != nil || it.parts == 0 && kind != functionCall || it.parts == 0 && it.streamed == 0 {
		parts = s.decode(is)
	}
	if it.parts == 0 {
		s.missed(parts, v)
	}
	if s.out != nil {
		s.out.done(s, it, parts, v)
	}
	s.drop(s.ev.output)
}

// missed counts what an item holds of which nothing was streamed.
func (s *answer) missed(parts []llm.Part, v *stream.Verdict) {
	for i := range parts {
		switch p := &parts[i]; p.Kind {
		case llm.Text, llm.Refusal, llm.Thinking:
			s.count(p.Kind, len(p.Text), v)
		case llm.ToolCall:
			s.count(p.Kind, len(p.Arguments), v)
		case llm.Opaque:
			v.Class = wire.Content
		}
	}
}

func (s *answer) decode(is []byte) []llm.Part {
	d := decoder{c: raw.On(is), r: &llm.Request{}, dialect: s.d}
	parts := d.answerItem()
	if d.c.Err() != nil {
		return nil
	}
	return parts
}
