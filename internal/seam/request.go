package seam

import (
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// Request is the request for the attempt that follows a break; req is not changed. It
// is the same for the same arguments. A restart asks for the same as before: cut
// thinking has no signature, and nobody takes it back. w counts for Continue only.
func Request(req *llm.Request, p *Partial, v Verdict, w Way) *llm.Request {
	r := *req
	if v != Continue {
		return &r
	}
	said, _ := spoken(p.Text())
	r.Messages, r.Prefill = withAnswer(req.Messages, said), w == Prefill
	again := 0
	if w == Turn {
		anchor := anchorOf(p.Text())
		again = len(anchor)
		r.Messages = append(r.Messages, llm.Message{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: ask(anchor)}}})
	}
	r.MaxOutput = left(req.MaxOutput, len(said), again)
	if w == Prefill || r.MaxOutput > 0 && r.Reasoning.Budget >= r.MaxOutput {
		// A prefilled answer cannot begin with thinking, and what continues one needs none.
		r.Reasoning = llm.Reasoning{}
	}
	return &r
}

// withAnswer are the messages with the partial answer behind them. Where the client
// itself began the answer, it stays one turn and one text.
func withAnswer(messages []llm.Message, said string) []llm.Message {
	out := slices.Grow(slices.Clone(messages), 2)
	text := llm.Part{Kind: llm.Text, Text: said}
	n := len(out)
	if n == 0 || out[n-1].Role != llm.Assistant {
		return append(out, llm.Message{Role: llm.Assistant, Parts: []llm.Part{text}})
	}
	last := out[n-1]
	last.Parts = slices.Clone(last.Parts)
	if k := len(last.Parts); k > 0 && last.Parts[k-1].Kind == llm.Text {
		last.Parts[k-1].Text += said
		last.Parts[k-1].Signature = "" // it was of the text without its end
	} else {
		last.Parts = append(last.Parts, text)
	}
	out[n-1] = last
	return out
}

// How many bytes of text make a token: about so many in English, fewer in most other
// languages, and hardly ever more than the second.
const (
	bytesPerToken = 4
	mostPerToken  = 6
)

// leastOutput is asked for even where nothing should be left.
const leastOutput = 16

// left is what remains of an output cap after what was shown, with room for what is
// said again.
func left(most int64, shown, again int) int64 {
	if most <= 0 {
		return most
	}
	rest := max(leastOutput, most-int64(shown/bytesPerToken))
	if again > 0 {
		rest += int64(again) / 2 // up to so many tokens, in scripts that have one for each character
	}
	return min(rest, max(most, leastOutput)) // a model may take no more than was asked for
}

// ask is the user's turn that asks to go on behind the anchor.
func ask(anchor string) string {
	mark := markOf(anchor)
	return "Your last message was cut off while it was sent. Go on with it exactly where it stopped.\n" +
		"Begin by repeating, letter for letter, its last words, which stand between these marks:\n" +
		"<" + mark + ">" + anchor + "</" + mark + ">\n" +
		"Write these words without the marks and, directly behind them, what follows, even if that is the rest of a word, " +
		"a number, a list or a block of code. Write no introduction, no remark and no apology, do not begin anew, " +
		"and do not say anything twice. If nothing follows, write the words alone."
}

// markOf is the name of a mark that does not stand in the anchor.
func markOf(anchor string) string {
	mark := "last_words"
	for n := 2; strings.Contains(anchor, mark); n++ {
		mark = "last_words_" + strconv.Itoa(n)
	}
	return mark
}
