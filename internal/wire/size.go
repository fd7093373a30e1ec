package wire

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// MaxValues is how many JSON values a request may hold that is to be decoded. A
// value of three bytes becomes a part of some hundred, so the bytes of a body do not
// bound what decoding it takes; a long history with all its tools has some
// thousands. Requests that pass in their own format are not decoded, and have no
// such limit.
const MaxValues = 100_000

// Decodable refuses a request of too many values, before any of them is decoded.
func Decodable(body []byte) *llm.Error {
	if len(body) <= MaxValues || raw.Values(body) <= MaxValues {
		return nil
	}
	e := BadField("", "the request holds more than %d JSON values, too many to be put into another format; send fewer messages, parts or tools, or use a deployment that speaks this format", MaxValues)
	e.Status = 413
	return e
}

// RoomFor guesses the size of a request once it is encoded, so that it is allocated once.
func RoomFor(r *llm.Request) int {
	n := 1024
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			n += 96 + len(p.Text) + len(p.Text)/16 + len(p.Arguments) + len(p.Data)/3*4 + len(p.Raw) + len(p.Signature)
			for k := range p.Content {
				n += 64 + len(p.Content[k].Text) + len(p.Content[k].Text)/16 + len(p.Content[k].Data)/3*4
			}
		}
	}
	for i := range r.Tools {
		n += 128 + len(r.Tools[i].Description) + len(r.Tools[i].Schema)
	}
	return n
}
