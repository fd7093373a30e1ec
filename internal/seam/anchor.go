package seam

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The lengths of an anchor, in characters.
const (
	leastAnchor = 40
	usualAnchor = 80
	mostAnchor  = 400 // where a shorter one stands in the text twice
)

// near is how many bytes before the end of a text are looked at character by character.
const near = 8 << 10

// spoken is the text without the white space at its end, which cannot be asked for
// again as nobody sees it, and that white space.
func spoken(text string) (said, rest string) {
	said = strings.TrimRightFunc(text, unicode.IsSpace)
	return said, text[len(said):]
}

// anchorOf are the last words of a text, from a word's border, that stand in it only
// once; all of it where it is short; "" where no end of bounded length is alone.
func anchorOf(text string) string {
	said, _ := spoken(text)
	if utf8.RuneCountInString(said) <= leastAnchor {
		return strings.TrimLeftFunc(said, unicode.IsSpace)
	}
	for least, most := leastAnchor, usualAnchor; least < mostAnchor; least, most = most, 2*most {
		a := lastWords(said, least, min(most, mostAnchor))
		if alone(said, a) {
			return a
		}
		if len(a) >= len(strings.TrimLeftFunc(said, unicode.IsSpace)) {
			return a // it is all of the text
		}
	}
	return ""
}

// lastWords are the last words of a text: at least so many characters and, from the
// first border of a word, as few as that gives; a place between two characters where
// there is no border.
func lastWords(text string, least, most int) string {
	at, n := len(text), 0
	short := 0
	for at > 0 && n < most {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if n >= least && unicode.IsSpace(r) {
			return strings.TrimLeftFunc(text[at:], unicode.IsSpace)
		}
		at -= size
		if n++; n == least {
			short = at
		}
	}
	if at == 0 {
		return strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	for short > 0 && short < len(text) && unicode.Is(unicode.Mn, firstRune(text[short:])) {
		_, size := utf8.DecodeLastRuneInString(text[:short]) // an accent belongs to what stands before it
		short -= size
	}
	return strings.TrimLeftFunc(text[short:], unicode.IsSpace)
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// alone reports whether a text ends with an anchor and nowhere else has it; near its
// end, however its white space and quotes are written.
func alone(text, anchor string) bool {
	if strings.Index(text, anchor) != len(text)-len(anchor) {
		return false
	}
	text = text[max(0, len(text)-near):]
	last := len(text) - len(anchor)
	m := matcher{anchor}
	for i := 0; i < last; {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsSpace(r) {
			if end, how := m.at(text, i); how == full && end <= len(text) {
				return false
			}
		}
		i += size
	}
	return true
}

// matcher finds an anchor whose white space and quotes may be written in other ways.
type matcher struct{ anchor string }

// found says how an anchor lies at a place of a text.
type found uint8

const (
	none  found = iota
	begun       // the text ends inside it
	full
)

// at tells whether the anchor begins at text[i:], and where it ends.
func (m *matcher) at(text string, i int) (end int, how found) {
	for k := 0; k < len(m.anchor); {
		if i >= len(text) {
			return i, begun
		}
		want, wn := utf8.DecodeRuneInString(m.anchor[k:])
		got, gn := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsSpace(want) && unicode.IsSpace(got):
			k += spaces(m.anchor[k:])
			i += spaces(text[i:])
		case m.anchor[k:k+wn] == text[i:i+gn], want != utf8.RuneError && plainQuote(want) == plainQuote(got):
			k, i = k+wn, i+gn
		case got == utf8.RuneError && gn == 1 && !utf8.FullRuneInString(text[i:]):
			return i, begun
		default:
			return i, none
		}
	}
	return i, full
}

// spaces is how long the white space is that a text begins with.
func spaces(s string) int { return len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace)) }

// plainQuote is a quotation mark as a typewriter has it; any other character is itself.
func plainQuote(r rune) rune {
	switch r {
	case '“', '”', '„', '‟', '«', '»', '″':
		return '"'
	case '‘', '’', '‚', '‛', '′', '´':
		return '\''
	}
	return r
}
