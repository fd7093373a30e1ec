package chat

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// EncodeResponse implements wire.Codec.
func (Codec) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	e := encoder{r: &llm.Request{From: llm.Chat}, d: &answering, t: &wire.Target{}, toClient: true}
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
			if p.Text != "" || p.Signature == "" {
				content, said = content+p.Text, true
				list = append(list, *p)
			}
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
	own := func(name string) bool { return raw.Find(r.Extra, llm.Chat, "message."+name) != nil }
	if !own(inDetails) {
		putDetails(b, r.Parts)
	}
	e.inDetails = own(inDetails)
	if !own("extra_content") && e.extraContent() {
		putState(b, r.Parts)
	}
	if !own("annotations") {
		putAnnotations(b, r.Parts)
	}
	e.made(r.Parts, own)
	calls := 0
	for i := range r.Parts {
		p := &r.Parts[i]
		opaque := p.Kind == llm.Opaque && p.From == llm.Chat && p.Name == opaqueCall
		if p.Kind != llm.ToolCall && !opaque {
			continue
		}
		if calls++; calls == 1 {
			b.Key("tool_calls")
			b.List()
		}
		if opaque {
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

// made writes images as OpenRouter has them, for which the format itself has no
// place, and sound.
func (e *encoder) made(parts []llm.Part, own func(string) bool) {
	b, images := &e.b, 0
	for i := range parts {
		if p := &parts[i]; p.Kind == llm.Image && !own("images") {
			if images++; images == 1 {
				b.Key("images")
				b.List()
			}
			e.part(p)
		}
	}
	if images > 0 {
		b.EndList()
	}
	for i := range parts {
		if p := &parts[i]; p.Kind == llm.Audio && !own("audio") {
			b.Key("audio")
			putSound(b, p)
			return
		}
	}
}

func putSound(b *raw.Builder, p *llm.Part) {
	b.Object()
	b.PutString("id", p.ID)
	b.Key("data")
	b.B = append(appendBase64(append(b.B, '"'), p.Data), '"')
	b.PutInt("expires_at", 0)
	b.PutString("transcript", p.Text)
	b.EndObject()
}

func onlyText(parts []llm.Part) bool {
	for i := range parts {
		if parts[i].Kind != llm.Text || raw.HasExtras(parts[i].Extra, llm.Chat, "") {
			return false
		}
	}
	return true
}
