package converse

import (
	"encoding/base64"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// writable reports whether a part of another format's request comes to anything here.
func (e *encoder) writable(p *llm.Part) bool {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return p.Text != ""
	case llm.Thinking: // only signed thinking is taken back
		return (p.Signature != "" || p.Redacted != "") && !wire.IsCarrier(p) && e.family.understands(p.Maker)
	case llm.Opaque:
		return p.From == format
	case llm.Image, llm.Document, llm.Audio, llm.Video:
		return (p.Data != nil || p.Kind == llm.Document && p.Text != "") && mediumFormat(p) != ""
	case llm.ToolCall, llm.ToolResult:
		return true
	}
	return false
}

// part writes one block.
func (e *encoder) part(i, j int, p *llm.Part, prefix string) {
	b := &e.b
	if p.Kind == llm.Opaque {
		b.Raw(p.Raw)
		return
	}
	b.Object()
	switch p.Kind {
	case llm.Text, llm.Refusal:
		e.said(p, prefix)
	case llm.Thinking:
		e.reasoning(p)
	case llm.ToolCall:
		b.Key("toolUse")
		b.Object()
		b.PutString("toolUseId", e.call(p, i, j))
		b.PutString("name", p.Name)
		b.Key("input")
		if e.own && p.Arguments != nil {
			b.Raw(p.Arguments)
		} else {
			putInput(b, p.Arguments)
		}
		b.Extras(p.Extra, format, "toolUse.")
		b.EndObject()
	case llm.ToolResult:
		e.result(i, p)
	case llm.Image, llm.Document, llm.Audio, llm.Video:
		e.medium(p)
	}
	for k := range p.Extra {
		if name, ok := raw.Under(&p.Extra[k], format, ""); ok && name != "json" {
			b.PutRaw(name, p.Extra[k].Value)
		}
	}
	b.EndObject()
}

func (e *encoder) call(p *llm.Part, i, j int) string {
	if e.own {
		return p.ID
	}
	return e.ids.Call(p, i, j)
}

// said writes text, what a tool gave as JSON, or text with its sources.
func (e *encoder) said(p *llm.Part, prefix string) {
	b := &e.b
	switch {
	case raw.Find(p.Extra, format, "json") != nil && raw.Valid([]byte(p.Text)):
		b.PutRaw("json", []byte(p.Text))
	case e.citable(p):
		e.cited(p)
	default:
		b.PutString("text", prefix+p.Text)
	}
}

// citable reports whether a text has sources that are written: in a request, those in
// this format's own form.
func (e *encoder) citable(p *llm.Part) bool {
	for i := range p.Citations {
		if e.answer || p.Citations[i].From == format {
			return true
		}
	}
	return raw.HasExtras(p.Extra, format, "citationsContent.")
}

func (e *encoder) cited(p *llm.Part) {
	b := &e.b
	b.Key("citationsContent")
	b.Object()
	if raw.Find(p.Extra, format, "citationsContent.content") == nil && p.Text != "" {
		b.Key("content")
		b.List()
		e.text(p.Text)
		b.EndList()
	}
	written := 0
	for i := range p.Citations {
		c := &p.Citations[i]
		if c.From != format && !e.answer {
			continue
		}
		if written++; written == 1 {
			b.Key("citations")
			b.List()
		}
		putCitation(b, c)
	}
	if written > 0 {
		b.EndList()
	}
	b.Extras(p.Extra, format, "citationsContent.")
	b.EndObject()
}

// putCitation writes a source in its own form, or as one on the web.
func putCitation(b *raw.Builder, c *llm.Citation) {
	if c.From == format && raw.Valid(c.Raw) {
		b.Raw(c.Raw)
		return
	}
	b.Object()
	if c.Title != "" {
		b.PutString("title", c.Title)
	}
	if c.Text != "" {
		b.Key("sourceContent")
		b.List()
		b.Object()
		b.PutString("text", c.Text)
		b.EndObject()
		b.EndList()
	}
	if c.URL != "" {
		b.Key("location")
		b.Object()
		b.Key("web")
		b.Object()
		b.PutString("url", c.URL)
		b.EndObject()
		b.EndObject()
	}
	b.EndObject()
}

func (e *encoder) reasoning(p *llm.Part) {
	b := &e.b
	b.Key("reasoningContent")
	b.Object()
	if p.Redacted != "" {
		b.PutString("redactedContent", redact(p))
		b.EndObject()
		return
	}
	b.Key("reasoningText")
	b.Object()
	b.PutString("text", p.Text)
	if s := wire.WrapState(p, e.native(p)); s != "" {
		b.PutString("signature", s)
	}
	b.Extras(p.Extra, format, "reasoningContent.reasoningText.")
	b.EndObject()
	b.EndObject()
}

// native is the maker whose signatures stand here as they are: in a request, that of
// the model that is asked; in an answer, Anthropic, which every client knows.
func (e *encoder) native(p *llm.Part) llm.Maker {
	if !e.answer {
		return p.Maker
	}
	return llm.MakerAnthropic
}

// putInput writes a call's arguments, which must be an object. What a model wrote
// that is none stands in one, so that the model sees it again.
func putInput(b *raw.Builder, args []byte) {
	c := raw.On(args)
	switch c.Kind() {
	case 0:
		b.Raw([]byte("{}"))
	case '{':
		b.Raw(args)
	default:
		b.Object()
		b.PutString("invalid_arguments", wire.ArgumentsText(args))
		b.EndObject()
	}
}

func (e *encoder) result(i int, p *llm.Part) {
	b := &e.b
	b.Key("toolResult")
	b.Object()
	id := p.ID
	if !e.own {
		id = e.ids.Result(p)
	}
	b.PutString("toolUseId", id)
	b.Key("content")
	b.List()
	failed := p.IsError && !e.own && !e.family.status
	if failed {
		e.text("The tool failed:")
	}
	n := len(b.B)
	for j := range p.Content {
		if c := &p.Content[j]; e.own || e.writable(c) && c.Kind != llm.Audio && c.Kind != llm.Thinking {
			e.part(i, j, c, "")
		}
	}
	if len(b.B) == n && !e.own && !failed {
		e.text("(no output)") // an empty list is refused
	}
	b.EndList()
	if p.IsError && !failed {
		b.PutString("status", "error")
	}
	b.Extras(p.Extra, format, "toolResult.")
	b.EndObject()
}

func (e *encoder) medium(p *llm.Part) {
	b := &e.b
	b.Key(string(p.Kind))
	b.Object()
	f := formatOf(p.Kind, p.MediaType)
	if f == "" && !e.own {
		f = mediumFormat(p)
	}
	if f != "" {
		b.PutString("format", f)
	}
	if p.Kind == llm.Document {
		name := p.Name
		if name == "" {
			name = noName
		}
		if legal := e.docs.name(name); !e.own && legal != name {
			e.lose("document.title", "in the letters that a document's name may have, and no name twice")
			name = legal
		}
		b.PutString("name", name)
	}
	b.Key("source")
	b.Object()
	if p.Data != nil {
		b.Key("bytes")
		b.B = append(base64.StdEncoding.AppendEncode(append(b.B, '"'), p.Data), '"')
	} else {
		b.PutString("text", p.Text)
	}
	b.EndObject()
	if p.Kind == llm.Document && !e.own { // Messages says the same in the same words
		for _, name := range []string{"context", "citations"} {
			if v := raw.Find(p.Extra, llm.Messages, name); v != nil && string(v) != "null" {
				b.PutRaw(name, v)
			}
		}
	}
	b.Extras(p.Extra, format, string(p.Kind)+".")
	b.EndObject()
}
