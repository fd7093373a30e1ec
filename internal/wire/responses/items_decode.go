package responses

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// input reads the history: a string, or items. Items of the assistant that follow
// each other are one turn, and so are the outputs of the tools that it called.
func (d *decoder) input() {
	c := &d.c
	if c.Kind() == '"' {
		d.items = append(d.items, llm.Message{
			Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: c.Text()}}, Extra: keep(nil, "input", []byte("true")),
		})
		return
	}
	n := 0
	for c.List(); c.More(); n++ {
		if c.Kind() != '{' {
			c.Fail(c.Pos(), "want an item")
			return
		}
		d.item()
	}
	if n == 0 {
		d.r.Extra = keep(d.r.Extra, "input", []byte("[]"))
	}
}

// turn is the message that an item of a role belongs to.
func (d *decoder) turn(role llm.Role) *llm.Message {
	if n := len(d.items); n > 0 {
		if last := &d.items[n-1]; last.Role == role && (role == llm.Assistant || outputs(last)) {
			return last
		}
	}
	d.items = append(d.items, llm.Message{Role: role})
	return &d.items[len(d.items)-1]
}

// outputs reports whether a user's message is of tools' outputs alone.
func outputs(m *llm.Message) bool {
	for i := range m.Parts {
		if k := m.Parts[i].Kind; k != llm.ToolResult && k != llm.Opaque {
			return false
		}
	}
	return len(m.Parts) > 0 && len(m.Extra) == 0
}

func (d *decoder) item() {
	c := &d.c
	at := *c
	item := at.Raw()
	switch kind := wire.TypeOf(item); kind {
	case "", "message":
		d.message()
	case searchCall:
		if !clientSearch(item) { // found by the provider; the tools are shown anyway
			d.place(kind, c.Raw())
			return
		}
		m := d.turn(llm.Assistant)
		m.Parts = append(m.Parts, d.assistantItem(kind))
	case functionCall, customCall, "reasoning":
		m := d.turn(llm.Assistant)
		m.Parts = append(m.Parts, d.assistantItem(kind))
	case functionOutput, customOutput, searchOutput:
		if kind == searchOutput && !clientSearch(item) {
			is := c.Raw()
			d.load(is)
			d.place(kind, is)
			return
		}
		m := d.turn(llm.User)
		m.Parts = append(m.Parts, d.output(kind))
	case "item_reference": // its provider has the item, and nobody else
		d.place(kind, c.Raw())
	case "additional_tools":
		is := c.Raw()
		d.load(is)
		d.place(kind, is)
	default:
		role := llm.Assistant
		if answersCall(kind) {
			role = llm.User
		}
		m := d.turn(role)
		m.Parts = append(m.Parts, llm.Part{Kind: llm.Opaque, From: llm.Responses, Raw: bytes.Clone(c.Raw())})
	}
}

// clientSearch reports whether a search for tools was the client's to run.
func clientSearch(item []byte) bool { return member(item, "execution") == "client" }

// answersCall reports whether items of a kind come from the client's side.
func answersCall(kind string) bool {
	return len(kind) > 7 && kind[len(kind)-7:] == "_output" && kind != "program_output" || kind == "mcp_approval_response"
}

// assistantItem reads an item of the assistant's that is one part: reasoning, or a
// call that other formats can express.
func (d *decoder) assistantItem(kind string) (p llm.Part) {
	c := &d.c
	before := *c
	switch kind {
	case functionCall, customCall:
		p = d.call(kind)
	case searchCall:
		at := *c
		if clientSearch(at.Raw()) {
			p = d.call(kind)
		}
	case "reasoning":
		p = d.thinking()
	}
	if p.Kind == "" && c.Err() == nil {
		*c = before
		p = llm.Part{Kind: llm.Opaque, From: llm.Responses, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// thinking reads a reasoning item. Its text is the reasoning where a server shows
// that, else the summary; what is more than one plain summary is kept as it is.
func (d *decoder) thinking() llm.Part {
	c := &d.c
	p := llm.Part{Kind: llm.Thinking}
	summary, shown, plain := "", "", true
	var list []byte
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch k := string(key); {
		case k == "type":
			c.Skip()
		case k == "id" && c.Kind() == '"':
			p.ID = c.Text()
		case k == "encrypted_content" && c.Kind() == '"':
			state := c.Text()
			wire.UnwrapState(&p, state, makerOf(state, d.dialect), false)
			if state == "" {
				p.Extra = keep(p.Extra, k, []byte(`""`))
			}
		case k == "summary" && c.Kind() == '[':
			at := *c
			summary, plain = texts(c, "summary_text")
			list = at.Raw()
		case k == "content" && c.Kind() == '[':
			at := *c
			shown, _ = texts(c, "reasoning_text")
			p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, &at)
		default:
			p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, c)
		}
	}
	if list != nil && (!plain || shown != "") {
		p.Extra = keep(p.Extra, "summary", list)
	}
	if p.Text = shown; shown == "" {
		p.Text = summary
	}
	return p
}

// texts reads a list of texts of a kind, and reports whether it is as the encoder
// writes one: none where there is no text, else one.
func texts(c *raw.Cursor, kind string) (text string, plain bool) {
	n, odd := 0, false
	for c.List(); c.More(); n++ {
		if c.Kind() != '{' {
			c.Skip()
			odd = true
			continue
		}
		is, t := "", ""
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch {
			case string(key) == "type" && c.Kind() == '"':
				is = c.Text()
			case string(key) == "text" && c.Kind() == '"':
				t = c.Text()
			default:
				odd = true
				c.Skip()
			}
		}
		odd = odd || is != kind || t == ""
		if n > 0 {
			text += "\n\n"
		}
		text += t
	}
	return text, !odd && n <= 1
}
