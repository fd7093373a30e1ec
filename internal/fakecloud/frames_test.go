package fakecloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// amazonFrames reads an event stream with the decoder of Amazon's SDK, each event as
// an object with its kind as the only member.
func amazonFrames(t testing.TB, body []byte) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	dec, r := eventstream.NewDecoder(), bytes.NewReader(body)
	for {
		m, err := dec.Decode(r, nil)
		if errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("an event stream breaks off: %v", err)
		}
		if kind := m.Headers.Get(":event-type"); kind != nil {
			out = append(out, plain(kind.String(), m.Payload))
		}
	}
}
