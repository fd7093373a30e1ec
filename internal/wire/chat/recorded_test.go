package chat_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// dialectOf is the dialect of a recording's provider.
func dialectOf(provider string) *wire.Dialect {
	name := strings.TrimSuffix(provider, "-gateway")
	switch name {
	case "google":
		name = "google-openai"
	case "openai-compatible-local":
		name = "vllm"
	}
	if d, ok := wire.DialectByName(name); ok {
		return d
	}
	return &wire.Dialect{Name: "other"}
}

func TestRecordedRequestsSurviveDecodingAndEncoding(t *testing.T) {
	equal := 0
	for _, x := range wiretest.Recorded(t, "chat") {
		if x.Request == nil || len(x.Request.Body) == 0 || x.Response.Status != 200 {
			continue
		}
		body := []byte(x.Request.Body)
		if m := gjson.GetBytes(body, "model"); m.String() == "" {
			continue // Azure: the deployment stands in the path
		}
		s, err := chat.Codec{}.Scan(body, nil)
		if err != nil {
			t.Errorf("%s: scan: %v", x.ID, err)
			continue
		}
		r, err := chat.Codec{}.DecodeRequest(body, nil)
		if err != nil {
			t.Errorf("%s: decode: %v", x.ID, err)
			continue
		}
		if s.Model != r.Model || s.Stream != r.Stream || s.MaxOutput != r.MaxOutput || s.Tools != len(r.Tools) || s.Messages != len(r.Messages) {
			t.Errorf("%s: scan %+v and request differ", x.ID, s.Facts)
		}
		d := dialectOf(x.Provider)
		again, losses, err := chat.Codec{}.EncodeRequest(r, &wire.Target{Format: llm.Chat, Dialect: withReasoning(d)})
		if err != nil || len(losses) > 0 {
			t.Errorf("%s: encode: %v %v", x.ID, err, losses)
			continue
		}
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if diff := wiretest.Diff(sameRequest(want), sameRequest(got)); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d requests equal", equal)
}

// withReasoning lets every vendor carry what any vendor does, so that the test
// sees the codec and not the vendor.
func withReasoning(d *wire.Dialect) *wire.Dialect {
	c := *d
	c.CacheMarks, c.ToolIDLength = true, 0
	c.ReasoningNames = []string{"reasoning"}
	return &c
}

func TestRecordedAnswersSurviveDecodingAndEncoding(t *testing.T) {
	equal, failures := 0, 0
	for _, x := range wiretest.Recorded(t, "chat") {
		if len(x.Response.Body) == 0 {
			continue
		}
		body := []byte(x.Response.Body)
		if x.Response.Status >= 400 {
			e := chat.Codec{}.DecodeError(x.Response.Status, nil, body, nil)
			if e.Message == "" || e.Class == "" || e.Class == llm.ServerError {
				t.Errorf("%s: error not understood: %+v", x.ID, e)
			}
			failures++
			continue
		}
		r, err := chat.Codec{}.DecodeResponse(body, dialectOf(x.Provider))
		if err != nil {
			if !bytes.Contains(body, []byte(`"error"`)) {
				t.Errorf("%s: %v\n%.300s", x.ID, err, body)
			}
			continue
		}
		again := chat.Codec{}.EncodeResponse(r, nil)
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if diff := wiretest.Diff(sameAnswer(want), sameAnswer(got)); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d answers equal, %d errors understood", equal, failures)
}

func TestRecordedStreamsPassAsTheyCameAndAddUp(t *testing.T) {
	whole, failed := 0, 0
	for _, x := range wiretest.Recorded(t, "chat") {
		text := x.Response.BodyText
		if text == "" || x.Response.Status != 200 || !strings.Contains(text, "data:") {
			continue
		}
		d := dialectOf(x.Provider)
		passed := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(text), d, wire.FrameOptions{}))
		if passed.Err != nil {
			if !strings.Contains(text, `"error":{`) {
				t.Errorf("%s (%s): %v", x.ID, x.Provider, passed.Err)
			}
			failed++
			continue
		}
		want := text
		if !strings.Contains(text, "[DONE]") {
			want += "data: [DONE]\n\n" // made up where the vendor has none
		}
		if !strings.HasSuffix(want, "\n\n") && !strings.HasSuffix(want, "\r\n") {
			want = strings.TrimRight(want, "\n") + "\n\n" // a client would wait for the blank line
		}
		if string(passed.Bytes) != want {
			t.Errorf("%s: the bytes changed", x.ID)
		}
		slow := wiretest.Drain(chat.Codec{}.Frames(iotest.OneByteReader(strings.NewReader(text)), d, wire.FrameOptions{Events: true}))
		if slow.Err != nil || slow.Progress != passed.Progress {
			t.Errorf("%s: scan and events differ:\n%+v\n%+v %v", x.ID, passed.Progress, slow.Progress, slow.Err)
		}
		var a llm.Assembler
		a.Add(slow.Events...)
		r := a.Response()
		if !a.Done() || r.Usage != passed.Progress.Usage || r.Stop == llm.StopUnstated && passed.Progress.Stopped {
			t.Errorf("%s: assembled %+v, progress %+v", x.ID, r, passed.Progress)
		}
		content, thinking, calls := plainly(text)
		gotContent, gotThinking, gotCalls := partsOf(r.Parts)
		if content != gotContent || thinking != gotThinking || calls != gotCalls {
			t.Errorf("%s:\n want %q %q %q\n got  %q %q %q", x.ID, content, thinking, calls, gotContent, gotThinking, gotCalls)
		}
		whole++
	}
	t.Logf("%d streams whole, %d carry an error", whole, failed)
}
