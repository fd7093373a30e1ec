package chat

import (
	"github.com/skein-run/skein/internal/llm"
)

func (e *encoder) tools() {
	b, r := &e.b, e.r
	written := 0
	for i := range r.Tools {
		t := &r.Tools[i]
		if t.From != "" && t.From != llm.Chat {
			continue
		}
		if written++; written == 1 {
			b.Key("tools")
			b.List()
		}
		if t.From == llm.Chat {
			b.Raw(t.Raw)
			continue
		}
		e.tool(t)
	}
	if written == 0 {
		return
	}
	b.EndList()
	if r.ParallelTools != nil && e.takes("parallel_tool_calls=false") {
		b.PutBool("parallel_tool_calls", *r.ParallelTools)
	}
	switch r.ToolChoice.Mode {
	case llm.ToolAuto, llm.ToolNone, llm.ToolRequired:
		b.PutString("tool_choice", string(r.ToolChoice.Mode))
	case llm.ToolNamed:
		b.Key("tool_choice")
		b.Object()
		b.PutString("type", "function")
		b.Key("function")
		b.Object()
		b.PutString("name", r.ToolChoice.Name)
		b.EndObject()
		b.EndObject()
	}
}

func (e *encoder) tool(t *llm.Tool) {
	b := &e.b
	b.Object()
	b.PutString("type", "function")
	b.Key("function")
	b.Object()
	b.PutString("name", t.Name)
	if t.Description != "" {
		b.PutString("description", t.Description)
	}
	if len(t.Schema) > 0 {
		b.PutRaw("parameters", t.Schema)
	}
	if t.Strict != nil {
		b.PutBool("strict", *t.Strict)
	}
	b.Extras(t.Extra, llm.Chat, "function.")
	b.EndObject()
	if e.d.CacheMarks {
		b.PutCacheMark(t.Cache)
	}
	b.Extras(t.Extra, llm.Chat, "")
	b.EndObject()
}
