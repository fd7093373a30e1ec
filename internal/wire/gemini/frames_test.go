package gemini_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

const (
	named   = `"modelVersion":"up","responseId":"r1"`
	counted = `"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15}`
)

// chunk is a chunk with some parts and what else its candidate says.
func chunk(parts, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"}` + rest + `}],` + named + `}`
}

func sse(chunks ...string) string {
	if len(chunks) == 0 {
		return ""
	}
	return "data: " + strings.Join(chunks, "\r\n\r\ndata: ") + "\r\n\r\n"
}

func array(chunks ...string) string { return "[" + strings.Join(chunks, ",\r\n") + "]" }

var (
	hello  = chunk(`{"text":"Hello"}`, "")
	there  = chunk(`{"text":" there"}`, "")
	finish = `{"candidates":[{"content":{"parts":[{"text":"!"}],"role":"model"},"finishReason":"STOP"}],` + counted + `,` + named + `}`
	late   = `{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":6,"totalTokenCount":16},` + named + `}`
)

func drain(text string, d *wire.Dialect, o wire.FrameOptions) wiretest.Drained {
	return wiretest.Drain(gemini.Codec{}.Frames(strings.NewReader(text), d, o))
}

func assembled(d wiretest.Drained) *llm.Response {
	var a llm.Assembler
	a.Add(d.Events...)
	return a.Response()
}

func TestTheEndIsFromTheFinishReasonOn(t *testing.T) {
	text := sse(hello, there, finish, late)
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		got := wiretest.Drain(gemini.Codec{}.Frames(r, nil, wire.FrameOptions{}))
		if got.Err != nil || string(got.Bytes) != text || got.Classes[len(got.Classes)-1] != wire.Terminal {
			t.Fatalf("%+v", got)
		}
		for _, c := range got.Classes[:len(got.Classes)-1] {
			if c != wire.Content {
				t.Errorf("%v", got.Classes)
			}
		}
		if got.Progress.Usage.Tokens[llm.TokOutput] != 6 || got.Progress.TextBytes != 12 || !got.Progress.Stopped {
			t.Errorf("%+v", got.Progress)
		}
	}
}

func TestAStreamWithoutItsProperEndIsBroken(t *testing.T) {
	for _, x := range []struct {
		name, text string
		class      llm.ErrorClass
		tail       string
	}{
		{"whole", sse(hello, finish), "", sse(finish)},
		{"without the last blank line", strings.TrimSuffix(sse(hello, finish), "\r\n\r\n"), "", ""},
		{"no finishReason", sse(hello, there), llm.BrokenStream, sse(there)},
		{"cut in a chunk", sse(hello, finish)[:len(sse(hello))+40], llm.BrokenStream, sse(hello)},
		{"nothing", "", llm.BrokenStream, ""},
		{"a blocked prompt", sse(`{"promptFeedback":{"blockReason":"SAFETY"},` + named + `}`), "", ""},
		{"a blocked prompt, as a number", sse(`{"promptFeedback":{"blockReason":1}}`), "", ""},
		{"an error in the middle", sse(hello, `{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}`), llm.Overloaded, sse(hello)},
		{"an error instead", "{\n  \"error\": {\n    \"code\": 404,\n    \"message\": \"no model\",\n    \"status\": \"NOT_FOUND\"\n  }\n}\n", llm.NotFound, ""},
		{"an error in a list instead", "[{\n  \"error\": {\n    \"code\": 400,\n    \"message\": \"API key not valid\",\n \"status\": \"INVALID_ARGUMENT\"}}\n]", llm.Unauthorized, ""},
		{"a page instead", "<html>oops</html>", llm.ServerError, ""},
		{"a malformed chunk among good ones", sse(hello, `{"candidates":`, finish), "", sse(finish)},
		{"no candidates in the end", sse(hello, finish, `{`+counted+`}`), "", ""},
		{"a candidate without content", sse(hello, `{"candidates":[{"finishReason":"MODEL_ARMOR"}]}`), "", ""},
		{"content without parts", sse(hello, `{"candidates":[{"content":{},"finishReason":"STOP"}]}`), "", ""},
		{"two candidates, one without its end", sse(`{"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]}},{"index":1,"content":{"parts":[{"text":"b"}]}}]}`, `{"candidates":[{"index":0,"finishReason":"STOP"}]}`), llm.BrokenStream, ""},
		{"two candidates", sse(`{"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]}},{"index":1,"content":{"parts":[{"text":"b"}]}}]}`, `{"candidates":[{"index":0,"finishReason":"STOP"}]}`, `{"candidates":[{"index":1,"finishReason":"STOP"}]}`), "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, events := range []bool{false, true} {
				got := drain(x.text, nil, wire.FrameOptions{Events: events})
				var e *llm.Error
				if errors.As(got.Err, &e) {
					if e.Class != x.class || e.Blame == "" || e.Billed == "" || e.Message == "" {
						t.Errorf("%+v", e)
					}
				} else if x.class != "" || got.Err != nil {
					t.Errorf("no error: %v", got.Err)
				}
				if !strings.HasSuffix(string(got.Bytes), x.tail) {
					t.Errorf("ends with %q", got.Bytes)
				}
			}
		})
	}
}

// Some upstream that goes on behind its whole answer must not fill our memory.
func TestAStreamThatGoesOnBehindItsEndIsBounded(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(sse(finish)), &repeated{text: sse(late)})
	got := wiretest.Drain(gemini.Codec{}.Frames(endless, nil, wire.FrameOptions{}))
	var e *llm.Error
	if !errors.As(got.Err, &e) || e.Class != llm.Malformed || len(got.Bytes) > 2<<20 {
		t.Errorf("%v after %d bytes", got.Err, len(got.Bytes))
	}
}

// repeated is a text without end; as a test must have one, it is at 8 MB.
type repeated struct {
	text string
	n    int
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.n > 8<<20 {
		return 0, io.EOF
	}
	n := copy(b, r.text[r.n%len(r.text):])
	r.n += n
	return n, nil
}

func TestFirstContent(t *testing.T) {
	for name, parts := range map[string]string{
		"text": `{"text":"x"}`, "thinking": `{"text":"x","thought":true}`, "a call": `{"functionCall":{"name":"f"}}`,
		"code": `{"executableCode":{"code":"1"}}`, "an image": `{"inlineData":{"data":"AA=="}}`, "what is yet to come": `{"hologram":{}}`,
	} {
		got := drain(sse(chunk(parts, "")), nil, wire.FrameOptions{})
		if d := cmp.Diff([]wire.FrameClass{wire.Content}, got.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for name, c := range map[string]string{
		"an empty text": chunk(`{"text":""}`, ""), "a signature": chunk(`{"text":"","thoughtSignature":"CiQB"}`, ""), "counts alone": `{` + counted + `}`, "no parts": `{"candidates":[{"content":{}}]}`,
	} {
		got := drain(sse(c), nil, wire.FrameOptions{})
		if d := cmp.Diff([]wire.FrameClass{wire.Prelude}, got.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestTheModelIsNamedAsTheClientNamedItInEveryChunk(t *testing.T) {
	text := sse(hello, there, there, finish)
	got := drain(text, nil, wire.FrameOptions{Model: "smart"})
	if want := strings.ReplaceAll(text, `"up"`, `"smart"`); string(got.Bytes) != want || got.Err != nil {
		t.Errorf("%s %v", got.Bytes, got.Err)
	}
}

func TestAnArrayAndEventsAreTheSameStream(t *testing.T) {
	list, lines := &wire.Dialect{Framing: wire.JSONArray}, &wire.Dialect{}
	all := []string{hello, there, finish}
	for _, x := range []struct {
		text    string
		in      *wire.Dialect
		framing wire.Framing
		want    string
	}{
		{array(all...), list, wire.JSONArray, array(all...)},
		{sse(all...), lines, wire.SSE, sse(all...)},
	} {
		got := drain(x.text, x.in, wire.FrameOptions{Framing: x.framing})
		if got.Err != nil || string(got.Bytes) != x.want {
			t.Errorf("%q %v", got.Bytes, got.Err)
		}
	}
	for _, x := range []struct {
		text        string
		in          *wire.Dialect
		out         wire.Framing
		readAgainAs *wire.Dialect
	}{
		{array(all...), list, wire.SSE, lines},
		{sse(all...), lines, wire.JSONArray, list},
	} {
		got := drain(x.text, x.in, wire.FrameOptions{Framing: x.out})
		again := drain(string(got.Bytes), x.readAgainAs, wire.FrameOptions{Events: true, Framing: x.out})
		if got.Err != nil || again.Err != nil || assembled(again).Parts[0].Text != "Hello there!" {
			t.Errorf("%q %v %v", got.Bytes, got.Err, again.Err)
		}
	}
	got := drain(`[{"candidates":[{"content":{"parts":[{"text":"half"}]}}]}`, list, wire.FrameOptions{})
	if got.Err == nil {
		t.Error("half an array was whole")
	}
}

// TestASplitChangesNothing: wherever the bytes are cut on their way, the events are
// the same.
func TestASplitChangesNothing(t *testing.T) {
	texts := map[string]string{
		"events": sse(chunk(`{"text":"th","thought":true}`, ""), hello, chunk(`{"functionCall":{"name":"f","args":{"a":"}\"{"}},"thoughtSignature":"CiQB"}`, ""), finish, late),
		"array":  array(hello, there, finish),
	}
	for name, text := range texts {
		d := &wire.Dialect{}
		o := wire.FrameOptions{Events: true, Framing: wire.SSE}
		if name == "array" {
			d.Framing, o.Framing = wire.JSONArray, wire.JSONArray
		}
		want := drain(text, d, o)
		if want.Err != nil {
			t.Fatal(want.Err)
		}
		for at := 1; at < len(text); at++ {
			got := wiretest.Drain(gemini.Codec{}.Frames(io.MultiReader(strings.NewReader(text[:at]), strings.NewReader(text[at:])), d, o))
			if diff := cmp.Diff(want.Events, got.Events); diff != "" || string(got.Bytes) != text || got.Err != nil {
				t.Fatalf("%s cut at %d: %v\n%s", name, at, got.Err, diff)
			}
		}
	}
}

func TestEventsOfAnAnswer(t *testing.T) {
	text := sse(
		chunk(`{"text":"hm","thought":true}`, ""),
		chunk(`{"text":" so","thought":true}`, ""),
		hello, there,
		chunk(`{"text":"","thoughtSignature":"CiQBtext"}`, ""),
		chunk(`{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"CiQBcall"},{"functionCall":{"id":"x7","name":"g","args":{}}}`, ""),
		chunk(`{"executableCode":{"language":"PYTHON","code":"1"}}`, ""),
		chunk(`{"text":"","thoughtSignature":"CiQBlast"}`, `"finishReason":"STOP"`),
	)
	got := assembled(drain(text, nil, wire.FrameOptions{Events: true}))
	want := &llm.Response{ID: "r1", Model: "up", Stop: llm.StopTools, Parts: []llm.Part{
		{Kind: llm.Thinking, Text: "hm so"},
		{Kind: llm.Text, Text: "Hello there", Signature: "CiQBtext", Maker: llm.MakerGoogle},
		{Kind: llm.ToolCall, Name: "f", Arguments: []byte(`{"a":1}`), Signature: "CiQBcall", Maker: llm.MakerGoogle},
		{Kind: llm.ToolCall, ID: "x7", Name: "g", Arguments: []byte(`{}`)},
		{Kind: llm.Opaque, From: llm.Gemini, Raw: []byte(`{"executableCode":{"language":"PYTHON","code":"1"}}`)},
		{Kind: llm.Text, Signature: "CiQBlast", Maker: llm.MakerGoogle},
	}}
	if got.Parts[2].ID == "" {
		t.Error("the call has no id")
	}
	again := assembled(drain(text, nil, wire.FrameOptions{Events: true}))
	if again.Parts[2].ID != got.Parts[2].ID {
		t.Error("the id that was made up is another one the next time")
	}
	got.Parts[2].ID = ""
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func TestIDsThatAreMadeUpDifferWithinAnAnswerAndBetweenAnswers(t *testing.T) {
	ids := map[string]bool{}
	for _, id := range []string{"r1", "r2"} {
		body := `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"f"}}],"role":"model"},"finishReason":"STOP"}],"responseId":"` + id + `"}`
		r, err := gemini.Codec{}.DecodeResponse([]byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		streamed := assembled(drain(sse(body), nil, wire.FrameOptions{Events: true}))
		for i := range r.Parts {
			ids[r.Parts[i].ID] = true
			if streamed.Parts[i].ID != r.Parts[i].ID {
				t.Error("the streamed answer has other ids")
			}
		}
	}
	if len(ids) != 4 {
		t.Errorf("%v", ids)
	}
}

func TestArgumentsInPieces(t *testing.T) {
	call := func(s string) string { return chunk(`{"functionCall":`+s+`}`, "") }
	text := sse(
		call(`{"name":"f","willContinue":true}`),
		call(`{"partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"De","willContinue":true}],"willContinue":true}`),
		call(`{"partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"sk"},{"jsonPath":"$.items[0]['the price']","numberValue":10.50}],"willContinue":true}`),
		call(`{"partialArgs":[{"jsonPath":"$.items[1].none","nullValue":"NULL_VALUE"},{"jsonPath":"$.ok","boolValue":true}],"willContinue":true}`),
		call(`{}`),
		call(`{"name":"g","willContinue":true}`), call(`{}`),
		finish,
	)
	d := drain(text, nil, wire.FrameOptions{Events: true})
	got := assembled(d)
	if d.Err != nil || d.Progress.Tools != 2 || d.Progress.OpenTool || len(got.Parts) != 3 {
		t.Fatalf("%+v %+v", d.Progress, got)
	}
	if want := `{"items":[{"name":"Desk","the price":10.50},{"none":null}],"ok":true}`; string(got.Parts[0].Arguments) != want {
		t.Errorf("%s", got.Parts[0].Arguments)
	}
	if string(got.Parts[1].Arguments) != "{}" || got.Stop != llm.StopTools {
		t.Errorf("%+v", got)
	}
	open := drain(sse(call(`{"name":"f","willContinue":true}`)), nil, wire.FrameOptions{})
	if !open.Progress.OpenTool {
		t.Error("a call that goes on is not open")
	}
}

func TestUsageIsTheLastThatHasCounts(t *testing.T) {
	u := func(s string) string {
		return `{"candidates":[{"content":{"parts":[{"text":"x"}]}}],"usageMetadata":` + s + `}`
	}
	text := sse(
		u(`{"promptTokenCount":118,"candidatesTokenCount":20,"totalTokenCount":138}`),
		u(`{"promptTokenCount":118,"totalTokenCount":118}`),
		u(`{"promptTokenCount":271,"cachedContentTokenCount":100,"candidatesTokenCount":16,"thoughtsTokenCount":7,"toolUsePromptTokenCount":30,"totalTokenCount":324,`+
			`"promptTokensDetails":[{"modality":"TEXT","tokenCount":150},{"modality":"IMAGE","tokenCount":90},{"modality":4,"tokenCount":31}],`+
			`"cacheTokensDetails":[{"modality":"IMAGE","tokenCount":60}],"candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":6}]}`),
		u(`{"trafficType":"PROVISIONED_THROUGHPUT"}`),
		finishWith(`{"trafficType":"PROVISIONED_THROUGHPUT"}`),
	)
	want := llm.Usage{Reported: true, Tier: "PROVISIONED_THROUGHPUT"}
	want.Tokens[llm.TokCacheRead], want.Tokens[llm.TokImageInput], want.Tokens[llm.TokAudioInput] = 100, 30, 31
	want.Tokens[llm.TokInput] = 171 + 30 - 30 - 31
	want.Tokens[llm.TokOutput], want.Tokens[llm.TokAudioOutput], want.Tokens[llm.TokReasoning] = 10, 6, 7
	for _, events := range []bool{false, true} {
		got := drain(text, nil, wire.FrameOptions{Events: events})
		if got.Progress.Usage != want {
			t.Errorf("%+v", got.Progress.Usage)
		}
	}
}

func finishWith(usage string) string {
	return `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":` + usage + `}`
}

func TestSearchesAreCountedAndSourcesTold(t *testing.T) {
	ground := `"groundingMetadata":{"webSearchQueries":["a","b"],"groundingChunks":[{"web":{"uri":"https://x/1","title":"x"}},{"retrievedContext":{"text":"kept","title":"file"}}],` +
		`"groundingSupports":[{"segment":{"startIndex":3,"endIndex":8,"text":"there"},"groundingChunkIndices":[0,1,9]}]}`
	text := sse(chunk(`{"text":"H\u00e9"}`, ""), chunk(`{"text":"there"}`, ground), chunk(`{"text":""}`, ground+`,"finishReason":"STOP"`))
	for model, searches := range map[string]int64{"gemini-3-pro-preview": 2, "gemini-2.5-flash": 1} {
		d := drain(strings.ReplaceAll(text, `"up"`, `"`+model+`"`), nil, wire.FrameOptions{Events: true})
		if d.Progress.Usage.Searches != searches {
			t.Errorf("%s: %d searches", model, d.Progress.Usage.Searches)
		}
		want := []llm.Citation{{URL: "https://x/1", Title: "x", Start: 2, End: 7}, {Title: "file", Text: "kept", Start: 2, End: 7}}
		if diff := cmp.Diff(want, assembled(d).Parts[0].Citations); diff != "" {
			t.Error(diff)
		}
	}
	body := chunk(`{"text":"Héthere"}`, ground+`,"finishReason":"STOP"`)
	r, err := gemini.Codec{}.DecodeResponse([]byte(body), nil)
	if err != nil || len(r.Parts[0].Citations) != 2 || r.Parts[0].Citations[0].Start != 2 {
		t.Errorf("%+v %v", r, err)
	}
	if again := (gemini.Codec{}).EncodeResponse(r, nil); !sameJSON(t, body, string(again)) {
		t.Errorf("%s", again)
	}
}

func TestJunkBehindTheEndStaysBehind(t *testing.T) {
	whole := sse(hello, finish)
	for _, junk := range []string{"trailing junk", "trailing junk\n\n", "<html>", "data: {\"candi\x00\n\ntrailing junk"} {
		if got := drain(whole+junk, nil, wire.FrameOptions{}); got.Err != nil || string(got.Bytes) != whole {
			t.Errorf("%q: %v, %q", junk, got.Err, got.Bytes)
		}
	}
}
