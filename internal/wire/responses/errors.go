package responses

import (
	"net/http"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeError implements wire.Codec.
func (Codec) DecodeError(status int, header http.Header, body []byte, _ *wire.Dialect) *llm.Error {
	said := wire.ReadError(body)
	if status < 400 {
		status = statusOf(said.Code, said.Type)
	}
	return wire.Classify(status, header, said)
}

// failure classifies the error of an answer that failed, or of an event.
func failure(is []byte) *llm.Error {
	b := raw.Builder{}
	b.Object()
	b.PutRaw("error", is)
	b.EndObject()
	return Codec{}.DecodeError(200, nil, b.B, nil)
}

// statusOf is the status that goes with an error's code, where only the code is
// told: in a stream, and in an answer that failed.
func statusOf(code, kind string) int {
	for _, word := range []string{code, kind} {
		if n, ok := statuses[word]; ok {
			return n
		}
	}
	return 500
}

var statuses = map[string]int{
	"rate_limit_exceeded": 429, "slow_down": 503, "server_is_overloaded": 503, "overloaded": 503, "insufficient_quota": 429,
	"usage_not_included": 429, "usage_limit_reached": 429, "context_length_exceeded": 400, "invalid_prompt": 400, "bio_policy": 400,
	"misalignment_policy_violation": 400, "cyber_policy_violation": 400, "content_filter": 400, "image_content_policy_violation": 400,
	"data_residency_mismatch": 400, "invalid_image": 400, "invalid_image_format": 400, "invalid_base64_image": 400, "invalid_image_url": 400,
	"image_too_large": 400, "image_too_small": 400, "image_parse_error": 400, "invalid_image_mode": 400, "image_file_too_large": 400,
	"unsupported_image_media_type": 400, "empty_image_file": 400, "failed_to_download_image": 400, "image_file_not_found": 400,
	"invalid_request_error": 400, "model_not_found": 404, "previous_response_not_found": 400, "vector_store_timeout": 504,
	"rate_limit_error": 429, "authentication_error": 401, "invalid_api_key": 401, "permission_error": 403, "server_error": 500,
}

// EncodeError implements wire.Codec, as Chat tells it.
func (Codec) EncodeError(e *llm.Error) (status int, body []byte) {
	return chat.Codec{}.EncodeError(e)
}

func nullable(b *raw.Builder, name, s string) {
	if s == "" {
		b.PutNull(name)
	} else {
		b.PutString(name, s)
	}
}

// StreamError implements wire.Codec: the two events with which OpenAI ends a stream
// that failed. The official libraries raise at the first, for its error member;
// Codex knows the second alone.
func (Codec) StreamError(e *llm.Error) []byte {
	w := writer{}
	return w.fail(nil, e)
}

// fail writes the events of a failure.
func (w *writer) fail(dst []byte, e *llm.Error) []byte {
	s := chat.ShapeOf(e)
	b := w.begin(dst, "error")
	nullable(&b, "code", s.Code)
	b.PutString("message", e.Message)
	nullable(&b, "param", e.Param)
	chat.PutError(&b, e, s)
	dst = w.finish(&b)
	b = w.begin(dst, "response.failed")
	b.Key("response")
	w.response(&b, "failed", func() {
		b.Object()
		code := s.Code
		if code == "" {
			code = "server_error"
		}
		b.PutString("code", code)
		b.PutString("message", e.Message)
		b.EndObject()
	})
	return w.finish(&b)
}
