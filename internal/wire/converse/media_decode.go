package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// medium reads an image, a document, sound or a video whose bytes or text are here.
func (d *decoder) medium(p *llm.Part, kind llm.PartKind) bool {
	c := &d.c
	p.Kind = kind
	known, stated, source := true, "", false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "format" && c.Kind() == '"':
			stated = c.Text()
			p.MediaType = typeOf(kind, stated)
		case string(key) == "name" && c.Kind() == '"':
			if p.Name = c.Text(); p.Name == noName {
				p.Name = "" // the service wants some name
			}
		case string(key) == "source" && c.Kind() == '{':
			source = true
			known = d.source(p) && known
		default:
			p.Extra = raw.Keep(p.Extra, format, string(kind)+".", key, c)
		}
	}
	if kind == llm.Document && stated == "" && p.Text != "" {
		return known // which may leave its format out
	}
	return known && source && p.MediaType != ""
}

// source reads where a medium is. One in S3, or one that is made of chunks, only this
// format can say.
func (d *decoder) source(p *llm.Part) (known bool) {
	c := &d.c
	known = true
	for n := 0; ; n++ {
		if n == 0 {
			c.Object()
		}
		key, ok := c.Key()
		if !ok {
			return known && n == 1
		}
		switch {
		case string(key) == "bytes" && c.Kind() == '"':
			b, ok := decode64(c.Text())
			p.Data, known = b, known && ok && len(b) > 0
		case string(key) == "text" && c.Kind() == '"' && p.Kind == llm.Document:
			p.Text = c.Text()
			known = known && p.Text != ""
		default:
			known = false
			c.Skip()
		}
	}
}
