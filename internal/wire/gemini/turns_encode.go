package gemini

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// turns writes the messages from the given one on. Turns of another format's request
// are joined where one role follows itself, as all results of a step must stand in
// one turn; those of this format's stay as they came.
func (e *encoder) turns(from int) {
	r := e.r
	for i := from; i < len(r.Messages); i++ {
		if e.own {
			e.turnAsItCame(i, &r.Messages[i])
		} else {
			e.message(i, &r.Messages[i])
		}
	}
	e.endTurn()
}

func (e *encoder) turnAsItCame(i int, m *llm.Message) {
	b := &e.b
	as := spelledIn(m.Extra)
	b.Object()
	role := raw.Find(m.Extra, llm.Gemini, "role")
	switch {
	case role != nil:
		if string(role) != `""` {
			b.PutRaw("role", role)
		}
	case m.Role == llm.Assistant:
		b.PutString("role", "model")
	default:
		b.PutString("role", "user")
	}
	e.extrasOfTurn(m, as)
	if !noted(m.Extra, noteNoParts) {
		b.Key("parts")
		from := e.open()
		for j := range m.Parts {
			if e.writable(&m.Parts[j]) {
				e.part(i, j, &m.Parts[j])
			}
		}
		e.shut(from, as.single("parts"))
	}
	b.EndObject()
}

func (e *encoder) message(i int, m *llm.Message) {
	role := m.Role
	later := leads(m) // system text between the turns
	if later {
		role = llm.User
	}
	name := ""
	if m.Name != "" && m.Role == llm.User {
		name = "[" + m.Name + "] "
	}
	for j := range m.Parts {
		p := &m.Parts[j]
		if !e.writable(p) || later && p.Kind != llm.Text {
			continue
		}
		if p.Kind != llm.ToolResult {
			e.besides()
		}
		e.turn(role)
		switch {
		case later:
			e.text(wire.Reminder(p.Text))
		case name != "" && p.Kind == llm.Text:
			e.text(name + p.Text)
		default:
			e.part(i, j, p)
		}
	}
}

// besides writes what results held that models before the third generation take
// beside them only: after all results of the step.
func (e *encoder) besides() {
	media := e.media
	e.media = nil
	for i := range media {
		e.part(0, 0, &media[i])
	}
}

// turn makes sure that a turn of the role is open.
func (e *encoder) turn(role llm.Role) {
	if e.role == role {
		return
	}
	b := &e.b
	if e.role == "" && role == llm.Assistant && b.B[len(b.B)-1] == '[' {
		// A function's call must come after a turn of the user's.
		e.turn(llm.User)
		if e.begins() {
			e.text("")
		} else {
			e.text("(The conversation begins.)")
		}
	}
	e.endTurn()
	b.Object()
	if role == llm.Assistant {
		b.PutString("role", "model")
	} else {
		b.PutString("role", "user")
	}
	b.Key("parts")
	b.List()
	e.role, e.called = role, false
}

func (e *encoder) endTurn() {
	if e.role == "" {
		return
	}
	e.besides()
	e.b.EndList()
	e.b.EndObject()
	e.role = ""
}

// begins reports whether the history begins with a turn of the user's, if only with
// an empty one.
func (e *encoder) begins() bool {
	for i := range e.r.Messages {
		if m := &e.r.Messages[i]; !leads(m) {
			return m.Role == llm.User
		}
	}
	return false
}
