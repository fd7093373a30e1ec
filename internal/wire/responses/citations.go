package responses

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (d *decoder) annotations(p *llm.Part) {
	c := &d.c
	for c.List(); c.More(); {
		p.Citations = append(p.Citations, citation(c))
	}
}

// citation reads an annotation, whatever its kind, and keeps it as it is.
func citation(c *raw.Cursor) llm.Citation {
	v := llm.Citation{From: llm.Responses}
	at := *c
	v.Raw = bytes.Clone(c.Raw())
	if at.Kind() != '{' {
		return v
	}
	for at.Object(); ; {
		key, ok := at.Key()
		if !ok {
			return v
		}
		switch string(key) {
		case "url":
			v.URL = at.TextIf()
		case "title":
			v.Title = at.TextIf()
		case "filename":
			if name := at.TextIf(); v.Title == "" {
				v.Title = name
			}
		case "start_index":
			v.Start = int(at.Count())
		case "end_index":
			v.End = int(at.Count())
		default:
			at.Skip()
		}
	}
}

// putCitation writes a source in this format's terms, and reports whether it has any.
func putCitation(b *raw.Builder, v *llm.Citation) bool {
	switch {
	case v.From == llm.Responses && v.Raw != nil:
		b.Raw(v.Raw)
	case v.URL != "":
		b.Object()
		b.PutString("type", "url_citation")
		b.PutString("url", v.URL)
		b.PutString("title", v.Title)
		b.PutInt("start_index", int64(v.Start))
		b.PutInt("end_index", int64(v.End))
		b.EndObject()
	default:
		return false
	}
	return true
}

func putCitations(b *raw.Builder, all []llm.Citation) {
	b.List()
	for i := range all {
		putCitation(b, &all[i])
	}
	b.EndList()
}
