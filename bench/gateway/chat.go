package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

var chat = &format{
	name: "chat", before: "/v1/chat/completions",
	credential: "Authorization: Bearer ",
	body: func(model, more string) string {
		return fmt.Sprintf(`{"model":%q,"messages":[{"role":"system","content":%q},{"role":"user","content":%q}],"max_tokens":400,"temperature":0.2%s}`, model, system, filing, more)
	},
	canned: cannedChat(), read: readChat,
	ended:    endsWith(`"finish_reason":"stop"`, "data: [DONE]\n\n"),
	provider: "kind: openai, formats: [chat]", base: "/v1",
}

func readChat(body []byte) (text string, in, out int, err error) {
	var a struct {
		Choices []struct {
			Message struct{ Content string }
		}
		Usage struct {
			Prompt     int `json:"prompt_tokens"`
			Completion int `json:"completion_tokens"`
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", 0, 0, err
	}
	if len(a.Choices) != 1 {
		return "", 0, 0, errors.New("it has not one choice")
	}
	return a.Choices[0].Message.Content, a.Usage.Prompt, a.Usage.Completion, nil
}

func cannedChat() *canned {
	const head = `{"id":"chatcmpl-CaBcDeFgHiJkLmNoPqRsTuVwXyZ01","object":%q,"created":1764000000,"model":"bench-model-2026-01-01","service_tier":"default","system_fingerprint":"fp_0123456789",`
	usage := fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`,
		inputTokens, outputTokens, inputTokens+outputTokens)
	chunk := func(choices, usage string) []byte {
		return fmt.Appendf(nil, "data: "+head+`"choices":%s,"usage":%s}`+"\n\n", "chat.completion.chunk", choices, usage)
	}
	c := &canned{
		plain: fmt.Appendf(nil, head+`"choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":%s}`,
			"chat.completion", quoted(answerText), usage),
		streamType: eventStream,
		usage:      chunk("[]", usage),
		end:        []byte("data: [DONE]\n\n"),
	}
	c.chunks = append(c.chunks, chunk(`[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]`, "null"))
	for i := range pieces {
		c.chunks = append(c.chunks, chunk(fmt.Sprintf(`[{"index":0,"delta":{"content":%s},"logprobs":null,"finish_reason":null}]`, quoted(piece(i))), "null"))
	}
	c.chunks = append(c.chunks, chunk(`[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]`, "null"))
	return c
}
