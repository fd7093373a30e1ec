package responses

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// mostToolName is the most characters that a tool's name may have in any format.
const mostToolName = 64

// flat is the one name of a tool that stands in a namespace. A function that was
// found by a search is called as if it stood in a namespace of its own name.
func flat(namespace, name string) string {
	if namespace == "" || namespace == name {
		return name
	}
	s := namespace + "__" + name
	if strings.HasSuffix(namespace, "__") {
		s = namespace + name
	}
	const digest = 24
	return wire.LegalID(s, s[:min(len(s), mostToolName-digest-1)]+"_", func(s string) bool { return len(s) <= mostToolName })
}

// searchTool is the name of the function that a search for tools becomes.
const searchTool = "tool_search"

// textInput is the argument that a custom tool's input becomes.
const textInput = "input"

// textSchema is the schema of a custom tool as a function.
const textSchema = `{"type":"object","properties":{"input":{"type":"string","description":"The whole input, as plain text."}},"required":["input"],"additionalProperties":false}`

// textArguments are the arguments that stand for a custom tool's input.
func textArguments(input string) json.RawMessage {
	b := raw.Builder{}
	b.Object()
	b.PutString(textInput, input)
	b.EndObject()
	return b.B
}

// inputText is a custom tool's input, of the arguments that a model gave a function:
// the string that was asked for, or any that is alone, or what there is.
func inputText(args []byte) string {
	c := raw.On(args)
	if c.Kind() != '{' {
		return wire.ArgumentsText(args)
	}
	only, members := "", 0
	for c.Object(); ; members++ {
		key, ok := c.Key()
		if !ok {
			break
		}
		if c.Kind() != '"' {
			c.Skip()
			continue
		}
		named := string(key) == textInput
		if only = c.Text(); named && c.Err() == nil {
			return only
		}
	}
	if c.Err() == nil && members == 1 && only != "" {
		return only
	}
	return wire.ArgumentsText(args)
}

// names says what the client of a request calls its tools, where that is not what
// another format's model calls them.
type names map[string]tool

// tool is a tool as the client knows it.
type tool struct {
	name, namespace string
	call            string // the item that calls it
}

// namesIn are the names of a request's tools. They are looked for only where there
// can be some.
func namesIn(request []byte) names {
	if !bytes.Contains(request, []byte(`"custom"`)) && !bytes.Contains(request, []byte(`"namespace"`)) && !bytes.Contains(request, []byte(searchTool)) {
		return nil
	}
	r, err := Codec{}.DecodeRequest(request, &wire.Head{Model: "any"})
	if err != nil {
		return nil
	}
	n := names{}
	bare := map[string]int{}
	for i := range r.Tools {
		t := &r.Tools[i]
		if t.From != "" {
			continue
		}
		k := tool{name: t.Name, call: functionCall}
		switch word(t.Extra, "type") {
		case "custom":
			k.call = customCall
		case searchTool:
			k.call = searchCall
		}
		if ns := namespaceOf(t); ns != "" {
			k.namespace = ns
			k.name = word(t.Extra, "name")
		}
		n[t.Name] = k
		bare[k.name]++
	}
	for i := range r.Tools { // models leave a prefix out now and then
		if k, ok := n[r.Tools[i].Name]; ok && k.namespace != "" && bare[k.name] == 1 {
			n[k.name] = k
		}
	}
	return n
}

// of is the tool that a model called by name.
func (n names) of(name string) tool {
	if k, ok := n[name]; ok {
		return k
	}
	return tool{name: name, call: functionCall}
}

// namespaceOf is the namespace that a tool stands in.
func namespaceOf(t *llm.Tool) string {
	v := raw.Find(t.Extra, llm.Responses, "namespace")
	c := raw.On(v)
	if c.Kind() == '"' {
		return c.Text()
	}
	return member(v, "name")
}

// word is a string that was kept as an extra, or "".
func word(extra []llm.Extra, path string) string {
	c := raw.On(raw.Find(extra, llm.Responses, path))
	if c.Kind() != '"' {
		return ""
	}
	return c.Text()
}

// member is a string member of an object, or "".
func member(object []byte, name string) string {
	c := raw.On(object)
	if c.Kind() != '{' {
		return ""
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return ""
		}
		if string(key) == name {
			return c.TextIf()
		}
		c.Skip()
	}
}

func quoted(s string) json.RawMessage { return raw.AppendString(nil, s) }

func keep(extra []llm.Extra, path string, value []byte) []llm.Extra {
	return append(extra, llm.Extra{Format: llm.Responses, Path: path, Value: bytes.Clone(value)})
}
