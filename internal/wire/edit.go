package wire

import (
	"slices"
	"strconv"

	"github.com/skein-run/skein/internal/wire/raw"
)

// Editor collects replacements of pieces of a body and applies them in one pass.
// Its zero value is ready; it holds the few edits that a request can need without
// allocating.
type Editor struct {
	edits [8]edit
	n     int
}

type edit struct {
	at   Span
	text string
	num  int64 // where text is empty
	tail string
	name bool // text is a string to be quoted
}

func (e *Editor) add(x edit) {
	e.edits[e.n] = x // an edit more than there are members to edit is a bug
	e.n++
}

// Raw replaces a piece by JSON text.
func (e *Editor) Raw(at Span, text string) { e.add(edit{at: at, text: text}) }

// Int replaces a piece by a number.
func (e *Editor) Int(at Span, n int64) { e.add(edit{at: at, num: n}) }

// String replaces a piece by a string.
func (e *Editor) String(at Span, s string) { e.add(edit{at: at, text: s, name: true}) }

// Member inserts ,"name":n at an offset; the object has members before it.
func (e *Editor) Member(at int, name string, n int64) {
	e.add(edit{at: Span{at, at}, text: `,"` + name + `":`, num: n, tail: "n"})
}

// Apply appends body with the edits to dst.
func (e *Editor) Apply(dst, body []byte) []byte {
	edits := e.edits[:e.n]
	slices.SortStableFunc(edits, func(a, b edit) int { return a.at.From - b.at.From })
	dst = slices.Grow(dst, len(body)+64*len(edits))
	done := 0
	for i := range edits {
		x := &edits[i]
		dst = append(dst, body[done:x.at.From]...)
		done = x.at.To
		switch {
		case x.name:
			dst = raw.AppendString(dst, x.text)
		case x.tail != "":
			dst = strconv.AppendInt(append(dst, x.text...), x.num, 10)
		case x.text != "":
			dst = append(dst, x.text...)
		default:
			dst = strconv.AppendInt(dst, x.num, 10)
		}
	}
	return append(dst, body[done:]...)
}
