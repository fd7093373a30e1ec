package gemini

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
)

// part reads one part. One of a kind that only this format knows is kept whole: code
// that Google runs, its server's tools, and files that only Google can read.
func (d *decoder) part() (p llm.Part) {
	c := &d.c
	before := *c
	var as spelled
	known, said, thought := true, false, false
	state := ""
	for c.Object(); ; {
		key, ok := d.key(&as, "")
		if !ok {
			break
		}
		switch string(key) {
		case "text":
			if c.Kind() != '"' {
				c.Skip()
				continue
			}
			p.Text, said = c.Text(), true
		case "thought":
			if c.Kind() == 't' {
				thought = c.Bool()
				continue
			}
			d.keep(&p.Extra, "")
		case "thoughtSignature":
			at := *c
			if state = text(&at); dummy(state) {
				state = ""
				d.keep(&p.Extra, "")
				continue
			}
			*c = at
		case "functionCall":
			known = d.call(&p, &as) && known
		case "functionResponse":
			known = d.result(&p, &as) && known
		case "inlineData":
			known = d.blob(&p, &as) && known
		case "fileData":
			known = d.file(&p, &as) && known
		case "executableCode", "codeExecutionResult", "toolCall", "toolResponse":
			known = false
			c.Skip()
		default:
			d.keep(&p.Extra, "")
		}
	}
	if c.Err() != nil {
		return p
	}
	switch {
	case p.Kind != "":
		known = known && !said // a union of kinds has one of them
		if thought {
			p.Extra = note(p.Extra, "thought", "true")
		}
	case thought:
		p.Kind = llm.Thinking
	default:
		p.Kind = llm.Text
		known = known && (said || state != "" || len(p.Extra) == 0)
	}
	if !known {
		*c = before
		return llm.Part{Kind: llm.Opaque, From: llm.Gemini, Raw: bytes.Clone(c.Raw())}
	}
	if !said && (p.Kind == llm.Text || p.Kind == llm.Thinking) {
		p.Extra = note(p.Extra, noteBare, "true")
	}
	if state != "" {
		sign(&p, state)
	}
	p.Extra = as.keep(p.Extra)
	return p
}

func (d *decoder) call(p *llm.Part, as *spelled) (known bool) {
	c := &d.c
	if c.Kind() != '{' || p.Kind != "" {
		c.Skip()
		return false
	}
	p.Kind = llm.ToolCall
	for c.Object(); ; {
		key, ok := d.key(as, "functionCall.")
		if !ok {
			return true
		}
		switch string(key) {
		case "id":
			p.ID = text(c)
		case "name":
			p.Name = text(c)
		case "args":
			if !c.Null() {
				p.Arguments = bytes.Clone(c.Raw())
			}
		default:
			d.keep(&p.Extra, "functionCall.")
		}
	}
}

func (d *decoder) result(p *llm.Part, as *spelled) (known bool) {
	c := &d.c
	if c.Kind() != '{' || p.Kind != "" {
		c.Skip()
		return false
	}
	p.Kind = llm.ToolResult
	form := `"none"`
	var media []llm.Part
	for c.Object(); ; {
		key, ok := d.key(as, "functionResponse.")
		if !ok {
			break
		}
		switch string(key) {
		case "id":
			p.ID = text(c)
		case "name":
			p.Name = text(c)
		case "response":
			form = d.response(p)
		case "parts":
			d.each(as, "functionResponse.parts", func() { media = append(media, d.part()) })
		default:
			d.keep(&p.Extra, "functionResponse.")
		}
	}
	if form != "" {
		p.Extra = note(p.Extra, noteResponse, form)
	}
	p.Content = append(p.Content, media...)
	return true
}

// response reads what a function gave. Google documents the members output and error;
// of any other object the whole is the output. It returns which form it was where that
// is another than the one that texts are written in.
func (d *decoder) response(p *llm.Part) (form string) {
	c := &d.c
	if c.Kind() != '{' {
		p.Content = []llm.Part{{Kind: llm.Text, Text: string(c.Raw())}}
		return `"whole"`
	}
	before := *c
	var texts []llm.Part
	name, plain := "", true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if len(texts) == 0 {
			name = string(key)
		}
		plain = plain && c.Kind() == '"' && string(key) == outputName(name, len(texts))
		if !plain {
			c.Skip()
			continue
		}
		texts = append(texts, llm.Part{Kind: llm.Text, Text: c.Text()})
	}
	if plain && len(texts) > 0 && (name == "output" || name == "error") {
		p.Content, p.IsError = texts, name == "error"
		return ""
	}
	*c = before
	p.Content = []llm.Part{{Kind: llm.Text, Text: string(c.Raw())}}
	return `"whole"`
}

// outputName is the member of a response for its nth text.
func outputName(name string, n int) string {
	if n == 0 {
		return name
	}
	return name + "_" + string(rune('1'+n))
}

// mostTexts is how many texts a response can have as members of their own.
const mostTexts = 8

// kindOf is what something of a media type is.
func kindOf(mediaType string) llm.PartKind {
	switch kind, _, _ := strings.Cut(mediaType, "/"); kind {
	case "image":
		return llm.Image
	case "audio":
		return llm.Audio
	case "video":
		return llm.Video
	}
	return llm.Document
}

func (d *decoder) blob(p *llm.Part, as *spelled) (known bool) {
	c := &d.c
	if c.Kind() != '{' || p.Kind != "" {
		c.Skip()
		return false
	}
	data := ""
	for c.Object(); ; {
		key, ok := d.key(as, "inlineData.")
		if !ok {
			break
		}
		switch string(key) {
		case "mimeType":
			p.MediaType = text(c)
		case "data":
			data = text(c)
		case "displayName":
			if kindOf(p.MediaType) == llm.Document && c.Kind() == '"' {
				p.Name = c.Text()
				continue
			}
			d.keep(&p.Extra, "inlineData.")
		default:
			d.keep(&p.Extra, "inlineData.")
		}
	}
	p.Kind = kindOf(p.MediaType)
	for i := range alphabets {
		b, err := alphabets[i].DecodeString(data)
		if err != nil {
			continue
		}
		p.Data = b
		if i > 0 {
			p.Extra = note(p.Extra, noteBase64, string(rune('0'+i)))
		}
		if strings.HasPrefix(p.MediaType, "text/") && utf8.Valid(b) && len(b) > 0 {
			p.Text, p.Data = string(b), nil
		}
		return true
	}
	return false
}

// alphabets are the ways to write bytes that the API takes; the first is written
// where nothing else came.
var alphabets = [...]*base64.Encoding{
	base64.StdEncoding.Strict(), base64.URLEncoding.Strict(), base64.RawStdEncoding.Strict(), base64.RawURLEncoding.Strict(),
}

func (d *decoder) file(p *llm.Part, as *spelled) (known bool) {
	c := &d.c
	if c.Kind() != '{' || p.Kind != "" {
		c.Skip()
		return false
	}
	for c.Object(); ; {
		key, ok := d.key(as, "fileData.")
		if !ok {
			break
		}
		switch string(key) {
		case "mimeType":
			p.MediaType = text(c)
		case "fileUri":
			p.URL = text(c)
		default:
			d.keep(&p.Extra, "fileData.")
		}
	}
	mediaType := p.MediaType
	if mediaType == "" {
		mediaType = typeOf(p.URL)
	}
	p.Kind = kindOf(mediaType)
	return p.URL != "" && !googles(p.URL)
}
