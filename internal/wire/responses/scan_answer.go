package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Weigh implements wire.Weigher. A Responses answer repeats most of its request, which
// a decoder keeps; whoever passes it on needs none of that.
func (Codec) Weigh(body []byte, d *wire.Dialect) (p llm.Progress, ok bool) {
	w := weight{decoder: decoder{c: raw.On(body), dialect: d}}
	w.answer()
	if w.c.End() != nil || w.odd || !w.output || !w.n.some {
		return llm.Progress{}, false
	}
	switch w.status {
	case "completed", "complete", "", "incomplete":
		w.p.Stopped = true
	case "in_progress", "queued":
	default:
		return llm.Progress{}, false
	}
	w.p.Frames, w.p.Usage = 1, w.n.usage()
	return w.p, true
}

// weight is what is seen of an answer on the way to its end.
type weight struct {
	decoder
	p      llm.Progress
	n      counts
	status string
	output bool
	odd    bool // it takes decoding to say what it is
}

func (w *weight) answer() {
	c := &w.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "output":
			if w.output = c.Kind() == '['; w.output {
				w.items()
				continue
			}
			w.odd = true
		case "usage":
			w.n.take(c)
			continue
		case "tool_usage":
			w.n.toolUsage(c)
			continue
		case "service_tier":
			w.n.tier = c.TextIf()
			continue
		case "status":
			w.status = c.TextIf()
			continue
		case "error":
			w.odd = w.odd || c.Kind() != 'n'
		}
		c.Skip()
	}
}

func (w *weight) items() {
	c := &w.c
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		before := *c
		if w.talk() {
			continue
		}
		*c = before // another sort of item, or a message of an unusual form
		if w.r == nil {
			w.r = &llm.Request{} // a decoder leaves tools in it
		}
		for _, part := range w.answerItem() {
			switch part.Kind {
			case llm.Thinking:
				w.p.ThinkingBytes += int64(len(part.Text))
			case llm.ToolCall:
				w.p.Tools++
				w.p.ToolBytes += int64(len(part.Arguments))
			default:
				w.p.TextBytes += int64(len(part.Text))
			}
		}
	}
}

// talk takes a message of the assistant's that holds texts and refusals. It gives
// false for everything else.
func (w *weight) talk() bool {
	c := &w.c
	kind, role, n := "", "", 0
	content := 0
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = ownWord(c)
		case "role":
			role = ownWord(c)
		case "content":
			if c.Kind() != '[' {
				return false
			}
			content++
			for c.List(); c.More(); {
				length, plain := said(c)
				if !plain {
					return false
				}
				n += length
			}
		default:
			c.Skip()
		}
	}
	if c.Err() != nil || kind != "message" || role != "assistant" || content != 1 {
		return false
	}
	w.p.TextBytes += int64(n)
	return true
}

// said takes a part that is one text, or one refusal, and gives its length.
func said(c *raw.Cursor) (n int, plain bool) {
	if c.Kind() != '{' {
		return 0, false
	}
	kind, texts := "", 0
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = ownWord(c)
		case "text", "refusal":
			if c.Kind() != '"' {
				return 0, false
			}
			n += c.TextLen()
			texts++
		case "annotations", "logprobs":
			c.Skip()
		default:
			return 0, false
		}
	}
	return n, c.Err() == nil && texts == 1 && (kind == "output_text" || kind == "refusal")
}

// ownWord is one of the format's own words, without a copy of it where it is known.
func ownWord(c *raw.Cursor) string {
	if c.Kind() != '"' {
		c.Skip()
		return ""
	}
	switch s := c.Raw(); string(s) {
	case `"message"`:
		return "message"
	case `"assistant"`:
		return "assistant"
	case `"output_text"`:
		return "output_text"
	case `"refusal"`:
		return "refusal"
	}
	return ""
}
