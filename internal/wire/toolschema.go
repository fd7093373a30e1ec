package wire

import (
	"bytes"

	"github.com/skein-run/skein/internal/wire/raw"
)

// PutToolSchema appends a tool's schema for services where it must say that it is an object's.
func PutToolSchema(b *raw.Builder, s []byte) {
	s = bytes.TrimSpace(s)
	c := raw.On(s)
	if c.Kind() != '{' {
		b.Raw([]byte(`{"type":"object","properties":{}}`))
		return
	}
	typed, members := false, 0
	for c.Object(); ; members++ {
		key, ok := c.Key()
		if !ok {
			break
		}
		typed = typed || string(key) == "type"
		c.Skip()
	}
	switch {
	case typed:
		b.Raw(s)
	case members == 0:
		b.Raw([]byte(`{"type":"object","properties":{}}`))
	default:
		b.Object()
		b.PutString("type", "object")
		b.B = append(append(b.B, ','), s[1:]...)
	}
}
