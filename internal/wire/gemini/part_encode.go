package gemini

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// writable reports whether a part comes to anything in this format.
func (e *encoder) writable(p *llm.Part) bool {
	switch p.Kind {
	case llm.Text:
		return p.Text != "" || e.signed(p) || e.own && !foreign(p)
	case llm.Refusal:
		return p.Text != ""
	case llm.Thinking:
		if e.answering || e.own {
			return !foreign(p) || e.answering
		}
		return native(p)
	case llm.Opaque:
		return p.From == llm.Gemini
	case llm.Image, llm.Audio, llm.Video:
		return p.Data != nil || fetchable(p.URL)
	case llm.Document:
		return p.Data != nil || p.Text != "" || fetchable(p.URL)
	case llm.ToolCall, llm.ToolResult:
		return true
	}
	return false
}

// foreign: a part that is nothing but another maker's state, which Google does not
// take.
func foreign(p *llm.Part) bool {
	return (p.Signature != "" || p.Redacted != "") && !native(p) && (p.Text == "" || p.Kind == llm.Thinking)
}

// signed reports whether a part's state is written: to a client all of it, wrapped
// where it is not Google's; to Google its own.
func (e *encoder) signed(p *llm.Part) bool {
	if e.answering {
		return p.Signature != "" || p.Redacted != ""
	}
	return native(p)
}

// fetchable: an address that the provider can follow; data: addresses that could
// not be decoded are none.
func fetchable(url string) bool { return url != "" && !strings.HasPrefix(url, "data:") }

func (e *encoder) part(i, j int, p *llm.Part) {
	b := &e.b
	if p.Kind == llm.Opaque {
		b.Raw(p.Raw)
		return
	}
	as := spelledIn(p.Extra)
	if p.Kind == llm.Document && !e.own && !e.answering && e.titled(p) {
		return
	}
	b.Object()
	switch p.Kind {
	case llm.Text, llm.Refusal:
		e.said(p)
	case llm.Thinking:
		e.said(p)
		b.PutBool("thought", true)
	case llm.ToolCall:
		e.call(i, j, p, as)
	case llm.ToolResult:
		e.result(p, as)
	default:
		e.medium(p, as, false)
	}
	switch {
	case e.signed(p):
		state := p.Signature
		if e.answering {
			state = signature(p)
		}
		b.PutString(as.name("", "thoughtSignature"), state)
	case p.Kind == llm.ToolCall && !e.called && !e.own && !e.answering && e.since(3):
		b.PutString("thoughtSignature", skipSignature)
	}
	e.called = e.called || p.Kind == llm.ToolCall
	e.extras(p.Extra, "", as)
	b.EndObject()
}

func (e *encoder) said(p *llm.Part) {
	if !noted(p.Extra, noteBare) || p.Text != "" {
		e.b.PutString("text", p.Text)
	}
}

// titled writes a document's title as text before it, which is how the model sees
// one, and reports whether the document itself was text and is written with it.
func (e *encoder) titled(p *llm.Part) (whole bool) {
	switch text := textOf(p); {
	case text != "" && p.Name != "":
		e.text(p.Name + "\n\n" + text)
		return true
	case text != "":
		e.text(text)
		return true
	case p.Name != "":
		e.text("Document: " + p.Name)
	}
	return false
}

// textOf is what a document of plain text says; "" of any other.
func textOf(p *llm.Part) string {
	if p.Text == "" && strings.HasPrefix(p.MediaType, "text/") && utf8.Valid(p.Data) {
		return string(p.Data)
	}
	return p.Text
}

func (e *encoder) call(i, j int, p *llm.Part, as spelled) {
	b := &e.b
	b.Key(as.name("", "functionCall"))
	b.Object()
	id := e.ids.Call(p, i, j)
	e.names[id] = p.Name
	if !noted(p.Extra, noteID) {
		b.PutString("id", id)
	}
	if p.Name != "" || !e.own {
		b.PutString("name", p.Name)
	}
	if len(p.Arguments) > 0 || !e.own && !e.answering {
		b.Key("args")
		putArgs(b, p.Arguments)
	} else if e.answering && !noted(p.Extra, noteID) {
		b.PutRaw("args", []byte(`{}`))
	}
	e.extras(p.Extra, "functionCall.", as)
	b.EndObject()
}

// putArgs writes a call's arguments, which must be an object. What a model wrote
// that is none stands in one, so that the model sees it again.
func putArgs(b *raw.Builder, args []byte) {
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

// medium writes bytes or an address.
func (e *encoder) medium(p *llm.Part, as spelled, inResult bool) {
	b := &e.b
	kind := mediaType(p)
	if e.own && p.MediaType == "" {
		kind = ""
	}
	if p.Data == nil && p.Text == "" {
		b.Key(as.name("", "fileData"))
		b.Object()
		if kind != "" {
			b.PutString(as.name("fileData.", "mimeType"), kind)
		}
		b.PutString(as.name("fileData.", "fileUri"), p.URL)
		e.extras(p.Extra, "fileData.", as)
		b.EndObject()
		return
	}
	b.Key(as.name("", "inlineData"))
	b.Object()
	if kind != "" {
		b.PutString(as.name("inlineData.", "mimeType"), kind)
	}
	if p.Name != "" && (e.own || inResult) {
		b.PutString(as.name("inlineData.", "displayName"), p.Name)
	}
	alphabet := base64.StdEncoding
	if at := raw.Find(p.Extra, llm.Gemini, noteBase64); len(at) == 1 && int(at[0]-'0') < len(alphabets) {
		alphabet = alphabets[at[0]-'0']
	}
	data := p.Data
	if data == nil {
		data = []byte(p.Text)
	}
	b.Key("data")
	b.B = append(alphabet.AppendEncode(append(b.B, '"'), data), '"')
	e.extras(p.Extra, "inlineData.", as)
	b.EndObject()
}
