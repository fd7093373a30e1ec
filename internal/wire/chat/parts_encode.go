package chat

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// content writes parts as a string where they are one plain text, else as a list.
// The slice is used up.
func (e *encoder) content(parts []llm.Part) {
	b := &e.b
	parts = slices.DeleteFunc(parts, func(p llm.Part) bool { return !e.writable(&p) })
	if len(parts) == 0 {
		b.String("")
		return
	}
	if p := &parts[0]; len(parts) == 1 && p.Kind == llm.Text && (p.Cache == nil || !e.d.CacheMarks) && !raw.HasExtras(p.Extra, llm.Chat, "") {
		b.String(p.Text)
		return
	}
	b.List()
	for i := range parts {
		e.part(&parts[i])
	}
	b.EndList()
}

// writable reports whether a part comes to anything here.
func (e *encoder) writable(p *llm.Part) bool {
	switch p.Kind {
	case llm.Opaque:
		return p.From == llm.Chat
	case llm.Video:
		return e.r.From == llm.Chat || p.Data != nil && e.d.Carries("video") || p.URL != "" && e.d.Carries("video.url")
	case llm.Text:
		return p.Text != "" || p.Signature == "" // else it is there for its state
	}
	return true
}

func (e *encoder) part(p *llm.Part) {
	b := &e.b
	switch p.Kind {
	case llm.Opaque:
		b.Raw(p.Raw)
		return
	case llm.Audio:
		if own := raw.Find(p.Extra, llm.Chat, "input_audio"); own != nil {
			b.Object()
			b.PutString("type", "input_audio")
			b.Extras(p.Extra, llm.Chat, "")
			b.EndObject()
			return
		}
	}
	b.Object()
	switch p.Kind {
	case llm.Text, llm.Refusal:
		b.PutString("type", string(p.Kind))
		b.PutString(string(p.Kind), p.Text)
	case llm.Thinking: // with its extra member, the list of Mistral
		b.PutString("type", "thinking")
	case llm.Image:
		b.PutString("type", "image_url")
		b.Key("image_url")
		b.Object()
		e.address("url", p)
		if p.Detail != "" {
			b.PutString("detail", p.Detail)
		}
		b.Extras(p.Extra, llm.Chat, "image_url.")
		b.EndObject()
	case llm.Video:
		b.PutString("type", "video_url")
		b.Key("video_url")
		b.Object()
		e.address("url", p)
		b.Extras(p.Extra, llm.Chat, "image_url.")
		b.EndObject()
	case llm.Audio:
		b.PutString("type", "input_audio")
		b.Key("input_audio")
		b.Object()
		if p.Data != nil {
			b.Key("data")
			b.B = appendBase64(append(b.B, '"'), p.Data)
			b.B = append(b.B, '"')
		} else {
			b.PutString("data", p.URL)
		}
		b.PutString("format", strings.TrimPrefix(p.MediaType, "audio/"))
		b.Extras(p.Extra, llm.Chat, "input_audio.")
		b.EndObject()
	case llm.Document:
		e.document(p)
	}
	if e.d.CacheMarks {
		b.PutCacheMark(p.Cache)
	}
	b.Extras(p.Extra, llm.Chat, "")
	b.EndObject()
}

func (e *encoder) document(p *llm.Part) {
	b := &e.b
	byAddress := p.URL != "" && e.d.Carries("document.url")
	if text := asText(p); text != "" && (p.Text != "" || e.r.From != llm.Chat && !byAddress) {
		b.PutString("type", "text")
		b.PutString("text", text)
		return
	}
	b.PutString("type", "file")
	b.Key("file")
	b.Object()
	e.address("file_data", p)
	if p.Name != "" {
		b.PutString("filename", p.Name)
	} else if !raw.HasExtras(p.Extra, llm.Chat, "file.") && p.Data != nil {
		b.PutString("filename", "document.pdf") // the format wants one
	}
	b.Extras(p.Extra, llm.Chat, "file.")
	b.EndObject()
}

// asText is a document that cannot be a file here, as text: one of plain text, or
// one by address, of which the model learns the address.
func asText(p *llm.Part) string {
	text := p.Text
	if p.Data != nil {
		return ""
	}
	if text == "" {
		text = p.URL
	}
	if p.Name != "" && text != "" {
		text = p.Name + "\n\n" + text
	}
	return text
}

// address writes bytes as a data: address, or the address that there is.
func (e *encoder) address(name string, p *llm.Part) {
	b := &e.b
	if p.Data == nil {
		b.PutString(name, p.URL)
		return
	}
	b.PutString(name, "data:"+p.MediaType+";base64,")
	b.B = append(appendBase64(b.B[:len(b.B)-1], p.Data), '"')
}

func appendBase64(dst, data []byte) []byte { return base64.StdEncoding.AppendEncode(dst, data) }
