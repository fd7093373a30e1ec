package tool

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/skein-run/skein/internal/price"
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

// with is a bound with one more meter.
func with(bound []price.Reading, meter price.Meter, n int64) []price.Reading {
	return append(slices.Clone(bound), price.Reading{Meter: meter, Quantity: n, Source: price.Counted})
}
