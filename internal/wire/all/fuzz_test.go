package all_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// seed adds the hand-made exchanges.
func seed(f *testing.F, folder, ext string) {
	f.Helper()
	for i, c := range generating() {
		paths, err := filepath.Glob(filepath.Join("testdata", folder, "*."+string(c.Format())+ext))
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			text, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), text)
		}
	}
}

// nth is one of the codecs, whatever the number.
func nth(n uint8) wire.Codec {
	list := generating()
	return list[int(n)%len(list)]
}

func FuzzDecodeRequest(f *testing.F) {
	seed(f, "requests", ".json")
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c := nth(which)
		r, err := c.DecodeRequest(body, madeUp(c.Format()))
		if err != nil {
			return
		}
		for _, to := range generating() {
			tgt := &wire.Target{Format: to.Format(), LossyOK: true}
			once, _, err := to.EncodeRequest(r, tgt)
			if err != nil {
				continue // no room for thinking
			}
			if !json.Valid(once) {
				t.Fatalf("to %s: no JSON: %s", to.Format(), once)
			}
			r2, err := to.DecodeRequest(once, around(to.Format(), r))
			if err != nil {
				t.Fatalf("to %s: %v in %s", to.Format(), err, once)
			}
			twice, _, err := to.EncodeRequest(r2, tgt)
			if err != nil {
				continue
			}
			r3, err := to.DecodeRequest(twice, around(to.Format(), r))
			if err != nil {
				t.Fatalf("to %s: %v in %s", to.Format(), err, twice)
			}
			thrice, _, err := to.EncodeRequest(r3, tgt)
			if err != nil || !bytes.Equal(twice, thrice) {
				t.Fatalf("to %s: not stable:\n%s\n%s\n%s", to.Format(), once, twice, thrice)
			}
		}
	})
}

func FuzzScanAndEdit(f *testing.F) {
	seed(f, "requests", ".json")
	f.Add(uint8(0), []byte(`{"model":"a","mod\u0065l":"b","messages":[]}`))
	f.Add(uint8(0), []byte(` {"messages":[],"stream":true,"stream_options":{ },"max_tokens":null,"model":"a" } `))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c := nth(which)
		s, err := c.Scan(body, madeUp(c.Format()))
		if err != nil {
			return
		}
		view := struct{ Model string }{}
		if err := json.Unmarshal(body, &view); err != nil || view.Model != s.Model && !inAddress(c.Format()) {
			t.Fatalf("another reader sees model %q and %v, we %q", view.Model, err, s.Model)
		}
		same, err := c.Edit(nil, body, s, &wire.Target{})
		if err != nil || !bytes.Equal(same, body) && (!s.Stream || s.StreamUsage) {
			t.Fatalf("no edit changed the bytes: %v\n%s\n%s", err, body, same)
		}
		tgt := &wire.Target{Upstream: "new \"model\"", OutputCap: 77777, Dialect: &wire.Dialect{OutputCapName: "max_tokens"}}
		out, err := c.Edit([]byte("x"), body, s, tgt)
		if err != nil {
			return
		}
		after, err := c.Scan(out[1:], madeUp(c.Format()))
		if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if after.Model != tgt.Upstream && !inAddress(c.Format()) || after.MaxOutput != tgt.OutputCap || after.Stream && !after.StreamUsage {
			t.Fatalf("the edit is not there: %+v in %s", after.Facts, out)
		}
		if after.Messages != s.Messages || after.Tools != s.Tools || after.TextBytes != s.TextBytes {
			t.Fatalf("the edit changed more: %s", out)
		}
	})
}

func FuzzFrames(f *testing.F) {
	seed(f, "streams", ".sse")
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		c := nth(which)
		passed := wiretest.Drain(c.Frames(bytes.NewReader(text), inSSE, wire.FrameOptions{}))
		slow := wiretest.Drain(c.Frames(&drip{string(text), 3}, inSSE, wire.FrameOptions{}))
		if !bytes.Equal(passed.Bytes, slow.Bytes) || passed.Progress != slow.Progress {
			t.Fatalf("the cut of the bytes matters:\n%q %+v\n%q %+v", passed.Bytes, passed.Progress, slow.Bytes, slow.Progress)
		}
		events := wiretest.Drain(c.Frames(bytes.NewReader(text), inSSE, wire.FrameOptions{Events: true}))
		if events.Progress != passed.Progress || (events.Err == nil) != (passed.Err == nil) {
			t.Fatalf("scan and events differ:\n%+v %v\n%+v %v", passed.Progress, passed.Err, events.Progress, events.Err)
		}
		for _, to := range generating() {
			w := to.Writer(&wire.Answer{ID: "x", Model: "m", StreamUsage: true})
			out := w.Write(nil, events.Events)
			if events.Err != nil {
				continue
			}
			back := wiretest.Drain(to.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
			if back.Err != nil && !strings.Contains(back.Err.Error(), "finish_reason") && events.Progress.Stopped {
				t.Fatalf("to %s: %v in %s", to.Format(), back.Err, out)
			}
			if back.Progress.Malformed > 0 {
				t.Fatalf("to %s: malformed: %s", to.Format(), out)
			}
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add(uint8(0), []byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":1,"completion_tokens":2.5,"cost":0.1}}`))
	f.Add(uint8(1), []byte(`{"id":"m","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"x"},{"type":"server_tool_use","id":"s","name":"w","input":{}}],"stop_reason":"end_turn","usage":{"input_tokens":1,"cache_creation":{"ephemeral_1h_input_tokens":4},"iterations":[{"type":"compaction","input_tokens":9}]}}`))
	f.Add(uint8(0), []byte(`{"error":{"message":"no","code":429}}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c := nth(which)
		r, err := c.DecodeResponse(body, nil)
		if err != nil {
			return
		}
		for i, n := range r.Usage.Tokens {
			if n < 0 {
				t.Fatalf("negative count of %s", llm.TokenClass(i))
			}
		}
		for _, to := range generating() {
			once := to.EncodeResponse(r, nil)
			if !json.Valid(once) {
				t.Fatalf("to %s: no JSON: %s", to.Format(), once)
			}
			r2, err := to.DecodeResponse(once, nil)
			if err != nil {
				t.Fatalf("to %s: %v in %s", to.Format(), err, once)
			}
			if twice := to.EncodeResponse(r2, nil); !bytes.Equal(to.EncodeResponse(must(to.DecodeResponse(twice, nil)), nil), twice) {
				t.Fatalf("to %s: not stable:\n%s\n%s", to.Format(), once, twice)
			}
		}
	})
}

func must(r *llm.Response, err error) *llm.Response {
	if err != nil {
		panic(err)
	}
	return r
}

func FuzzDecodeError(f *testing.F) {
	f.Add(uint8(0), []byte(`{"error":{"message":"x","type":"y","code":429,"metadata":{"raw":"z"}}}`))
	f.Add(uint8(1), []byte(`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`))
	f.Add(uint8(0), []byte(`<html>502</html>`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		for _, status := range []int{200, 400, 429, 500} {
			e := nth(which).DecodeError(status, nil, body, nil)
			if e.Class == "" || e.Blame == "" || e.Billed == "" || e.Message == "" {
				t.Fatalf("%d %q: %+v", status, body, e)
			}
			if _, out := nth(which + 1).EncodeError(e); !json.Valid(out) {
				t.Fatalf("no JSON: %s", out)
			}
		}
	})
}
