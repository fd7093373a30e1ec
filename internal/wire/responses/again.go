package responses

import (
	"bytes"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// alike is the last event that brought a piece of text and nothing else. Nearly all
// events of an answer are like it but for three things, in any order: the piece,
// the event's number, and padding.
//
//	{"type":"…","sequence_number":7,"item_id":"msg_1",…,"delta":" the","logprobs":[],"obfuscation":"x1"}
//	└────────── fixed ────────────┘└─────── fixed ─────────────┘    └────────── fixed ──────────┘  └ fixed
type alike struct {
	name, data      []byte
	differs         [3]difference
	n               int
	kind            llm.PartKind
	output, content int64
}

// difference is a piece of the learned event that may be another.
type difference struct {
	at   raw.Span
	what byte
}

const (
	aPiece   = 'p'
	aNumber  = 'n'
	aPadding = 'o'
)

// learn remembers an event whose whole effect was that one piece of text came.
func (s *answer) learn(name []byte, kind llm.PartKind, it *item, v *stream.Verdict) {
	e, l := &s.ev, &s.like
	if e.n == 0 || v.Class != wire.Content {
		return
	}
	if s.out != nil && (len(v.Events) != 1 || v.Events[0].Kind != llm.Delta || v.Events[0].Index != it.block || kind == llm.ToolCall && it.kind != functionCall) {
		return
	}
	l.n = 0
	l.differ(e.delta, aPiece)
	l.differ(e.number, aNumber)
	l.differ(e.padding, aPadding)
	slices.SortFunc(l.differs[:l.n], func(a, b difference) int { return a.at.From - b.at.From })
	l.name, l.data = append(l.name[:0], name...), append(l.data[:0], e.data...)
	l.kind, l.output, l.content = kind, e.output, e.content
}

func (l *alike) differ(at raw.Span, what byte) {
	if at.To > at.From {
		l.differs[l.n] = difference{at, what}
		l.n++
	}
}

// match reports whether an event is like the remembered one, and where its piece is.
func (l *alike) match(name, data []byte) (piece raw.Span, n int, ok bool) {
	if l.n == 0 || !bytes.Equal(name, l.name) {
		return piece, 0, false
	}
	from, i := 0, 0
	for k := range l.differs[:l.n] {
		d := &l.differs[k]
		fixed := l.data[from:d.at.From]
		if !bytes.HasPrefix(data[i:], fixed) {
			return piece, 0, false
		}
		i += len(fixed)
		c := raw.On(data[i:])
		switch kind := c.Kind(); {
		case d.what == aNumber && kind == '0', d.what == aPadding && kind == '"':
			c.Skip()
		case d.what == aPiece && kind == '"':
			n = c.TextLen()
			piece = raw.Span{From: i, To: i + c.Offset()}
		default:
			return piece, 0, false
		}
		if c.Err() != nil {
			return piece, 0, false
		}
		i += c.Offset()
		from = d.at.To
	}
	return piece, n, n > 0 && bytes.Equal(data[i:], l.data[from:])
}

// again takes an event that is like the last one.
func (s *answer) again(name, data []byte, v *stream.Verdict) bool {
	l := &s.like
	piece, n, ok := l.match(name, data)
	if !ok {
		return false
	}
	var it *item
	for i := range s.open {
		if s.open[i].index == l.output {
			it = &s.open[i]
		}
	}
	if it == nil || it.parts&bit(l.content) == 0 || s.out != nil && (!it.begun || it.inPart != l.content) {
		return false
	}
	it.streamed += int64(n)
	s.count(l.kind, n, v)
	if s.out != nil {
		c := raw.On(data[piece.From:piece.To])
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Text: c.Text()})
	}
	return true
}
