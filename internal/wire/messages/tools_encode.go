package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func (e *encoder) tools() {
	b, r := &e.b, e.r
	written := 0
	begin := func() {
		if written++; written == 1 {
			b.Key("tools")
			b.List()
		}
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		switch t.From {
		case llm.Messages:
			begin()
			b.Raw(t.Raw)
		case "":
			begin()
			e.tool(t)
		}
	}
	choice := r.ToolChoice
	if written == 0 {
		// The API refuses a history with calls of tools that are not there.
		for _, name := range calledTools(r) {
			begin()
			e.tool(&llm.Tool{Name: name})
			choice = llm.ToolChoice{Mode: llm.ToolNone}
		}
	}
	if written == 0 {
		return
	}
	b.EndList()
	one := r.ParallelTools != nil && choice.Mode != llm.ToolNone
	if choice.Mode == "" && !(one && !*r.ParallelTools) {
		return
	}
	b.Key("tool_choice")
	b.Object()
	b.PutString("type", choiceWord(choice.Mode))
	if choice.Mode == llm.ToolNamed {
		b.PutString("name", choice.Name)
	}
	if one {
		b.PutBool("disable_parallel_tool_use", !*r.ParallelTools)
	}
	b.Extras(r.Extra, llm.Messages, "tool_choice.")
	b.EndObject()
}

func choiceWord(m llm.ToolMode) string {
	switch m {
	case llm.ToolRequired:
		return "any"
	case llm.ToolNone:
		return "none"
	case llm.ToolNamed:
		return "tool"
	}
	return "auto"
}

// calledTools are the names of the tools that the history calls, in the order of
// their first call.
func calledTools(r *llm.Request) (names []string) {
	seen := map[string]bool{}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if p := &r.Messages[i].Parts[j]; p.Kind == llm.ToolCall && !seen[p.Name] {
				seen[p.Name] = true
				names = append(names, p.Name)
			}
		}
	}
	return names
}

func (e *encoder) tool(t *llm.Tool) {
	b := &e.b
	b.Object()
	b.PutString("name", t.Name)
	if t.Description != "" {
		b.PutString("description", t.Description)
	}
	b.Key("input_schema")
	wire.PutToolSchema(b, t.Schema)
	if t.Strict != nil {
		b.PutBool("strict", *t.Strict)
	}
	b.PutCacheMark(t.Cache)
	b.Extras(t.Extra, llm.Messages, "")
	b.EndObject()
}
