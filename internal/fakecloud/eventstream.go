package fakecloud

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// The media types of streams.
const (
	eventStream  = "text/event-stream; charset=utf-8"
	amazonStream = "application/vnd.amazon.eventstream"
)

// amazonMessage frames one message of an AWS event stream: lengths, their checksum,
// headers of strings, payload, a checksum over all.
// https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
func amazonMessage(payload []byte, headers ...string) []byte {
	var head []byte
	for i := 0; i+1 < len(headers); i += 2 {
		head = append(append(head, byte(len(headers[i]))), headers[i]...)
		head = append(binary.BigEndian.AppendUint16(append(head, 7), uint16(len(headers[i+1]))), headers[i+1]...)
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(16+len(head)+len(payload)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(head)))
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	out = append(append(out, head...), payload...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
}

// amazonEvent is one event of a stream.
func amazonEvent(kind string, payload []byte) []byte {
	return amazonMessage(payload, ":event-type", kind, ":content-type", "application/json", ":message-type", "event")
}

// amazonException ends a stream with an error.
func amazonException(kind, message string) []byte {
	return amazonMessage(mustJSON(members{"message", message}), ":exception-type", kind, ":content-type", "application/json", ":message-type", "exception")
}

// exceptionOf is what Bedrock calls an error in the middle of a stream.
func exceptionOf(e *apiError) string {
	name := map[int]string{400: "validationException", 401: "accessDeniedException", 403: "accessDeniedException", 429: "throttlingException",
		500: "internalServerException", 424: "modelStreamErrorException"}[e.status]
	if name == "" {
		name = "serviceUnavailableException"
	}
	return name
}

// chunked carries a stream of server-sent events as Bedrock's InvokeModel does: the
// data of each as base64 in a message of its own, with padding.
type chunked struct{ streamer }

func (c chunked) prelude() []byte      { return c.wrap(c.streamer.prelude()) }
func (c chunked) piece(p piece) []byte { return c.wrap(c.streamer.piece(p)) }
func (c chunked) end() []byte          { return c.wrap(c.streamer.end()) }

func (c chunked) failure(e *apiError) []byte { return amazonException(exceptionOf(e), e.message) }

func (c chunked) garbage() []byte { return []byte("\x00\x00\x00\x40\x00\x00\x00\x10broken") }

func (c chunked) malformed() []byte { return amazonEvent("chunk", []byte("{\"bytes\":\"eyJ0")) }

func (c chunked) ping() []byte { return nil }

func (c chunked) wrap(events []byte) []byte {
	var out []byte
	for _, ev := range bytes.Split(events, []byte("\n\n")) {
		_, data, ok := bytes.Cut(ev, []byte("data: "))
		if !ok || bytes.Contains(data, []byte(`"type":"ping"`)) { // there are no pings on Bedrock
			continue
		}
		out = append(out, amazonEvent("chunk", mustJSON(members{"bytes", base64.StdEncoding.EncodeToString(data), "p", pad(len(data))}))...)
	}
	return out
}

// pad is padding that hides a length.
func pad(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return letters[:1+n*7%len(letters)]
}
