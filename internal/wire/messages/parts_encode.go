package messages

import (
	"encoding/base64"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// writable reports whether a part comes to anything in this format.
func writable(p *llm.Part) bool {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return p.Text != ""
	case llm.Thinking:
		return takenBack(p)
	case llm.Opaque:
		return p.From == llm.Messages
	case llm.Image:
		return p.Data != nil || fetchable(p.URL)
	case llm.Document:
		return p.Data != nil || p.Text != "" || fetchable(p.URL)
	case llm.ToolCall, llm.ToolResult:
		return true
	}
	return false
}

// fetchable: an address that the provider can follow; data: addresses that could
// not be decoded are none.
func fetchable(url string) bool { return url != "" && !strings.HasPrefix(url, "data:") }

func (e *encoder) part(i, j int, p *llm.Part, prefix string) {
	b := &e.b
	if p.Kind == llm.Opaque {
		b.Raw(p.Raw)
		return
	}
	b.Object()
	switch p.Kind {
	case llm.Text, llm.Refusal:
		b.PutString("type", "text")
		b.PutString("text", prefix+p.Text)
		putCitations(b, p.Citations, e.toClient)
	case llm.Thinking:
		if p.Redacted != "" && p.Signature == "" {
			b.PutString("type", "redacted_thinking")
			b.PutString("data", wire.WrapState(p, llm.MakerAnthropic))
			break
		}
		b.PutString("type", "thinking")
		b.PutString("thinking", p.Text)
		b.PutString("signature", wire.WrapState(p, llm.MakerAnthropic))
	case llm.ToolCall:
		b.PutString("type", "tool_use")
		b.PutString("id", e.ids.Call(p, i, j))
		b.PutString("name", p.Name)
		b.Key("input")
		putInput(b, p.Arguments)
	case llm.ToolResult:
		e.result(i, p)
	case llm.Image:
		b.PutString("type", "image")
		e.source(p)
	case llm.Document:
		b.PutString("type", "document")
		e.source(p)
		if p.Name != "" {
			b.PutString("title", p.Name)
		}
	}
	b.PutCacheMark(p.Cache)
	b.Extras(p.Extra, llm.Messages, "")
	b.EndObject()
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
	b.PutString("type", "tool_result")
	b.PutString("tool_use_id", e.ids.Result(p))
	written := 0
	for j := range p.Content {
		c := &p.Content[j]
		if !writable(c) {
			continue
		}
		if written++; written == 1 {
			b.Key("content")
			b.List()
		}
		e.part(i, j, c, "")
	}
	if written > 0 {
		b.EndList()
	}
	if p.IsError {
		b.PutBool("is_error", true)
	}
}

func (e *encoder) source(p *llm.Part) {
	b := &e.b
	b.Key("source")
	b.Object()
	switch {
	case p.Data != nil:
		b.PutString("type", "base64")
		b.PutString("media_type", p.MediaType)
		b.Key("data")
		b.B = append(base64.StdEncoding.AppendEncode(append(b.B, '"'), p.Data), '"')
	case p.Text != "":
		b.PutString("type", "text")
		b.PutString("media_type", "text/plain")
		b.PutString("data", p.Text)
	default:
		b.PutString("type", "url")
		b.PutString("url", p.URL)
	}
	b.EndObject()
}
