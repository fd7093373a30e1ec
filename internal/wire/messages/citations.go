package messages

import (
	"bytes"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// citation reads one source of a text: {"type":"web_search_result_location","url",
// "title","cited_text","encrypted_index"}, or a place in a document or a search
// result.
func citation(c *raw.Cursor) llm.Citation {
	body := bytes.Clone(c.Raw())
	out := llm.Citation{From: llm.Messages, Raw: body}
	at := raw.On(body)
	if at.Kind() != '{' {
		return out
	}
	kind, index := "", "?"
	for at.Object(); ; {
		key, ok := at.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = text(&at)
		case "url", "source":
			out.URL = text(&at)
		case "title":
			out.Title = text(&at)
		case "document_title":
			if t := text(&at); t != "" {
				out.Title = t
			}
		case "cited_text":
			out.Text = text(&at)
		case "encrypted_index":
			index = text(&at)
		default:
			at.Skip()
		}
	}
	if kind == webCitation && index == "" { // made below, from another format's
		out.From, out.Raw = "", nil
	}
	return out
}

const webCitation = "web_search_result_location"

// citable reports whether a source can be told in this format: to a client, any with
// an address; to the API only its own.
func citable(c *llm.Citation, toClient bool) bool {
	return c.From == llm.Messages && c.Raw != nil || toClient && c.URL != ""
}

func putCitation(b *raw.Builder, c *llm.Citation) {
	if c.From == llm.Messages && c.Raw != nil {
		b.Raw(c.Raw)
		return
	}
	b.Object()
	b.PutString("type", webCitation)
	b.PutString("cited_text", c.Text)
	b.PutString("url", c.URL)
	if c.Title != "" {
		b.PutString("title", c.Title)
	} else {
		b.PutNull("title")
	}
	b.PutString("encrypted_index", "")
	b.EndObject()
}

func putCitations(b *raw.Builder, list []llm.Citation, toClient bool) {
	some := false
	for i := range list {
		if !citable(&list[i], toClient) {
			continue
		}
		if !some {
			b.Key("citations")
			b.List()
			some = true
		}
		putCitation(b, &list[i])
	}
	if some {
		b.EndList()
	}
}

// cited gives the sources of a text with nothing in it, which the format does not
// have, to the text before it.
func cited(parts []llm.Part) []llm.Part {
	out, copied := parts, false
	text := -1
	for i := 0; i < len(out); i++ {
		p := &out[i]
		switch {
		case p.Kind != llm.Text:
		case p.Text != "":
			text = i
		case len(p.Citations) > 0 && text >= 0:
			if !copied {
				out, copied = slices.Clone(parts), true
			}
			t := &out[text]
			t.Citations = append(slices.Clip(t.Citations), p.Citations...)
		}
	}
	return out
}
