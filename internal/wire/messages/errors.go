package messages

import (
	"net/http"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
	"github.com/skein-run/skein/internal/wire/stream"
)

// DecodeError implements wire.Codec. The shape is {"type":"error","error":{type,
// message}}; clouds and proxies in front have others, which the shared reader knows.
func (Codec) DecodeError(status int, header http.Header, body []byte, d *wire.Dialect) *llm.Error {
	if d != nil && d.Cloud == wire.CloudBedrock {
		return wire.ClassifyAWS(status, header, body)
	}
	said := wire.ReadError(body)
	if status == 200 {
		status = statusOf(said.Type)
	}
	return wire.Classify(status, header, said)
}

// statuses are the statuses of the API's error types, for errors in a stream.
var statuses = map[string]int{
	"invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
	"not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "timeout_error": 504, "overloaded_error": 529,
}

func statusOf(kind string) int {
	if status, ok := statuses[kind]; ok {
		return status
	}
	return 500
}

var shapes = wire.Shapes{
	Classes: map[llm.ErrorClass]wire.Shape{
		llm.BadRequest:      {Status: 400, Kind: "invalid_request_error"},
		llm.Unauthorized:    {Status: 502, Kind: "api_error"}, // the provider's 401 is our fault, not the client's
		llm.Forbidden:       {Status: 502, Kind: "api_error"},
		llm.NotFound:        {Status: 404, Kind: "not_found_error"},
		llm.RateLimited:     {Status: 429, Kind: "rate_limit_error"},
		llm.QuotaExhausted:  {Status: 402, Kind: "billing_error"},
		llm.ContextOverflow: {Status: 400, Kind: "invalid_request_error"},
		llm.Filtered:        {Status: 400, Kind: "invalid_request_error"},
		llm.Overloaded:      {Status: 529, Kind: "overloaded_error"},
		llm.ServerError:     {Status: 502, Kind: "api_error"},
		llm.Unreachable:     {Status: 502, Kind: "api_error"},
		llm.TimedOut:        {Status: 504, Kind: "timeout_error"},
		llm.BrokenStream:    {Status: 502, Kind: "api_error"},
		llm.Malformed:       {Status: 502, Kind: "api_error"},
		llm.OverBudget:      {Status: 402, Kind: "billing_error"}, // not retried
		llm.Busy:            {Status: 503, Kind: "overloaded_error"},
		llm.Canceled:        {Status: 499, Kind: "api_error"},
		llm.Lossy:           {Status: 400, Kind: "invalid_request_error"},
		llm.Internal:        {Status: 500, Kind: "api_error"},
	},
	NoKey:   wire.Shape{Status: 401, Kind: "authentication_error"},
	Refused: wire.Shape{Status: 403, Kind: "permission_error"},
}

// EncodeError implements wire.Codec. The client's own 401 and 403 come with
// BlameKey and keep their status.
func (Codec) EncodeError(e *llm.Error) (status int, body []byte) {
	var b raw.Builder
	status = put(&b, e)
	return status, b.B
}

func put(b *raw.Builder, e *llm.Error) (status int) {
	s := shapes.Of(e)
	if s.Status == 413 {
		s.Kind = "request_too_large"
	}
	b.Object()
	b.PutString("type", "error")
	b.Key("error")
	b.Object()
	b.PutString("type", s.Kind)
	b.PutString("message", e.Message)
	b.EndObject()
	b.EndObject()
	return s.Status
}

// StreamError implements wire.Codec.
func (Codec) StreamError(e *llm.Error) []byte {
	b := raw.Builder{B: sse.Begin(nil, "error")}
	put(&b, e)
	return sse.Finish(b.B)
}

// failed is an error as the last thing of a stream in a framing: clients that read an
// AWS event stream raise an exception of it.
func failed(dst []byte, e *llm.Error, out *stream.Framer) []byte {
	if out.Framing != wire.Chunks && out.Framing != wire.EventStream {
		return append(dst, Codec{}.StreamError(e)...)
	}
	kind, payload := wire.EncodeAWSException(e)
	return out.Exception(dst, kind, payload)
}
