package wire

import (
	"encoding/json"
	"strings"

	"github.com/skein-run/skein/internal/wire/raw"
)

// Arguments makes canonical arguments of their text: none are the empty object,
// and text that is not JSON (a model can write such) is kept as a JSON string.
func Arguments(text string) json.RawMessage {
	if strings.TrimSpace(text) == "" {
		return json.RawMessage("{}")
	}
	b := []byte(text)
	c := raw.On(b)
	if c.Kind() != '"' {
		if c.Skip(); c.End() == nil {
			return b
		}
	}
	return raw.AppendString(nil, text)
}

// ArgumentsText is the text that canonical arguments stand for: see [Arguments].
func ArgumentsText(args json.RawMessage) string {
	if len(args) == 0 {
		return "{}"
	}
	if c := raw.On(args); c.Kind() == '"' {
		return c.Text()
	}
	return string(args)
}
