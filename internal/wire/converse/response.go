package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeResponse implements wire.Codec.
func (Codec) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	d := &decoder{c: raw.On(body), r: &llm.Request{}}
	r := &llm.Response{}
	output := d.response(r)
	if err := d.c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if !output {
		if c := raw.On(body); c.Kind() == '{' && member(&c, "message") != "" {
			return nil, Codec{}.DecodeError(200, nil, body, dia)
		}
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "output: there is none"})
	}
	return r, nil
}

func (d *decoder) response(r *llm.Response) (output bool) {
	c := &d.c
	var n counts
	reason, sequence, tier := "", "", ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		at := *c
		switch string(key) {
		case "output":
			output = d.answer(r)
			continue
		case "stopReason":
			reason = c.TextIf()
			continue
		case "usage":
			n.take(&at)
		case "serviceTier":
			tier = tierOf(&at)
		case "additionalModelResponseFields":
			if at.Kind() == '{' { // where the client asked for /stop_sequence
				sequence = member(&at, "stop_sequence")
			}
		}
		r.Extra = raw.Keep(r.Extra, format, "", key, c)
	}
	r.Usage = n.usage(tier)
	if r.Stop, r.StopDetail = stopOf(reason); r.Stop == llm.StopSequence {
		r.StopDetail = sequence
	}
	return output
}

// answer reads {"message":{"role":"assistant","content":[…]}}.
func (d *decoder) answer(r *llm.Response) (some bool) {
	c := &d.c
	if c.Kind() != '{' {
		c.Skip()
		return false
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return some
		}
		if string(key) != "message" || c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) == "content" && c.Kind() == '[' {
				some = true
				r.Parts = wire.JoinState(d.blocks())
			} else {
				c.Skip()
			}
		}
	}
}

var reasons = []struct {
	word string
	stop llm.StopReason
}{
	{"end_turn", llm.StopEnd},
	{"max_tokens", llm.StopLength},
	{"stop_sequence", llm.StopSequence},
	{"tool_use", llm.StopTools},
	{"content_filtered", llm.StopRefusal},
	{"guardrail_intervened", llm.StopRefusal},
	{"model_context_window_exceeded", llm.StopContext},
	{"malformed_model_output", llm.StopUndefined},
	{"malformed_tool_use", llm.StopUndefined},
}

func stopOf(word string) (stop llm.StopReason, detail string) {
	for i := range reasons {
		if r := &reasons[i]; r.word == word {
			if r.stop == llm.StopUndefined || word == "guardrail_intervened" {
				detail = word
			}
			return r.stop, detail
		}
	}
	if word == "" {
		return llm.StopUnstated, ""
	}
	return llm.StopUndefined, word
}

// wordOf is the stopReason of a stop, which SDKs insist on; a word that they do not
// know is the end of the turn.
func wordOf(stop llm.StopReason, detail string, called bool) string {
	for i := range reasons {
		if r := &reasons[i]; r.stop == stop && r.word == detail {
			return r.word
		}
	}
	for i := range reasons {
		if r := &reasons[i]; r.stop == stop && stop != llm.StopUndefined {
			return r.word
		}
	}
	if called && stop == llm.StopUnstated {
		return "tool_use"
	}
	return "end_turn"
}

// EncodeResponse implements wire.Codec.
func (Codec) EncodeResponse(r *llm.Response, _ *wire.Answer) []byte {
	e := &encoder{r: &llm.Request{}, t: &wire.Target{}, family: &unnamed, answer: true, docs: documentNames{}, ids: wire.CallIDs{Prefix: "tooluse_", Legal: callID}}
	b := &e.b
	b.Object()
	b.Key("output")
	b.Object()
	b.Key("message")
	b.Object()
	b.PutString("role", "assistant")
	b.Key("content")
	b.List()
	called := false
	parts := wire.SplitState(r.Parts)
	for i := range parts {
		if p := &parts[i]; e.answers(p) {
			called = called || p.Kind == llm.ToolCall
			e.part(0, i, p, "")
			e.mark(p)
		}
	}
	b.EndList()
	b.EndObject()
	b.EndObject()
	b.PutString("stopReason", wordOf(r.Stop, r.StopDetail, called))
	if raw.Find(r.Extra, format, "usage") == nil {
		putUsage(b, &r.Usage)
	}
	b.Extras(r.Extra, format, "")
	if raw.Find(r.Extra, format, "metrics") == nil {
		b.PutRaw("metrics", noLatency)
	}
	b.EndObject()
	return b.B
}

// noLatency stands where SDKs insist on a time that nobody told.
var noLatency = []byte(`{"latencyMs":0}`)

// answers reports whether a part comes to anything in an answer, where unsigned
// thinking is shown as well.
func (e *encoder) answers(p *llm.Part) bool {
	switch p.Kind {
	case llm.Thinking:
		return p.Text != "" || p.Signature != "" || p.Redacted != ""
	case llm.Text:
		return p.Text != "" || len(p.Citations) > 0 || len(p.Extra) > 0
	}
	return e.writable(p)
}
