package wire

import "github.com/skein-run/skein/internal/llm"

// Framing is how the events of a stream lie in its bytes.
type Framing uint8

// The framings.
const (
	Native      Framing = iota // the format's own: EventStream for Converse, SSE for all others
	SSE                        // server-sent events
	EventStream                // application/vnd.amazon.eventstream, one event a message, named by :event-type
	Chunks                     // the same, each event as base64 in the member `bytes` of a message `chunk` (Bedrock InvokeModel)
	JSONArray                  // one JSON array, an event an element (Gemini without alt=sse)
)

// Of is the framing in which a format's events lie.
func (f Framing) Of(format llm.Format) Framing {
	switch {
	case f != Native:
		return f
	case format == llm.Converse:
		return EventStream
	}
	return SSE
}

// ContentType is the media type of a stream with this framing.
func (f Framing) ContentType() string {
	switch f {
	case EventStream, Chunks:
		return "application/vnd.amazon.eventstream"
	case JSONArray:
		return "application/json"
	}
	return "text/event-stream"
}
