package gemini

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// result writes what a function gave: its texts as the member output of the response,
// or error, which are the names that Google documents; images and files beside it,
// where the model takes them there.
func (e *encoder) result(p *llm.Part, as spelled) {
	b := &e.b
	id := e.ids.Result(p)
	b.Key(as.name("", "functionResponse"))
	b.Object()
	if id != "" && !noted(p.Extra, noteID) {
		b.PutString("id", id)
	}
	name := p.Name
	if name == "" && !e.own {
		if name = e.names[id]; name == "" {
			name = "unknown" // the API insists on one
		}
	}
	if name != "" {
		b.PutString("name", name)
	}
	var texts, media []llm.Part
	for i := range p.Content {
		switch c := &p.Content[i]; {
		case c.Kind == llm.Text || c.Kind == llm.Refusal:
			texts = append(texts, *c)
		case c.Kind == llm.Document && textOf(c) != "" && !e.own:
			texts = append(texts, llm.Part{Kind: llm.Text, Text: strings.TrimPrefix(c.Name+"\n\n"+textOf(c), "\n\n")})
		case e.writable(c):
			media = append(media, *c)
		}
	}
	e.response(p, texts)
	switch {
	case len(media) == 0:
	case e.own || e.since(3):
		b.Key("parts")
		from := e.open()
		for i := range media {
			e.filePart(&media[i])
		}
		e.shut(from, as.single("functionResponse.parts"))
	default:
		e.media = append(e.media, media...)
	}
	e.extras(p.Extra, "functionResponse.", as)
	b.EndObject()
}

// filePart writes a part of a response, which can be nothing but a medium.
func (e *encoder) filePart(p *llm.Part) {
	if p.Kind == llm.Opaque {
		e.b.Raw(p.Raw)
		return
	}
	as := spelledIn(p.Extra)
	e.b.Object()
	e.medium(p, as, true)
	e.extras(p.Extra, "", as)
	e.b.EndObject()
}

func (e *encoder) response(p *llm.Part, texts []llm.Part) {
	b := &e.b
	switch form := string(raw.Find(p.Extra, llm.Gemini, noteResponse)); {
	case form == `"none"`:
		return
	case form == `"whole"` && len(texts) > 0:
		b.PutRaw("response", []byte(texts[0].Text))
		return
	}
	b.Key("response")
	b.Object()
	name := "output"
	if p.IsError {
		name = "error"
	}
	if len(texts) == 0 {
		b.PutString(name, "")
	}
	for i := range texts {
		if i == mostTexts-1 && len(texts) > mostTexts {
			var rest []string
			for _, t := range texts[i:] {
				rest = append(rest, t.Text)
			}
			b.PutString(outputName(name, i), strings.Join(rest, "\n"))
			break
		}
		b.PutString(outputName(name, i), texts[i].Text)
	}
	b.EndObject()
}
