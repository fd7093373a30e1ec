package wire

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// MarksCache reports whether a request may ask for a part of its prompt to be kept:
// never no where it does, whatever the place of the mark and its spelling. In a body
// that escapes its letters it is yes.
func MarksCache(body []byte) bool {
	if bytes.Contains(body, []byte("cache_control")) {
		return true
	}
	for { // a letter or an underscore of the name may be spelled \u0063
		i := bytes.Index(body, []byte(`\u00`))
		if i < 0 || i+4 >= len(body) {
			return false
		}
		if c := body[i+4]; c >= '5' && c <= '7' {
			return true
		}
		body = body[i+4:]
	}
}

// TypeOf is the member "type" of an object; "" where it has none.
func TypeOf(object []byte) (kind string) {
	c := raw.On(object)
	if c.Kind() != '{' {
		return ""
	}
	for n, ok := 0, c.Object(); ok; {
		key, more := c.Key()
		if !more {
			break
		}
		if string(key) != "type" {
			c.Skip()
			continue
		}
		if n++; n > 1 {
			return "of two types"
		}
		kind = c.TextIf()
	}
	return kind
}

// Says reports whether the value of a member says anything: it is neither null nor
// false, and no empty list or object.
func Says(value []byte) bool {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0, value[0] == 'n', value[0] == 'f':
		return false
	case value[0] == '[', value[0] == '{':
		return len(bytes.TrimSpace(value[1:len(value)-1])) > 0
	}
	return true
}

// costs finds what the sizes of a canonical request do not bound.
func (f *Facts) costs(r *llm.Request) {
	f.CacheMarks = len(r.Extra) > 0
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			f.partCosts(&r.Messages[i].Parts[j])
		}
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		f.CacheMarks = f.CacheMarks || t.Cache != nil || len(t.Extra) > 0
		if t.From != "" {
			f.ServerTool = t.Name
			if f.ServerTool == "" {
				f.ServerTool = "a tool of the provider's"
			}
		}
	}
}

func (f *Facts) partCosts(p *llm.Part) {
	f.CacheMarks = f.CacheMarks || p.Cache != nil || len(p.Extra) > 0 || p.Raw != nil
	f.Unsized = f.Unsized || p.Kind == llm.Document && (p.URL != "" || len(p.Data) > 0) || p.Raw != nil
	for i := range p.Content {
		f.partCosts(&p.Content[i])
	}
}
