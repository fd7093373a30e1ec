package responses_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func FuzzRequest(f *testing.F) {
	agent, err := os.ReadFile("testdata/agent.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(agent)
	f.Add([]byte(`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"},{"type":"x"}]},{"role":"assistant","content":[]},{"type":"function_call","arguments":""}],"text":{"format":{"type":"json_schema"}},"conversation":{"id":"c"}}`))
	f.Add([]byte(`{"model":"m","input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom","name":"a"}]}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, scanErr := responses.Codec{}.Scan(body, nil)
		if scanErr == nil {
			edited, err := responses.Codec{}.Edit(nil, body, s, &wire.Target{Upstream: "up", OutputCap: 7, IDs: s.StateIDs})
			if err != nil {
				t.Fatal(err)
			}
			after, err := responses.Codec{}.Scan(edited, nil)
			if err != nil || after.Model != "up" || after.MaxOutput != 7 {
				t.Fatalf("edited: %v %s", err, edited)
			}
		}
		r, err := responses.Codec{}.DecodeRequest(body, nil)
		if err != nil || scanErr != nil {
			return // nothing is decoded that the scan refused
		}
		again, _, err := responses.Codec{}.EncodeRequest(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		once, err := wiretest.Value(again)
		if err != nil {
			t.Fatalf("%v in %s", err, again)
		}
		r2, err := responses.Codec{}.DecodeRequest(again, nil)
		if err != nil {
			t.Fatalf("%v in %s, from %s", err, again, body)
		}
		third, _, err := responses.Codec{}.EncodeRequest(r2, nil)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := wiretest.Value(third)
		if diff := wiretest.Diff(once, twice); err != nil || len(diff) > 0 {
			t.Fatalf("not stable: %v %s\n%s\n%s", err, strings.Join(diff, "\n"), again, third)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"id":"r","object":"response","created_at":1.5,"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[{"type":"url_citation","url":"u"}]}]},{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"skein1.google.n..x"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],"usage":{"input_tokens":1e3}}`))
	f.Add([]byte(`{"error":{"message":"x"},"output":[7]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := responses.Codec{}.DecodeResponse(body, nil)
		if err != nil {
			return
		}
		again := responses.Codec{}.EncodeResponse(r, nil)
		if _, err := wiretest.Value(again); err != nil {
			t.Fatalf("%v in %s", err, again)
		}
		responses.Codec{}.EncodeResponse(r, &wire.Answer{Model: "m", Request: body, Seal: strings.ToUpper})
		responses.Codec{}.Rename(nil, body, &wire.Answer{Model: "m", Seal: strings.ToUpper})
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(events(created, `{"type":"response.failed","response":{"error":{"code":"x"}}}`)))
	f.Add([]byte(events(`{"type":"response.function_call_arguments.delta","output_index":99999999,"delta":"x"}`, completed)))
	f.Fuzz(func(t *testing.T, text []byte) {
		seal := func(id string) string { return "s" + id }
		for _, o := range []wire.FrameOptions{{}, {Model: "m", Seal: seal}, {Events: true}} {
			a := wiretest.Drain(responses.Codec{}.Frames(bytes.NewReader(text), nil, o))
			b := wiretest.Drain(responses.Codec{}.Frames(iotest.OneByteReader(bytes.NewReader(text)), nil, o))
			if a.Progress != b.Progress || !bytes.Equal(a.Bytes, b.Bytes) || (a.Err == nil) != (b.Err == nil) {
				t.Fatalf("cut into bytes it is another stream:\n%+v %v\n%+v %v", a.Progress, a.Err, b.Progress, b.Err)
			}
			if d := cmp.Diff(a.Events, b.Events); d != "" {
				t.Fatal(d)
			}
			if o.Events {
				out := written(&wire.Answer{ID: "resp_1", Model: "m"}, a.Events)
				if a.Err == nil {
					if back := wiretest.Drain(responses.Codec{}.Frames(strings.NewReader(out), nil, wire.FrameOptions{})); back.Err != nil {
						t.Fatalf("%v in %s", back.Err, out)
					}
				}
			}
		}
	})
}

func FuzzError(f *testing.F) {
	f.Add(400, []byte(`{"error":{"message":"m","code":"c"}}`))
	f.Add(200, []byte(`{"code":"x","error":"y"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := responses.Codec{}.DecodeError(status, nil, body, nil)
		if e.Class == "" || e.Message == "" {
			t.Fatalf("%+v", e)
		}
		if _, b := (responses.Codec{}).EncodeError(e); len(b) == 0 {
			t.Fatal("no body")
		}
		responses.Codec{}.StreamError(e)
	})
}

func FuzzCount(f *testing.F) {
	f.Add([]byte(`{"object":"response.input_tokens","input_tokens":3}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := (responses.Count{}).DecodeResponse(body, nil); err == nil && r.Usage.Tokens[llm.TokInput] < 0 {
			t.Fatal("less than nothing")
		}
	})
}
