package converse

import (
	"encoding/json"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// output reads {"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":
// "…","name","description"}}}}, whose schema is text. Anything else stays as it is.
func (d *decoder) output(key []byte) {
	c, r := &d.c, d.r
	at := *c
	o := llm.OutputFormat{Kind: llm.JSONSchema}
	known := c.Kind() == '{'
	walk(c, &known, func(name string) bool {
		return name == "textFormat" && walk(c, &known, func(name string) bool {
			switch name {
			case "type":
				return c.TextIf() == "json_schema"
			case "structure":
				return walk(c, &known, func(name string) bool {
					return name == "jsonSchema" && walk(c, &known, func(name string) bool {
						switch name {
						case "schema":
							text := c.TextIf()
							o.Schema = json.RawMessage(text)
							return raw.Valid(o.Schema)
						case "name":
							o.Name = c.TextIf()
							return true
						case "description":
							o.Description = c.TextIf()
							return true
						}
						return false
					})
				})
			}
			return false
		})
	})
	if known && o.Schema != nil {
		strict := true // the schema is always kept to
		o.Strict = &strict
		r.Output = o
		return
	}
	if c.Err() == nil {
		*c = at
		r.Extra = raw.Keep(r.Extra, format, "", key, c)
	}
}

// walk takes an object whose members are all known to take, which consumes each and
// reports whether it knew it; known is false once one was not.
func walk(c *raw.Cursor, known *bool, take func(name string) bool) bool {
	if c.Kind() != '{' {
		*known = false
		c.Skip()
		return false
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return *known
		}
		at := c.Pos()
		if !take(string(key)) {
			*known = false
		}
		if c.Offset() == at {
			c.Skip()
		}
	}
}
