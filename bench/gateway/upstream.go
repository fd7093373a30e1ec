package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// pace is what the paced model waits between chunks.
const pace = 2 * time.Millisecond

// canned is one format's answer, made once: the mock's own work should be small
// beside what is measured.
type canned struct {
	plain  []byte
	chunks [][]byte
	usage  []byte // a chunk for those who ask for it
	end    []byte
}

// upstream answers Chat Completions and Messages from memory: about 1 KB in one
// piece, or 100 chunks, each flushed on its own, as providers do.
func upstream() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/chat/completions", cannedChat())
	mux.Handle("POST /v1/messages", cannedMessages())
	return mux
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Request-Id", "req_0123456789abcdef")
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(c.plain)))
		_, _ = w.Write(c.plain) // a client that is gone is its own measure
		return
	}
	wait := time.Duration(0)
	if bytes.Contains(body, []byte(pacedModel)) {
		wait = pace
	}
	c.stream(w, wait, bytes.Contains(body, []byte(`"include_usage":true`)))
}

func (c *canned) stream(w http.ResponseWriter, wait time.Duration, usage bool) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	out := http.NewResponseController(w)
	for _, chunk := range c.chunks {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		if wait > 0 {
			time.Sleep(wait)
		}
	}
	if usage {
		_, _ = w.Write(c.usage)
	}
	_, _ = w.Write(c.end)
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
		usage: chunk("[]", usage),
		end:   []byte("data: [DONE]\n\n"),
	}
	c.chunks = append(c.chunks, chunk(`[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]`, "null"))
	for i := range pieces {
		c.chunks = append(c.chunks, chunk(fmt.Sprintf(`[{"index":0,"delta":{"content":%s},"logprobs":null,"finish_reason":null}]`, quoted(piece(i))), "null"))
	}
	c.chunks = append(c.chunks, chunk(`[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]`, "null"))
	return c
}

func cannedMessages() *canned {
	const usage = `{"input_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":%d,"service_tier":"standard"}`
	event := func(name, data string) []byte {
		return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
	}
	c := &canned{
		plain: fmt.Appendf(nil, `{"id":"msg_01AbCdEfGhIjKlMnOpQrStUv","type":"message","role":"assistant","model":"bench-model-20260101","content":[{"type":"text","text":%s}],"stop_reason":"end_turn","stop_sequence":null,"usage":`+usage+`}`,
			quoted(answerText), inputTokens, outputTokens),
		end: event("message_stop", `{"type":"message_stop"}`),
	}
	c.chunks = append(c.chunks, event("message_start", fmt.Sprintf(`{"type":"message_start","message":{"id":"msg_01AbCdEfGhIjKlMnOpQrStUv","type":"message","role":"assistant","model":"bench-model-20260101","content":[],"stop_reason":null,"stop_sequence":null,"usage":`+usage+`}}`, inputTokens, 1)),
		event("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`))
	for i := range pieces {
		c.chunks = append(c.chunks, event("content_block_delta", fmt.Sprintf(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}`, quoted(piece(i)))))
	}
	c.chunks = append(c.chunks, event("content_block_stop", `{"type":"content_block_stop","index":0}`),
		event("message_delta", fmt.Sprintf(`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}}`, outputTokens)))
	return c
}

func quoted(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string of ours
	}
	return b
}
