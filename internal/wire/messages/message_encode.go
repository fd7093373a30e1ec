package messages

import (
	"encoding/base64"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// callID brings a tool call's id into the API's pattern.
func callID(id string) string {
	return wire.LegalID(id, "toolu_", func(id string) bool {
		for i := range len(id) {
			c := id[i]
			if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
		return true
	})
}

func leads(m *llm.Message) bool { return m.Role == llm.System || m.Role == llm.Developer }

// native reports whether a system message between the turns came in this format.
func native(m *llm.Message) bool { return raw.Find(m.Extra, llm.Messages, "role") != nil }

// system writes the system and developer text before the first turn.
func (e *encoder) system() {
	b, r := &e.b, e.r
	written := 0
	begin := func() {
		if written++; written == 1 {
			b.Key("system")
			b.List()
		}
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		if !leads(m) || native(m) {
			break
		}
		for j := range m.Parts {
			p := &m.Parts[j]
			if p.Kind == llm.Text && p.Text != "" || p.Kind == llm.Opaque && p.From == llm.Messages {
				begin()
				e.part(i, j, p, "")
			}
		}
	}
	if r.Output.Kind == llm.JSONObject {
		begin()
		e.text("Answer with one JSON object and with nothing else: no explanation and no code fence.")
	}
	if written > 0 {
		b.EndList()
	}
}

func (e *encoder) text(s string) {
	e.b.Object()
	e.b.PutString("type", "text")
	e.b.PutString("text", s)
	e.b.EndObject()
}

// messages writes the turns. Turns of one role that follow each other are one turn
// here, and turns and texts with nothing in them are none.
func (e *encoder) messages() {
	b, r := &e.b, e.r
	b.Key("messages")
	b.List()
	leading := true
	for i := range r.Messages {
		m := &r.Messages[i]
		if leading = leading && leads(m) && !native(m); leading {
			continue
		}
		e.message(i, m)
	}
	e.endTurn()
	b.EndList()
}

func (e *encoder) message(i int, m *llm.Message) {
	role := m.Role
	wrap := leads(m) && !native(m) // later system text, for models that take none there
	if wrap {
		role = llm.User
	}
	prefix := ""
	if m.Name != "" && m.Role == llm.User {
		prefix = "[" + m.Name + "] "
	}
	if len(m.Extra) > 0 && e.role == role && raw.HasExtras(m.Extra, llm.Messages, "") {
		e.endTurn() // a turn with members of its own stays one
	}
	for j := range m.Parts {
		p := &m.Parts[j]
		if !writable(p) {
			continue
		}
		if wrap {
			if p.Kind == llm.Text {
				e.turn(role)
				e.text("<system>\n" + p.Text + "\n</system>")
			}
			continue
		}
		e.turn(role)
		e.part(i, j, p, prefix)
	}
	if e.role == role && raw.HasExtras(m.Extra, llm.Messages, "") {
		e.b.EndList()
		for k := range m.Extra {
			if name, ok := raw.Under(&m.Extra[k], llm.Messages, ""); ok && name != "role" {
				e.b.PutRaw(name, m.Extra[k].Value)
			}
		}
		e.b.EndObject()
		e.role = ""
	}
}

// turn makes sure that a turn of the role is open.
func (e *encoder) turn(role llm.Role) {
	if e.role == role {
		return
	}
	b := &e.b
	if e.role == "" && role == llm.Assistant && b.B[len(b.B)-1] == '[' && e.r.From != llm.Messages {
		// The first turn must be the user's.
		e.turn(llm.User)
		e.text("(The conversation begins.)")
	}
	e.endTurn()
	b.Object()
	b.PutString("role", string(role))
	b.Key("content")
	b.List()
	e.role = role
}

func (e *encoder) endTurn() {
	if e.role != "" {
		e.b.EndList()
		e.b.EndObject()
		e.role = ""
	}
}

// writable reports whether a part comes to anything in this format.
func writable(p *llm.Part) bool {
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return p.Text != ""
	case llm.Thinking:
		return p.Signature != "" || p.Redacted != ""
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
	case llm.Thinking:
		if p.Redacted != "" {
			b.PutString("type", "redacted_thinking")
			b.PutString("data", p.Redacted)
			break
		}
		b.PutString("type", "thinking")
		b.PutString("thinking", p.Text)
		b.PutString("signature", p.Signature)
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
