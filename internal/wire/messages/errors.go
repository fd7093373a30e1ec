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
var statuses = []shape{
	{400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"}, {403, "permission_error"},
	{404, "not_found_error"}, {413, "request_too_large"}, {429, "rate_limit_error"}, {504, "timeout_error"},
	{529, "overloaded_error"},
}

func statusOf(kind string) int {
	for _, s := range statuses {
		if s.kind == kind {
			return s.status
		}
	}
	return 500
}

// shape is how a class of error is told to a client. The official libraries retry
// 408, 409, 429 and 5xx, so a status among those says «try again»: what waiting
// does not mend gets another.
type shape struct {
	status int
	kind   string
}

var shapes = map[llm.ErrorClass]shape{
	llm.BadRequest:      {400, "invalid_request_error"},
	llm.Unauthorized:    {502, "api_error"}, // the provider's 401 is our fault, not the client's
	llm.Forbidden:       {502, "api_error"},
	llm.NotFound:        {404, "not_found_error"},
	llm.RateLimited:     {429, "rate_limit_error"},
	llm.QuotaExhausted:  {402, "billing_error"},
	llm.ContextOverflow: {400, "invalid_request_error"},
	llm.Filtered:        {400, "invalid_request_error"},
	llm.Overloaded:      {529, "overloaded_error"},
	llm.ServerError:     {502, "api_error"},
	llm.Unreachable:     {502, "api_error"},
	llm.TimedOut:        {504, "timeout_error"},
	llm.BrokenStream:    {502, "api_error"},
	llm.Malformed:       {502, "api_error"},
	llm.OverBudget:      {402, "billing_error"}, // not retried
	llm.Busy:            {503, "overloaded_error"},
	llm.Canceled:        {499, "api_error"},
	llm.Lossy:           {400, "invalid_request_error"},
	llm.Internal:        {500, "api_error"},
}

// EncodeError implements wire.Codec. The client's own 401 and 403 come with
// BlameKey and keep their status.
func (Codec) EncodeError(e *llm.Error) (status int, body []byte) {
	var b raw.Builder
	status = put(&b, e)
	return status, b.B
}

func put(b *raw.Builder, e *llm.Error) (status int) {
	s, ok := shapes[e.Class]
	if !ok {
		s = shapes[llm.Internal]
	}
	if e.Blame == llm.BlameKey {
		switch e.Class {
		case llm.Unauthorized:
			s = shape{401, "authentication_error"}
		case llm.Forbidden:
			s = shape{403, "permission_error"}
		}
	}
	switch {
	case e.Class != llm.BadRequest:
	case e.Status == 413:
		s = shape{413, "request_too_large"}
	case wire.KeepsStatus(e.Status):
		s.status = e.Status
	}
	b.Object()
	b.PutString("type", "error")
	b.Key("error")
	b.Object()
	b.PutString("type", s.kind)
	b.PutString("message", e.Message)
	b.EndObject()
	b.EndObject()
	return s.status
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
