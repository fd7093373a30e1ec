package converse

import (
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

func leads(m *llm.Message) bool { return m.Role == llm.System || m.Role == llm.Developer }

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
		if !leads(m) {
			break
		}
		for j := range m.Parts {
			p := &m.Parts[j]
			if e.own || p.Kind == llm.Text && p.Text != "" || p.Kind == llm.Opaque && p.From == format {
				begin()
				e.part(i, j, p, "")
				e.mark(p)
			}
		}
	}
	if !e.own && r.Output.Kind == llm.JSONObject {
		begin()
		e.text("Answer with one JSON object and with nothing else: no explanation and no code fence.")
	}
	if e.one() && !e.oneCall() {
		begin()
		e.text("Call at most one tool in a turn.")
	}
	if !e.own && r.ToolChoice.Mode == llm.ToolNone && calls(r) {
		begin() // the API wants to know the tools of the history
		e.text("Call no tool in this answer.")
	}
	if written > 0 {
		b.EndList()
	}
}

// calls reports whether the history has tool calls or results of them.
func calls(r *llm.Request) bool {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if k := r.Messages[i].Parts[j].Kind; k == llm.ToolCall || k == llm.ToolResult {
				return true
			}
		}
	}
	return false
}

func (e *encoder) text(s string) {
	e.b.Object()
	e.b.PutString("text", s)
	e.b.EndObject()
}

// messages writes the turns. Those of another format's request are made to alternate,
// as the API wants it: turns of one role that follow each other are one here, and
// turns and texts with nothing in them are none.
func (e *encoder) messages() {
	b, r := &e.b, e.r
	from := len(b.B)
	b.Key("messages")
	b.List()
	leading := true
	for i := range r.Messages {
		m := &r.Messages[i]
		if leading = leading && leads(m); leading {
			continue
		}
		if e.own {
			e.ownTurn(i, m)
		} else {
			e.message(i, m)
		}
	}
	if !e.own && e.t.Model.Known && e.t.Model.NoPrefill && e.role == llm.Assistant {
		e.turn(llm.User) // only where the loss is allowed
		e.text("(Go on from where you stopped.)")
	}
	e.endTurn()
	b.EndList()
	if leading && e.own && raw.Find(r.Extra, format, "promptVariables") != nil {
		b.B = b.B[:from] // the prompt is elsewhere
	}
}

// ownTurn writes a turn as it came.
func (e *encoder) ownTurn(i int, m *llm.Message) {
	b := &e.b
	b.Object()
	b.PutString("role", string(m.Role))
	b.Key("content")
	b.List()
	for j := range m.Parts {
		e.part(i, j, &m.Parts[j], "")
		e.mark(&m.Parts[j])
	}
	b.EndList()
	b.Extras(m.Extra, format, "")
	b.EndObject()
}

func (e *encoder) message(i int, m *llm.Message) {
	role, wrap := m.Role, leads(m) // later system text stays at its place, so that the prefix does
	if wrap {
		role = llm.User
	}
	prefix := ""
	if m.Name != "" && m.Role == llm.User {
		prefix = "[" + m.Name + "] "
	}
	for j := range m.Parts {
		p := &m.Parts[j]
		if !e.writable(p) {
			continue
		}
		if role == llm.Assistant && p.Kind == llm.Text && strings.TrimSpace(p.Text) == "" {
			e.lose("text (blank)", "left out: the API refuses it of the assistant")
			continue
		}
		if wrap {
			if p.Kind == llm.Text {
				e.turn(role)
				e.text(wire.Reminder(p.Text))
				e.says = true
			}
			continue
		}
		e.turn(role)
		e.part(i, j, p, prefix)
		e.mark(p)
		if p.Kind == llm.Document && e.shows == "" {
			if e.shows = p.Name; p.Name == "" {
				e.shows = noName
			}
		}
		e.says = e.says || p.Kind == llm.Text || p.Kind == llm.Refusal
	}
}

// mark writes what follows a part that ends a prefix to be kept.
func (e *encoder) mark(p *llm.Part) {
	mark := p.Cache
	for i := range p.Content { // there is no place for it inside
		if mark == nil {
			mark = p.Content[i].Cache
		}
	}
	if mark == nil || p.Kind == llm.Thinking && !e.own {
		return
	}
	e.cachePoint(mark)
}

func (e *encoder) cachePoint(mark *llm.CacheMark) {
	if !e.own && !e.family.caches {
		return
	}
	b := &e.b
	b.Object()
	b.Key("cachePoint")
	b.Object()
	b.PutString("type", "default")
	if mark.TTL != "" && (e.own || e.family.ttl) {
		b.PutString("ttl", mark.TTL)
	}
	b.EndObject()
	b.EndObject()
}

// turn makes sure that a turn of the role is open.
func (e *encoder) turn(role llm.Role) {
	if e.role == role {
		return
	}
	b := &e.b
	if e.turns == 0 && role == llm.Assistant {
		// The first turn must be the user's.
		e.turn(llm.User)
		e.text("(The conversation begins.)")
		e.lose("assistant first", "a user turn before it says that the conversation begins")
	}
	e.endTurn()
	e.turns++
	b.Object()
	b.PutString("role", string(role))
	b.Key("content")
	b.List()
	e.role = role
}

func (e *encoder) endTurn() {
	if e.role == "" {
		return
	}
	if e.shows != "" && !e.says && e.role == llm.User { // a document wants a text beside it
		e.text("Document: " + e.shows)
		e.lose("document.title", "as text beside it")
	}
	e.shows, e.says = "", false
	e.b.EndList()
	e.b.EndObject()
	e.role = ""
}

// lose notes what was put in other words, once.
func (e *encoder) lose(field, note string) {
	if !slices.ContainsFunc(e.losses, func(l wire.Loss) bool { return l.Field == field }) {
		e.losses = append(e.losses, wire.Loss{Field: field, Class: wire.Emulated, Note: note})
	}
}
