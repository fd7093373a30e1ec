// Package embeddings are the codecs of the formats that ask for vectors of texts:
// OpenAI's Embeddings, which most vendors imitate; Google's embedContent and
// batchEmbedContents, and Vertex AI's predict; the bodies of Amazon's and Cohere's
// embedding models on Bedrock, and Cohere's own API.
//
// They are so alike that one [Codec] serves all, with a form for each: how its
// request is read and written, and its answer. Facts come from the recorded traffic
// of these providers and from
//   - https://platform.openai.com/docs/api-reference/embeddings
//   - https://ai.google.dev/api/embeddings
//   - https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
//   - https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
//   - https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
//   - https://docs.cohere.com/reference/embed
//
// (read 2026-11).
package embeddings

import (
	"io"
	"net/http"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Codec is the codec of one of the formats; it is safe for concurrent use.
type Codec struct{ f *form }

// form is what is particular to one format.
type form struct {
	format llm.Format
	inputs string // the member of the request that holds what is to be embedded
	model  string // the one that names the model; "" where only the address does
	answer string // the member of the answer that names it
	errors wire.Codec

	// member reads one member of a request; false: it has no place of its own.
	member func(r *reader, key string) bool
	// write appends a request's members, the model's excepted.
	write func(b *raw.Builder, r *llm.Request, t *wire.Target)
	// vectors reads one member of an answer; false: as above.
	vectors func(c *raw.Cursor, key string, r *llm.Response) bool
	// tell appends an answer's members.
	tell func(b *raw.Builder, r *llm.Response, as *wire.Answer)
	// rename appends a request with its own mentions of the model changed, for forms
	// whose address names it, too; nil: there are none.
	rename func(dst, body []byte, upstream string) []byte
	table  wire.LossTable
}

// The codecs.
var (
	OpenAI    = Codec{&openAI}
	Gemini    = Codec{&gemini}
	GeminiOne = Codec{&geminiOne}
	Vertex    = Codec{&vertex}
	Titan     = Codec{&titan}
	Cohere    = Codec{&cohere}
)

// Table is the codec's table of losses.
func (c Codec) Table() *wire.LossTable { return &c.f.table }

// Format implements wire.Codec.
func (c Codec) Format() llm.Format { return c.f.format }

// Losses implements wire.Codec.
func (c Codec) Losses(r *llm.Request) []wire.Loss { return c.f.table.Losses(r) }

// Rename implements wire.Codec.
func (c Codec) Rename(dst, body []byte, as *wire.Answer) []byte {
	if c.f.answer == "" {
		return append(dst, body...)
	}
	return wire.RenameMember(dst, body, c.f.answer, as.Model)
}

// DecodeError implements wire.Codec.
func (c Codec) DecodeError(status int, h http.Header, body []byte, d *wire.Dialect) *llm.Error {
	return c.f.errors.DecodeError(status, h, body, d)
}

// EncodeError implements wire.Codec.
func (c Codec) EncodeError(e *llm.Error) (int, []byte) { return c.f.errors.EncodeError(e) }

// StreamError implements wire.Codec; there are no streams.
func (c Codec) StreamError(e *llm.Error) []byte { return nil }

// Frames implements wire.Codec; there are no streams.
func (c Codec) Frames(io.Reader, *wire.Dialect, wire.FrameOptions) wire.Stream { return vectors }

// Writer implements wire.Codec; there are no streams.
func (c Codec) Writer(*wire.Answer) wire.Writer { return vectors }

var vectors = wire.Unstreamed{What: "a list of vectors", Billed: llm.BilledMaybe}
