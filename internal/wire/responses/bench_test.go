package responses_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
)

// aRequest is a plausible request of about n bytes: instructions, turns with quotes
// and line breaks in them, calls and their outputs, encrypted reasoning, two tools.
func aRequest(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"smart","stream":true,"store":false,"include":["reasoning.encrypted_content"],"instructions":"You read company reports.","tools":[{"type":"function","name":"read_report","description":"Reads one report.","strict":true,"parameters":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}}],"input":[{"role":"user","content":"Hello"}`)
	for i := 0; b.Len() < n-600; i++ {
		fmt.Fprintf(&b, `,{"type":"message","role":"user","content":[{"type":"input_text","text":"Turn %d: what does the report say about \"net sales\" and about costs?\nAnswer in one line."}]},{"type":"reasoning","id":"rs_%d","summary":[],"encrypted_content":"gAAAAABpzfWE_k5OtOa3sTEbupueyuGGrezu8qQwIs0tBzhGnuGHf4CETdD8c1lm0sAkbJey8wy5XgwD"},{"type":"function_call","id":"fc_%d","call_id":"call_%d","name":"read_report","arguments":"{\"name\":\"Apple\"}","status":"completed"},{"type":"function_call_output","call_id":"call_%d","output":"Page %d: net sales grew by 4.2 percent."}`, i, i, i, i, i, i)
	}
	b.WriteString(`],"max_output_tokens":800}`)
	return b.Bytes()
}

// aStream is an answer of n events, as OpenAI sends them.
func aStream(n int) string {
	var b strings.Builder
	put := func(kind, rest string) {
		fmt.Fprintf(&b, "event: %s\ndata: {\"type\":%q,%s}\n\n", kind, kind, rest)
	}
	response := `"response":{"id":"resp_1","object":"response","created_at":1764000000,"status":"in_progress","error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"gpt-5.1","output":[],"parallel_tool_calls":true,"previous_response_id":null,"store":true,"usage":null}`
	put("response.created", `"sequence_number":0,`+response)
	put("response.in_progress", `"sequence_number":1,`+response)
	put("response.output_item.added", `"sequence_number":2,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","content":[],"role":"assistant"}`)
	put("response.content_part.added", `"sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}`)
	var text strings.Builder
	for i := range n - 8 {
		fmt.Fprintf(&text, " word%d", i)
		put("response.output_text.delta", fmt.Sprintf(`"sequence_number":%d,"item_id":"msg_02cbfd68e4ae57b500695cb5baff7c8195976581ed7c4d5108","output_index":0,"content_index":0,"delta":" word%d","logprobs":[],"obfuscation":"PrD7L1olzdTEz"`, i+4, i))
	}
	part := fmt.Sprintf(`{"type":"output_text","annotations":[],"logprobs":[],"text":%q}`, text.String())
	item := `{"id":"msg_1","type":"message","status":"completed","content":[` + part + `],"role":"assistant"}`
	put("response.output_text.done", fmt.Sprintf(`"sequence_number":%d,"item_id":"msg_1","output_index":0,"content_index":0,"text":%q,"logprobs":[]`, n-4, text.String()))
	put("response.content_part.done", fmt.Sprintf(`"sequence_number":%d,"item_id":"msg_1","output_index":0,"content_index":0,"part":%s`, n-3, part))
	put("response.output_item.done", fmt.Sprintf(`"sequence_number":%d,"output_index":0,"item":%s`, n-2, item))
	put("response.completed", fmt.Sprintf(`"sequence_number":%d,"response":{"id":"resp_1","object":"response","created_at":1764000000,"status":"completed","model":"gpt-5.1","output":[%s],"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":10},"output_tokens":500,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":537}}`, n-1, item))
	return b.String()
}

func BenchmarkScanAndEdit(b *testing.B) {
	for _, kb := range []int{4, 200} {
		b.Run(fmt.Sprintf("%dKB", kb), func(b *testing.B) {
			c, body := responses.Codec{}, aRequest(kb<<10)
			dst := make([]byte, 0, len(body)+1024)
			t := &wire.Target{Upstream: "upstream-name", OutputCap: 500}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
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

func BenchmarkFrames1000(b *testing.B) {
	text := aStream(1000)
	for _, o := range []struct {
		name string
		wire.FrameOptions
	}{{"pass", wire.FrameOptions{}}, {"rename", wire.FrameOptions{Model: "smart"}}, {"events", wire.FrameOptions{Events: true}}} {
		b.Run(o.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := responses.Codec{}.Frames(&drip{text, 1200}, nil, o.FrameOptions)
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

func BenchmarkTranslate(b *testing.B) {
	b.Run("decode200KB", func(b *testing.B) {
		body := aRequest(200 << 10)
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := (responses.Codec{}).DecodeRequest(body, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write1000", func(b *testing.B) {
		events := drained(b, aStream(1000), wire.FrameOptions{Events: true}).Events
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			w := responses.Codec{}.Writer(&wire.Answer{ID: "resp_1", Model: "smart"})
			for i := range events {
				dst = w.Write(dst[:0], events[i:i+1])
			}
		}
	})
}
