// Package messages is the codec of Anthropic's Messages format.
//
// Facts come from https://docs.anthropic.com/en/api/messages and from recorded
// traffic of Anthropic, Bedrock and Vertex.
package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Codec is the format's codec; the zero value is ready, and safe for concurrent use.
type Codec struct{}

var _ wire.Codec = Codec{}

// Rename implements wire.Codec.
func (Codec) Rename(dst, body []byte, as *wire.Answer) []byte {
	return wire.RenameMember(dst, body, "model", as.Model)
}

// Format implements wire.Codec.
func (Codec) Format() llm.Format { return llm.Messages }
