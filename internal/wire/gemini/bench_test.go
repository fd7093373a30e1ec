package gemini_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// sized is a request of about so many bytes: a system text, tools and a long history.
func sized(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"systemInstruction":{"parts":[{"text":"` + strings.Repeat("Be brief. ", n/100) + `"}]},"tools":[{"functionDeclarations":[`)
	b.WriteString(`{"name":"read","description":"reads","parametersJsonSchema":{"type":"object","properties":{"path":{"type":"string"}}}}]}],"contents":[`)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"role":"user","parts":[{"text":"%s"}]},{"role":"model","parts":[{"functionCall":{"name":"read","args":{"path":"/a/%d"}},"thoughtSignature":"%s"}]},`, strings.Repeat("word ", 80), i, strings.Repeat("CiQB", 40))
	}
	b.WriteString(`{"role":"user","parts":[{"text":"go"}]}],"generationConfig":{"maxOutputTokens":1000}}`)
	return []byte(b.String())
}

func BenchmarkScanAndEdit(b *testing.B) {
	for _, n := range []int{4 << 10, 200 << 10} {
		body := sized(n)
		b.Run(fmt.Sprintf("%dKB", n>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var dst []byte
			t := &wire.Target{Upstream: "gemini-2.5-pro", OutputCap: 500}
			for b.Loop() {
				s, err := gemini.Codec{}.Scan(body, address)
				if err != nil {
					b.Fatal(err)
				}
				dst, _ = gemini.Codec{}.Edit(dst[:0], body, s, t)
			}
		})
	}
}

// streamed are a thousand chunks, as the Gemini API sends them: counts on each.
func streamed(n int) string {
	var b strings.Builder
	for i := range n {
		stop := ""
		if i == n-1 {
			stop = `"finishReason": "STOP",`
		}
		fmt.Fprintf(&b, "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"word %d \"}],\"role\": \"model\"},%s\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 277,\"candidatesTokenCount\": %d,\"totalTokenCount\": %d,\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": 277}]},\"modelVersion\": \"gemini-2.5-flash\",\"responseId\": \"StkEarfIJY6_qtsP9tjeuQs\"}\r\n\r\n", i, stop, i, 277+i)
	}
	return b.String()
}

func BenchmarkPass1000Chunks(b *testing.B) {
	text := streamed(1000)
	for _, x := range []struct {
		name string
		o    wire.FrameOptions
	}{{"pass", wire.FrameOptions{}}, {"rename", wire.FrameOptions{Model: "smart"}}, {"events", wire.FrameOptions{Events: true}}} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := gemini.Codec{}.Frames(strings.NewReader(text), nil, x.o)
				for {
					if _, err := s.Next(); err != nil {
						break
					}
				}
				if s.Progress().Usage.Tokens[llm.TokOutput] != 999 {
					b.Fatal("usage")
				}
			}
		})
	}
}

func BenchmarkWrite1000Events(b *testing.B) {
	d := wiretest.Drain(gemini.Codec{}.Frames(strings.NewReader(streamed(1000)), nil, wire.FrameOptions{Events: true}))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		w := gemini.Codec{}.Writer(&wire.Answer{ID: "i", Model: "smart"})
		dst = w.Write(dst[:0], d.Events)
	}
}
