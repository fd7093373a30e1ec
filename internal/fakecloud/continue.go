package fakecloud

import (
	"cmp"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// Continues is what a model makes of a turn that asks it to go on with an answer that
// broke off. A turn is known as such where the last two are an assistant's text, which is
// how the answer to what stands before them begins, and a user's, which has the end of
// that text in it, the anchor.
type Continues string

// The ways to go on. All but the last two call the tools that the answer would have
// called after its text.
const (
	Faithful      Continues = "faithful"       // the anchor, then the rest
	Direct        Continues = "direct"         // the rest
	Preamble      Continues = "preamble"       // some words of its own, the anchor, the rest
	PreambleBare  Continues = "preamble_bare"  // some words of its own, the rest
	RepeatAll     Continues = "repeat_all"     // the whole answer from its beginning
	RepeatChanged Continues = "repeat_changed" // the same in part in other words
	OtherWords    Continues = "other"          // something else
	Nothing       Continues = "empty"
)

var continuations = []Continues{Faithful, Direct, Preamble, PreambleBare, RepeatAll, RepeatChanged, OtherWords, Nothing}

const preamble = "Sure, here is the rest of the answer:\n\n"

// speak is what the model says to a request. One that goes on with an answer gets what
// the answer would have been without the break.
func (x *exchange) speak(a *ask) []analyst.Part {
	turns := a.Turns
	n := len(turns)
	if n == 0 {
		return analyst.Answer(a.Request)
	}
	if begun, ok := said(turns[n-1], analyst.Assistant); ok && a.prefills {
		if whole, rest, ok := without(a, n-1, begun); ok {
			x.base.Continues = "prefill"
			mode := cmp.Or(x.manner.Continues, Faithful)
			if mode == Faithful || strings.HasPrefix(string(mode), "preamble") {
				mode = Direct // the text stands before the answer already, and nothing else can
			}
			return goOn(mode, "", whole, rest)
		}
	}
	if n < 3 {
		return analyst.Answer(a.Request)
	}
	asks, ok := said(turns[n-1], analyst.User)
	begun, also := said(turns[n-2], analyst.Assistant)
	anchor := anchorIn(asks, begun)
	if ok && also && anchor != "" {
		if whole, rest, ok := without(a, n-2, begun); ok {
			mode := cmp.Or(x.manner.Continues, Faithful)
			x.base.Continues = "turn " + string(mode)
			return goOn(mode, anchor, whole, rest)
		}
	}
	return analyst.Answer(a.Request)
}

// said is a turn's text, where it is one of the role and nothing but text.
func said(t analyst.Turn, role analyst.Role) (string, bool) {
	for _, p := range t.Parts {
		if p.Kind != analyst.Text {
			return "", false
		}
	}
	text := joinText(t.Parts)
	return text, t.Role == role && text != ""
}

// without is the answer to the first n turns of a request, and what of it comes after
// begun, which may be nothing; ok is false where that is not how it begins.
func without(a *ask, n int, begun string) (whole, rest []analyst.Part, ok bool) {
	r := a.Request
	r.Turns = r.Turns[:n]
	whole = analyst.Answer(r)
	if len(whole) == 0 || whole[0].Kind != analyst.Text || !strings.HasPrefix(whole[0].Text, begun) {
		return nil, nil, false
	}
	rest = append([]analyst.Part{{Kind: analyst.Text, Text: whole[0].Text[len(begun):]}}, whole[1:]...)
	return whole, rest, true
}

// The end of a text has to come in the request to go on with it, so many bytes of it at
// least; more than that is not looked for.
const leastAnchor, mostAnchor = 8, 4096

// anchorIn is the longest end of a text that a request to go on has in it, with the
// space after it that the request may have left out; "" where that is too little.
func anchorIn(asks, begun string) string {
	trimmed := strings.TrimRight(begun, " \n\t")
	for _, text := range []string{begun, trimmed} {
		for size := min(len(text), mostAnchor); size >= max(1, min(leastAnchor, len(text))); size-- {
			if end := text[len(text)-size:]; strings.Contains(asks, end) {
				return end + begun[len(text):]
			}
		}
	}
	return ""
}

// goOn is an answer's rest as a model of the manner gives it.
func goOn(mode Continues, anchor string, whole, rest []analyst.Part) []analyst.Part {
	text, calls := rest[0].Text, rest[1:]
	switch mode {
	case Faithful:
		text = anchor + text
	case Preamble:
		text = preamble + anchor + text
	case PreambleBare:
		text = preamble + text
	case RepeatAll:
		text = whole[0].Text
	case RepeatChanged:
		text = reworded(whole[0].Text)
	case OtherWords:
		var b strings.Builder
		for sentence := range analyst.Words("something else") {
			if b.WriteString(sentence); b.Len() > 400 {
				break
			}
		}
		text, calls = strings.TrimSpace(b.String()), nil
	case Nothing:
		text, calls = "", nil
	}
	if text == "" {
		return calls
	}
	return append([]analyst.Part{{Kind: analyst.Text, Text: text}}, calls...)
}

// reworded has another word in each seventh place.
func reworded(text string) string {
	words := strings.SplitAfter(text, " ")
	for i := range words {
		if i%7 == 3 {
			words[i] = "indeed "
		}
	}
	return strings.Join(words, "")
}
