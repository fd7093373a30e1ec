package chat

import (
	"bytes"
	"encoding/json"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// turn is one message as it is read: its members come in any order, and its parts
// have one order.
type turn struct {
	role     string
	name     string
	content  []llm.Part
	thinking llm.Part
	thinks   bool
	refusal  string
	calls    []llm.Part
	callID   string
	extra    []llm.Extra
}

// message reads a message of a request. A tool's result becomes a user message
// with one part, so that messages stay one to one.
func (d *decoder) message() llm.Message {
	var t turn
	d.turn(&t)
	m := llm.Message{Role: llm.Role(t.role), Name: t.name, Extra: t.extra}
	switch t.role {
	case "system", "developer", "user":
		m.Parts = t.content
	case "assistant":
		m.Parts = t.parts()
	case "tool", "function":
		m.Role = llm.User
		m.Parts = []llm.Part{{Kind: llm.ToolResult, ID: t.callID, Content: t.content}}
		if t.role == "function" {
			m.Extra = append(m.Extra, llm.Extra{Format: llm.Chat, Path: "role", Value: json.RawMessage(`"function"`)})
		}
	default:
		d.c.Fail(d.c.Offset()-1, "role "+quoted(t.role)+" is none of system, developer, user, assistant, tool")
	}
	return m
}

func quoted(s string) string { return string(raw.AppendString(nil, s)) }

// parts are an assistant's, in the order in which they were made.
func (t *turn) parts() []llm.Part {
	var parts []llm.Part
	if t.thinks {
		parts = append(parts, t.thinking)
	}
	parts = append(parts, t.content...)
	if t.refusal != "" {
		parts = append(parts, llm.Part{Kind: llm.Refusal, Text: t.refusal})
	}
	return append(parts, t.calls...)
}

func (d *decoder) turn(t *turn) {
	c := &d.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "role":
			t.role = c.Text()
		case "name":
			t.name = c.Text()
		case "content":
			d.content(t)
		case "refusal":
			t.refusal = c.Text()
		case "tool_calls":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				t.calls = append(t.calls, d.call())
			}
		case "tool_call_id":
			t.callID = c.Text()
		case "reasoning_content", "reasoning":
			if c.Kind() != '"' {
				c.Skip()
				continue
			}
			if s := c.Text(); s != "" {
				t.thinking.Kind, t.thinking.Text, t.thinking.Name, t.thinks = llm.Thinking, s, "", true
			}
		case "reasoning_details":
			d.details(t, key)
		default:
			t.extra = raw.Keep(t.extra, llm.Chat, "", key, c)
		}
	}
}

// inDetails is the name of a thinking part whose text stands in the message's
// reasoning_details and nowhere else.
const inDetails = "reasoning_details"

// details reads the list in which OpenRouter and others carry thinking with what
// its maker needs to take it back. The list itself stays for them.
func (d *decoder) details(t *turn, key []byte) {
	c := &d.c
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	before := *c
	var text, signature, sealed string
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch {
			case string(key) == "text" && c.Kind() == '"':
				text += c.Text()
			case string(key) == "signature" && c.Kind() == '"':
				signature += c.Text()
			case string(key) == "data" && c.Kind() == '"':
				sealed += c.Text()
			default:
				c.Skip()
			}
		}
	}
	if c.Err() != nil {
		return
	}
	*c = before
	t.extra = raw.Keep(t.extra, llm.Chat, "", key, c)
	if text == "" && signature == "" && sealed == "" {
		return
	}
	t.thinking.Kind, t.thinks = llm.Thinking, true
	if t.thinking.Text == "" {
		t.thinking.Text = text
		t.thinking.Name = inDetails
	}
	t.thinking.Signature = signature
	if signature != "" || sealed != "" {
		t.thinking.Maker = llm.MakerAnthropic
	}
	if t.thinking.Text == "" && signature == "" {
		t.thinking.Redacted = sealed
	}
}

func (d *decoder) content(t *turn) {
	c := &d.c
	switch c.Kind() {
	case 'n':
		c.Null()
	case '"':
		// Empty text of an assistant is the absence of text, as null is.
		if s := c.Text(); s != "" || t.role != "assistant" {
			t.content = append(t.content, llm.Part{Kind: llm.Text, Text: s})
		}
	case '[':
		for c.List(); c.More(); {
			if c.Kind() == '"' {
				t.content = append(t.content, llm.Part{Kind: llm.Text, Text: c.Text()})
				continue
			}
			t.content = append(t.content, d.part())
		}
	default:
		c.Fail(c.Pos(), "want a string or a list of parts")
	}
}

func (d *decoder) call() llm.Part {
	c := &d.c
	before := *c
	p := llm.Part{Kind: llm.ToolCall}
	kind, function := "function", false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "id":
			p.ID = c.Text()
		case "type":
			if s := c.Text(); s != "" {
				kind = s
			}
		case "function":
			if c.Null() {
				continue
			}
			function = true
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				switch string(key) {
				case "name":
					p.Name = c.Text()
				case "arguments":
					p.Arguments = d.arguments()
				default:
					p.Extra = raw.Keep(p.Extra, llm.Chat, "function.", key, c)
				}
			}
		case "cache_control":
			d.cacheMark(key, &p.Cache, &p.Extra)
		default:
			p.Extra = raw.Keep(p.Extra, llm.Chat, "", key, c)
		}
	}
	if c.Err() == nil && (kind != "function" || !function) {
		*c = before
		p = llm.Part{Kind: llm.Opaque, Name: opaqueCall, From: llm.Chat, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// opaqueCall marks an opaque part that stands among the tool calls.
const opaqueCall = "tool_calls"

// arguments reads the JSON text of a call's arguments; some local servers send the
// object itself.
func (d *decoder) arguments() json.RawMessage {
	c := &d.c
	if c.Kind() != '"' && c.Kind() != 'n' {
		return bytes.Clone(c.Raw())
	}
	return wire.Arguments(c.Text())
}
