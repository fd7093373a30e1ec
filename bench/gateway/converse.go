package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/skein-run/skein/internal/wire/eventstream"
)

var converse = &format{
	name: "converse", before: "/model/", after: "/converse", streams: "/converse-stream", named: true,
	credential: "Authorization: Bearer ",
	body: func(_, _ string) string {
		return fmt.Sprintf(`{"system":[{"text":%q}],"messages":[{"role":"user","content":[{"text":%q}]}],"inferenceConfig":{"maxTokens":400,"temperature":0.2}}`, system, filing)
	},
	canned: cannedConverse(), read: readConverse, ended: endedConverse,
	provider: "kind: bedrock, region: us-east-1",
}

func readConverse(body []byte) (text string, in, out int, err error) {
	var a struct {
		Output struct {
			Message struct {
				Content []struct{ Text string }
			}
		}
		Usage struct{ InputTokens, OutputTokens int }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", 0, 0, err
	}
	if len(a.Output.Message.Content) != 1 {
		return "", 0, 0, errors.New("it has not one block")
	}
	return a.Output.Message.Content[0].Text, a.Usage.InputTokens, a.Usage.OutputTokens, nil
}

// endedConverse wants the stop and after it, to the last byte of a frame, the usage.
// rest begins within a frame.
func endedConverse(rest []byte) error {
	const stopped, counted = "messageStop", "metadata"
	at := bytes.Index(rest, []byte(stopped))
	last := bytes.LastIndex(rest, []byte(counted))
	if at < 0 || last < at || !bytes.Contains(rest[last:], fmt.Appendf(nil, `"outputTokens":%d`, outputTokens)) {
		return errors.New("a stream ended without its stop and its usage")
	}
	from := last - len("\x0b:event-type\x07\x00\x08") - 12
	if from < 0 || int(binary.BigEndian.Uint32(rest[from:])) != len(rest)-from {
		return errors.New("a stream ended within a frame")
	}
	return nil
}

func cannedConverse() *canned {
	usage := fmt.Sprintf(`"metrics":{"latencyMs":812},"usage":{"inputTokens":%d,"outputTokens":%d,"serverToolUsage":{},"totalTokens":%d}`, inputTokens, outputTokens, inputTokens+outputTokens)
	// Bedrock pads its events so that their length tells nothing.
	const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
	n := 0
	event := func(name, members string) []byte {
		n++
		return eventstream.Append(nil, name, fmt.Appendf(nil, `{%s,"p":%q}`, members, padding[:n*7%len(padding)]))
	}
	c := &canned{
		plain:      fmt.Appendf(nil, `{%s,"output":{"message":{"content":[{"text":%s}],"role":"assistant"}},"stopReason":"end_turn"}`, usage, quoted(answerText)),
		streamType: awsEventStream,
	}
	c.chunks = append(c.chunks, event("messageStart", `"role":"assistant"`))
	for i := range pieces {
		c.chunks = append(c.chunks, event("contentBlockDelta", fmt.Sprintf(`"contentBlockIndex":0,"delta":{"text":%s}`, quoted(piece(i)))))
	}
	c.chunks = append(c.chunks, event("contentBlockStop", `"contentBlockIndex":0`), event("messageStop", `"stopReason":"end_turn"`))
	c.end = event("metadata", usage)
	return c
}
