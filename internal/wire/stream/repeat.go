package stream

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire/raw"
)

// Repeat remembers an event that did nothing but bring one piece of text. Nearly
// all events of an answer are the same bytes around another text, and mean the
// same with it, so that only the text need be looked at.
//
//	{"choices":[{"index":0,"delta":{"content":" the"}}]}
//	└──────────────── before ────────────────┘   └ after
//
// A format forgets it with every event that it reads in full.
type Repeat struct {
	name, before, after []byte
	at                  raw.Cursor
	known               bool
}

// Learn remembers an event whose text begins at the cursor, with its opening
// quote, and ends before end, with its closing one.
func (r *Repeat) Learn(name, data []byte, at raw.Cursor, end int) {
	from := at.Pos()
	r.name = append(r.name[:0], name...)
	r.before = append(r.before[:0], data[:from+1]...)
	r.after = append(r.after[:0], data[end-1:]...)
	r.at, r.known = at.Over(nil), true
}

// Forget makes the next event be read in full.
func (r *Repeat) Forget() { r.known = false }

// Match reports whether an event is the remembered one but for its text, provided
// that one string goes from the cursor to end: the caller takes it and sees.
func (r *Repeat) Match(name, data []byte) (c raw.Cursor, end int, ok bool) {
	if !r.known || len(data) < len(r.before)+len(r.after) ||
		!bytes.HasPrefix(data, r.before) || !bytes.HasSuffix(data, r.after) || !bytes.Equal(name, r.name) {
		return c, 0, false
	}
	return r.at.Over(data), len(data) - len(r.after) + 1, true
}
