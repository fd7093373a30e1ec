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
	edits [16]edit
	n     int
}

type edit struct {
	at   Span
	text string
	num  int64 // where text is empty
	tail string
	name bool // text is a string to be quoted
	cut  bool
	open bool // of a cut: the object begins with it
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

// Cut takes a member out, with the comma that it needed.
func (e *Editor) Cut(m Member, object Span) {
	e.add(edit{at: Span{m.Begin, m.Value.To}, cut: true, open: m.Begin == object.From+1})
}

// Insert puts members, each with a comma behind it, at the beginning of the object,
// which has members left.
func (e *Editor) Insert(object Span, members string) {
	e.add(edit{at: Span{object.From + 1, object.From + 1}, text: members})
}

// Apply appends body with the edits to dst.
func (e *Editor) Apply(dst, body []byte) []byte {
	edits := e.edits[:e.n]
	slices.SortStableFunc(edits, func(a, b edit) int {
		if c := a.at.From - b.at.From; c != 0 {
			return c
		}
		return a.at.To - b.at.To // what is put in comes before what is cut there
	})
	dst = slices.Grow(dst, len(body)+64*len(edits))
	done, open := 0, false // open: all members up to here were cut
	for i := range edits {
		x := &edits[i]
		if open && x.at.From > done {
			done = afterComma(body, done)
			open = false
		}
		dst = append(dst, body[done:x.at.From]...)
		done = x.at.To
		open = open || x.open
		switch {
		case x.cut:
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
	if open {
		done = afterComma(body, done)
	}
	return append(dst, body[done:]...)
}

// afterComma is where the next member begins, whose neighbours before it are gone.
func afterComma(body []byte, at int) int {
	i := at
	for i < len(body) && (body[i] == ' ' || body[i] == '\n' || body[i] == '\r' || body[i] == '\t') {
		i++
	}
	if i < len(body) && body[i] == ',' {
		return i + 1
	}
	return at
}
