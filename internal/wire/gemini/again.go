package gemini

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// alike is how the last chunk looked that did nothing but bring one piece of text, and
// perhaps new counts. Nearly all of an answer are the same bytes around another text
// and other counts, so that only those need be looked at:
//
//	{"candidates":[{"content":{"parts":[{"text":" the"}],"role":"model"}}],"usageMetadata":{…},"modelVersion":…}
//	└────────────────── before ───────────────┘    └────────── between ─────────┘     └───── after
type alike struct {
	known                  bool
	before, between, after []byte
	counted                bool // there are counts
	at                     raw.Cursor
	to                     *int64
	splice                 raw.Span // of the model, from the end
	index                  int      // of the canonical event

	// Of the chunk that is being read in full.
	texts, others int
	textFrom      raw.Cursor
	textTo        int
	usage         seenUsage
}

// seenUsage is where the counts of a chunk stand.
type seenUsage struct {
	at raw.Cursor
	n  int // how many members there were
}

func (u seenUsage) over(c *raw.Cursor) seenUsage { return seenUsage{at: *c, n: u.n + 1} }

func (l *alike) forget() {
	l.known, l.texts, l.others, l.to, l.usage = false, 0, 0, nil, seenUsage{}
}

func (l *alike) text(at raw.Cursor, end int) {
	l.texts++
	l.textFrom, l.textTo = at, end
}

func (l *alike) other() { l.others++ }

// learn remembers a chunk whose whole effect was one piece of text, with or without
// new counts.
func (l *alike) learn(s *chunks, before *llm.Progress, data []byte, v *stream.Verdict) {
	if l.texts != 1 || l.others > 0 || l.to == nil || l.usage.n > 1 || v.Class != wire.Content || v.Err != nil {
		return
	}
	now := s.p
	n := textLen(l.textFrom)
	*l.to -= int64(n)
	s.p.Usage = before.Usage
	alone := s.p == *before
	s.p = now
	if !alone || s.n.searches > 0 {
		return
	}
	if s.out != nil {
		if len(v.Events) == 0 || v.Events[0].Kind != llm.Delta || v.Events[0].Signature != "" || len(v.Events) > 2 ||
			len(v.Events) == 2 && v.Events[1].Kind != llm.UsageUpdate {
			return
		}
		l.index = v.Events[0].Index
	}
	from := l.textFrom.Pos()
	l.before = append(l.before[:0], data[:from]...)
	l.counted = l.usage.n == 1
	tail := l.textTo
	l.between = l.between[:0]
	if l.counted {
		u := l.usage.at
		uFrom := u.Pos()
		if uFrom < l.textTo {
			return // counts before the text; nobody sends them so
		}
		u.Skip()
		l.between = append(l.between, data[l.textTo:uFrom]...)
		tail = u.Offset()
	}
	l.after = append(l.after[:0], data[tail:]...)
	l.splice = raw.Span{}
	if v.Splice.To > v.Splice.From {
		if v.Splice.From < tail {
			return
		}
		l.splice = raw.Span{From: len(data) - v.Splice.From, To: len(data) - v.Splice.To}
	}
	l.at = l.textFrom.Over(nil)
	l.known = true
}

func textLen(c raw.Cursor) int { return c.TextLen() }

// again takes a chunk that is the last one with another text and other counts.
func (s *chunks) again(data []byte, v *stream.Verdict) bool {
	l := &s.last
	if !l.known || len(data) < len(l.before)+len(l.after) || !bytes.HasPrefix(data, l.before) || !bytes.HasSuffix(data, l.after) {
		return false
	}
	end := len(data) - len(l.after)
	c := l.at.Over(data)
	var n int
	var t string
	if s.out == nil {
		n = c.TextLen()
	} else {
		t = c.Text()
		n = len(t)
	}
	if n == 0 || c.Err() != nil {
		return false
	}
	counts, usage := s.n, s.p.Usage
	if l.counted {
		if !bytes.HasPrefix(data[c.Offset():], l.between) {
			return false
		}
		from := c.Offset() + len(l.between)
		if from > end {
			return false
		}
		u := raw.On(data[from:end])
		if u.Kind() != '{' {
			return false
		}
		if counts.take(&u); u.End() != nil {
			return false
		}
		usage = counts.usage()
	} else if c.Offset() != end {
		return false
	}
	s.n, s.p.Usage = counts, usage
	v.Class = wire.Content
	*l.to += int64(n)
	if l.splice.From > 0 {
		v.Splice, v.By = raw.Span{From: len(data) - l.splice.From, To: len(data) - l.splice.To}, s.model
	}
	if s.out != nil {
		s.out.more(t)
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: l.index, Text: t})
		if l.counted && usage.Reported {
			v.Events = append(v.Events, llm.Event{Kind: llm.UsageUpdate, Usage: usage})
		}
	}
	return true
}
