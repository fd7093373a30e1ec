package responses

import (
	"encoding/base64"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// content writes parts as a string where they are one plain text, else as a list.
func (e *encoder) content(role llm.Role, parts []llm.Part, list bool, prefix string) {
	b := &e.b
	if !list && onePlain(parts) {
		b.String(prefix + parts[0].Text)
		return
	}
	b.List()
	for i := range parts {
		if !e.writable(&parts[i]) {
			continue
		}
		e.part(role, &parts[i], prefix)
		prefix = ""
	}
	b.EndList()
}

// writable reports whether a part comes to anything in a message here.
func (e *encoder) writable(p *llm.Part) bool {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return p.Text != "" || e.own() || e.answer
	case llm.Image:
		return p.Data != nil || p.URL != ""
	case llm.Document:
		return p.Data != nil || p.Text != "" || p.URL != ""
	case llm.Audio:
		return e.own()
	case llm.Opaque:
		return p.From == llm.Responses
	}
	return false
}

func (e *encoder) part(role llm.Role, p *llm.Part, prefix string) {
	b := &e.b
	if p.Kind == llm.Opaque {
		b.Raw(p.Raw)
		return
	}
	b.Object()
	switch p.Kind {
	case llm.Text:
		if raw.Find(p.Extra, llm.Responses, "type") == nil {
			b.PutString("type", textType(role))
		}
		b.PutString("text", prefix+p.Text)
		e.annotations(role, p)
	case llm.Refusal:
		b.PutString("type", "refusal")
		b.PutString("refusal", p.Text)
	case llm.Image:
		b.PutString("type", "input_image")
		e.address("image_url", p)
		if p.Detail != "" {
			b.PutString("detail", p.Detail)
		}
	case llm.Document:
		e.document(p)
	case llm.Audio:
		b.PutString("type", "input_audio")
		b.Key("input_audio")
		b.Object()
		b.Key("data")
		b.B = append(base64.StdEncoding.AppendEncode(append(b.B, '"'), p.Data), '"')
		b.PutString("format", strings.TrimPrefix(p.MediaType, "audio/"))
		b.EndObject()
	}
	if p.Cache != nil && e.own() {
		b.Key("prompt_cache_breakpoint")
		b.Object()
		b.PutString("mode", "explicit")
		b.EndObject()
	}
	b.Extras(p.Extra, llm.Responses, "")
	b.EndObject()
}

// annotations writes the sources of a text. An answer always has the member, and
// one of this format's has it as it came.
func (e *encoder) annotations(role llm.Role, p *llm.Part) {
	if role != llm.Assistant || raw.Find(p.Extra, llm.Responses, "annotations") != nil {
		return
	}
	if len(p.Citations) > 0 || e.answer && raw.Find(p.Extra, llm.Responses, "type") == nil {
		e.b.Key("annotations")
		putCitations(&e.b, p.Citations)
	}
}

func (e *encoder) document(p *llm.Part) {
	b := &e.b
	if p.Data == nil && p.Text != "" { // only files of some kinds are taken, and text is none of the old
		text := p.Text
		if p.Name != "" {
			text = p.Name + "\n\n" + text
		}
		b.PutString("type", "input_text")
		b.PutString("text", text)
		return
	}
	b.PutString("type", "input_file")
	if p.Data != nil {
		e.address("file_data", p)
	} else {
		b.PutString("file_url", p.URL)
	}
	switch {
	case p.Name != "":
		b.PutString("filename", p.Name)
	case p.Data != nil && !e.own():
		b.PutString("filename", "document.pdf") // the format wants one
	}
}

// address writes bytes as a data: address, or the address that there is.
func (e *encoder) address(name string, p *llm.Part) {
	b := &e.b
	if p.Data == nil {
		b.PutString(name, p.URL)
		return
	}
	b.PutString(name, "data:"+p.MediaType+";base64,")
	b.B = append(base64.StdEncoding.AppendEncode(b.B[:len(b.B)-1], p.Data), '"')
}
