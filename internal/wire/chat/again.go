package chat

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// said is the text of the last chunk that was read in full, and how the chunk looked
// if that was all that it brought.
type said struct {
	repeat stream.Repeat
	splice raw.Span
	event  int // the index of its canonical event

	texts int // so many of the chunk in hand; the rest is of the last of them
	at    raw.Cursor
	end   int
	kind  llm.PartKind
	n     int
}

func (l *said) text(at raw.Cursor, end int, kind llm.PartKind, n int) {
	l.texts++
	l.at, l.end, l.kind, l.n = at, end, kind, n
}

// learn remembers a chunk whose whole effect was one piece of text: that it was
// counted, and in events a single delta.
func (s *scan) learn(name, data []byte, before *llm.Progress, v *stream.Verdict) {
	l := &s.last
	if l.texts != 1 || l.n == 0 || v.Class != wire.Content || v.Hide || v.Err != nil || len(s.held) > 0 {
		return
	}
	from := l.at.Offset()
	if v.Splice != (raw.Span{}) && v.Splice.To > from {
		return // its place depends on the text's length
	}
	expect := *before
	counter(&expect, l.kind, l.n)
	if s.p != expect {
		return
	}
	if s.out != nil {
		if len(v.Events) != 1 || v.Events[0].Kind != llm.Delta || v.Events[0].Signature != "" {
			return
		}
		l.event = v.Events[0].Index
	}
	l.splice = v.Splice
	l.repeat.Learn(name, data, l.at, l.end)
}

// again takes a chunk that is the last one with another text.
func (s *scan) again(name, data []byte, v *stream.Verdict) bool {
	l := &s.last
	c, end, ok := l.repeat.Match(name, data)
	if !ok {
		return false
	}
	var n int
	var t string
	if s.out == nil {
		n = c.TextLen()
	} else {
		t = c.Text()
		n = len(t)
	}
	if n == 0 || c.Err() != nil || c.Offset() != end {
		return false
	}
	v.Class = wire.Content
	counter(&s.p, l.kind, n)
	if s.model != nil {
		v.Splice, v.By = l.splice, s.model
	}
	if s.out != nil {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: l.event, Text: t})
	}
	return true
}

// counter counts n bytes of text of a kind.
func counter(p *llm.Progress, kind llm.PartKind, n int) {
	if kind == llm.Thinking {
		p.ThinkingBytes += int64(n)
	} else {
		p.TextBytes += int64(n)
	}
}
