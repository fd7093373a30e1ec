// Package chat is the codec of OpenAI's Chat Completions format, which most other
// vendors speak with differences of their own; those are rows of
// [wire.Dialect].
//
// Facts come from https://platform.openai.com/docs/api-reference/chat and from
// recorded traffic of some twenty vendors.
package chat

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
func (Codec) Format() llm.Format { return llm.Chat }
