package chat

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeResponse implements wire.Codec. Of several choices the first is the
// answer; the others stay as extras.
func (Codec) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	if dia == nil {
		dia = &specification
	}
	d := decoder{c: raw.On(body)}
	r := &llm.Response{}
	failed, choices := d.response(r, dia)
	if err := d.c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if failed && choices == 0 {
		return nil, Codec{}.DecodeError(200, nil, body, dia)
	}
	if choices == 0 {
		e := wire.MalformedAnswer(body, &raw.SyntaxError{Offset: 0, What: "choices: there is none"})
		return nil, e
	}
	return r, nil
}

func (d *decoder) response(r *llm.Response, dia *wire.Dialect) (failed bool, choices int) {
	c := &d.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return failed, choices
		}
		switch string(key) {
		case "id":
			r.ID = text(c)
		case "model":
			r.Model = text(c)
		case "created":
			r.Created = count(c)
		case "object":
			c.Skip()
		case "choices":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); choices++ {
				if choices > 0 {
					r.Extra = raw.Keep(r.Extra, llm.Chat, "choices.", []byte("more"), c)
					continue
				}
				d.choice(r)
			}
		case "usage":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			counted := *c
			r.Usage = usage(&counted, dia)
			r.Extra = raw.Keep(r.Extra, llm.Chat, "", key, c)
		case "error":
			failed = c.Kind() != 'n'
			c.Skip()
		default:
			if string(key) == "service_tier" && c.Kind() == '"' {
				tier := *c
				r.Usage.Tier = tier.Text()
			}
			r.Extra = raw.Keep(r.Extra, llm.Chat, "", key, c)
		}
	}
}

func (d *decoder) choice(r *llm.Response) {
	c := &d.c
	reason := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "message":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			t := turn{role: "assistant"}
			d.turn(&t)
			r.Parts = t.parts()
			for _, x := range t.extra {
				x.Path = "message." + x.Path
				r.Extra = append(r.Extra, x)
			}
		case "finish_reason":
			reason = text(c)
		case "index":
			c.Skip()
		default:
			r.Extra = raw.Keep(r.Extra, llm.Chat, "choice.", key, c)
		}
	}
	r.Stop, r.StopDetail = stopOf(reason)
	r.Stop, r.StopDetail = told(r.Stop, r.StopDetail, has(r.Parts, llm.ToolCall), has(r.Parts, llm.Refusal))
}

func has(parts []llm.Part, kind llm.PartKind) bool {
	for i := range parts {
		if parts[i].Kind == kind {
			return true
		}
	}
	return false
}

// told is what an answer's end means by what is in the answer: with a forced tool,
// and after a refusal, OpenAI itself says no more than stop.
func told(stop llm.StopReason, detail string, calls, refusal bool) (llm.StopReason, string) {
	switch {
	case stop == llm.StopEnd && calls:
		return llm.StopTools, "stop"
	case stop == llm.StopEnd && refusal:
		return llm.StopRefusal, "stop"
	}
	return stop, detail
}

// reasons are the words of finish_reason; those after the first five are vendors'
// own.
var reasons = []struct {
	word string
	stop llm.StopReason
}{
	{"stop", llm.StopEnd},
	{"length", llm.StopLength},
	{"tool_calls", llm.StopTools},
	{"content_filter", llm.StopRefusal},
	{"function_call", llm.StopTools},
	{"eos", llm.StopEnd},
	{"model_length", llm.StopContext},
	{"error", llm.StopUndefined},
	{"insufficient_system_resource", llm.StopUndefined},
}

func stopOf(word string) (stop llm.StopReason, detail string) {
	for i := range reasons {
		if reasons[i].word == word {
			if i > 3 {
				detail = word
			}
			return reasons[i].stop, detail
		}
	}
	if word == "" {
		return llm.StopUnstated, ""
	}
	return llm.StopUndefined, word
}

// wordOf is the finish_reason of a stop; a vendor's own word for it is kept.
func wordOf(stop llm.StopReason, detail string) string {
	for i := range reasons {
		if reasons[i].word == detail && (reasons[i].stop == stop || detail == "stop" && (stop == llm.StopTools || stop == llm.StopRefusal)) {
			return detail
		}
	}
	switch stop {
	case llm.StopLength, llm.StopContext:
		return "length"
	case llm.StopTools:
		return "tool_calls"
	case llm.StopRefusal:
		return "content_filter"
	}
	return "stop"
}

func (e *encoder) choice(r *llm.Response) {
	b := &e.b
	b.Object()
	b.PutInt("index", 0)
	b.Key("message")
	b.Object()
	b.PutString("role", "assistant")
	e.answer(r)
	b.EndObject()
	if r.Stop == llm.StopUnstated {
		b.PutNull("finish_reason")
	} else {
		b.PutString("finish_reason", wordOf(r.Stop, r.StopDetail))
	}
	b.Extras(r.Extra, llm.Chat, "choice.")
	b.EndObject()
}
