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

// Shape is how an error is told to OpenAI's clients, in Chat and in Responses. The
// official libraries retry 408, 409, 429 and 5xx, so a status among those says «try
// again»: what waiting does not mend gets another.
type Shape struct {
	Status     int
	Kind, Code string
}

var shapes = map[llm.ErrorClass]Shape{
	llm.BadRequest:      {400, "invalid_request_error", ""},
	llm.Unauthorized:    {502, "server_error", credentialCode}, // the provider's 401 is our fault, not the client's
	llm.Forbidden:       {502, "server_error", credentialCode},
	llm.NotFound:        {404, "invalid_request_error", "model_not_found"},
	llm.RateLimited:     {429, "rate_limit_error", "rate_limit_exceeded"},
	llm.QuotaExhausted:  {402, "insufficient_quota", "insufficient_quota"},
	llm.ContextOverflow: {400, "invalid_request_error", "context_length_exceeded"},
	llm.Filtered:        {400, "invalid_request_error", "content_filter"},
	llm.Overloaded:      {503, "server_error", "overloaded"},
	llm.ServerError:     {502, "server_error", "upstream_error"},
	llm.Unreachable:     {502, "server_error", "upstream_unreachable"},
	llm.TimedOut:        {504, "server_error", "timeout"},
	llm.BrokenStream:    {502, "server_error", "stream_broken"},
	llm.Malformed:       {502, "server_error", "upstream_malformed"},
	// OpenAI itself answers 429 with this code and tells its libraries not to retry
	// by x-should-retry: false; a 402 needs no header to be left alone.
	llm.OverBudget: {402, "insufficient_quota", "insufficient_quota"},
	llm.Busy:       {503, "server_error", "busy"},
	llm.Canceled:   {499, "server_error", "canceled"},
	llm.Lossy:      {400, "invalid_request_error", "unsupported_parameter"},
	llm.Internal:   {500, "server_error", "internal_error"},
}

// credentialCode is the code of an error that only Skein's operator can mend.
const credentialCode = "upstream_credential"

// ShapeOf is an error's shape. The client's own 401 and 403 come with BlameKey and
// keep their status.
func ShapeOf(e *llm.Error) Shape {
	s, ok := shapes[e.Class]
	if !ok {
		s = shapes[llm.Internal]
	}
	if e.Blame == llm.BlameKey {
		switch e.Class {
		case llm.Unauthorized:
			s = Shape{401, "invalid_request_error", "invalid_api_key"}
		case llm.Forbidden:
			s = Shape{403, "invalid_request_error", "permission_denied"}
		}
	}
	if e.Class == llm.BadRequest && wire.KeepsStatus(e.Status) {
		s.Status = e.Status
	}
	if s.Code == "" || e.Class == llm.NotFound && e.Code != "" || e.Code == credentialCode {
		s.Code = e.Code
	}
	return s
}

// Put appends the member that holds the error.
func (s *Shape) Put(b *raw.Builder, e *llm.Error) {
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
	s.Put(&b, e)
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
	s.Put(&b, e)
	b.EndObject()
	return sse.Finish(b.B)
}
