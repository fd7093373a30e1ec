package chat

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (d *decoder) part() llm.Part {
	c := &d.c
	before := *c
	var p llm.Part
	kind, known := "", true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "text":
			p.Text = c.Text()
		case "refusal":
			p.Text = c.Text()
		case "image_url":
			d.image(&p)
		case "video_url":
			if d.image(&p); p.Kind == llm.Image {
				p.Kind = llm.Video
			}
		case "input_audio":
			d.audio(&p)
		case "file":
			known = d.file(&p)
		case "cache_control":
			d.cacheMark(key, &p.Cache, &p.Extra)
		case "thinking":
			text := *c
			p.Text = thinkingText(&text)
			p.Extra = raw.Keep(p.Extra, llm.Chat, "", key, c)
		default:
			p.Extra = raw.Keep(p.Extra, llm.Chat, "", key, c)
		}
	}
	if c.Err() != nil {
		return p
	}
	switch kind {
	case "thinking":
		p.Kind = llm.Thinking
	case "text", "refusal":
		known = known && p.Kind == ""
		p.Kind = llm.PartKind(kind)
	case "image_url":
		known = known && p.Kind == llm.Image && p.Text == ""
	case "video_url":
		known = known && p.Kind == llm.Video && p.Text == ""
	case "input_audio":
		known = known && p.Kind == llm.Audio && p.Text == ""
	case "file":
		known = known && p.Kind == llm.Document && p.Text == ""
	default:
		known = false
	}
	if !known {
		*c = before
		p = llm.Part{Kind: llm.Opaque, From: llm.Chat, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// thinkingText reads Mistral's thinking: a list of text parts, or plain text.
func thinkingText(c *raw.Cursor) (text string) {
	if c.Kind() == '"' {
		return c.Text()
	}
	if c.Kind() != '[' {
		c.Skip()
		return ""
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) == "text" && c.Kind() == '"' {
				text += c.Text()
			} else {
				c.Skip()
			}
		}
	}
	return text
}

func (d *decoder) image(p *llm.Part) {
	c := &d.c
	if c.Null() {
		return
	}
	p.Kind = llm.Image
	if c.Kind() == '"' {
		p.MediaType, p.Data, p.URL = dataURL(c.Text())
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "url":
			p.MediaType, p.Data, p.URL = dataURL(c.Text())
		case "detail":
			p.Detail = c.Text()
		default:
			p.Extra = raw.Keep(p.Extra, llm.Chat, "image_url.", key, c)
		}
	}
}

// dataURL decodes data:<type>;base64,… and leaves any other address as it is.
func dataURL(s string) (mediaType string, data []byte, url string) {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return "", nil, s
	}
	mediaType, text, ok := strings.Cut(rest, ";base64,")
	if !ok {
		return "", nil, s
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return "", nil, s
	}
	return mediaType, data, ""
}

func (d *decoder) audio(p *llm.Part) {
	c := &d.c
	p.Kind = llm.Audio
	if c.Kind() == '"' { // Mistral: the bytes or an address, without their kind
		s := c.Text()
		p.URL = s
		p.Extra = append(p.Extra, llm.Extra{Format: llm.Chat, Path: "input_audio", Value: json.RawMessage(quoted(s))})
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "data":
			s := c.Text()
			data, err := base64.StdEncoding.Strict().DecodeString(s)
			if err != nil {
				p.URL = s
				continue
			}
			p.Data = data
		case "format":
			p.MediaType = "audio/" + c.Text()
		default:
			p.Extra = raw.Keep(p.Extra, llm.Chat, "input_audio.", key, c)
		}
	}
}

// file reads a file whose bytes are here; one by the provider's own id is not
// known, as nobody else can read it.
func (d *decoder) file(p *llm.Part) (known bool) {
	c := &d.c
	p.Kind = llm.Document
	known = true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return known && (p.Data != nil || p.URL != "")
		}
		switch string(key) {
		case "file_data":
			p.MediaType, p.Data, p.URL = dataURL(c.Text())
		case "filename":
			p.Name = c.Text()
		case "file_id":
			known = false
			c.Skip()
		default:
			p.Extra = raw.Keep(p.Extra, llm.Chat, "file.", key, c)
		}
	}
}
