package seam

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
)

// Decide says what may follow the break of an answer to req of which the client was
// shown p, and why, in words for people. What of req [End] and [Join] have to know is
// kept in p.
func Decide(p *Partial, req *llm.Request) (Verdict, string) {
	p.stops, p.ends = req.Stop, ""
	if req.Choices > 1 && !p.Ended {
		return Refuse, "more than one answer was asked for"
	}
	if p.Stopped {
		return Finish, "why the answer ends was shown already; only its end is missing"
	}
	if len(p.Parts) == 0 {
		return Restart, "nothing of the answer was shown"
	}
	if why := unfit(p, req); why != "" {
		return Refuse, why
	}
	text := p.Text()
	switch {
	case p.has(llm.Refusal):
		return Finish, "the model's refusal was shown"
	case p.has(llm.ToolCall):
		return afterCalls(p)
	case strings.TrimSpace(text) == "":
		return Restart, "nothing but thinking was shown"
	case req.Output.Kind != "":
		if wholeJSON(text) {
			return Finish, "the JSON that was asked for was shown whole"
		}
		return Refuse, "part of a JSON answer was shown, and two attempts' JSON need not fit"
	}
	if r, _ := utf8.DecodeLastRuneInString(text); r == utf8.RuneError {
		return Refuse, "the text was cut inside a character, half of which was shown"
	}
	if p.full(req) {
		p.ends = llm.StopLength
		return Finish, "as much was shown as was asked for at most"
	}
	if anchorOf(text) == "" {
		return Refuse, "the end of what was shown stands in it more than once, so that nobody can tell where to go on"
	}
	if p.openText() < 0 {
		return Continue, "the text that was shown is whole, but not the answer"
	}
	return Continue, "text was shown"
}

// full reports whether what was shown takes up the request's output cap.
func (p *Partial) full(req *llm.Request) bool {
	if req.MaxOutput <= 0 {
		return false
	}
	if p.Usage.Reported && p.Usage.OutputTokens() >= req.MaxOutput {
		return true
	}
	return int64(p.size()/mostPerToken) >= req.MaxOutput
}

// unfit says why an answer is of a sort that no second attempt can go on with.
func unfit(p *Partial, req *llm.Request) string {
	switch {
	case req.Logprobs:
		return "the probabilities of tokens were asked for"
	case speaks(req.Modalities):
		return "more than text was asked for"
	case p.size() > mostShown:
		return "too much was shown to be sent again"
	}
	for i := range p.Parts {
		switch p.Parts[i].Kind {
		case llm.Text, llm.Thinking, llm.Refusal, llm.ToolCall:
		case llm.Opaque:
			return "a tool of the provider's own had a part in the answer"
		default:
			return "the answer holds more than text"
		}
	}
	return ""
}

func speaks(modalities []string) bool {
	for _, m := range modalities {
		if !strings.EqualFold(m, "text") {
			return true
		}
	}
	return false
}

// afterCalls decides where tool calls were shown: whole ones are an answer.
func afterCalls(p *Partial) (Verdict, string) {
	called := false
	for i := range p.Parts {
		part := &p.Parts[i]
		switch {
		case part.Kind == llm.ToolCall && !p.whole(i):
			return Refuse, "the arguments of a tool call were cut"
		case part.Kind == llm.ToolCall:
			called = true
		case part.Kind == llm.Text && called && p.open[i] && strings.TrimSpace(part.Text) != "":
			return Refuse, "text behind a tool call was cut"
		}
	}
	return Finish, "the tool calls that were shown are complete"
}

// wholeJSON reports whether a text is a JSON value that nothing can follow. A number
// may go on.
func wholeJSON(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && strings.ContainsRune(`{["`, rune(text[0])) && json.Valid([]byte(text))
}

// End gives the events that end a partial answer properly, with what the client is
// told of usage. They go to the writer that wrote it.
func End(p *Partial, usage llm.Usage) []llm.Event {
	out := p.shuts(nil, -1)
	if usage != (llm.Usage{}) {
		out = append(out, llm.Event{Kind: llm.UsageUpdate, Usage: usage})
	}
	if !p.Stopped {
		stop := llm.StopEnd
		switch {
		case p.ends != "":
			stop = p.ends
		case p.has(llm.ToolCall):
			stop = llm.StopTools
		case p.has(llm.Refusal):
			stop = llm.StopRefusal
		}
		out = append(out, llm.Event{Kind: llm.Stop, Stop: stop})
	}
	if !p.Ended {
		out = append(out, llm.Event{Kind: llm.End})
	}
	return out
}
