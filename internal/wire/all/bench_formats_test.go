package all_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/eventstream"
)

// The formats beside Chat and Messages, with the same request in each, and streams as
// their vendors send them.

// requestIn is the request of [chatRequest] in another format. Beside it stands what
// its address says.
func requestIn(f llm.Format, n int) ([]byte, *wire.Head) {
	r, err := all.Codec(llm.Chat).DecodeRequest(chatRequest(n), nil)
	if err != nil {
		panic(err)
	}
	out, _, err := all.Codec(f).EncodeRequest(r, &wire.Target{Upstream: "smart"})
	if err != nil {
		panic(err)
	}
	if f == llm.Responses {
		return out, nil
	}
	return out, &wire.Head{Model: "smart", Streams: true, Stream: true}
}

// otherStreams are answers of n events, and what their usage says was written.
var otherStreams = map[llm.Format]func(n int) string{
	llm.Responses: responsesStream, llm.Converse: converseStream, llm.Gemini: geminiStream,
}

func responsesStream(n int) string {
	var b strings.Builder
	seq := 0
	put := func(kind, rest string) {
		fmt.Fprintf(&b, "event: %s\ndata: {\"type\":%q,\"sequence_number\":%d,%s}\n\n", kind, kind, seq, rest)
		seq++
	}
	response := func(status, output, usage string) string {
		return fmt.Sprintf(`"response":{"id":"resp_1","object":"response","created_at":1764000000,"status":%q,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"gpt-5.1","output":[%s],"parallel_tool_calls":true,"previous_response_id":null,"store":true,"usage":%s}`, status, output, usage)
	}
	part := func(text string) string {
		return fmt.Sprintf(`{"type":"output_text","annotations":[],"logprobs":[],"text":%q}`, text)
	}
	item := func(status, content string) string {
		return fmt.Sprintf(`{"id":"msg_1","type":"message","status":%q,"content":[%s],"role":"assistant"}`, status, content)
	}
	const place = `"item_id":"msg_1","output_index":0,"content_index":0,`
	put("response.created", response("in_progress", "", "null"))
	put("response.in_progress", response("in_progress", "", "null"))
	put("response.output_item.added", `"output_index":0,"item":`+item("in_progress", ""))
	put("response.content_part.added", place+`"part":`+part(""))
	var text strings.Builder
	for i := range n - 8 {
		fmt.Fprintf(&text, " word%d", i)
		put("response.output_text.delta", place+fmt.Sprintf(`"delta":" word%d","logprobs":[],"obfuscation":"PrD7L1olzdTEz"`, i))
	}
	done := item("completed", part(text.String()))
	put("response.output_text.done", place+fmt.Sprintf(`"text":%q,"logprobs":[]`, text.String()))
	put("response.content_part.done", place+`"part":`+part(text.String()))
	put("response.output_item.done", `"output_index":0,"item":`+done)
	put("response.completed", response("completed", done, `{"input_tokens":37,"input_tokens_details":{"cached_tokens":10},"output_tokens":500,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":537}`))
	return b.String()
}

func converseStream(n int) string {
	const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var b []byte
	put := func(name, members string) {
		b = eventstream.Append(b, name, fmt.Appendf(nil, `{%s,"p":%q}`, members, padding[:len(b)%len(padding)]))
	}
	put("messageStart", `"role":"assistant"`)
	for i := range n - 4 {
		put("contentBlockDelta", fmt.Sprintf(`"contentBlockIndex":0,"delta":{"text":" word%d"}`, i))
	}
	put("contentBlockStop", `"contentBlockIndex":0`)
	put("messageStop", `"stopReason":"end_turn"`)
	put("metadata", `"metrics":{"latencyMs":7},"usage":{"inputTokens":37,"outputTokens":500,"totalTokens":537}`)
	return string(b)
}

func geminiStream(n int) string {
	var b strings.Builder
	for i := range n {
		stop, out := "", i/2
		if i == n-1 {
			stop, out = `"finishReason": "STOP",`, 500
		}
		fmt.Fprintf(&b, `data: {"candidates": [{"content": {"parts": [{"text": " word%d"}],"role": "model"},%s"index": 0}],"usageMetadata": {"promptTokenCount": 37,"candidatesTokenCount": %d,"totalTokenCount": %d,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 37}]},"modelVersion": "gemini-2.5-flash","responseId": "StkEarfIJY6_qtsP9tjeuQs"}`+"\r\n\r\n", i, stop, out, 37+out)
	}
	return b.String()
}

func BenchmarkScanAndEditOthers(b *testing.B) {
	for _, f := range []llm.Format{llm.Responses, llm.Converse, llm.Gemini} {
		for _, kb := range []int{4, 200} {
			b.Run(fmt.Sprintf("%s/%dKB", f, kb), func(b *testing.B) {
				c := all.Codec(f)
				body, head := requestIn(f, kb<<10)
				dst := make([]byte, 0, len(body)+1024)
				t := &wire.Target{Format: f, Upstream: "upstream-name", OutputCap: 500}
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				defer cpu(b)()
				for b.Loop() {
					s, err := c.Scan(body, head)
					if err != nil {
						b.Fatal(err)
					}
					if dst, err = c.Edit(dst[:0], body, s, t); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkFramesPassOthers1000(b *testing.B) {
	for _, f := range []llm.Format{llm.Responses, llm.Converse, llm.Gemini} {
		for _, model := range []string{"", "smart"} {
			b.Run(fmt.Sprintf("%s/model=%s", f, model), func(b *testing.B) {
				c, text := all.Codec(f), otherStreams[f](1000)
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				defer cpu(b)()
				for b.Loop() {
					s := c.Frames(&drip{text, 1200}, nil, wire.FrameOptions{Model: model, HideUsage: true})
					for {
						if _, err := s.Next(); err == io.EOF {
							break
						} else if err != nil {
							b.Fatal(err)
						}
					}
					if n := s.Progress().Usage.Tokens[llm.TokOutput]; n != 500 {
						b.Fatalf("%d tokens were counted", n)
					}
				}
			})
		}
	}
}

func BenchmarkTranslateOthers1000(b *testing.B) {
	streams := map[llm.Format]func(int) string{llm.Chat: chatStream, llm.Messages: messagesStream}
	for f, s := range otherStreams {
		streams[f] = s
	}
	for _, d := range [][2]llm.Format{
		{llm.Chat, llm.Responses}, {llm.Gemini, llm.Chat}, {llm.Converse, llm.Messages},
		{llm.Responses, llm.Gemini}, {llm.Messages, llm.Converse},
	} {
		b.Run(fmt.Sprintf("%s-to-%s", d[0], d[1]), func(b *testing.B) {
			from, to, text := all.Codec(d[0]), all.Codec(d[1]), streams[d[0]](1000)
			b.ReportAllocs()
			var dst []byte
			defer cpu(b)()
			for b.Loop() {
				s := from.Frames(&drip{text, 1200}, nil, wire.FrameOptions{Events: true})
				w := to.Writer(&wire.Answer{ID: "x", Model: "smart", StreamUsage: true})
				for {
					f, err := s.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					dst = w.Write(dst[:0], f.Events)
				}
			}
		})
	}
}

func BenchmarkTranslateRequestOthers4KB(b *testing.B) {
	for _, d := range [][2]llm.Format{
		{llm.Responses, llm.Chat}, {llm.Chat, llm.Responses}, {llm.Gemini, llm.Responses},
		{llm.Chat, llm.Gemini}, {llm.Converse, llm.Messages}, {llm.Messages, llm.Converse},
	} {
		b.Run(fmt.Sprintf("%s-to-%s", d[0], d[1]), func(b *testing.B) {
			var body []byte
			var head *wire.Head
			switch d[0] {
			case llm.Chat:
				body = chatRequest(4 << 10)
			case llm.Messages:
				body = messagesRequest(4 << 10)
			default:
				body, head = requestIn(d[0], 4<<10)
			}
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				r, err := all.Codec(d[0]).DecodeRequest(body, head)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := all.Codec(d[1]).EncodeRequest(r, &wire.Target{Upstream: "smart"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
