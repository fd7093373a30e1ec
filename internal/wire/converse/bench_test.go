package converse_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/eventstream"
)

// request is a plausible request of about n bytes: system text, two tools, and turns
// with quotes and line breaks in them.
func request(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"system":[{"text":"You read company reports."}],"inferenceConfig":{"temperature":0.2,"maxTokens":800},"toolConfig":{"tools":[{"toolSpec":{"name":"read_report","description":"Reads one report.","inputSchema":{"json":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}}},{"toolSpec":{"name":"query","description":"Runs one query.","inputSchema":{"json":{"type":"object","properties":{"sql":{"type":"string"}}}}}}]},"messages":[{"role":"user","content":[{"text":"Begin."}]}`)
	for i := 0; b.Len() < n-300; i++ {
		fmt.Fprintf(&b, `,{"role":"assistant","content":[{"text":"Page %d: net sales grew by 4.2 percent; costs are not stated."}]},{"role":"user","content":[{"text":"Turn %d: what does the report say about \"net sales\" and about costs?\nAnswer in one line, with the page, and say so where the report is silent."}]}`, i, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkScanAndEdit(b *testing.B) {
	for _, kb := range []int{4, 200} {
		b.Run(fmt.Sprintf("%dKB", kb), func(b *testing.B) {
			body := request(kb << 10)
			dst := make([]byte, 0, len(body)+1024)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				s, err := converse.Codec{}.Scan(body, at)
				if err != nil {
					b.Fatal(err)
				}
				if dst, err = (converse.Codec{}).Edit(dst[:0], body, s, &wire.Target{Upstream: "up", OutputCap: 500}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// answer is a stream of n events, padded as Bedrock pads them.
func answer(n int) []byte {
	const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := []byte(start)
	for i := range n - 4 {
		b = eventstream.Append(b, "contentBlockDelta", fmt.Appendf(nil, `{"contentBlockIndex":0,"delta":{"text":" word%d"},"p":%q}`, i, padding[:i*7%len(padding)]))
	}
	return append(b, shut+stop+usage...)
}

// drip gives a stream in pieces of the size of a network read.
type drip struct{ text []byte }

func (d *drip) Read(p []byte) (int, error) {
	if len(d.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1200)], d.text)
	d.text = d.text[n:]
	return n, nil
}

func BenchmarkFramesPass1000(b *testing.B) {
	text := answer(1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := converse.Codec{}.Frames(&drip{text}, nil, wire.FrameOptions{Model: "smart"})
		for {
			if _, err := s.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkReadAndWrite1000(b *testing.B) {
	text := answer(1000)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		s := converse.Codec{}.Frames(&drip{text}, nil, wire.FrameOptions{Events: true})
		w := converse.Codec{}.Writer(nil)
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
}

func BenchmarkTranslateRequest4KB(b *testing.B) {
	body := request(4 << 10)
	b.ReportAllocs()
	for b.Loop() {
		r, err := converse.Codec{}.DecodeRequest(body, at)
		if err != nil {
			b.Fatal(err)
		}
		r.From = llm.Messages
		if _, _, err := (converse.Codec{}).EncodeRequest(r, &wire.Target{Upstream: claude}); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleCodec() {
	body := []byte(`{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}`)
	c := converse.Codec{}
	s, err := c.Scan(body, &wire.Head{Model: "smart"})
	if err != nil {
		return
	}
	body, err = c.Edit(nil, body, s, &wire.Target{OutputCap: 100})
	fmt.Println(string(body), err)
	// Output: {"messages":[{"role":"user","content":[{"text":"Hello"}]}],"inferenceConfig":{"maxTokens":100}} <nil>
}
