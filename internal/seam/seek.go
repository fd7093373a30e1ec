package seam

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// seeker finds where in an attempt's text that begins which the client has not.
type seeker struct {
	w      Way
	whole  string // what was shown, from its first letter to its last
	rest   string // what stood behind that
	anchor string
	mark   string
	fenced bool // the attempt put a code fence around what it says
	inCode bool // the client's text is inside one
	open   bool // the client's text was not ended: what comes stands directly behind it
}

func newSeeker(p *Partial, w Way) seeker {
	text := p.Text()
	said, rest := spoken(text)
	s := seeker{w: w, whole: strings.TrimLeftFunc(said, unicode.IsSpace), rest: rest, anchor: anchorOf(text)}
	s.mark = markOf(s.anchor)
	s.inCode = strings.Count(said, "```")%2 == 1
	s.open = p.openText() >= 0
	return s
}

// place says whether a text joins.
type place uint8

const (
	waits  place = iota // it cannot be told yet
	joins               // from here on
	unlike              // it does not go on with what was shown
)

// silent reports whether an attempt may say nothing: where the client's text was not
// ended, that proves nothing, unless a prefilled answer goes on with something else.
func (s *seeker) silent(text string, open, ends bool) bool {
	return strings.TrimSpace(text) == "" && (!open || s.w == Prefill && !ends)
}

// look says from where on a text is new. last: no more of it will come.
func (s *seeker) look(text string, last bool) (at int, how place, why string) {
	if s.w == Prefill {
		at, how, why = s.repeated(text, last)
	} else {
		at, how, why = s.anchored(text, last)
	}
	if how != joins {
		return at, how, why
	}
	if !last && len(text) < at+len(s.rest) {
		return 0, waits, ""
	}
	at += common(text[at:], s.rest)
	if last && s.inCode && strings.TrimSpace(text[at:]) == "" {
		return 0, unlike, "does not end the block of code that is open"
	}
	switch why, may := s.foreign(text[at:], last); {
	case why != "":
		return 0, unlike, why
	case may && !last:
		return 0, waits, ""
	}
	return at, joins, ""
}

// common is how much two texts have in common at their beginning, in whole characters
// of the second.
func common(a, b string) (n int) {
	for n < len(b) {
		_, size := utf8.DecodeRuneInString(b[n:])
		if !strings.HasPrefix(a[n:], b[n:n+size]) {
			break
		}
		n += size
	}
	return n
}

// same is how many bytes two texts have in common at their beginning.
func same(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// anchored finds the end of the anchor.
func (s *seeker) anchored(text string, last bool) (int, place, string) {
	m := matcher{s.anchor}
	long := utf8.RuneCountInString(s.anchor) >= shortAnchor
	alive := false
	for _, i := range s.openings(text) {
		switch end, how := m.at(text, i); how {
		case full:
			return s.behind(text, i, end, last)
		case begun:
			alive = true
		}
	}
	lead := spaces(text)
	n := same(text[lead:], s.whole)
	switch {
	case n == len(s.whole):
		return s.behind(text, lead+n-len(s.anchor), lead+n, last)
	case lead+n == len(text):
		alive = true
	case n >= shortAnchor && !alive:
		return 0, unlike, "repeats the answer in other words"
	}
	if long && n < shortAnchor {
		for i := lead; i < len(text) && i <= lead+mostPreamble; {
			end, how := m.at(text, i)
			if how == full {
				return s.behind(text, i, end, last)
			}
			alive = alive || how == begun
			_, size := utf8.DecodeRuneInString(text[i:])
			i += size
		}
		alive = alive || len(text) <= lead+mostPreamble
	}
	if !last && lead <= mostPreamble && (alive || len(text) < lead+shortAnchor) {
		return 0, waits, ""
	}
	return 0, unlike, "does not begin with the last words of what was shown"
}

// openings are the places at which a text may begin, behind what may stand around it.
func (s *seeker) openings(text string) []int {
	i := spaces(text)
	list := []int{i}
	if rest := text[i:]; strings.HasPrefix(rest, "```") {
		if n := strings.IndexByte(rest, '\n'); n > 0 {
			i += n + 1
			list = append(list, i)
		}
	}
	if tag := "<" + s.mark + ">"; strings.HasPrefix(text[i:], tag) {
		i += len(tag)
		list = append(list, i, i+spaces(text[i:]))
	}
	for _, dots := range []string{"...", "…"} {
		if strings.HasPrefix(text[i:], dots) {
			i += len(dots)
			list = append(list, i, i+spaces(text[i:]))
		}
	}
	if r, size := utf8.DecodeRuneInString(text[i:]); size > 0 && (plainQuote(r) == '"' || plainQuote(r) == '\'') {
		list = append(list, i+size)
	}
	return list
}

// behind looks behind the anchor, which stands in text from i to end: what closes that
// which was opened before it is left out, and the anchor must not come again.
func (s *seeker) behind(text string, i, end int, last bool) (int, place, string) {
	if !last && len(text) < end+lookahead {
		return 0, waits, ""
	}
	if utf8.RuneCountInString(s.anchor) >= shortAnchor {
		m := matcher{s.anchor}
		for k := i + 1; k < len(text) && k < end+lookahead; k++ {
			if _, how := m.at(text, k); how == full && utf8.RuneStart(text[k]) {
				return 0, unlike, "has the last words of what was shown more than once"
			}
		}
	} else if len(s.anchor) >= leastRepeated && strings.HasPrefix(strings.TrimLeftFunc(text[end:], around), s.anchor) {
		return 0, unlike, "has the last words of what was shown more than once"
	}
	before := strings.TrimRight(text[:i], " \n")
	if tag := "</" + s.mark + ">"; strings.HasSuffix(before, "<"+s.mark+">") {
		if n := spaces(text[end:]); strings.HasPrefix(text[end+n:], tag) {
			end += n + len(tag)
			end += len(text[end:]) - len(strings.TrimPrefix(text[end:], "\n"))
		}
	}
	if r, _ := utf8.DecodeLastRuneInString(text[:i]); r != utf8.RuneError && !s.quoted() {
		if q, n := utf8.DecodeRuneInString(text[end:]); (plainQuote(r) == '"' || plainQuote(r) == '\'') && plainQuote(q) == plainQuote(r) {
			end += n
		}
	}
	if !s.inCode && opensCode(text[:i]) {
		tail := text[end:]
		if n := spaces(tail); strings.HasPrefix(tail[n:], "```") && strings.Contains(tail[:n], "\n") {
			end += n + len("```")
			end += len(text[end:]) - len(strings.TrimPrefix(text[end:], "\n"))
		} else {
			s.fenced = true
		}
	}
	return end, joins, ""
}

// around reports whether a character may stand around words that are quoted.
func around(r rune) bool {
	return unicode.IsSpace(r) || plainQuote(r) == '"' || plainQuote(r) == '\'' || strings.ContainsRune("`.…*<>", r)
}

// opensCode reports whether a text ends with the line that opens a block of code.
func opensCode(text string) bool {
	text = strings.TrimRight(text, " \t")
	line, ok := strings.CutSuffix(text, "\n")
	line = strings.TrimSpace(line[strings.LastIndexByte(line, '\n')+1:])
	return ok && strings.HasPrefix(line, "```") && !strings.ContainsAny(line, " \t")
}

// quoted reports whether a quotation mark stands before the anchor in what was shown.
func (s *seeker) quoted() bool {
	r, _ := utf8.DecodeLastRuneInString(s.whole[:len(s.whole)-len(s.anchor)])
	return plainQuote(r) == '"' || plainQuote(r) == '\''
}

// What is looked for of an answer that comes again, in bytes.
const (
	leastRepeated = 8       // of a short one
	tailAgain     = 2 << 10 // where it is not said again from its beginning
)

// repeated finds the end of what a prefilled answer says again although it should not:
// all of what was shown, or its last part. A text that says nothing again joins as it
// comes, unless it is plainly no rest of what was shown.
func (s *seeker) repeated(text string, last bool) (int, place, string) {
	lead := spaces(text)
	said := text[lead:]
	switch {
	case said == "" && last:
		return 0, unlike, "did not go on with the text"
	case lead > mostPreamble:
		return 0, unlike, "says nothing"
	case len(said) < shortAnchor && !last:
		return 0, waits, ""
	}
	probe := min(len(s.whole), shortAnchor)
	if probe < leastRepeated {
		if probe > 1 && strings.HasPrefix(said, s.whole) {
			return 0, unlike, "may or may not repeat what was shown"
		}
		return s.fresh(text)
	}
	if len(said) < probe {
		return s.fresh(text)
	}
	alive := false
	for i := range s.places(said[:probe]) {
		switch n := same(said, s.whole[i:]); {
		case n == len(s.whole)-i:
			if again := s.whole[i:]; repeats(again) || strings.Index(s.whole, again) < i {
				return 0, unlike, "may or may not repeat what was shown"
			}
			return lead + n, joins, ""
		case n == len(said) && !last:
			alive = true
		case i == 0 || lead == 0 && s.rest == "" && s.cuts(i):
			return 0, unlike, "repeats the answer in other words"
		}
	}
	if alive {
		return 0, waits, ""
	}
	return s.fresh(text)
}

// places are where in what was shown a text begins: its beginning, and near its end.
func (s *seeker) places(text string) iter.Seq[int] {
	return func(yield func(int) bool) {
		if strings.HasPrefix(s.whole, text) && !yield(0) {
			return
		}
		for i := max(1, len(s.whole)-tailAgain); i < len(s.whole); i++ {
			k := strings.Index(s.whole[i:], text)
			if k < 0 {
				return
			}
			if i += k; !yield(i) {
				return
			}
		}
	}
}

// cuts reports whether the words at s.whole[i:], said again, would stand in the middle
// of a word: letters meet letters, and there they do not.
func (s *seeker) cuts(i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s.whole[:i])
	end, _ := utf8.DecodeLastRuneInString(s.whole)
	first, _ := utf8.DecodeRuneInString(s.whole[i:])
	return s.open && !unicode.IsLetter(before) && unicode.IsLetter(end) && unicode.IsLetter(first)
}

// fresh is for a text that says nothing again.
func (s *seeker) fresh(text string) (int, place, string) {
	if why := s.anew(text); why != "" {
		return 0, unlike, why
	}
	return 0, joins, ""
}
