package gemini_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

var seeds = []string{
	`{` + turn + `}`, `{"generateContentRequest":{"model":"models/x",` + turn + `}}`,
	`{"contents":{"parts":{"text":"hi"}},"system_instruction":{"parts":[{"text":"x"}]},"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}],"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}`,
	`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2tlaW4xLmFudGhyb3BpYy5zLi5FcVFC"},{"text":"t","thought":true}]},{"parts":[{"functionResponse":{"name":"f","response":{"output":"x","output_2":"y"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}]}],"generationConfig":{"responseSchema":{"type":"STRING","nullable":true},"thinkingConfig":{"thinkingBudget":-1}}}`,
	hello, finish, late, `{"promptFeedback":{"blockReason":"SAFETY"}}`, `{"totalTokens":9,"promptTokensDetails":[{"modality":1,"tokenCount":9}]}`,
}

// FuzzRequest: whatever is scanned and decoded neither panics nor changes when it is
// decoded again from what it was written as.
func FuzzRequest(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range []wire.Codec{gemini.Codec{}, gemini.Count{}} {
			s, err := c.Scan(body, address)
			if err == nil {
				if _, err := c.Edit(nil, body, s, &wire.Target{Upstream: "up", OutputCap: 9}); err != nil {
					t.Fatal(err)
				}
			}
			r, err := c.DecodeRequest(body, address)
			if err != nil {
				if e := (*llm.Error)(nil); !errors.As(err, &e) {
					t.Fatalf("%T", err)
				}
				continue
			}
			r.Model = "up"
			once, _, err := c.EncodeRequest(r, &wire.Target{LossyOK: true})
			if err != nil {
				t.Fatal(err)
			}
			again, err := c.DecodeRequest(once, address)
			if err != nil {
				t.Fatalf("%s\nwas written as\n%s\n%v", body, once, err)
			}
			again.Model = "up"
			if twice, _, _ := c.EncodeRequest(again, &wire.Target{LossyOK: true}); !bytes.Equal(once, twice) {
				t.Fatalf("%s\nthen\n%s", once, twice)
			}
			r.From = llm.Chat // as another format's, it is written as well
			if other, _, err := c.EncodeRequest(r, &wire.Target{LossyOK: true, Upstream: "gemini-3-pro"}); err != nil {
				t.Fatal(err)
			} else if _, err := c.DecodeRequest(other, address); err != nil {
				t.Fatalf("%s: %v", other, err)
			}
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range []wire.Codec{gemini.Codec{}, gemini.Count{}} {
			c.DecodeError(400, nil, body, nil)
			c.Rename(nil, body, &wire.Answer{Model: "m"})
			r, err := c.DecodeResponse(body, nil)
			if err != nil {
				continue
			}
			once := c.EncodeResponse(r, nil)
			again, err := c.DecodeResponse(once, nil)
			if err != nil {
				t.Fatalf("%s\nwas written as\n%s\n%v", body, once, err)
			}
			if twice := c.EncodeResponse(again, nil); !bytes.Equal(once, twice) {
				t.Fatalf("%s\nthen\n%s", once, twice)
			}
		}
	})
}

// FuzzStream: whatever comes, and however it is cut, the events are the same, and the
// stream ends.
func FuzzStream(f *testing.F) {
	for _, s := range []string{sse(hello, there, finish), array(hello, finish), sse(hello) + `{"error":{"code":503}}`, "[", "data: {}\n\n"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, list bool) {
		d, framing := &wire.Dialect{}, wire.SSE
		if list {
			d.Framing, framing = wire.JSONArray, wire.JSONArray
		}
		read := func(r io.Reader, events bool) wiretest.Drained {
			return wiretest.Drain(gemini.Codec{}.Frames(r, d, wire.FrameOptions{Events: events, Model: "smart", Framing: framing}))
		}
		once := read(bytes.NewReader(text), true)
		cut := read(iotest.OneByteReader(bytes.NewReader(text)), true)
		if diff := cmp.Diff(once.Events, cut.Events); diff != "" || once.Progress != cut.Progress || (once.Err == nil) != (cut.Err == nil) {
			t.Fatalf("%v %v\n%s", once.Err, cut.Err, diff)
		}
		passed := read(bytes.NewReader(text), false)
		if (passed.Err == nil) != (once.Err == nil) {
			t.Fatalf("scanned %v, decoded %v", passed.Err, once.Err)
		}
		var a llm.Assembler
		a.Add(once.Events...)
		written(framing, once.Events)
		gemini.Codec{}.EncodeResponse(a.Response(), nil)
	})
}
