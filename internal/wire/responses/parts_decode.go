package responses

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Members of a message item are kept with the first of its parts where the item is
// one of several in an assistant's turn, under this prefix; else with the message.
// The role is always there, so that it is seen where an item begins.
const ofItem = "item."

// inMessage is the name of an opaque part that stands in a message's content and is
// no item itself.
const inMessage = "content"

func (d *decoder) message() {
	c := &d.c
	start := c.Pos()
	m := llm.Message{}
	role, text, list := "", false, false
	var content raw.Cursor
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch k := string(key); {
		case k == "role" && c.Kind() == '"':
			role = c.Text()
		case k == "content" && c.Kind() == '"':
			m.Parts, text = []llm.Part{{Kind: llm.Text, Text: c.Text()}}, true
		case k == "content" && c.Kind() == '[':
			content, list = *c, true // its parts depend on who speaks
			c.Skip()
		default:
			m.Extra = raw.Keep(m.Extra, llm.Responses, "", key, c)
		}
	}
	if c.Err() != nil {
		return
	}
	switch m.Role = llm.Role(role); m.Role {
	case llm.User, llm.Assistant, llm.System, llm.Developer:
	default:
		c.Fail(start, "role "+string(quoted(role))+" is none of user, assistant, system, developer")
		return
	}
	if list {
		in := decoder{c: content, r: d.r, dialect: d.dialect}
		for in.c.List(); in.c.More(); {
			m.Parts = append(m.Parts, in.part(m.Role))
		}
		if in.c.Err() != nil {
			*c = in.c
			return
		}
	}
	d.add(m, text)
}

// add puts a message among the others; an assistant's goes into the turn that is
// open.
func (d *decoder) add(m llm.Message, text bool) {
	plain := onePlain(m.Parts)
	if m.Role != llm.Assistant {
		if !text && (plain || len(m.Parts) == 0) {
			m.Extra = keep(m.Extra, "content", []byte("[]"))
		}
		d.items = append(d.items, m)
		return
	}
	form := ""
	switch {
	case len(m.Parts) == 0: // something must hold the item
		form = "[]"
		m.Parts = []llm.Part{{Kind: llm.Text}}
	case text:
		form = `"text"`
	}
	extra := keep(nil, ofItem+"role", quoted(string(m.Role)))
	if form != "" {
		extra = keep(extra, ofItem+"content", []byte(form))
	}
	for _, x := range m.Extra {
		x.Path = ofItem + x.Path
		extra = append(extra, x)
	}
	m.Parts[0].Extra = append(extra, m.Parts[0].Extra...)
	turn := d.turn(llm.Assistant)
	turn.Parts = append(turn.Parts, m.Parts...)
}

// onePlain reports whether parts are one text with nothing beside it, which is
// written as a string.
func onePlain(parts []llm.Part) bool {
	return len(parts) == 1 && parts[0].Kind == llm.Text && len(parts[0].Extra) == 0 && parts[0].Cache == nil && len(parts[0].Citations) == 0
}

// part reads a part of a message's content, or of a tool's output. One that is not
// known is kept whole.
func (d *decoder) part(role llm.Role) llm.Part {
	c := &d.c
	if c.Kind() == '"' { // some servers take this
		return llm.Part{Kind: llm.Text, Text: c.Text()}
	}
	before := *c
	var p llm.Part
	kind, texts, media, known := "", 0, 0, true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		isText := c.Kind() == '"'
		switch k := string(key); {
		case k == "type":
			kind = c.TextIf()
		case (k == "text" || k == "refusal") && isText:
			p.Text = c.Text()
			texts++
		case (k == "image_url" || k == "file_data") && isText:
			p.MediaType, p.Data, p.URL = dataURL(c.Text())
			known = known && (k == "image_url" || p.Data != nil)
			media++
		case k == "file_url" && isText:
			p.URL = c.Text()
			media++
		case k == "filename" && isText:
			p.Name = c.Text()
		case k == "detail" && isText:
			p.Detail = c.Text()
		case k == "file_id" && isText: // nobody else can read it
			known = false
			c.Skip()
		case k == "input_audio" && c.Kind() == '{':
			known = d.audio(&p) && known
			media++
		case k == "annotations" && c.Kind() == '[':
			at := *c
			if d.annotations(&p); len(p.Citations) == 0 {
				p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, &at)
			}
		case k == "prompt_cache_breakpoint" && breakpoint(*c):
			c.Skip()
			p.Cache = &llm.CacheMark{}
		default:
			p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, c)
		}
	}
	if c.Err() != nil {
		return p
	}
	switch kind {
	case "input_text", "output_text", "text":
		p.Kind = llm.Text
		known = known && texts == 1 && media == 0 && p.Name == "" && p.Detail == ""
		if kind != textType(role) {
			p.Extra = keep(p.Extra, "type", quoted(kind))
		}
	case "refusal":
		p.Kind = llm.Refusal
		known = known && texts == 1 && media == 0
	case "input_image":
		p.Kind = llm.Image
		known = known && texts == 0 && media == 1 && p.Name == ""
	case "input_file":
		p.Kind = llm.Document
		if p.Detail != "" {
			p.Extra = keep(p.Extra, "detail", quoted(p.Detail))
			p.Detail = ""
		}
		known = known && texts == 0 && media == 1
	case "input_audio":
		p.Kind = llm.Audio
		known = known && texts == 0 && media == 1
	default:
		known = false
	}
	if !known {
		*c = before
		p = llm.Part{Kind: llm.Opaque, Name: inMessage, From: llm.Responses, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// textType is what text of a role is called.
func textType(role llm.Role) string {
	if role == llm.Assistant {
		return "output_text"
	}
	return "input_text"
}

// breakpoint reports whether a cache breakpoint is a plain one.
func breakpoint(c raw.Cursor) bool {
	if c.Kind() != '{' {
		return false
	}
	n := 0
	for c.Object(); ; n++ {
		key, ok := c.Key()
		if !ok {
			return n == 1 && c.Err() == nil
		}
		if string(key) != "mode" || c.TextIf() != "explicit" {
			return false
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
	if err != nil || len(data) == 0 || strings.ContainsAny(text, "\r\n") {
		return "", nil, s
	}
	return mediaType, data, ""
}

func (d *decoder) audio(p *llm.Part) (known bool) {
	c := &d.c
	known = true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return known && p.Data != nil && p.MediaType != ""
		}
		switch {
		case string(key) == "data" && c.Kind() == '"':
			b, err := base64.StdEncoding.Strict().DecodeString(c.Text())
			p.Data, known = b, known && err == nil
		case string(key) == "format" && c.Kind() == '"':
			p.MediaType = "audio/" + c.Text()
		default:
			known = false
			c.Skip()
		}
	}
}
