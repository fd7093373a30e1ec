package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/wire/raw"
)

// textReader reads the text of a custom tool's input out of the arguments of a
// function, {"input":"…"}, while they come in pieces. It gives nothing where they
// are not of this form; then the text is known at their end. The zero value is
// ready.
type textReader struct {
	rest  string // what is not read yet
	where int8   // before the text, in it, or beyond what can be read
}

const (
	before = iota
	inText
	beyond
)

// feed takes the next piece of the arguments and gives what it brings of the text.
func (t *textReader) feed(piece string) string {
	if t.where == beyond {
		return ""
	}
	t.rest += piece
	if t.where == before && !t.opening() {
		return ""
	}
	n := whole(t.rest)
	end := n < len(t.rest) && t.rest[n] == '"'
	text, ok := unquote(t.rest[:n])
	if !ok || end {
		t.where = beyond
	}
	t.rest = t.rest[n:]
	return text
}

// opening looks for the beginning of the text, and reports whether it is there.
func (t *textReader) opening() bool {
	s := t.rest
	for _, want := range [...]string{"{", `"` + textInput + `"`, ":", `"`} {
		s = strings.TrimLeft(s, " \t\r\n")
		if !strings.HasPrefix(s, want) {
			if !strings.HasPrefix(want, s) {
				t.where, t.rest = beyond, ""
			}
			return false
		}
		s = s[len(want):]
	}
	t.where, t.rest = inText, s
	return true
}

// whole is how much of the inside of a JSON string is complete: up to its end, or to
// an escape of which the rest is still to come.
func whole(s string) int {
	for i := 0; i < len(s); {
		n := 1
		switch {
		case s[i] == '"':
			return i
		case s[i] == '\\':
			if n = escape(s[i:]); n == 0 {
				return i
			}
		}
		i += n
	}
	return len(s)
}

// escape is the length of the escape that s begins with, of a pair of surrogates that
// of both; 0 where it goes on.
func escape(s string) int {
	const one = len(`\uD800`)
	switch {
	case len(s) < 2:
		return 0
	case s[1] != 'u':
		return 2
	case len(s) < one:
		return 0
	case s[2] != 'd' && s[2] != 'D' || strings.IndexByte("89abAB", s[3]) < 0:
		return one
	}
	rest := s[one:]
	switch {
	case !strings.HasPrefix(rest, `\u`) && !strings.HasPrefix(`\u`, rest): // half a pair, alone
		return one
	case len(rest) < one:
		return 0
	}
	return 2 * one
}

func unquote(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	c := raw.On([]byte(`"` + s + `"`))
	text := c.Text()
	return text, c.End() == nil
}
