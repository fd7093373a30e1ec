package tool

import (
	"bytes"
	"encoding/json"
)

// schema is a schema written in this package, without its blanks.
func schema(text string) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		panic("tool: a schema is not JSON: " + err.Error() + ": " + text)
	}
	return b.Bytes()
}

// describe joins what an operation does and what its resource is.
func describe(spec Spec, does string) string {
	if spec.Description == "" {
		return does
	}
	return spec.Description + "\n" + does
}

// quote is s as it stands in JSON.
func quote(s string) string {
	b, err := plainJSON(s)
	if err != nil {
		panic("tool: a text that JSON cannot hold: " + err.Error())
	}
	return string(b)
}
