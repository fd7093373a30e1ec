package converse

import (
	"net/http"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/eventstream"
)

// DecodeError implements wire.Codec. The kind of error stands in a header, the body
// is {"message":"…"}.
func (Codec) DecodeError(status int, header http.Header, body []byte, _ *wire.Dialect) *llm.Error {
	return wire.ClassifyAWS(status, header, body)
}

// EncodeError implements wire.Codec. The client's own 401 and 403 come with BlameKey
// and keep their status.
func (Codec) EncodeError(e *llm.Error) (status int, body []byte) { return wire.EncodeAWSError(e) }

// StreamError implements wire.Codec: an exception, which ends the streams of
// ConverseStream and of InvokeModelWithResponseStream alike.
func (Codec) StreamError(e *llm.Error) []byte {
	kind, payload := wire.EncodeAWSException(e)
	return eventstream.AppendException(nil, kind, payload)
}
