package gemini

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// tools writes functions, those that follow each other in one object, and what
// Google runs, each in one of its own, unless they came otherwise.
func (e *encoder) tools() {
	b, r := &e.b, e.r
	written := 0
	object, list, single := false, false, false
	var from, inner int // where the lists stand
	shut := func() {
		if list {
			e.shut(inner, single)
			list = false
		}
	}
	begin := func(t *llm.Tool) {
		shut()
		if object && noted(t.Extra, noteSame) {
			return
		}
		if object {
			b.EndObject()
		}
		if written == 0 {
			b.Key("tools")
			from = e.open()
		}
		written++
		b.Object()
		object = true
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		switch t.From {
		case llm.Gemini:
			begin(t)
			b.B = append(b.B, members(b.B, t.Raw)...)
		case "":
			if !list || noted(t.Extra, noteNew) {
				begin(t)
				as := spelledIn(t.Extra)
				single = as.single("tool.functionDeclarations")
				b.Key(as.name("tool.", "functionDeclarations"))
				inner = e.open()
				list = true
			}
			e.function(t)
		}
	}
	shut()
	if object {
		b.EndObject()
	}
	if written > 0 {
		e.shut(from, e.as.single("tools"))
	}
}

// members are those of an object, without its braces, to stand behind what is
// written already.
func members(written, object []byte) []byte {
	inside := bytes.TrimSpace(object)
	inside = bytes.TrimSpace(inside[1 : len(inside)-1])
	if n := len(written); len(inside) > 0 && written[n-1] != '{' {
		return append([]byte{','}, inside...)
	}
	return inside
}

func (e *encoder) function(t *llm.Tool) {
	b := &e.b
	as := spelledIn(t.Extra)
	b.Object()
	b.PutString("name", t.Name)
	if t.Description != "" {
		b.PutString("description", t.Description)
	}
	kept := raw.Find(t.Extra, llm.Gemini, "parameters") != nil || raw.Find(t.Extra, llm.Gemini, "parametersJsonSchema") != nil
	if !kept && len(t.Schema) > 0 && !nothing(t.Schema) {
		b.PutRaw(as.name("", "parametersJsonSchema"), t.Schema)
	}
	e.extras(t.Extra, "", as)
	b.EndObject()
}

// nothing reports whether a schema is none.
func nothing(schema []byte) bool {
	s := bytes.TrimSpace(schema)
	return len(s) == 0 || string(s) == "null" || string(s) == "{}"
}
