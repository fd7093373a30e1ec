package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
)

// What a client writes in its provider's own format arrives there as it was, but for
// the edits that have a name, and so does what comes back: members that nobody
// knows, the order of members, blanks, escapes, and numbers as they are spelled.
func TestTheSameFormatPassesByteForByte(t *testing.T) {
	odd := ` "temperature" : 1.0,"top_p":1e0 , "unknown":{"b":1e2,"a":[1.0 ,2]},"metadata":{"model":"smart"}`
	said := `"content":"h\u00e9\ud83d\ude00 \/ \u003c x"`
	for name, c := range map[string]struct {
		format        llm.Format
		path          string
		sent, arrives string
		answers, is   string
		stream        bool
	}{
		"chat": {
			format: llm.Chat, path: chatPath,
			sent:    `{ "model" : "smart", "messages":[{"role":"user",` + said + `,"odd":1.50}],` + odd + "\n}\n",
			arrives: `{ "model" : "up", "messages":[{"role":"user",` + said + `,"odd":1.50}],` + odd + "\n}\n",
			answers: `{"id":"chatcmpl-\u0031", "object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant",` + said + `,"odd":{"a":1e2}},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"odd":1.50}}`,
			is:      `{"id":"chatcmpl-\u0031", "object":"chat.completion","created":1,"model":"smart","choices":[{"index":0,"message":{"role":"assistant",` + said + `,"odd":{"a":1e2}},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"odd":1.50}}`,
		},
		"chat, streamed": {
			format: llm.Chat, path: chatPath, stream: true,
			sent:    `{"stream":true,"model":"smart","messages":[{"role":"user",` + said + `}],` + odd + `}`,
			arrives: `{"stream":true,"model":"up","messages":[{"role":"user",` + said + `}],` + odd + `,"stream_options":{"include_usage":true}}`,
			answers: `data: {"id":"c","odd":1e2,"model":"up","choices":[{"index":0,"delta":{` + said + `},"finish_reason":null}]}` + "\n\n" +
				`data:{"model" : "up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\r\n\r\n" +
				`data: {"model":"up","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}` + "\n\ndata: [DONE]\n\n",
			is: `data: {"id":"c","odd":1e2,"model":"smart","choices":[{"index":0,"delta":{` + said + `},"finish_reason":null}]}` + "\n\n" +
				`data:{"model" : "smart","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\r\n\r\n" + "data: [DONE]\n\n", // the usage was ours to ask for
		},
		"chat, streamed with usage": {
			format: llm.Chat, path: chatPath, stream: true,
			sent:    `{"stream":true,"stream_options":{"include_usage":true,"odd":1.0},"model":"smart","messages":[]}`,
			arrives: `{"stream":true,"stream_options":{"include_usage":true,"odd":1.0},"model":"up","messages":[]}`,
			answers: `data: {"model":"up","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}],"usage":null}` + "\n\n" +
				`data: {"model":"up","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}` + "\n\ndata: [DONE]\n\n",
			is: `data: {"model":"smart","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}],"usage":null}` + "\n\n" +
				`data: {"model":"smart","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}` + "\n\ndata: [DONE]\n\n",
		},
		"messages": {
			format: llm.Messages, path: messagesPath,
			sent:    `{"model":"smart","max_tokens":1e2,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user",` + said + `}],` + odd + `}`,
			arrives: `{"model":"up","max_tokens":1e2,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user",` + said + `}],` + odd + `}`,
			answers: `{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"\u00e9","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3,"odd":1.50},"container":null}`,
			is:      `{"id":"msg_1","type":"message","role":"assistant","model":"smart","content":[{"type":"text","text":"\u00e9","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3,"odd":1.50},"container":null}`,
		},
		"messages, streamed": {
			format: llm.Messages, path: messagesPath, stream: true,
			sent:    `{"model":"smart","stream":true,"max_tokens":100,"messages":[{"role":"user",` + said + `}]}`,
			arrives: `{"model":"up","stream":true,"max_tokens":100,"messages":[{"role":"user",` + said + `}]}`,
			answers: strings.ReplaceAll(answers[llm.Messages].text.stream, `"index":0`, `"index":0,"odd":1e2`),
			is:      strings.ReplaceAll(strings.ReplaceAll(answers[llm.Messages].text.stream, `"index":0`, `"index":0,"odd":1e2`), `"model":"up"`, `"model":"smart"`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, c.format)
			kind := map[bool]string{false: "application/json", true: "text/event-stream"}[c.stream]
			u.fail(func(w http.ResponseWriter) bool {
				w.Header().Set("Content-Type", kind)
				_, _ = io.WriteString(w, c.answers)
				return true
			})
			got := text(t, post(t, newHouse(t, u).url+c.path, c.sent).Body)
			if u.calls() != 1 || string(u.seen[0]) != c.arrives {
				t.Errorf("what arrived is\n%s\nand not\n%s", u.seen, c.arrives)
			}
			if got != c.is {
				t.Errorf("the answer is\n%s\nand not\n%s", got, c.is)
			}
		})
	}
}
