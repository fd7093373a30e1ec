package raw

import (
	"bytes"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// An extra's path is the names from its holder down, joined by dots; a dot or a
// backslash inside a name has a backslash before it.

var escapeName = strings.NewReplacer(`\`, `\\`, `.`, `\.`)
var unescapeName = strings.NewReplacer(`\\`, `\`, `\.`, `.`)

// Keep takes the cursor's next value, which the format's codec has no place for,
// as an extra with the path prefix + name.
func Keep(extra []llm.Extra, f llm.Format, prefix string, name []byte, c *Cursor) []llm.Extra {
	path := string(name)
	if strings.ContainsAny(path, `.\`) {
		path = escapeName.Replace(path)
	}
	v := c.Raw()
	if c.Err() != nil {
		return extra
	}
	return append(extra, llm.Extra{Format: f, Path: prefix + path, Value: bytes.Clone(v)})
}

// Extras appends the members that f kept under prefix, in their order.
func (b *Builder) Extras(extra []llm.Extra, f llm.Format, prefix string) {
	for i := range extra {
		if name, ok := Under(&extra[i], f, prefix); ok {
			b.PutRaw(name, extra[i].Value)
		}
	}
}

// Under gives the name of an extra that f kept directly under prefix.
func Under(e *llm.Extra, f llm.Format, prefix string) (name string, ok bool) {
	if e.Format != f {
		return "", false
	}
	rest, ok := strings.CutPrefix(e.Path, prefix)
	if !ok {
		return "", false
	}
	if !strings.ContainsAny(rest, `.\`) {
		return rest, true
	}
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '.':
			return "", false
		}
	}
	return unescapeName.Replace(rest), true
}

// HasExtras reports whether f kept anything under prefix.
func HasExtras(extra []llm.Extra, f llm.Format, prefix string) bool {
	for i := range extra {
		if extra[i].Format == f && strings.HasPrefix(extra[i].Path, prefix) {
			return true
		}
	}
	return false
}

// Find is the value of an extra, or nil.
func Find(extra []llm.Extra, f llm.Format, path string) []byte {
	for i := range extra {
		if extra[i].Format == f && extra[i].Path == path {
			return extra[i].Value
		}
	}
	return nil
}

// CacheMark takes a cache_control value of the kind that is known; it takes nothing
// and gives false where there is another.
func CacheMark(c *Cursor) (*llm.CacheMark, bool) {
	before := *c
	m, kind := &llm.CacheMark{}, ""
	if c.Kind() != '{' {
		return nil, false
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "type" && c.Kind() == '"':
			kind = c.Text()
		case string(key) == "ttl" && c.Kind() == '"':
			m.TTL = c.Text()
		default:
			*c = before
			return nil, false
		}
	}
	if kind != "ephemeral" && c.Err() == nil {
		*c = before
		return nil, false
	}
	return m, true
}

// PutCacheMark appends cache_control, or nothing where there is no mark.
func (b *Builder) PutCacheMark(m *llm.CacheMark) {
	if m == nil {
		return
	}
	b.Key("cache_control")
	b.Object()
	b.PutString("type", "ephemeral")
	if m.TTL != "" {
		b.PutString("ttl", m.TTL)
	}
	b.EndObject()
}
