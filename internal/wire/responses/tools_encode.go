package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (e *encoder) tools() {
	b, r := &e.b, e.r
	if e.own() && raw.Find(r.Extra, llm.Responses, "tools") != nil {
		return // written as it came
	}
	n := 0
	for i := range r.Tools {
		t := &r.Tools[i]
		if t.From != "" && t.From != llm.Responses || raw.Find(t.Extra, llm.Responses, "loaded") != nil {
			continue
		}
		if n++; n == 1 {
			b.Key("tools")
			b.List()
		}
		if t.From != "" {
			b.Raw(t.Raw)
			continue
		}
		e.tool(t)
	}
	if n > 0 {
		b.EndList()
	}
}

func (e *encoder) tool(t *llm.Tool) {
	b := &e.b
	b.Object()
	b.PutString("type", "function")
	b.PutString("name", t.Name)
	if t.Description != "" {
		b.PutString("description", t.Description)
	}
	switch {
	case len(t.Schema) > 0:
		b.PutRaw("parameters", t.Schema)
	case !e.own():
		b.PutRaw("parameters", []byte(`{"type":"object","properties":{}}`))
	}
	switch {
	case t.Strict != nil:
		b.PutBool("strict", *t.Strict)
	case !e.own(): // left out, the API would make the schema strict
		b.PutBool("strict", false)
	}
	b.Extras(t.Extra, llm.Responses, "")
	b.EndObject()
}

func (e *encoder) toolChoice() {
	b, r := &e.b, e.r
	for _, path := range []string{"tool_choice.named", "tool_choice.allowed_tools"} {
		if v := raw.Find(r.Extra, llm.Responses, path); v != nil && e.own() {
			b.PutRaw("tool_choice", v)
			return
		}
	}
	switch r.ToolChoice.Mode {
	case "":
	case llm.ToolNamed:
		b.Key("tool_choice")
		b.Object()
		b.PutString("type", "function")
		b.PutString("name", r.ToolChoice.Name)
		b.EndObject()
	default:
		b.PutString("tool_choice", string(r.ToolChoice.Mode))
	}
}
