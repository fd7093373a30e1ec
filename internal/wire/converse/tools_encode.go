package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (e *encoder) tools() {
	b, r := &e.b, e.r
	written := 0
	begin := func() {
		if written++; written == 1 {
			b.Key("toolConfig")
			b.Object()
			b.Key("tools")
			b.List()
		}
	}
	choice := r.ToolChoice
	if !e.own && choice.Mode == llm.ToolNone {
		choice = llm.ToolChoice{} // there is no such choice: the tools are left out, unless the history has calls of them
	}
	if e.own || r.ToolChoice.Mode != llm.ToolNone || calls(r) {
		for i := range r.Tools {
			t := &r.Tools[i]
			switch {
			case t.From == format:
				begin()
				b.Raw(t.Raw)
			case t.From == "":
				begin()
				e.tool(t)
			default:
				continue
			}
			if t.Cache != nil && (e.own || e.family.toolCache) {
				e.cachePoint(t.Cache)
			}
		}
	}
	if written == 0 && !e.own {
		// The API refuses a history with calls of tools that are not there.
		for _, name := range calledTools(r) {
			begin()
			e.tool(&llm.Tool{Name: name})
		}
	}
	others := e.own && (raw.HasExtras(r.Extra, format, "toolConfig.") || choice.Mode != "")
	if written == 0 && !others {
		return
	}
	if written == 0 {
		b.Key("toolConfig")
		b.Object()
	} else {
		b.EndList()
	}
	if choice.Mode != "" && !(choice.Mode == llm.ToolAuto && e.oneCall()) {
		b.Key("toolChoice")
		b.Object()
		switch choice.Mode {
		case llm.ToolNamed:
			b.Key("tool")
			b.Object()
			b.PutString("name", choice.Name)
			b.EndObject()
		case llm.ToolRequired:
			b.PutRaw("any", []byte("{}"))
		default:
			b.PutRaw("auto", []byte("{}"))
		}
		b.EndObject()
	}
	b.Extras(r.Extra, format, "toolConfig.")
	b.EndObject()
}

// one reports whether the model is to call at most one tool a turn.
func (e *encoder) one() bool {
	p := e.r.ParallelTools
	return !e.own && p != nil && !*p && len(e.r.Tools) > 0 && e.r.ToolChoice.Mode != llm.ToolNone
}

// oneCall reports whether it is held to that in its maker's words. The service refuses
// them beside a choice of its own.
func (e *encoder) oneCall() bool {
	mode := e.r.ToolChoice.Mode
	return e.one() && e.family.name == anthropic && (mode == "" || mode == llm.ToolAuto)
}

// writableTool reports whether a tool has a form here.
func writableTool(t *llm.Tool) bool { return t.From == "" || t.From == format }

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
	b.Key("toolSpec")
	b.Object()
	b.PutString("name", t.Name)
	if t.Description != "" {
		b.PutString("description", t.Description)
	}
	if e.own {
		if t.Schema != nil || raw.HasExtras(t.Extra, format, "inputSchema.") {
			b.Key("inputSchema")
			b.Object()
			if t.Schema != nil {
				b.PutRaw("json", t.Schema)
			}
			b.Extras(t.Extra, format, "inputSchema.")
			b.EndObject()
		}
	} else {
		b.Key("inputSchema")
		b.Object()
		b.Key("json")
		wire.PutToolSchema(b, t.Schema)
		b.EndObject()
	}
	if t.Strict != nil && (e.own || *t.Strict) {
		b.PutBool("strict", *t.Strict)
	}
	b.Extras(t.Extra, format, "")
	b.EndObject()
	b.EndObject()
}
