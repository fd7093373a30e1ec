package chat

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (d *decoder) toolChoice(key []byte) {
	c, r := &d.c, d.r
	switch c.Kind() {
	case 'n':
		c.Null()
	case '"':
		switch v := c.Text(); v {
		case "auto", "none", "required":
			r.ToolChoice.Mode = llm.ToolMode(v)
		case "any": // Mistral's word for required
			r.ToolChoice.Mode = llm.ToolRequired
		default:
			c.Fail(c.Offset()-1, "want auto, none, required or a tool")
		}
	default:
		before := *c
		if name := d.namedTool(); name != "" {
			r.ToolChoice = llm.ToolChoice{Mode: llm.ToolNamed, Name: name}
		} else if c.Err() == nil {
			*c = before
			r.Extra = raw.Keep(r.Extra, llm.Chat, "", key, c) // allowed_tools, custom tools
		}
	}
}

// namedTool reads {"type":"function","function":{"name":…}}, or {"name":…} as some
// send it.
func (d *decoder) namedTool() (name string) {
	c, other := &d.c, false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "function":
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				if string(key) == "name" {
					name = c.Text()
				} else {
					c.Skip()
				}
			}
		case "type":
			other = string(c.Raw()) != `"function"`
		case "name":
			name = c.Text()
		default:
			c.Skip()
		}
	}
	if other {
		return ""
	}
	return name
}

func (d *decoder) tool() (t llm.Tool) {
	c := &d.c
	before := *c
	function := false
	kind := "function"
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "function":
			function = true
			d.function(&t)
		case "cache_control":
			d.cacheMark(key, &t.Cache, &t.Extra)
		default:
			t.Extra = raw.Keep(t.Extra, llm.Chat, "", key, c)
		}
	}
	if c.Err() != nil {
		return t
	}
	if kind != "function" || !function { // a tool that its vendor runs, or a custom one
		*c = before
		t = llm.Tool{From: llm.Chat, Raw: bytes.Clone(c.Raw())}
	}
	return t
}

func (d *decoder) function(t *llm.Tool) {
	c := &d.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "name":
			t.Name = c.Text()
		case "description":
			t.Description = c.Text()
		case "parameters":
			if !c.Null() {
				t.Schema = bytes.Clone(c.Raw())
			}
		case "strict":
			t.Strict = d.flag()
		default:
			t.Extra = raw.Keep(t.Extra, llm.Chat, "function.", key, c)
		}
	}
}

// cacheMark reads {"type":"ephemeral","ttl":"1h"}, which OpenRouter and others take.
func (d *decoder) cacheMark(key []byte, mark **llm.CacheMark, extra *[]llm.Extra) {
	m, ok := raw.CacheMark(&d.c)
	if ok {
		*mark = m
		return
	}
	*extra = raw.Keep(*extra, llm.Chat, "", key, &d.c)
}
