package responses

import (
	"bytes"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// tools reads the tools. A list with more in it than functions is kept as it is as
// well: what becomes of the others elsewhere does not tell where they stood.
func (d *decoder) tools() {
	c := &d.c
	if c.Kind() != '[' {
		c.Fail(c.Pos(), "want a list of tools")
		return
	}
	at := *c
	d.r.Tools = d.list()
	if c.Err() == nil {
		d.given = at.Raw()
	}
}

func odd(t llm.Tool) bool {
	return t.From != "" || raw.Find(t.Extra, llm.Responses, "type") != nil || raw.Find(t.Extra, llm.Responses, "namespace") != nil
}

// list reads a list of tools.
func (d *decoder) list() (tools []llm.Tool) {
	c := &d.c
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Fail(c.Pos(), "want a tool")
			return nil
		}
		before := *c
		at := before
		is := at.Raw()
		switch kind := wire.TypeOf(is); {
		case kind == "function" || kind == "custom" || kind == searchTool && member(is, "execution") == "client":
			tools = append(tools, d.tool(kind))
		case kind == "namespace":
			some := d.namespace()
			if some == nil && c.Err() == nil {
				*c = before
				some = []llm.Tool{theirs(kind, c.Raw())}
			}
			tools = append(tools, some...)
		default:
			tools = append(tools, theirs(kind, c.Raw()))
		}
	}
	return tools
}

// theirs is a tool that only this format's servers or clients know.
func theirs(kind string, is []byte) llm.Tool {
	return llm.Tool{Name: kind, From: llm.Responses, Raw: bytes.Clone(is)}
}

// tool reads a tool that is a function to other formats.
func (d *decoder) tool(kind string) llm.Tool {
	c := &d.c
	t := llm.Tool{}
	if kind != "function" {
		t.Extra = keep(nil, "type", quoted(kind))
	}
	strict := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch k := string(key); {
		case k == "type":
			c.Skip()
		case k == "name" && c.Kind() == '"':
			t.Name = c.Text()
		case k == "description" && c.Kind() == '"':
			if t.Description = c.Text(); t.Description == "" {
				t.Extra = keep(t.Extra, k, []byte(`""`))
			}
		case k == "parameters" && c.Kind() == '{':
			t.Schema = bytes.Clone(c.Raw())
		case k == "strict" && (c.Kind() == 't' || c.Kind() == 'f'):
			v := c.Bool()
			t.Strict, strict = &v, true
		default:
			t.Extra = raw.Keep(t.Extra, llm.Responses, "", key, c)
		}
	}
	switch kind {
	case "function":
		if !strict {
			// Left out, it means that the API brings the schema into a strict form by
			// itself; in other formats it means that the arguments are not held to it.
			t.Extra = keep(t.Extra, "strict.default", []byte("true"))
		}
	case "custom":
		if t.Description != "" {
			t.Extra = keep(t.Extra, "description", quoted(t.Description))
		}
		t.Description = described(t.Description, raw.Find(t.Extra, llm.Responses, "format"))
		t.Schema = []byte(textSchema)
	case searchTool:
		t.Name = searchTool
	}
	return t
}

// described is what a model of another format is told of a custom tool: its input's
// grammar is not enforced there, so it must be known.
func described(description string, format []byte) string {
	s := description
	if s != "" {
		s += "\n\n"
	}
	s += "The input is plain text: put all of it into the argument " + textInput + "."
	if g := member(format, "definition"); g != "" {
		s += " It must follow this " + member(format, "syntax") + " grammar:\n" + g
	}
	return s
}

// namespace reads a namespace's tools, each with the namespace's name before its
// own. It is nil where there are tools in it that are no functions elsewhere.
func (d *decoder) namespace() []llm.Tool {
	c := &d.c
	head := raw.Builder{}
	head.Object()
	name := ""
	var list []llm.Tool
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) == "tools" && c.Kind() == '[' {
			in := decoder{c: *c, r: &llm.Request{}}
			list = in.list()
			*c = in.c
			continue
		}
		k := string(key)
		v := c.Raw()
		if k == "name" {
			at := raw.On(v)
			name = at.TextIf()
		}
		head.PutRaw(k, v)
	}
	head.EndObject()
	if c.Err() != nil || name == "" || len(list) == 0 {
		return nil
	}
	for i := range list {
		t := &list[i]
		if t.From != "" || raw.Find(t.Extra, llm.Responses, "namespace") != nil || word(t.Extra, "type") == searchTool {
			return nil
		}
		in := []byte(head.B)
		if i > 0 {
			in = quoted(name)
		}
		t.Extra = keep(t.Extra, "namespace", in)
		t.Extra = keep(t.Extra, "name", quoted(t.Name))
		t.Name = flat(name, t.Name)
	}
	return list
}

// spare takes out of the tools what other formats can do without: a search for
// tools, since all are shown there at once, and a search of the web beside tools of
// the client's own. An agent has that as one of its means, and goes on without;
// where it is all that there is, it is what was asked for.
func (d *decoder) spare() {
	r := d.r
	mine := slices.ContainsFunc(r.Tools, func(t llm.Tool) bool { return t.From == "" })
	kept := r.Tools[:0]
	for i := range r.Tools {
		t := r.Tools[i]
		if t.From != "" && (t.Name == searchTool || mine && (t.Name == "web_search" || t.Name == "web_search_preview")) {
			r.Extra = keep(r.Extra, inTools+t.Name, t.Raw)
			continue
		}
		kept = append(kept, t)
	}
	r.Tools = kept
}

// allow keeps the tools that a choice does not allow away from other formats.
func (d *decoder) allow() {
	r := d.r
	names := map[string]bool{}
	c := raw.On(d.allowed)
	for c.List(); c.More(); {
		is := c.Raw()
		if kind := wire.TypeOf(is); kind == "function" || kind == "custom" {
			names[flat(member(is, "namespace"), member(is, "name"))] = true
		}
	}
	kept := r.Tools[:0]
	for i := range r.Tools {
		if t := r.Tools[i]; t.From != "" || names[t.Name] {
			kept = append(kept, t)
		}
	}
	r.Tools = kept
}

func (d *decoder) toolChoice(key []byte) {
	c, r := &d.c, d.r
	if c.Kind() == '"' {
		at := *c
		switch mode := llm.ToolMode(at.Text()); mode {
		case llm.ToolAuto, llm.ToolNone, llm.ToolRequired:
			r.ToolChoice.Mode = mode
			*c = at
			return
		}
	}
	if c.Kind() != '{' {
		d.keep("", key)
		return
	}
	at := *c
	var kind, name, namespace, mode string
	var list []byte
	members := 0
	for at.Object(); ; members++ {
		key, ok := at.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = at.TextIf()
		case "name":
			name = at.TextIf()
		case "namespace":
			namespace = at.TextIf()
		case "mode":
			mode = at.TextIf()
		case "tools":
			list = bytes.Clone(at.Raw())
		default:
			at.Skip()
		}
	}
	if at.Err() != nil {
		*c = at
		return
	}
	switch {
	case kind == "function" && name != "" && members == 2:
		r.ToolChoice = llm.ToolChoice{Mode: llm.ToolNamed, Name: name}
		*c = at
	case (kind == "function" || kind == "custom") && name != "":
		r.ToolChoice = llm.ToolChoice{Mode: llm.ToolNamed, Name: flat(namespace, name)}
		r.Extra = keep(r.Extra, "tool_choice.named", c.Raw())
	case kind == "allowed_tools" && (mode == "auto" || mode == "required") && list != nil:
		r.ToolChoice.Mode = llm.ToolMode(mode)
		d.allowed = list
		r.Extra = keep(r.Extra, "tool_choice.allowed_tools", c.Raw())
	default: // a tool of the provider's
		d.keep("", key)
	}
}
