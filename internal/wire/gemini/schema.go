package gemini

import (
	"bytes"
	"encoding/json"

	"github.com/skein-run/skein/internal/wire/raw"
)

// jsonSchema is a schema as JSON Schema. Google's own schemas, the subset of OpenAPI
// in parameters and responseSchema, differ from it in a few members: types are in
// capitals, null is said by nullable, whole numbers may stand in quotes, and the
// order of properties is said beside them.
//
//	{"type":"STRING","nullable":true,"maxLength":"9"} is
//	{"type":["string","null"],"maxLength":9}
//
// A schema that is JSON Schema already is given as it is. So is one that stands where
// JSON Schema belongs, but for its types: clients write them in capitals there, too.
func jsonSchema(schema []byte, googles bool) json.RawMessage {
	var b raw.Builder
	w := schemaWriter{b: &b, googles: googles}
	c := raw.On(schema)
	w.schema(&c)
	if c.Err() != nil || !w.changed {
		return bytes.Clone(schema)
	}
	return b.B
}

type schemaWriter struct {
	b       *raw.Builder
	googles bool // it is one of Google's own
	changed bool
}

// schema writes one schema.
func (w *schemaWriter) schema(c *raw.Cursor) {
	if c.Kind() != '{' {
		w.b.Raw(c.Raw())
		return
	}
	nullable := w.googles && nullable(*c)
	w.changed = w.changed || nullable
	b := w.b
	b.Object()
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		name := string(key)
		switch {
		case name == "type" && c.Kind() == '"':
			w.kind(c, nullable)
		case name == "nullable" && w.googles && (c.Kind() == 't' || c.Kind() == 'f'):
			w.changed = true
			c.Skip()
		case name == "enum" && nullable && c.Kind() == '[':
			b.Key(name)
			b.List()
			for c.List(); c.More(); {
				b.Raw(c.Raw())
			}
			b.Null()
			b.EndList()
		case (name == "propertyOrdering" || name == "property_ordering") && w.googles && c.Kind() == '[':
			w.changed = true
			c.Skip()
		case counted(name) && w.googles && c.Kind() == '"':
			w.count(c, name)
		case (name == "anyOf" || name == "any_of" || name == "oneOf" || name == "allOf" || name == "prefixItems") && c.Kind() == '[':
			if name == "any_of" {
				name, w.changed = "anyOf", true
			}
			b.Key(name)
			b.List()
			for c.List(); c.More(); {
				w.schema(c)
			}
			b.EndList()
		case (name == "properties" || name == "$defs" || name == "definitions") && c.Kind() == '{':
			b.Key(name)
			b.Object()
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				b.Key(string(key))
				w.schema(c)
			}
			b.EndObject()
		case name == "items" || name == "additionalProperties" || name == "not":
			b.Key(name)
			w.schema(c)
		default:
			b.PutRaw(name, c.Raw())
		}
	}
	b.EndObject()
}

// kind writes a type.
func (w *schemaWriter) kind(c *raw.Cursor, nullable bool) {
	b := w.b
	came := c.Text()
	kind := lower(came)
	w.changed = w.changed || kind != came
	if kind == "type_unspecified" {
		return
	}
	b.Key("type")
	if !nullable {
		b.String(kind)
		return
	}
	b.List()
	b.String(kind)
	b.String("null")
	b.EndList()
}

func counted(name string) bool {
	switch name {
	case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
		return true
	}
	return false
}

func (w *schemaWriter) count(c *raw.Cursor, name string) {
	s := c.Bytes()
	n := raw.On(s)
	if number := n.Number(); n.End() == nil && number != "" {
		w.changed = true
		w.b.PutNumber(name, number)
		return
	}
	w.b.PutString(name, string(s))
}

// nullable reports whether a schema says so of itself.
func nullable(c raw.Cursor) bool {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return false
		}
		if string(key) == "nullable" {
			return c.Kind() == 't'
		}
		c.Skip()
	}
}
