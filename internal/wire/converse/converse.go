// Package converse is the codec of Bedrock's Converse and ConverseStream, and of
// CountTokens, which takes the same request.
//
// The model and whether an answer is streamed stand in the address. One format
// serves the models of many makers, which differ in what they take: what Converse
// has no member for goes into additionalModelRequestFields in the maker's own words,
// see [family].
//
// Facts come from
//   - https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
//   - https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
//   - https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
//   - https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
//   - https://docs.aws.amazon.com/nova/latest/nova2-userguide/using-converse-api.html
//
// (read 2026-11-24), from the service's model in the AWS SDKs and from recorded
// traffic.
package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Codec is the format's codec; the zero value is ready, and safe for concurrent use.
type Codec struct{}

var _ wire.Codec = Codec{}

// Format implements wire.Codec.
func (Codec) Format() llm.Format { return llm.Converse }

// Rename implements wire.Codec: answers do not name their model.
func (Codec) Rename(dst, body []byte, _ *wire.Answer) []byte { return append(dst, body...) }

// own reports whether a request came in this format, so that what it says is the
// client's business. Counting shares it.
func own(r *llm.Request) bool { return r.From == llm.Converse || r.From == llm.ConverseCount }

// format marks what only this format knows; counting shares it.
const format = llm.Converse

// The members that stand in more than one file.
const (
	fieldsName = "additionalModelRequestFields"
	configName = "inferenceConfig"
	capName    = "maxTokens"
)
