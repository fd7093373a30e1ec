package messages

import (
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

// native reports whether a system message between the turns came in this format, and
// may stay one: models before Claude Opus 4.8 refuse it, wherever they are served.
func (e *encoder) native(m *llm.Message) bool {
	return raw.Find(m.Extra, llm.Messages, "role") != nil && !(e.t.Model.Known && e.t.Model.NoLateSystem)
}

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
		if !leads(m) || e.native(m) {
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
		if leading = leading && leads(m) && !e.native(m); leading {
			continue
		}
		e.message(i, m)
	}
	if !e.own() && e.t.Model.Known && e.t.Model.NoPrefill && e.role == llm.Assistant {
		e.turn(llm.User) // only where the loss is allowed
		e.text("(Go on from where you stopped.)")
	}
	e.endTurn()
	b.EndList()
}

func (e *encoder) message(i int, m *llm.Message) {
	role := m.Role
	wrap := leads(m) && !e.native(m) // later system text, for models that take none there
	if wrap {
		role = llm.User
	}
	prefix := ""
	if m.Name != "" && m.Role == llm.User {
		prefix = "[" + m.Name + "] "
	}
	if e.hasOwn(m) && e.role == role {
		e.endTurn() // a turn with members of its own stays one
	}
	for j := range m.Parts {
		p := &m.Parts[j]
		if !writable(p) || !e.own() && p.Kind == llm.Text && strings.TrimSpace(p.Text) == "" {
			continue // the API refuses text of nothing but white space
		}
		if wrap {
			if p.Kind == llm.Text {
				e.turn(role)
				e.text(wire.Reminder(p.Text))
			}
			continue
		}
		e.turn(role)
		e.part(i, j, p, prefix)
	}
	if e.role == role && e.hasOwn(m) {
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

// hasOwn: the turn has members of its own, and so stays one.
func (e *encoder) hasOwn(m *llm.Message) bool {
	if len(m.Extra) == 0 {
		return false
	}
	if raw.Find(m.Extra, llm.Messages, "role") != nil && !e.native(m) && len(m.Extra) == 1 {
		return false
	}
	return raw.HasExtras(m.Extra, llm.Messages, "")
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
