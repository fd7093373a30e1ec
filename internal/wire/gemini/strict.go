package gemini

import (
	"bytes"
	"maps"

	"github.com/skein-run/skein/internal/wire/raw"
)

// strict reports whether a JSON Schema is of the kind to which other providers hold an
// answer or a call's arguments when they are told to: every object says all that may be
// in it, all of that is required, and nothing is said beyond the few words that each of
// them knows. They refuse to hold to any other.
//
// https://platform.openai.com/docs/guides/structured-outputs#supported-schemas and
// https://platform.claude.com/docs/en/build-with-claude/structured-outputs, read 2026-11-24.
func strict(schema []byte) bool {
	c := raw.On(schema)
	return strictAt(&c) && c.End() == nil
}

func strictAt(c *raw.Cursor) bool {
	if c.Kind() != '{' {
		c.Skip()
		return false
	}
	ok, object, closed, says := true, false, false, false
	members, required := map[string]bool{}, map[string]bool{}
	for c.Object(); ; {
		key, more := c.Key()
		if !more {
			break
		}
		switch name := string(key); {
		case (name == "properties" || name == "$defs") && c.Kind() == '{':
			for c.Object(); ; {
				key, more := c.Key()
				if !more {
					break
				}
				if name == "properties" {
					members[string(key)] = true
				}
				ok = strictAt(c) && ok
			}
		case name == "required" && c.Kind() == '[':
			for c.List(); c.More(); {
				required[c.TextIf()] = true
			}
		case name == "items" && c.Kind() == '{':
			ok = strictAt(c) && ok
		case name == "anyOf" && c.Kind() == '[':
			says = true
			for c.List(); c.More(); {
				ok = strictAt(c) && ok
			}
		case name == "additionalProperties":
			closed = c.Kind() == 'f'
			c.Skip()
		case name == "type":
			says = true
			object = object || bytes.Contains(c.Raw(), []byte(`"object"`))
		case name == "enum" || name == "const" || name == "$ref":
			says = true
			c.Skip()
		case name == "description" || name == "title":
			c.Skip()
		default:
			ok = false
			c.Skip()
		}
	}
	if object || len(members) > 0 {
		ok = ok && closed && maps.Equal(members, required)
	}
	return ok && says
}
