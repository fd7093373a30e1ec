package gemini_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
)

var told = llm.Response{ID: "resp", Model: "smart", Stop: llm.StopTools, Usage: usage(3, 2, 1), Parts: []llm.Part{
	{Kind: llm.Thinking, Text: "hm", Signature: "EqQB", Maker: llm.MakerAnthropic},
	{Kind: llm.Text, Text: "Hello"},
	{Kind: llm.ToolCall, ID: "t1", Name: "f", Arguments: []byte(`{"a":1}`), Signature: "CiQB", Maker: llm.MakerGoogle},
	{Kind: llm.ToolCall, ID: "t2", Name: "g", Arguments: []byte(`{}`)},
	{Kind: llm.Opaque, From: llm.Gemini, Raw: []byte(`{"executableCode":{"code":"1"}}`)},
}}

func written(framing wire.Framing, events []llm.Event) []byte {
	w := gemini.Codec{}.Writer(&wire.Answer{ID: "resp", Model: "smart", Framing: framing})
	return w.Write(nil, events)
}

func TestAWrittenStreamIsTheSameAnswerInEitherFraming(t *testing.T) {
	resp := told
	_, events, _ := both(&resp)
	for _, framing := range []wire.Framing{wire.Native, wire.SSE, wire.JSONArray} {
		out := written(framing, events)
		d := &wire.Dialect{Framing: framing}
		got := drain(string(out), d, wire.FrameOptions{Events: true, Framing: framing})
		r := assembled(got)
		// Thinking's state comes behind it, as a part of its own.
		if len(r.Parts) == 6 && r.Parts[1].Kind == llm.Thinking {
			r.Parts[0].Signature, r.Parts[0].Maker = r.Parts[1].Signature, r.Parts[1].Maker
			r.Parts = append(r.Parts[:1], r.Parts[2:]...)
		}
		if d := cmp.Diff(&told, r, cmpopts.EquateEmpty()); d != "" || got.Err != nil || got.Progress.Malformed > 0 {
			t.Errorf("%v: %v\n%s\n%s", framing, got.Err, d, out)
		}
	}
	out := string(written(wire.SSE, events))
	if n := strings.Count(out, "\n"); n != strings.Count(out, "\r\n") || !strings.HasSuffix(out, "\r\n\r\n") {
		t.Errorf("line ends of two kinds: %q", out)
	}
	if list := gjson.ParseBytes(written(wire.JSONArray, events)); !list.IsArray() || !gjson.Valid(list.Raw) {
		t.Errorf("%s", list.Raw)
	}
	chunks := chunksOf(out)
	for i, c := range chunks {
		if last := i == len(chunks)-1; last != c.Get("candidates.0.finishReason").Exists() || last != c.Get("usageMetadata").Exists() {
			t.Errorf("chunk %d of %d: %s", i, len(chunks), c.Raw)
		}
		if c.Get("modelVersion").String() != "smart" || c.Get("responseId").String() != "resp" || len(c.Get("candidates.0.content.parts").Array()) != 1 {
			t.Errorf("%s", c.Raw)
		}
	}
}

func TestAnAnswersStopsAndSources(t *testing.T) {
	for stop, want := range map[llm.StopReason]string{
		llm.StopEnd: "STOP", llm.StopTools: "STOP", llm.StopSequence: "STOP", llm.StopLength: "MAX_TOKENS", llm.StopContext: "MAX_TOKENS",
		llm.StopRefusal: "SAFETY", llm.StopPause: "OTHER", llm.StopUndefined: "OTHER",
	} {
		r := &llm.Response{Stop: stop, StopDetail: "odd", Usage: usage(1, 1, 0), Parts: []llm.Part{{Kind: llm.Text, Text: "é then", Citations: []llm.Citation{
			{URL: "https://x", Title: "X", Start: 2, End: 6}, {Title: "file", Text: "said"},
		}}}}
		body := gjson.ParseBytes(gemini.Codec{}.EncodeResponse(r, &wire.Answer{ID: "i", Model: "m"}))
		if got := body.Get("candidates.0.finishReason").String(); got != want {
			t.Errorf("%s is told as %s", stop, got)
		}
		g := body.Get("candidates.0.groundingMetadata")
		if g.Get("groundingChunks.0.web.uri").String() != "https://x" || g.Get("groundingSupports.0.segment.startIndex").Int() != 3 ||
			g.Get("groundingSupports.0.segment.endIndex").Int() != 7 || g.Get("groundingChunks.1.retrievedContext.text").String() != "said" {
			t.Errorf("%s", g.Raw)
		}
		again, err := gemini.Codec{}.DecodeResponse([]byte(body.Raw), nil)
		if err != nil || len(again.Parts[0].Citations) != 2 || again.Parts[0].Citations[0].Start != 2 {
			t.Errorf("%+v %v", again, err)
		}
	}
	for word, want := range map[string]llm.StopReason{
		`"STOP"`: llm.StopEnd, `1`: llm.StopEnd, `2`: llm.StopLength, `"RECITATION"`: llm.StopRefusal, `10`: llm.StopRefusal, `"SPII"`: llm.StopRefusal,
		`"MALFORMED_FUNCTION_CALL"`: llm.StopUndefined, `15`: llm.StopUndefined, `"BRAND_NEW"`: llm.StopUndefined, `99`: llm.StopUndefined, `0`: llm.StopUnstated,
	} {
		body := `{"candidates":[{"content":{"parts":[{"text":"x"}],"role":"model"},"finishReason":` + word + `}],"usageMetadata":{"totalTokenCount":1},"responseId":"r","modelVersion":"m"}`
		r, err := gemini.Codec{}.DecodeResponse([]byte(body), nil)
		if err != nil || r.Stop != want {
			t.Errorf("%s: %+v %v", word, r, err)
			continue
		}
		if again := (gemini.Codec{}).EncodeResponse(r, nil); !sameJSON(t, body, string(again)) {
			t.Errorf("%s became %s", body, again)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	blocked := `{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4},"modelVersion":"m"}`
	r, err := gemini.Codec{}.DecodeResponse([]byte(blocked), nil)
	if err != nil || r.Stop != llm.StopRefusal || r.StopDetail != "PROHIBITED_CONTENT" || r.Usage.Tokens[llm.TokInput] != 4 {
		t.Errorf("%+v %v", r, err)
	}
	if again := (gemini.Codec{}).EncodeResponse(r, nil); !sameJSON(t, blocked, string(again)) {
		t.Errorf("%s", again)
	}
	for _, body := range []string{`{}`, `{"candidates":[]}`, `{"usageMetadata":{}}`, `[]`, `{"candidates":[{"content":{"parts":"x"}}]}`, ``} {
		if _, err := (gemini.Codec{}).DecodeResponse([]byte(body), nil); err == nil || err.(*llm.Error).Class != llm.Malformed {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestHeartbeatsDisturbNothing(t *testing.T) {
	resp := told
	_, events, _ := both(&resp)
	for _, framing := range []wire.Framing{wire.SSE, wire.JSONArray} {
		w := gemini.Codec{}.Writer(&wire.Answer{ID: "resp", Model: "smart", Framing: framing})
		var out []byte
		for i := range events {
			out = w.Write(w.Heartbeat(out), events[i:i+1])
		}
		got := drain(string(out), &wire.Dialect{Framing: framing}, wire.FrameOptions{Events: true, Framing: framing})
		if got.Err != nil || got.Progress.Malformed > 0 || assembled(got).Stop != llm.StopTools {
			t.Errorf("%v: %+v", framing, got)
		}
	}
}
