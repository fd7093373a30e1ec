package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// said is the text of the last event that was read in full, and how the event
// looked if that was all that it brought.
type said struct {
	repeat stream.Repeat
	event  int // the index of its canonical event

	texts, others int // members of the delta in hand; the rest is of the last text
	at            raw.Cursor
	end           int
	to            *int64 // the counter
	n             int
}

func (l *said) text(at raw.Cursor, end int, to *int64, n int) {
	l.texts++
	l.at, l.end, l.to, l.n = at, end, to, n
}

// learn remembers a delta whose whole effect was one piece of text: that it was
// counted, and in events a single delta.
func (s *scan) learn(name, data []byte, before *llm.Progress, v *stream.Verdict) {
	l := &s.last
	if l.texts != 1 || l.others > 0 || l.n == 0 || v.Class != wire.Content || v.Err != nil {
		return
	}
	now := s.p
	*l.to -= int64(l.n)
	alone := s.p == *before
	s.p = now
	if !alone {
		return
	}
	if s.out != nil {
		if len(v.Events) != 1 || v.Events[0].Kind != llm.Delta || v.Events[0].Signature != "" {
			return
		}
		l.event = v.Events[0].Index
	}
	l.repeat.Learn(name, data, l.at, l.end)
}

// again takes an event that is the last one with another text.
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
	*l.to += int64(n)
	if s.out != nil {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: l.event, Text: t})
	}
	return true
}
