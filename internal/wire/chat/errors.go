package chat

import (
	"net/http"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// DecodeError implements wire.Codec.
func (Codec) DecodeError(status int, header http.Header, body []byte, _ *wire.Dialect) *llm.Error {
	return wire.Classify(status, header, wire.ReadError(body))
}

// shapes are how errors are told in Chat and in Responses.
var shapes = wire.Shapes{
	Classes: map[llm.ErrorClass]wire.Shape{
		llm.BadRequest:      {Status: 400, Kind: "invalid_request_error"},
		llm.Unauthorized:    {Status: 502, Kind: "server_error", Code: credentialCode}, // the provider's 401 is our fault, not the client's
		llm.Forbidden:       {Status: 502, Kind: "server_error", Code: credentialCode},
		llm.NotFound:        {Status: 404, Kind: "invalid_request_error", Code: "model_not_found"},
		llm.RateLimited:     {Status: 429, Kind: "rate_limit_error", Code: "rate_limit_exceeded"},
		llm.QuotaExhausted:  {Status: 402, Kind: "insufficient_quota", Code: "insufficient_quota"},
		llm.ContextOverflow: {Status: 400, Kind: "invalid_request_error", Code: "context_length_exceeded"},
		llm.Filtered:        {Status: 400, Kind: "invalid_request_error", Code: "content_filter"},
		llm.Overloaded:      {Status: 503, Kind: "server_error", Code: "overloaded"},
		llm.ServerError:     {Status: 502, Kind: "server_error", Code: "upstream_error"},
		llm.Unreachable:     {Status: 502, Kind: "server_error", Code: "upstream_unreachable"},
		llm.TimedOut:        {Status: 504, Kind: "server_error", Code: "timeout"},
		llm.BrokenStream:    {Status: 502, Kind: "server_error", Code: "stream_broken"},
		llm.Malformed:       {Status: 502, Kind: "server_error", Code: "upstream_malformed"},
		// OpenAI itself answers 429 with this code and tells its libraries not to retry
		// by x-should-retry: false; a 402 needs no header to be left alone.
		llm.OverBudget: {Status: 402, Kind: "insufficient_quota", Code: "insufficient_quota"},
		llm.Busy:       {Status: 503, Kind: "server_error", Code: "busy"},
		llm.Canceled:   {Status: 499, Kind: "server_error", Code: "canceled"},
		llm.Lossy:      {Status: 400, Kind: "invalid_request_error", Code: "unsupported_parameter"},
		llm.Internal:   {Status: 500, Kind: "server_error", Code: "internal_error"},
	},
	NoKey:   wire.Shape{Status: 401, Kind: "invalid_request_error", Code: "invalid_api_key"},
	Refused: wire.Shape{Status: 403, Kind: "invalid_request_error", Code: "permission_denied"},
}

// credentialCode is the code of an error that only Skein's operator can mend.
const credentialCode = "upstream_credential"

// ShapeOf is an error's shape in OpenAI's formats.
func ShapeOf(e *llm.Error) wire.Shape {
	s := shapes.Of(e)
	if s.Code == "" || e.Class == llm.NotFound && e.Code != "" || e.Code == credentialCode {
		s.Code = e.Code
	}
	return s
}

// PutError appends the member that holds an error.
func PutError(b *raw.Builder, e *llm.Error, s wire.Shape) {
	b.Key("error")
	b.Object()
	b.PutString("message", e.Message)
	b.PutString("type", s.Kind)
	nullable(b, "param", e.Param)
	nullable(b, "code", s.Code)
	b.EndObject()
}

// EncodeError implements wire.Codec.
func (Codec) EncodeError(e *llm.Error) (status int, body []byte) {
	s := ShapeOf(e)
	var b raw.Builder
	b.Object()
	PutError(&b, e, s)
	b.EndObject()
	return s.Status, b.B
}

func nullable(b *raw.Builder, name, s string) {
	if s == "" {
		b.PutNull(name)
	} else {
		b.PutString(name, s)
	}
}

// StreamError implements wire.Codec. The libraries raise when a data line has an
// error member.
func (Codec) StreamError(e *llm.Error) []byte {
	b := raw.Builder{B: sse.Begin(nil, "")}
	s := ShapeOf(e)
	b.Object()
	PutError(&b, e, s)
	b.EndObject()
	return sse.Finish(b.B)
}
