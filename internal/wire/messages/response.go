package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeResponse implements wire.Codec.
func (Codec) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	d := decoder{c: raw.On(body)}
	r := &llm.Response{}
	kind, content := d.response(r)
	if err := d.c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if kind == "error" {
		return nil, Codec{}.DecodeError(200, nil, body, dia)
	}
	if !content {
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "content: there is none"})
	}
	return r, nil
}

func (d *decoder) response(r *llm.Response) (kind string, content bool) {
	c := &d.c
	var n counts
	reason, sequence := "", ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = text(c)
		case "id":
			r.ID = text(c)
		case "model":
			r.Model = text(c)
		case "role":
			c.Skip()
		case "content":
			content = c.Kind() == '['
			r.Parts = wire.JoinState(d.parts())
		case "stop_reason":
			reason = text(c)
		case "stop_sequence":
			sequence = text(c)
		case "usage":
			at := *c
			n.take(&at)
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, c)
		default:
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, c)
		}
	}
	r.Usage = n.usage()
	r.Stop, r.StopDetail = stopOf(reason, sequence)
	return kind, content
}

var reasons = []struct {
	word string
	stop llm.StopReason
}{
	{"end_turn", llm.StopEnd},
	{"max_tokens", llm.StopLength},
	{"stop_sequence", llm.StopSequence},
	{"tool_use", llm.StopTools},
	{"refusal", llm.StopRefusal},
	{"pause_turn", llm.StopPause},
	{"model_context_window_exceeded", llm.StopContext},
}

func stopOf(word, sequence string) (stop llm.StopReason, detail string) {
	for i := range reasons {
		if reasons[i].word == word {
			return reasons[i].stop, sequence
		}
	}
	if word == "" {
		return llm.StopUnstated, ""
	}
	return llm.StopUndefined, word
}

// wordOf is the stop_reason of a stop. A word that this format's clients do not
// know stays only where it is this format's own.
func wordOf(stop llm.StopReason, detail string) string {
	for i := range reasons {
		if reasons[i].stop == stop {
			return reasons[i].word
		}
	}
	if stop == llm.StopUndefined && detail == "compaction" {
		return detail
	}
	return "end_turn"
}

// EncodeResponse implements wire.Codec.
func (Codec) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	e := newEncoder(&llm.Request{}, nil)
	e.toClient = true
	b := &e.b
	id, model := r.ID, r.Model
	if as != nil {
		id, model = pick(as.ID, id), pick(as.Model, model)
	}
	b.Object()
	b.PutString("id", id)
	b.PutString("type", "message")
	b.PutString("role", "assistant")
	b.PutString("model", model)
	b.Key("content")
	b.List()
	parts := withoutLastState(cited(wire.SplitState(r.Parts)))
	for i := range parts {
		if p := &parts[i]; answers(p) {
			e.part(0, i, p, "")
		}
	}
	b.EndList()
	putStop(b, r.Stop, r.StopDetail)
	if raw.Find(r.Extra, llm.Messages, "usage") == nil {
		putUsage(b, &r.Usage)
	}
	b.Extras(r.Extra, llm.Messages, "")
	b.EndObject()
	return b.B
}

// withoutLastState leaves out state of another maker that nothing follows: an answer
// of this format never ends in thinking, and clients take its last block for what was
// said. Google, whose it is, does not insist on it there.
func withoutLastState(parts []llm.Part) []llm.Part {
	n := len(parts)
	for n > 0 && (wire.IsCarrier(&parts[n-1]) || !answers(&parts[n-1])) {
		n--
	}
	return parts[:n]
}

func pick(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// answers reports whether a part comes to anything in an answer, where unsigned
// thinking is shown as well.
func answers(p *llm.Part) bool {
	return writable(p) || p.Kind == llm.Thinking && (p.Text != "" || p.Signature != "" || p.Redacted != "")
}

func putStop(b *raw.Builder, stop llm.StopReason, detail string) {
	b.PutString("stop_reason", wordOf(stop, detail))
	if stop == llm.StopSequence && detail != "" {
		b.PutString("stop_sequence", detail)
	} else {
		b.PutNull("stop_sequence")
	}
}
