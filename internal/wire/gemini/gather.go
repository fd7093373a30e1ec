package gemini

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// gather joins thinking that was streamed to a client in pieces, each of which it
// keeps as a part or even a turn of its own, with another maker's state that came
// behind it: that maker wants the two together. Google's own stays in pieces, as it
// asks for parts with and without a signature not to be merged.
func gather(messages []llm.Message) []llm.Message {
	type place struct{ message, part int }
	var run []place // of thinking without state, up to here
	gone := map[place]bool{}
	for i := range messages {
		if messages[i].Role != llm.Assistant {
			run = run[:0]
			continue
		}
		for j := range messages[i].Parts {
			p := &messages[i].Parts[j]
			switch {
			case p.Kind != llm.Thinking:
				run = run[:0]
			case p.Signature == "" && p.Redacted == "":
				run = append(run, place{i, j})
			case p.Text == "" && p.Redacted == "" && !native(p) && len(run) > 0:
				text := ""
				for _, at := range run {
					text += messages[at.message].Parts[at.part].Text
					gone[at] = true
				}
				p.Text, run = text, run[:0]
			default:
				run = run[:0]
			}
		}
	}
	if len(gone) == 0 {
		return messages
	}
	out := messages[:0]
	for i := range messages {
		m := messages[i]
		j := -1
		m.Parts = slices.DeleteFunc(m.Parts, func(llm.Part) bool { j++; return gone[place{i, j}] })
		if len(m.Parts) > 0 || j < 0 {
			out = append(out, m)
		}
	}
	return out
}
