package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

var messages = &format{
	name: "messages", before: "/v1/messages",
	credential: "X-Api-Key: ", header: "Anthropic-Version: 2023-06-01\r\n",
	body: func(model, more string) string {
		return fmt.Sprintf(`{"model":%q,"max_tokens":400,"system":%q,"messages":[{"role":"user","content":%q}],"temperature":0.2%s}`, model, system, filing, more)
	},
	canned: cannedMessages(), read: readMessages,
	ended:    endsWith(`"stop_reason":"end_turn"`, fmt.Sprintf(`"output_tokens":%d`, outputTokens), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
	provider: "kind: anthropic",
}

func readMessages(body []byte) (text string, in, out int, err error) {
	var a struct {
		Content []struct{ Text string }
		Usage   struct {
			Input  int `json:"input_tokens"`
			Output int `json:"output_tokens"`
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", 0, 0, err
	}
	if len(a.Content) != 1 {
		return "", 0, 0, errors.New("it has not one block")
	}
	return a.Content[0].Text, a.Usage.Input, a.Usage.Output, nil
}

func cannedMessages() *canned {
	const usage = `{"input_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":%d,"service_tier":"standard"}`
	const head = `{"id":"msg_01AbCdEfGhIjKlMnOpQrStUv","type":"message","role":"assistant","model":"bench-model-20260101",`
	c := &canned{
		plain: fmt.Appendf(nil, head+`"content":[{"type":"text","text":%s}],"stop_reason":"end_turn","stop_sequence":null,"usage":`+usage+`}`,
			quoted(answerText), inputTokens, outputTokens),
		streamType: eventStream,
		end:        sseEvent("message_stop", `{"type":"message_stop"}`),
	}
	c.chunks = append(c.chunks, sseEvent("message_start", fmt.Sprintf(`{"type":"message_start","message":`+head+`"content":[],"stop_reason":null,"stop_sequence":null,"usage":`+usage+`}}`, inputTokens, 1)),
		sseEvent("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`))
	for i := range pieces {
		c.chunks = append(c.chunks, sseEvent("content_block_delta", fmt.Sprintf(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}`, quoted(piece(i)))))
	}
	c.chunks = append(c.chunks, sseEvent("content_block_stop", `{"type":"content_block_stop","index":0}`),
		sseEvent("message_delta", fmt.Sprintf(`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}}`, outputTokens)))
	return c
}
