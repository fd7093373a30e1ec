// Package gemini is the codec of Google's generateContent format, as the Gemini API
// and Vertex AI speak it, and of countTokens.
//
// The model and whether an answer is streamed stand in the address. Members are
// known by two spellings, functionCall and function_call, and a list of one may
// stand without its brackets: what came is written back so, see [spelled].
//
// Facts come from https://ai.google.dev/api/generate-content,
// https://ai.google.dev/gemini-api/docs/thought-signatures and
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
// (read 2026-11-24), from the official SDKs and from recorded traffic of both
// services.
package gemini

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Codec is the format's codec; the zero value is ready, and safe for concurrent use.
type Codec struct{}

var _ wire.Codec = Codec{}

// Format implements wire.Codec.
func (Codec) Format() llm.Format { return llm.Gemini }

// Rename implements wire.Codec.
func (Codec) Rename(dst, body []byte, as *wire.Answer) []byte {
	return wire.RenameMember(dst, body, "modelVersion", as.Model)
}

// own reports whether a request came in this format, so that what it says is the
// client's business.
func own(r *llm.Request) bool { return r.From == llm.Gemini }

// prefix stands before a model's name where the Gemini API has it in a body.
const prefix = "models/"

// inBody is an upstream's name as a body has it; one with a path, such as
// tunedModels/mine, has it already.
func inBody(upstream string) string {
	if strings.Contains(upstream, "/") {
		return upstream
	}
	return prefix + upstream
}
