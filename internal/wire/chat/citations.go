package chat

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// annotations reads a message's sources:
// [{"type":"url_citation","url_citation":{"url","title","start_index","end_index"}}].
func annotations(c *raw.Cursor) (list []llm.Citation) {
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		if cited, ok := annotation(c); ok {
			list = append(list, cited)
		}
	}
	return list
}

// annotation reads one; ok is false where it is no source of the text.
func annotation(c *raw.Cursor) (cited llm.Citation, ok bool) {
	at := *c
	cited = llm.Citation{From: llm.Chat, Raw: bytes.Clone(c.Raw())}
	for at.Object(); ; {
		key, more := at.Key()
		if !more {
			return cited, ok
		}
		if string(key) != "url_citation" || at.Kind() != '{' {
			at.Skip()
			continue
		}
		ok = true
		for at.Object(); ; {
			key, more := at.Key()
			if !more {
				break
			}
			switch string(key) {
			case "url":
				cited.URL = text(&at)
			case "title":
				cited.Title = text(&at)
			case "content":
				cited.Text = text(&at)
			case "start_index":
				cited.Start = int(count(&at))
			case "end_index":
				cited.End = int(count(&at))
			default:
				at.Skip()
			}
		}
	}
}

// citable reports whether a source can be told in this format.
func citable(c *llm.Citation) bool { return c.From == llm.Chat && c.Raw != nil || c.URL != "" }

// putAnnotation writes a source, its place in a part's text shifted by where the part
// begins in the answer's.
func putAnnotation(b *raw.Builder, c *llm.Citation, shift int) {
	if c.From == llm.Chat && c.Raw != nil && shift == 0 {
		b.Raw(c.Raw)
		return
	}
	b.Object()
	b.PutString("type", "url_citation")
	b.Key("url_citation")
	b.Object()
	b.PutString("url", c.URL)
	b.PutString("title", c.Title)
	if c.Text != "" {
		b.PutString("content", c.Text)
	}
	start, end := c.Start, c.End
	if start != 0 || end != 0 {
		start, end = start+shift, end+shift
	}
	b.PutInt("start_index", int64(start))
	b.PutInt("end_index", int64(end))
	b.EndObject()
	b.EndObject()
}

func putAnnotations(b *raw.Builder, parts []llm.Part) {
	n, before := 0, 0
	for i := range parts {
		p := &parts[i]
		if p.Kind != llm.Text {
			continue
		}
		for j := range p.Citations {
			if !citable(&p.Citations[j]) {
				continue
			}
			if n++; n == 1 {
				b.Key("annotations")
				b.List()
			}
			putAnnotation(b, &p.Citations[j], before)
		}
		before += len([]rune(p.Text))
	}
	if n > 0 {
		b.EndList()
	}
}
