package chat

import (
	"bytes"
	"encoding/base64"
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
	thinking llm.Part    // of the member for it
	reasoned []llm.Extra // that member, as it is
	details  []detail
	refusal  string
	calls    []llm.Part
	media    []llm.Part // images and sound that the model made
	callID   string
	state    string // Google's, of the message
	sources  []llm.Citation
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
	parts, next := thoughts(t.details)
	switch {
	case t.thinking.Text == "":
	case len(parts) == 0:
		parts = []llm.Part{t.thinking}
	case len(parts) == 1:
		parts[0].Text, parts[0].Name = t.thinking.Text, ""
	default: // the details have the same text, and say which state is of which
		t.extra = append(t.extra, t.reasoned...)
	}
	t.place(next)
	parts = append(parts, t.content...)
	parts = append(parts, t.media...)
	if t.refusal != "" {
		parts = append(parts, llm.Part{Kind: llm.Refusal, Text: t.refusal})
	}
	return append(parts, t.calls...)
}

// place puts sources onto the text and Google's state onto what it is of: the call of
// its id, else the text or the first call that has none. State of nothing is an empty
// text's, as Google itself has it.
func (t *turn) place(next []detail) {
	if text := t.text(); text != nil {
		text.Citations = t.sources
	} else if len(t.sources) > 0 {
		t.content = append(t.content, llm.Part{Kind: llm.Text, Citations: t.sources})
	}
	if t.state != "" {
		if text := t.text(); text != nil {
			text.Signature, text.Maker = t.state, llm.MakerGoogle
		} else {
			t.content = append(t.content, llm.Part{Kind: llm.Text, Signature: t.state, Maker: llm.MakerGoogle})
		}
	}
	for i := range next {
		if p := t.owner(next[i].id); p != nil {
			p.Signature, p.Maker = next[i].data, llm.MakerGoogle
		} else {
			t.content = append(t.content, llm.Part{Kind: llm.Text, Signature: next[i].data, Maker: llm.MakerGoogle})
		}
	}
}

// text is the last text, or nil.
func (t *turn) text() *llm.Part {
	for i := len(t.content) - 1; i >= 0; i-- {
		if t.content[i].Kind == llm.Text {
			return &t.content[i]
		}
	}
	return nil
}

func (t *turn) owner(id string) *llm.Part {
	for i := range t.calls {
		if p := &t.calls[i]; p.Kind == llm.ToolCall && p.ID == id && p.Signature == "" {
			return p
		}
	}
	if text := t.text(); text != nil && text.Signature == "" {
		return text
	}
	if len(t.calls) > 0 && t.calls[0].Kind == llm.ToolCall && t.calls[0].Signature == "" {
		return &t.calls[0]
	}
	return nil
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
			at := *c
			if s := c.Text(); s != "" {
				t.thinking.Kind, t.thinking.Text = llm.Thinking, s
				t.reasoned = raw.Keep(nil, llm.Chat, "", key, &at)
			}
		case "reasoning_details":
			d.details(t, key)
		case "extra_content":
			at := *c
			t.state = thoughtSignature(&at)
			t.extra = raw.Keep(t.extra, llm.Chat, "", key, c)
		case "annotations":
			if at := *c; at.Kind() == '[' {
				t.sources = annotations(&at)
			}
			t.extra = raw.Keep(t.extra, llm.Chat, "", key, c)
		case "images", "audio":
			d.made(t, key)
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
	at := *c
	for at.List(); at.More(); {
		if at.Kind() != '{' {
			at.Skip()
			continue
		}
		if e := readDetail(&at); e.text != "" || e.state() {
			t.details = append(t.details, e)
		}
	}
	t.extra = raw.Keep(t.extra, llm.Chat, "", key, c)
}

// made reads images (OpenRouter: [{"type":"image_url",…}]) and sound
// ({"id","data","transcript"}) of an answer. They stay as they are as well.
func (d *decoder) made(t *turn, key []byte) {
	at := decoder{c: d.c, r: d.r}
	switch {
	case string(key) == "images" && at.c.Kind() == '[':
		for at.c.List(); at.c.More(); {
			if p := at.part(); p.Kind == llm.Image {
				p.Extra = nil
				t.media = append(t.media, p)
			}
		}
	case string(key) == "audio" && at.c.Kind() == '{':
		if p := at.sound(); len(p.Data) > 0 {
			t.media = append(t.media, p)
		}
	}
	t.extra = raw.Keep(t.extra, llm.Chat, "", key, &d.c)
}

func (d *decoder) sound() llm.Part {
	c := &d.c
	p := llm.Part{Kind: llm.Audio}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return p
		}
		switch string(key) {
		case "data":
			p.Data, _ = base64.StdEncoding.DecodeString(text(c))
		case "transcript":
			p.Text = text(c)
		case "id":
			p.ID = text(c)
		default:
			c.Skip()
		}
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
		case "extra_content":
			at := *c
			if p.Signature = thoughtSignature(&at); p.Signature != "" {
				p.Maker = llm.MakerGoogle
			}
			p.Extra = raw.Keep(p.Extra, llm.Chat, "", key, c)
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
