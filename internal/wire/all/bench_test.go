package all_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// chatRequest is a plausible request of about n bytes: system text, turns with
// quotes and line breaks in them, and two tools.
func chatRequest(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"smart","stream":true,"temperature":0.2,"tools":[{"type":"function","function":{"name":"read_report","description":"Reads one report.","parameters":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}},{"type":"function","function":{"name":"query","description":"Runs one query.","parameters":{"type":"object","properties":{"sql":{"type":"string"}}}}}],"messages":[{"role":"system","content":"You read company reports."}`)
	for i := 0; b.Len() < n-300; i++ {
		fmt.Fprintf(&b, `,{"role":"user","content":"Turn %d: what does the report say about \"net sales\" and about costs?\nAnswer in one line, with the page, and say so where the report is silent."},{"role":"assistant","content":"Page %d: net sales grew by 4.2 percent; costs are not stated."}`, i, i)
	}
	b.WriteString(`,{"role":"user","content":"And what follows from that?"}],"max_tokens":800}`)
	return b.Bytes()
}

func messagesRequest(n int) []byte {
	r, err := all.Codec(llm.Chat).DecodeRequest(chatRequest(n), nil)
	if err != nil {
		panic(err)
	}
	out, _, err := all.Codec(llm.Messages).EncodeRequest(r, &wire.Target{})
	if err != nil {
		panic(err)
	}
	return out
}

func chatStream(n int) string {
	var b strings.Builder
	b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-5.1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n")
	for i := range n - 4 {
		fmt.Fprintf(&b, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-5.1","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abcdef"}`+"\n\n", i)
	}
	b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-5.1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n")
	b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-5.1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}` + "\n\n")
	b.WriteString("data: [DONE]\n\n")
	return b.String()
}

func messagesStream(n int) string {
	var b strings.Builder
	b.WriteString("event: message_start\n" + `data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}}` + "\n\n")
	b.WriteString("event: content_block_start\n" + `data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n")
	for i := range n - 5 {
		fmt.Fprintf(&b, "event: content_block_delta\n"+`data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word%d"}}`+"\n\n", i)
	}
	b.WriteString("event: content_block_stop\n" + `data: {"type":"content_block_stop","index":0}` + "\n\n")
	b.WriteString("event: message_delta\n" + `data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":500}}` + "\n\n")
	b.WriteString("event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n")
	return b.String()
}

func BenchmarkScanAndEdit(b *testing.B) {
	for _, f := range []struct {
		format llm.Format
		make   func(int) []byte
	}{{llm.Chat, chatRequest}, {llm.Messages, messagesRequest}} {
		for _, kb := range []int{4, 200} {
			b.Run(fmt.Sprintf("%s/%dKB", f.format, kb), func(b *testing.B) {
				c, body := all.Codec(f.format), f.make(kb<<10)
				dst := make([]byte, 0, len(body)+1024)
				t := &wire.Target{Format: f.format, Upstream: "upstream-name", OutputCap: 500}
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				defer cpu(b)()
				for b.Loop() {
					s, err := c.Scan(body, nil)
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

// drip gives a stream in pieces of the size of a network read.
type drip struct {
	s string
	n int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.s == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), d.n)], d.s)
	d.s = d.s[n:]
	return n, nil
}

func BenchmarkFramesPass1000(b *testing.B) {
	streams := map[llm.Format]string{llm.Chat: chatStream(1000), llm.Messages: messagesStream(1000)}
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		for _, model := range []string{"", "smart"} {
			b.Run(fmt.Sprintf("%s/model=%s", f, model), func(b *testing.B) {
				c, text := all.Codec(f), streams[f]
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
				}
			})
		}
	}
}

func BenchmarkTranslate1000(b *testing.B) {
	streams := map[llm.Format]string{llm.Chat: chatStream(1000), llm.Messages: messagesStream(1000)}
	for _, d := range [][2]llm.Format{{llm.Chat, llm.Messages}, {llm.Messages, llm.Chat}} {
		b.Run(fmt.Sprintf("%s-to-%s", d[0], d[1]), func(b *testing.B) {
			from, to, text := all.Codec(d[0]), all.Codec(d[1]), streams[d[0]]
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

func BenchmarkTranslateRequest4KB(b *testing.B) {
	body := chatRequest(4 << 10)
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		r, err := all.Codec(llm.Chat).DecodeRequest(body, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := all.Codec(llm.Messages).EncodeRequest(r, &wire.Target{}); err != nil {
			b.Fatal(err)
		}
	}
}
