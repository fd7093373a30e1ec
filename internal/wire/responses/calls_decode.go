package responses

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// call reads a call of a function, a custom tool or a search for tools.
func (d *decoder) call(kind string) llm.Part {
	c := &d.c
	p := llm.Part{Kind: llm.ToolCall, Name: searchTool}
	name, namespace := "", ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch k := string(key); {
		case k == "type" && kind == functionCall:
			c.Skip()
		case k == "call_id" && c.Kind() == '"':
			p.ID = c.Text()
		case k == "name" && c.Kind() == '"' && kind != searchCall:
			name = c.Text()
		case k == "namespace" && c.Kind() == '"':
			namespace = c.Text()
		case k == "arguments" && kind == functionCall && c.Kind() == '"':
			text := c.Text()
			p.Arguments = wire.Arguments(text)
			if wire.ArgumentsText(p.Arguments) != text {
				p.Extra = keep(p.Extra, "arguments", quoted(text))
			}
		case k == "arguments" && kind == searchCall && c.Kind() == '{':
			p.Arguments = bytes.Clone(c.Raw())
		case k == "input" && kind == customCall && c.Kind() == '"':
			p.Arguments = textArguments(c.Text())
		default:
			p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, c)
		}
	}
	if kind != searchCall {
		if p.Name = flat(namespace, name); namespace != "" {
			p.Extra = keep(p.Extra, "namespace", quoted(namespace))
			p.Extra = keep(p.Extra, "name", quoted(name))
		}
	}
	if p.ID == "" && kind == searchCall || p.Arguments == nil && kind != functionCall {
		return llm.Part{}
	}
	return p
}

// output reads what a tool gave back.
func (d *decoder) output(kind string) llm.Part {
	c := &d.c
	before := *c
	p := llm.Part{Kind: llm.ToolResult}
	known := kind == searchOutput
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch k := string(key); {
		case k == "type" && kind == functionOutput:
			c.Skip()
		case k == "call_id" && c.Kind() == '"':
			p.ID = c.Text()
		case k == "output" && c.Kind() == '"':
			p.Content, known = []llm.Part{{Kind: llm.Text, Text: c.Text()}}, true
		case k == "output" && c.Kind() == '[':
			for c.List(); c.More(); {
				p.Content = append(p.Content, d.part(llm.User))
			}
			if known = true; onePlain(p.Content) || len(p.Content) == 0 {
				p.Extra = keep(p.Extra, "output", []byte("[]"))
			}
		case k == "tools" && kind == searchOutput && c.Kind() == '[':
			at := *c
			p.Content = []llm.Part{{Kind: llm.Text, Text: found(c.Raw())}}
			p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, &at)
		default:
			p.Extra = raw.Keep(p.Extra, llm.Responses, "", key, c)
		}
	}
	if c.Err() != nil {
		return p
	}
	if kind == searchOutput {
		d.load(before.All()[before.Pos():c.Offset()])
	}
	if !known {
		*c = before
		return llm.Part{Kind: llm.Opaque, From: llm.Responses, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// found is what a search for tools says to a model of another format, whose tools
// they are from then on.
func found(tools []byte) string {
	b := raw.Builder{}
	b.Object()
	b.Key("tools_found")
	b.List()
	d := decoder{c: raw.On(tools), r: &llm.Request{}}
	for i, list := 0, d.list(); i < len(list); i++ {
		b.String(list[i].Name)
	}
	b.EndList()
	b.EndObject()
	return string(b.B)
}

// load takes the tools that an item brings.
func (d *decoder) load(item []byte) {
	c := raw.On(item)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		if string(key) != "tools" || c.Kind() != '[' {
			c.Skip()
			continue
		}
		l := decoder{c: raw.On(c.Raw()), r: &llm.Request{}}
		d.loaded = append(d.loaded, l.list()...)
	}
}
