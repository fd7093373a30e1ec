package responses

import (
	"encoding/base64"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// items writes a turn of the assistant's: texts that belong together are one
// message, everything else is an item of its own.
func (e *encoder) items(n int, parts []llm.Part) {
	for j := 0; j < len(parts); {
		e.put(j)
		p := &parts[j]
		if !inContent(p) {
			e.item(n, j, parts)
			j++
			continue
		}
		k := j + 1
		for k < len(parts) && inContent(&parts[k]) && !begins(&parts[k]) {
			k++
		}
		e.messageItem(parts[j:k])
		j = k
	}
}

// inContent reports whether a part stands in a message's content.
func inContent(p *llm.Part) bool {
	return p.Kind == llm.Text || p.Kind == llm.Refusal || p.Kind == llm.Opaque && p.Name == inMessage
}

// begins reports whether a message begins with a part.
func begins(p *llm.Part) bool { return raw.HasExtras(p.Extra, llm.Responses, ofItem) }

func (e *encoder) messageItem(parts []llm.Part) {
	b := &e.b
	some := false
	for i := range parts {
		some = some || e.writable(&parts[i])
	}
	if !some {
		return
	}
	first := &parts[0]
	b.Object()
	switch {
	case begins(first):
		for i := range first.Extra {
			if name, ok := raw.Under(&first.Extra[i], llm.Responses, ofItem); ok && name != "content" {
				b.PutRaw(name, first.Extra[i].Value)
			}
		}
	case e.answer:
		b.PutString("id", e.maker("msg_"))
		b.PutString("type", "message")
		b.PutString("status", "completed")
		b.PutString("role", "assistant")
	default:
		b.PutString("role", "assistant")
	}
	b.Key("content")
	switch form := string(raw.Find(first.Extra, llm.Responses, ofItem+"content")); {
	case form == `"text"`:
		b.String(first.Text)
	case form == "[]":
		b.List()
		b.EndList()
	case !e.answer && onePlain(parts):
		b.String(first.Text)
	default:
		b.List()
		for i := range parts {
			if e.writable(&parts[i]) {
				e.part(llm.Assistant, &parts[i], "")
			}
		}
		b.EndList()
	}
	b.EndObject()
}

// item writes the jth part as an item of its own.
func (e *encoder) item(n, j int, parts []llm.Part) {
	b := &e.b
	switch p := &parts[j]; p.Kind {
	case llm.Opaque:
		if p.From == llm.Responses {
			b.Raw(p.Raw)
		}
	case llm.Thinking:
		if e.thinks(p, parts[j+1:]) {
			e.reasoningItem(p)
		}
	case llm.ToolCall:
		id := ""
		if p.ID != "" || !e.own() || e.answer {
			id = e.ids.Call(p, n, j)
		}
		e.call(p, id)
	case llm.ToolResult:
		e.result(p)
	case llm.Image:
		if e.answer && p.Data != nil {
			e.image(p)
		}
	}
}

// thinks reports whether thinking comes to an item. Of another format's history it
// is what the target's models can read, before what came of it: the API refuses
// reasoning that nothing follows.
func (e *encoder) thinks(p *llm.Part, rest []llm.Part) bool {
	if e.answer {
		return p.ID != "" || p.Text != "" || p.Signature != "" || p.Redacted != "" || len(p.Extra) > 0
	}
	if e.own() {
		return true
	}
	if p.Signature == "" || wire.IsCarrier(p) || !reads(p.Maker, e.t.Dialect) {
		return false
	}
	for i := range rest {
		switch k := rest[i].Kind; {
		case k == llm.ToolCall, (k == llm.Text || k == llm.Refusal) && rest[i].Text != "":
			return true
		}
	}
	return false
}

func (e *encoder) reasoningItem(p *llm.Part) {
	b := &e.b
	b.Object()
	switch {
	case p.ID != "":
		b.PutString("id", p.ID)
	case e.answer:
		b.PutString("id", e.maker("rs_"))
	}
	b.PutString("type", "reasoning")
	if raw.Find(p.Extra, llm.Responses, "summary") == nil {
		b.Key("summary")
		putSummary(b, p.Text)
	}
	if state := e.state(p); state != "" {
		b.PutString("encrypted_content", state)
	}
	b.Extras(p.Extra, llm.Responses, "")
	b.EndObject()
}

func putSummary(b *raw.Builder, text string) {
	b.List()
	if text != "" {
		b.Object()
		b.PutString("type", "summary_text")
		b.PutString("text", text)
		b.EndObject()
	}
	b.EndList()
}

// state is what goes into encrypted_content: for a provider what came from its own,
// for a client everybody's, wrapped where other formats are its home.
func (e *encoder) state(p *llm.Part) string {
	if !e.answer && !e.own() {
		return p.Signature
	}
	return wrapped(p)
}

func wrapped(p *llm.Part) string {
	native := p.Maker
	switch p.Maker {
	case llm.MakerAnthropic, llm.MakerGoogle, llm.MakerAmazon:
		native = llm.MakerOpenAI
	}
	return wire.WrapState(p, native)
}

// call writes a tool call: as it came, or in an answer as the client knows the tool.
func (e *encoder) call(p *llm.Part, id string) {
	b := &e.b
	k := tool{name: p.Name, call: functionCall}
	mine := raw.HasExtras(p.Extra, llm.Responses, "")
	if kind := word(p.Extra, "type"); kind != "" {
		k.call = kind
	} else if e.answer && !mine {
		k = e.names.of(p.Name)
	}
	b.Object()
	if e.answer && !mine {
		b.PutString("id", e.maker(prefixOf(k.call)))
	}
	putCall(b, &k, id, p, mine)
	if e.answer && !mine {
		b.PutString("status", "completed")
	}
	b.Extras(p.Extra, llm.Responses, "")
	b.EndObject()
}

// putCall writes what makes a call; what its extras have is not written twice.
func putCall(b *raw.Builder, k *tool, id string, p *llm.Part, mine bool) {
	put := func(name string) bool { return !mine || raw.Find(p.Extra, llm.Responses, name) == nil }
	if put("type") {
		b.PutString("type", k.call)
	}
	if id != "" && put("call_id") {
		b.PutString("call_id", id)
	}
	if k.call == searchCall {
		b.PutRaw("arguments", object(p.Arguments))
		if put("execution") {
			b.PutString("execution", "client")
		}
		return
	}
	if put("name") {
		b.PutString("name", k.name)
	}
	if k.namespace != "" && put("namespace") {
		b.PutString("namespace", k.namespace)
	}
	switch {
	case k.call == customCall:
		b.PutString("input", inputText(p.Arguments))
	case put("arguments"):
		b.PutString("arguments", wire.ArgumentsText(p.Arguments))
	}
}

// object is arguments that must be an object.
func object(args []byte) []byte {
	if c := raw.On(args); c.Kind() != '{' {
		return []byte("{}")
	}
	return args
}

// prefixOf is how ids of a kind of call begin.
func prefixOf(call string) string {
	switch call {
	case customCall:
		return "ctc_"
	case searchCall:
		return "tsc_"
	}
	return "fc_"
}

// image writes an image that an answer holds as what the format has for such.
func (e *encoder) image(p *llm.Part) {
	b := &e.b
	b.Object()
	b.PutString("id", e.maker("ig_"))
	b.PutString("type", "image_generation_call")
	b.PutString("status", "completed")
	putImage(b, p)
	b.EndObject()
}

func putImage(b *raw.Builder, p *llm.Part) {
	b.Key("result")
	b.B = append(base64.StdEncoding.AppendEncode(append(b.B, '"'), p.Data), '"')
}
