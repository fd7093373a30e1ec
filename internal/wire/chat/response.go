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
	if r.Stop == llm.StopEnd && hasCalls(r.Parts) {
		// With a forced tool OpenAI itself says stop; the message is what counts.
		r.Stop, r.StopDetail = llm.StopTools, reason
	}
}

func hasCalls(parts []llm.Part) bool {
	for i := range parts {
		if parts[i].Kind == llm.ToolCall {
			return true
		}
	}
	return false
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
		if reasons[i].word == detail && (reasons[i].stop == stop || stop == llm.StopTools && detail == "stop") {
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

// EncodeResponse implements wire.Codec.
func (Codec) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	e := encoder{r: &llm.Request{From: llm.Chat}, d: &answering}
	e.ids = wire.CallIDs{Prefix: "call_", Legal: callID(e.d)}
	b := &e.b
	b.Object()
	id, model, created := r.ID, r.Model, r.Created
	if as != nil {
		id, model = pick(as.ID, id), pick(as.Model, model)
		if as.Created != 0 {
			created = as.Created
		}
	}
	b.PutString("id", id)
	b.PutString("object", "chat.completion")
	b.PutInt("created", created)
	b.PutString("model", model)
	b.Key("choices")
	b.List()
	e.choice(r)
	for i := range r.Extra {
		if name, ok := raw.Under(&r.Extra[i], llm.Chat, "choices."); ok && name == "more" {
			b.Raw(r.Extra[i].Value)
		}
	}
	b.EndList()
	if r.Usage.Reported && raw.Find(r.Extra, llm.Chat, "usage") == nil {
		putUsage(b, &r.Usage)
	}
	b.Extras(r.Extra, llm.Chat, "")
	b.EndObject()
	return b.B
}

// answering is how answers are written to clients: reasoning under the name that
// most of their libraries read.
var answering = wire.Dialect{Name: "client", ReasoningNames: []string{"reasoning_content"}, CacheMarks: true}

func pick(first, second string) string {
	if first != "" {
		return first
	}
	return second
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

// answer writes the members of an answer's message. Unlike in a request, its
// texts are one string.
func (e *encoder) answer(r *llm.Response) {
	b := &e.b
	var content, thinking, refusal string
	var list []llm.Part
	said := false
	for i := range r.Parts {
		switch p := &r.Parts[i]; p.Kind {
		case llm.Text:
			content, said = content+p.Text, true
			list = append(list, *p)
		case llm.Refusal:
			refusal += p.Text
		case llm.Thinking:
			if raw.Find(p.Extra, llm.Chat, "thinking") != nil {
				list, said = append(list, *p), true
			} else if p.Name != inDetails || raw.Find(r.Extra, llm.Chat, "message."+inDetails) == nil {
				thinking += p.Text
			}
		case llm.Opaque:
			if p.From == llm.Chat && p.Name == "" {
				list, said = append(list, *p), true
			}
		}
	}
	b.Key("content")
	switch {
	case !said:
		b.Null()
	case onlyText(list):
		b.String(content)
	default:
		e.content(list)
	}
	if refusal != "" {
		b.PutString("refusal", refusal)
	} else {
		b.PutNull("refusal")
	}
	if thinking != "" {
		b.PutString("reasoning_content", thinking)
	}
	if raw.Find(r.Extra, llm.Chat, "message.reasoning_details") == nil {
		putDetails(b, r.Parts)
	}
	calls := 0
	for i := range r.Parts {
		p := &r.Parts[i]
		own := p.Kind == llm.Opaque && p.From == llm.Chat && p.Name == opaqueCall
		if p.Kind != llm.ToolCall && !own {
			continue
		}
		if calls++; calls == 1 {
			b.Key("tool_calls")
			b.List()
		}
		if own {
			b.Raw(p.Raw)
		} else {
			e.call(0, i, p)
		}
	}
	if calls > 0 {
		b.EndList()
	}
	b.Extras(r.Extra, llm.Chat, "message.")
}

func onlyText(parts []llm.Part) bool {
	for i := range parts {
		if parts[i].Kind != llm.Text || raw.HasExtras(parts[i].Extra, llm.Chat, "") {
			return false
		}
	}
	return true
}

// putDetails writes what thinking's maker needs to take it back, in the form that
// OpenRouter uses and its clients send again.
func putDetails(b *raw.Builder, parts []llm.Part) {
	n := int64(0)
	for i := range parts {
		p := &parts[i]
		if p.Kind != llm.Thinking || p.Signature == "" && p.Redacted == "" {
			continue
		}
		if n == 0 {
			b.Key("reasoning_details")
			b.List()
		}
		putDetail(b, n, p)
		n++
	}
	if n > 0 {
		b.EndList()
	}
}

func putDetail(b *raw.Builder, index int64, p *llm.Part) {
	b.Object()
	if p.Redacted != "" {
		b.PutString("type", "reasoning.encrypted")
		b.PutString("data", p.Redacted)
	} else {
		b.PutString("type", "reasoning.text")
		b.PutString("text", p.Text)
		b.PutString("signature", p.Signature)
	}
	b.PutInt("index", index)
	b.EndObject()
}
