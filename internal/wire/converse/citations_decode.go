package converse

import (
	"bytes"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// cited reads text and what it rests on. Text in several pieces is kept in them as
// well.
func (d *decoder) cited(p *llm.Part) bool {
	c := &d.c
	p.Kind = llm.Text
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return true
		}
		switch {
		case string(key) == "content" && c.Kind() == '[':
			at, pieces, odd := *c, 0, false
			for c.List(); c.More(); pieces++ {
				odd = odd || onlyMember(*c) != "text"
				if c.Kind() == '{' {
					p.Text += member(c, "text")
				} else {
					c.Skip()
				}
			}
			if pieces != 1 || odd || p.Text == "" {
				p.Extra = raw.Keep(p.Extra, format, "citationsContent.", key, &at)
			}
		case string(key) == "citations" && c.Kind() == '[':
			at := *c
			for c.List(); c.More(); {
				p.Citations = append(p.Citations, citation(c))
			}
			if len(p.Citations) == 0 {
				p.Extra = raw.Keep(p.Extra, format, "citationsContent.", key, &at)
			}
		default:
			p.Extra = raw.Keep(p.Extra, format, "citationsContent.", key, c)
		}
	}
}

// citation takes one source.
func citation(c *raw.Cursor) (out llm.Citation) {
	at := *c
	out = llm.Citation{From: format, Raw: bytes.Clone(c.Raw())}
	if at.Kind() != '{' {
		return out
	}
	for at.Object(); ; {
		key, ok := at.Key()
		if !ok {
			return out
		}
		switch {
		case string(key) == "title":
			out.Title = at.TextIf()
		case string(key) == "source" && at.Kind() == '"':
			if s := at.Text(); strings.HasPrefix(s, "http") {
				out.URL = s
			}
		case string(key) == "sourceContent" && at.Kind() == '[':
			for at.List(); at.More(); {
				if at.Kind() != '{' {
					at.Skip()
					continue
				}
				out.Text += member(&at, "text")
			}
		case string(key) == "location" && onlyMember(at) == "web":
			at.Object()
			at.Key()
			if at.Kind() == '{' {
				out.URL = member(&at, "url")
			} else {
				at.Skip()
			}
			at.Key()
		default:
			at.Skip()
		}
	}
}
