package converse

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (d *decoder) tools() {
	c, r := &d.c, d.r
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "tools":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				d.tool()
			}
		case "toolChoice":
			d.toolChoice(key)
		default:
			r.Extra = raw.Keep(r.Extra, format, "toolConfig.", key, c)
		}
	}
}

// tool reads {"toolSpec":{…}}, or a mark behind a tool. Other kinds are known to this
// format only.
func (d *decoder) tool() {
	c, r := &d.c, d.r
	at := *c
	switch onlyMember(at) {
	case "toolSpec":
		c.Object()
		c.Key()
		if c.Kind() != '{' {
			break
		}
		var t llm.Tool
		d.spec(&t)
		c.Key()
		r.Tools = append(r.Tools, t)
		return
	case "cachePoint":
		c.Object()
		c.Key()
		m, ok := cachePoint(c)
		c.Key()
		if n := len(r.Tools); ok && n > 0 && r.Tools[n-1].Cache == nil {
			r.Tools[n-1].Cache = m
			return
		}
	}
	if c.Err() == nil {
		*c = at
	}
	r.Tools = append(r.Tools, llm.Tool{From: format, Raw: bytes.Clone(c.Raw())})
}

// onlyMember is the name of an object's member, where it has just one.
func onlyMember(at raw.Cursor) (name string) {
	if at.Kind() != '{' {
		return ""
	}
	for n := 0; ; n++ {
		if n == 0 {
			at.Object()
		}
		key, ok := at.Key()
		if !ok {
			return name
		}
		if n > 0 {
			return ""
		}
		name = string(key)
		at.Skip()
	}
}

func (d *decoder) spec(t *llm.Tool) {
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
		case "inputSchema":
			if c.Null() {
				continue
			}
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				if string(key) == "json" {
					t.Schema = bytes.Clone(c.Raw())
				} else {
					t.Extra = raw.Keep(t.Extra, format, "inputSchema.", key, c)
				}
			}
		case "strict":
			if !c.Null() {
				v := c.Bool()
				t.Strict = &v
			}
		default:
			t.Extra = raw.Keep(t.Extra, format, "", key, c)
		}
	}
}

// toolChoice reads {"auto":{}}, {"any":{}} or {"tool":{"name":"…"}}.
func (d *decoder) toolChoice(key []byte) {
	c, r := &d.c, d.r
	at := *c
	kind := onlyMember(at)
	at.Object()
	at.Key()
	inner := onlyMember(at)
	switch {
	case c.Null():
		return
	case kind == "auto" && emptyObject(at):
		r.ToolChoice.Mode = llm.ToolAuto
	case kind == "any" && emptyObject(at):
		r.ToolChoice.Mode = llm.ToolRequired
	case kind == "tool" && inner == "name":
		r.ToolChoice = llm.ToolChoice{Mode: llm.ToolNamed, Name: member(&at, "name")}
	default:
		r.Extra = raw.Keep(r.Extra, format, "toolConfig.", key, c)
		return
	}
	c.Skip()
}

// emptyObject reports whether the next value is an object without members.
func emptyObject(at raw.Cursor) bool {
	if at.Kind() != '{' || !at.Object() {
		return false
	}
	_, some := at.Key()
	return !some
}
