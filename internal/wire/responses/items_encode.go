package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// input writes the history as items, in the order of its parts, and with them what
// stands at a place of its own.
func (e *encoder) input() {
	b, r := &e.b, e.r
	e.placed = placedIn(r.Extra)
	open := len(e.placed) > 0
	if open {
		b.Key("input")
		b.List()
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		if e.own() && !open && raw.Find(m.Extra, llm.Responses, "input") != nil && onePlain(m.Parts) && len(r.Messages)-i == 1 {
			b.PutString("input", m.Parts[0].Text)
			return
		}
		if e.instructions(m) {
			continue
		}
		if !open {
			open = true
			b.Key("input")
			b.List()
		}
		e.message(i, m)
		e.put(1 << 30)
		e.at++
	}
	e.at = 1 << 30
	e.put(0)
	switch {
	case open:
		b.EndList()
	case !e.own():
		b.PutString("input", "")
	}
}

// instructions reports whether a message is the instructions, which stand beside
// the history.
func (e *encoder) instructions(m *llm.Message) bool {
	return e.own() && raw.Find(m.Extra, llm.Responses, "instructions") != nil && onePlain(m.Parts)
}

// put writes what stands before a part of the message in hand.
func (e *encoder) put(part int) {
	for len(e.placed) > 0 && (e.placed[0].message < e.at || e.placed[0].message == e.at && e.placed[0].part <= part) {
		e.b.Raw(e.placed[0].is)
		e.placed = e.placed[1:]
	}
}

func (e *encoder) message(i int, m *llm.Message) {
	if m.Role == llm.Assistant {
		e.items(i, m.Parts)
		return
	}
	rest := make([]llm.Part, 0, len(m.Parts))
	results := 0
	e.put(0)
	for j := range m.Parts {
		switch p := &m.Parts[j]; {
		case p.Kind == llm.ToolResult:
			e.put(j)
			results++
			e.result(p)
		case p.Kind == llm.Opaque && p.Name != inMessage:
			e.put(j)
			if results++; p.From == llm.Responses {
				e.b.Raw(p.Raw)
			}
		default:
			rest = append(rest, *p)
		}
	}
	if results > 0 && len(rest) == 0 {
		return
	}
	b := &e.b
	b.Object()
	b.PutString("role", string(m.Role))
	b.Key("content")
	prefix := ""
	if m.Name != "" && m.Role == llm.User {
		prefix = "[" + m.Name + "] "
	}
	list := raw.Find(m.Extra, llm.Responses, "content") != nil
	e.content(m.Role, rest, list, prefix)
	for k := range m.Extra {
		if name, ok := raw.Under(&m.Extra[k], llm.Responses, ""); ok && name != "content" && name != "input" {
			b.PutRaw(name, m.Extra[k].Value)
		}
	}
	b.EndObject()
}

// result writes what a tool gave back. The format has no mark for a failure.
func (e *encoder) result(p *llm.Part) {
	b := &e.b
	b.Object()
	kind := word(p.Extra, "type")
	if kind == "" {
		b.PutString("type", functionOutput)
	}
	if p.ID != "" || !e.own() {
		b.PutString("call_id", e.ids.Result(p))
	}
	if kind != searchOutput {
		b.Key("output")
		e.results(p)
	}
	for i := range p.Extra {
		if name, ok := raw.Under(&p.Extra[i], llm.Responses, ""); ok && name != "output" {
			b.PutRaw(name, p.Extra[i].Value)
		}
	}
	b.EndObject()
}

func (e *encoder) results(p *llm.Part) {
	list := raw.Find(p.Extra, llm.Responses, "output") != nil
	parts := p.Content
	if p.IsError {
		failed := llm.Part{Kind: llm.Text, Text: "[error]"}
		if len(parts) > 0 && parts[0].Kind == llm.Text {
			failed.Text += " " + parts[0].Text
			parts = parts[1:]
		}
		parts = append([]llm.Part{failed}, parts...)
	}
	if !e.own() {
		if text, ok := allText(parts); ok {
			e.b.String(text)
			return
		}
	}
	e.content(llm.User, parts, list, "")
}

// allText is a result that is nothing but text, as every server takes it.
func allText(parts []llm.Part) (string, bool) {
	texts := make([]string, 0, len(parts))
	for i := range parts {
		switch p := &parts[i]; {
		case p.Kind == llm.Text:
			texts = append(texts, p.Text)
		case p.Kind == llm.Opaque && p.From != llm.Responses:
		default:
			return "", false
		}
	}
	return strings.Join(texts, "\n"), true
}
