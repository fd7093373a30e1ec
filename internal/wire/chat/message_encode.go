package chat

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// message writes a canonical message as one message of the format, or as several
// where tool results stand in it: each is a message of its own, and what else the
// user says comes after them.
func (e *encoder) message(n int, m *llm.Message) {
	if m.Role == llm.Assistant {
		e.assistant(n, m)
		return
	}
	rest := make([]llm.Part, 0, len(m.Parts))
	results := 0
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind != llm.ToolResult {
			rest = append(rest, *p)
			continue
		}
		results++
		e.result(m, p)
		for _, c := range p.Content { // tool messages are text only
			if !e.stays(&c) {
				rest = append(rest, c)
			}
		}
	}
	if results > 0 && len(rest) == 0 {
		return
	}
	e.open(string(m.Role), m, results == 0)
	e.b.Key("content")
	if m.Name != "" && !e.takes("messages.name") {
		for i := range rest {
			if rest[i].Kind == llm.Text { // the speaker before what is said
				rest[i].Text = "[" + m.Name + "] " + rest[i].Text
				break
			}
		}
	}
	e.content(rest)
	e.close(m, results == 0)
}

// open begins a message; own says that the canonical message is this one, so that
// its name and its extra members belong here.
func (e *encoder) open(role string, m *llm.Message, own bool) {
	e.b.Object()
	e.b.PutString("role", role)
	if own && m.Name != "" && e.takes("messages.name") {
		e.b.PutString("name", m.Name)
	}
}

func (e *encoder) close(m *llm.Message, own bool) {
	if own {
		e.b.Extras(m.Extra, llm.Chat, "")
	}
	e.b.EndObject()
}

func (e *encoder) result(m *llm.Message, p *llm.Part) {
	b := &e.b
	b.Object()
	alone := len(m.Parts) == 1
	if !alone || raw.Find(m.Extra, llm.Chat, "role") == nil { // else a function of old, whose role is kept
		b.PutString("role", "tool")
	}
	if raw.Find(m.Extra, llm.Chat, "role") == nil {
		b.PutString("tool_call_id", e.ids.Result(p))
	}
	if alone && m.Name != "" {
		b.PutString("name", m.Name)
	}
	b.Key("content")
	text := make([]llm.Part, 0, len(p.Content))
	for i := range p.Content {
		if e.stays(&p.Content[i]) {
			text = append(text, p.Content[i])
		}
	}
	switch {
	case p.IsError:
		b.String("[error] " + joined(text))
	case len(text) == 0 && len(p.Content) > 0:
		b.String("[see the next message]")
	default:
		e.content(text)
	}
	if alone {
		b.Extras(m.Extra, llm.Chat, "")
	}
	b.EndObject()
}

// stays reports whether a part of a tool's result can stay in it. The
// specification has text there only; a client of this format knows its vendor.
func (e *encoder) stays(p *llm.Part) bool {
	return e.r.From == llm.Chat || p.Kind != llm.Image && p.Kind != llm.Document
}

func joined(parts []llm.Part) string {
	texts := make([]string, 0, len(parts))
	for i := range parts {
		texts = append(texts, parts[i].Text)
	}
	return strings.Join(texts, "\n")
}

// callID brings a tool call's id into a shape that the vendor accepts. The
// specification's limit is 40 characters.
func callID(d *wire.Dialect) func(id string) string {
	if n := d.ToolIDLength; n > 0 {
		return func(id string) string {
			return wire.LegalID(id, "", func(s string) bool { return len(s) == n && alphanumeric(s) })[:n]
		}
	}
	limit := 1 << 16
	if d.Name == "" || d.Name == "openai" || d.Name == "azure" {
		limit = 40
	}
	return func(id string) string {
		return wire.LegalID(id, "call_", func(s string) bool { return len(s) <= limit })
	}
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func (e *encoder) assistant(n int, m *llm.Message) {
	b := &e.b
	e.open("assistant", m, true)
	body := make([]llm.Part, 0, len(m.Parts))
	refusal, thinking, calls := "", "", 0
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case p.Kind == llm.Refusal:
			refusal += p.Text
		case p.Kind == llm.ToolCall || p.Kind == llm.Opaque && p.Name == opaqueCall:
			calls++
		case p.Kind == llm.Thinking && raw.Find(p.Extra, llm.Chat, "thinking") == nil:
			if p.Name != inDetails || raw.Find(m.Extra, llm.Chat, inDetails) == nil {
				thinking += p.Text
			}
		default:
			body = append(body, *p)
		}
	}
	b.Key("content")
	if len(body) == 0 {
		b.Null()
	} else {
		e.content(body)
	}
	if refusal != "" {
		b.PutString("refusal", refusal)
	}
	if thinking != "" && len(e.d.ReasoningNames) > 0 {
		b.PutString(e.d.ReasoningNames[0], thinking)
	}
	if raw.Find(m.Extra, llm.Chat, inDetails) == nil && e.d.Carries("thinking.signature") {
		putDetails(b, e.stated(m))
	}
	e.inDetails = raw.Find(m.Extra, llm.Chat, inDetails) != nil
	if raw.Find(m.Extra, llm.Chat, "extra_content") == nil && e.extraContent() {
		putState(b, m.Parts)
	}
	if calls > 0 {
		b.Key("tool_calls")
		b.List()
		for i := range m.Parts {
			switch p := &m.Parts[i]; {
			case p.Kind == llm.ToolCall:
				e.call(n, i, p)
			case p.Kind == llm.Opaque && p.Name == opaqueCall && p.From == llm.Chat:
				b.Raw(p.Raw)
			}
		}
		b.EndList()
	}
	if n == len(e.r.Messages)-1 {
		switch e.goesOn {
		case wire.PrefillPrefix, wire.PrefillPrefixBeta:
			b.PutBool("prefix", true)
		case wire.PrefillPartial:
			b.PutBool("partial", true)
		}
	}
	e.close(m, true)
}

// extraContent: Google's state stands on the calls and messages themselves.
func (e *encoder) extraContent() bool {
	return !e.inDetails && (e.toClient || e.d.Carries("state") && !e.d.Carries("thinking.signature"))
}

// stated are the parts whose state stands in reasoning_details: thinking, and where
// Google's has no other place the calls.
func (e *encoder) stated(m *llm.Message) []llm.Part {
	if e.extraContent() {
		return m.Parts
	}
	out := make([]llm.Part, 0, len(m.Parts))
	for i := range m.Parts {
		p := m.Parts[i]
		if p.Kind != llm.Thinking && p.Signature != "" {
			state := llm.Part{Kind: llm.Thinking, Signature: p.Signature, Maker: p.Maker}
			if p.Kind == llm.ToolCall {
				state.ID = p.ID
			}
			p = state
		}
		out = append(out, p)
	}
	return out
}

// putState writes Google's state of a message's last text.
func putState(b *raw.Builder, parts []llm.Part) {
	for i := len(parts) - 1; i >= 0; i-- {
		if p := &parts[i]; p.Kind == llm.Text && p.Signature != "" {
			putThoughtSignature(b, p)
			return
		}
	}
}

func (e *encoder) call(n, i int, p *llm.Part) {
	putCall(&e.b, e.ids.Call(p, n, i), p)
	if e.d.CacheMarks {
		e.b.PutCacheMark(p.Cache)
	}
	if e.extraContent() && raw.Find(p.Extra, llm.Chat, "extra_content") == nil {
		putThoughtSignature(&e.b, p)
	}
	e.b.Extras(p.Extra, llm.Chat, "")
	e.b.EndObject()
}

// putCall appends a call up to its end, which the caller writes.
func putCall(b *raw.Builder, id string, p *llm.Part) {
	b.Object()
	if id != "" {
		b.PutString("id", id)
	}
	b.PutString("type", "function")
	b.Key("function")
	b.Object()
	b.PutString("name", p.Name)
	b.PutString("arguments", wire.ArgumentsText(p.Arguments))
	b.Extras(p.Extra, llm.Chat, "function.")
	b.EndObject()
}
