package stream

import (
	"errors"
	"io"

	"github.com/skein-run/skein/internal/wire/sse"
	"github.com/skein-run/skein/internal/wire/window"
)

// array reads the elements of one JSON array as events, each as soon as it is
// complete. An element's Raw has before it what separates it from the one before;
// what stands after the last is the tail.
type array struct {
	w      window.Reader
	seen   int // so many of the waiting bytes are looked at
	start  int // where the element in hand begins; -1: between elements
	depth  int // of brackets in it
	bare   bool
	quoted bool
	escape bool

	begun, closed bool // the array's brackets
}

var errCutArray = errors.New("the JSON array ended inside an element")

func newArray(r io.Reader) *array {
	return &array{w: window.New(r, sse.MaxEvent), start: -1}
}

func (a *array) Release()            { a.w.Release() }
func (a *array) Rest(max int) []byte { return a.w.Rest(max) }

func (a *array) Fill() error {
	err := a.w.Fill()
	if errors.Is(err, io.EOF) && a.start >= 0 {
		return errCutArray
	}
	return err
}

func (a *array) next(e *event) bool {
	have := a.w.Waiting()
	for ; a.seen < len(have) && !a.closed; a.seen++ {
		switch ch := have[a.seen]; {
		case a.start >= 0:
			if end := a.inside(ch); end > 0 {
				start := a.start
				b := a.take(end)
				*e = event{Event: sse.Event{Data: b[start:], Raw: b, Has: true}}
				return true
			}
		case ch <= ' ':
		case !a.begun:
			if ch != '[' {
				a.begun = true
				*e = event{Event: sse.Event{Raw: a.take(len(have))}, kind: foreign}
				return true
			}
			a.begun = true
		case ch == ',':
		case ch == ']':
			a.closed = true
		default:
			a.start, a.depth, a.bare = a.seen, 0, true
			a.inside(ch)
		}
	}
	if a.closed && a.w.Err() != nil && len(have) > 0 {
		*e = event{Event: sse.Event{Raw: a.take(len(have))}, kind: tail}
		return true
	}
	return false
}

// inside takes the next character of an element and says where the element ends,
// once it is complete. An element that is no object and no array ends where the
// next comma or bracket is.
func (a *array) inside(ch byte) (end int) {
	switch {
	case a.escape:
		a.escape = false
	case a.quoted:
		a.escape = ch == '\\'
		a.quoted = ch != '"'
	case ch == '"':
		a.quoted = true
	case ch == '{' || ch == '[':
		a.depth++
		a.bare = false
	case a.bare && (ch == ',' || ch == ']'):
		return a.seen
	case ch == '}' || ch == ']':
		if a.depth--; a.depth <= 0 && !a.bare {
			return a.seen + 1
		}
	}
	return 0
}

func (a *array) take(n int) []byte {
	a.seen, a.start = 0, -1
	return a.w.Take(n)
}
