package seam

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// firstLine is how much of what goes on is read for a remark.
const firstLine = 160

// Openers are how models begin to talk about the task instead of doing it, and remarks
// what they say then. A text that begins with one and has the other in its first line
// is no part of an answer that was cut in the middle.
var (
	openers = []string{
		"sure", "certainly", "of course", "absolutely", "okay", "ok,", "understood", "got it", "no problem",
		"here is", "here's", "here’s", "here are", "here you go", "i'll", "i’ll", "i will", "let me", "let's", "let’s", "i apologi", "apologies",
		"my apologies", "sorry", "i'm sorry", "i’m sorry", "continuing", "continuation", "(continu", "[continu", "picking up", "resuming", "as requested",
	}
	remarks = []string{
		"continu", "cut off", "cut short", "left off", "interrupt", "resum", "picking up", "pick up where",
		"the rest of", "it stopped", "i stopped", "last words", "last message", "previous message",
	}
)

// remark reports whether a text begins with a remark on going on, or may: more of it
// must come before that can be told.
func remark(text string, last bool) (is, may bool) {
	text = strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("*_>#", r) })
	whole := len(text) >= firstLine || last
	text = text[:min(len(text), firstLine)]
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text, whole = text[:i], true
	}
	text = strings.ToLower(text)
	for _, o := range openers {
		if strings.HasPrefix(text, o) {
			for _, r := range remarks {
				if strings.Contains(text, r) {
					return true, false
				}
			}
			return false, !whole
		}
		may = may || !whole && strings.HasPrefix(o, text)
	}
	return false, may
}

// foreign says why what goes on cannot be the rest of what was shown, as far as that
// can be told from how it begins; may: more of it must come first.
func (s *seeker) foreign(text string, last bool) (why string, may bool) {
	if !s.quotes() {
		is, more := remark(text, last)
		if is {
			return "talks about going on instead of doing it", false
		}
		may = more
	}
	if s.inCode {
		if again, more := opensAgain(text, last); again {
			return "opens the block of code again, which is open", false
		} else if more {
			may = true
		}
	}
	return "", may
}

// quotes reports whether what was shown ends where somebody begins to speak, who may
// say anything.
func (s *seeker) quotes() bool {
	r, _ := utf8.DecodeLastRuneInString(s.whole)
	return plainQuote(r) == '"' || r == ':'
}

// opensAgain reports whether a text begins with the line that opens a block of code and
// says its language, which a line that closes one does not.
func opensAgain(text string, last bool) (again, may bool) {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	rest, ok := strings.CutPrefix(text, "```")
	if !ok {
		return false, !last && strings.HasPrefix("```", text)
	}
	r, size := utf8.DecodeRuneInString(rest)
	return unicode.IsLetter(r), !last && size == 0
}

// anew says why a prefilled answer's text, which says nothing again letter for letter,
// is not the rest of what was shown but begins to say it once more.
func (s *seeker) anew(text string) string {
	line := strings.ContainsRune(text[:spaces(text)], '\n') || strings.ContainsRune(s.rest, '\n')
	before, _ := utf8.DecodeLastRuneInString(s.whole)
	if line || !s.open || strings.ContainsRune(".!?。！？…", before) {
		return "" // here a sentence may begin as the answer did
	}
	if looselySame(text, s.whole) >= leastRepeated {
		return "begins the answer again in the middle of a sentence"
	}
	first, _ := utf8.DecodeRuneInString(text)
	if s.rest != "" || !unicode.IsLetter(before) || !unicode.IsLetter(first) || s.inCode {
		return ""
	}
	// Letters meet letters: what comes next is the rest of a word.
	if w := firstWord(text); unicode.IsLower(before) && unicode.IsUpper(first) && len(w) < len(text) && (begins[w] || w == firstWord(s.whole)) {
		return "begins a sentence in the middle of a word"
	}
	return ""
}

// begins are words with which sentences begin and words do not go on.
var begins = map[string]bool{
	"The": true, "This": true, "That": true, "These": true, "A": true, "An": true, "I": true, "It": true, "Here": true, "In": true,
	"To": true, "You": true, "We": true, "There": true, "Sure": true, "Yes": true, "No": true, "As": true, "If": true, "For": true,
	"Certainly": true, "Of": true, "Okay": true, "Sorry": true, "My": true, "Your": true, "Let": true, "And": true, "But": true,
}

// firstWord is the letters that a text begins with.
func firstWord(text string) string {
	return text[:len(text)-len(strings.TrimLeftFunc(text, unicode.IsLetter))]
}

// looselySame is how much two texts have in common at their beginning, in bytes that
// are no white space: JSON that is begun again is often laid out in another way.
func looselySame(a, b string) (n int) {
	for {
		a, b = strings.TrimLeftFunc(a, unicode.IsSpace), strings.TrimLeftFunc(b, unicode.IsSpace)
		if a == "" || b == "" || a[0] != b[0] {
			return n
		}
		a, b, n = a[1:], b[1:], n+1
	}
}

// repeats reports whether a text is made of one that comes again: then it cannot be
// told whether more of it is new or was said already.
func repeats(text string) bool {
	border := make([]int, len(text)) // of each beginning, the longest that is its end, too
	for i, k := 1, 0; i < len(text); i++ {
		for k > 0 && text[i] != text[k] {
			k = border[k-1]
		}
		if text[i] == text[k] {
			k++
		}
		border[i] = k
	}
	return len(text) > 0 && 2*border[len(text)-1] >= len(text)
}
