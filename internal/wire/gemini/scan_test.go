package gemini_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
)

const turn = `"contents":[{"role":"user","parts":[{"text":"hi"}]}]`

func TestAScanFindsWhatRoutingNeeds(t *testing.T) {
	body := `{"contents":[{"role":"user","parts":[{"text":"héllo"},{"inline_data":{"mime_type":"image/png","data":"AAAABBBB"}}]},` +
		`{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thought_signature":"CiQB"},{"text":"","thoughtSignature":"c2tlaW4xLmFudGhyb3BpYy5zLi5FcVFC"}]}],` +
		`"system_instruction":{"parts":{"text":"be"}},"tools":{"functionDeclarations":[{"name":"f"},{"name":"g"}],"codeExecution":{}},"cachedContent":"cachedContents/x",` +
		`"generationConfig":{"max_output_tokens":"100","candidateCount":2,"thinking_config":{"thinkingBudget":50},"responseJsonSchema":{"type":"object"}}}`
	s, err := gemini.Codec{}.Scan([]byte(body), &wire.Head{Model: "smart", Streams: true, Stream: true})
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Facts{
		Format: llm.Gemini, Model: "smart", Stream: true, StreamUsage: true, MaxOutput: 100, Choices: 2, Messages: 2, Tools: 3, Media: 1,
		Bytes: int64(len(body)), TextBytes: 5 + 1 + 2 + int64(len(`{"name":"f","args":{}}`)+len(`{"name":"f"}`)+len(`{"name":"g"}`)+2+len(`{"type":"object"}`)), MediaBytes: 6,
		Schema: true, Reasoning: true, ThinkingBudget: 50, ServerTool: "codeExecution", Unsized: true, Kept: "cachedContent",
		Bindings: []llm.Maker{llm.MakerGoogle, llm.MakerAnthropic}, StateIDs: []string{"cachedContents/x"},
	}
	if d := cmp.Diff(want, s.Facts); d != "" {
		t.Error(d)
	}
}

func TestASignatureThatSaysNothingBindsToNobody(t *testing.T) {
	for _, state := range []string{"skip_thought_signature_validator", "context_engineering_is_the_way_to_go", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=", ""} {
		body := []byte(`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"` + state + `"}]}]}`)
		s, err := gemini.Codec{}.Scan(body, address)
		if err != nil || len(s.Bindings) > 0 || s.Reasoning {
			t.Errorf("%q: %+v %v", state, s, err)
		}
		r, err := gemini.Codec{}.DecodeRequest(body, address)
		if err != nil || r.Messages[0].Parts[0].Signature != "" {
			t.Errorf("%q: %+v %v", state, r, err)
		}
	}
}

func TestAScanRefusesWhatTwoReadersWouldReadDifferently(t *testing.T) {
	for _, x := range []struct{ body, field string }{
		{`{` + turn + `,` + turn + `}`, "contents"},
		{`{` + turn + `,"systemInstruction":{},"system_instruction":{}}`, "systemInstruction"},
		{`{` + turn + `,"generationConfig":{},"generation_config":{}}`, "generationConfig"},
		{`{` + turn + `,"GenerationConfig":{}}`, "GenerationConfig"},
		{`{` + turn + `,"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}`, "generationConfig.maxOutputTokens"},
		{`{` + turn + `,"generationConfig":{"candidateCount":1,"candidateCount":9}}`, "generationConfig.candidateCount"},
		{`{` + turn + `,"generationConfig":{"thinkingConfig":{"thinkingBudget":1,"thinking_budget":2}}}`, "generationConfig.thinkingConfig.thinkingBudget"},
		{`{` + turn + `,"cachedContent":"a","cached_content":"b"}`, "cachedContent"},
		{`{` + turn + `,"tools":[],"tools":[]}`, "tools"},
		{`{"generationConfig":{}}`, "contents"},
		{`{` + turn + `,"generationConfig":{"maxOutputTokens":"many"}}`, "generationConfig.maxOutputTokens"},
		{`{` + turn + `,"generationConfig":{"maxOutputTokens":-1}}`, "generationConfig.maxOutputTokens"},
		{`{"contents":"hi"}`, "contents"},
		{`{"contents":[{"parts":["hi"]}]}`, "contents[0].parts[0]"},
		{`{` + turn, ""},
		{`{` + turn + "\xff" + `}`, ""},
	} {
		_, err := gemini.Codec{}.Scan([]byte(x.body), address)
		e, ok := err.(*llm.Error)
		if !ok || e.Class != llm.BadRequest || e.Param != x.field {
			t.Errorf("%s: want %s refused: %#v", x.body, x.field, err)
		}
	}
	if _, err := (gemini.Codec{}).Scan([]byte(`{`+turn+`}`), nil); err == nil || !strings.Contains(err.Error(), "model") {
		t.Errorf("no model: %v", err)
	}
}

func TestAnEditTouchesNothingElse(t *testing.T) {
	target := &wire.Target{Upstream: "gemini-2.5-pro", OutputCap: 64, IDs: []string{"cachedContents/theirs"}}
	for _, x := range []struct{ body, want string }{
		{`{` + turn + `}`, `{"generationConfig":{"maxOutputTokens":64},` + turn + `}`},
		{`{ ` + turn + `, "generationConfig": { } }`, `{ ` + turn + `, "generationConfig": {"maxOutputTokens":64 } }`},
		{`{` + turn + `,"generation_config":{"temperature":0.50}}`, `{` + turn + `,"generation_config":{"maxOutputTokens":64,"temperature":0.50}}`},
		{`{` + turn + `,"generationConfig":{"topK":1,"max_output_tokens" : 1e3}}`, `{` + turn + `,"generationConfig":{"topK":1,"max_output_tokens" : 64}}`},
		{`{"model":"models/smart",` + turn + `,"generationConfig":{"maxOutputTokens":9}}`, `{"model":"models/gemini-2.5-pro",` + turn + `,"generationConfig":{"maxOutputTokens":64}}`},
		{`{` + turn + `,"generationConfig":{"maxOutputTokens":9},"cachedContent":"sealed-1"}`, `{` + turn + `,"generationConfig":{"maxOutputTokens":64},"cachedContent":"cachedContents/theirs"}`},
		{`{` + turn + `,"generationConfig":null}`, `{` + turn + `,"generationConfig":{"maxOutputTokens":64}}`},
	} {
		s, err := gemini.Codec{}.Scan([]byte(x.body), address)
		if err != nil {
			t.Fatal(err)
		}
		got, err := gemini.Codec{}.Edit([]byte("before "), []byte(x.body), s, target)
		if err != nil || string(got) != "before "+x.want {
			t.Errorf("%s\n%s\nwant\n%s", x.body, got, x.want)
		}
	}
	body := `{` + turn + `,"generationConfig":{"maxOutputTokens":9}}`
	s, _ := gemini.Codec{}.Scan([]byte(body), address)
	if got, _ := (gemini.Codec{}).Edit(nil, []byte(body), s, &wire.Target{Upstream: "other"}); string(got) != body {
		t.Errorf("nothing to edit, and yet %s", got)
	}
}

func TestACountIsScannedInBothForms(t *testing.T) {
	for _, x := range []struct{ body, want string }{
		{`{` + turn + `}`, `{` + turn + `}`},
		{`{"generateContentRequest":{"model":"models/smart",` + turn + `,"systemInstruction":{"parts":[{"text":"be"}]}}}`,
			`{"generateContentRequest":{"model":"models/up",` + turn + `,"systemInstruction":{"parts":[{"text":"be"}]}}}`},
	} {
		s, err := gemini.Count{}.Scan([]byte(x.body), &wire.Head{Model: "smart"})
		if err != nil || s.Format != llm.GeminiCount || s.Model != "smart" || s.Messages != 1 || s.Stream {
			t.Fatalf("%+v %v", s, err)
		}
		got, err := gemini.Count{}.Edit(nil, []byte(x.body), s, &wire.Target{Upstream: "up", OutputCap: 5})
		if err != nil || string(got) != x.want {
			t.Errorf("%s %v", got, err)
		}
		r, err := gemini.Count{}.DecodeRequest([]byte(x.body), &wire.Head{Model: "smart"})
		if err != nil {
			t.Fatal(err)
		}
		again, losses, err := gemini.Count{}.EncodeRequest(r, &wire.Target{Upstream: "up"})
		if err != nil || len(losses) > 0 || !sameJSON(t, x.want, string(again)) {
			t.Errorf("%s %v %v", again, losses, err)
		}
	}
	both := `{` + turn + `,"generateContentRequest":{"model":"models/x",` + turn + `}}`
	if _, err := (gemini.Count{}).Scan([]byte(both), address); err == nil {
		t.Error("both forms at once were taken")
	}
}

func TestACountOfAnotherFormatsRequestIsWholeOrAsVertexTakesIt(t *testing.T) {
	r := &llm.Request{From: llm.Messages, Model: "smart", Messages: []llm.Message{
		{Role: llm.System, Parts: []llm.Part{{Kind: llm.Text, Text: "be"}}}, {Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "hi"}}},
	}}
	inner := `"systemInstruction":{"parts":[{"text":"be"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}]`
	for cloud, want := range map[wire.Cloud]string{
		"":               `{"generateContentRequest":{"model":"models/up",` + inner + `}}`,
		wire.CloudVertex: `{` + inner + `}`,
	} {
		got, _, err := gemini.Count{}.EncodeRequest(r, &wire.Target{Upstream: "up", Dialect: &wire.Dialect{Cloud: cloud}})
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v", cloud, got, err)
		}
	}
	answer := `{"totalTokens":9,"promptTokensDetails":[{"modality":"TEXT","tokenCount":5},{"modality":"IMAGE","tokenCount":4}],"cachedContentTokenCount":2}`
	c, err := gemini.Count{}.DecodeResponse([]byte(answer), nil)
	if err != nil || c.Usage.Tokens[llm.TokInput] != 3 || c.Usage.Tokens[llm.TokImageInput] != 4 || c.Usage.Tokens[llm.TokCacheRead] != 2 {
		t.Errorf("%+v %v", c, err)
	}
	if again := (gemini.Count{}).EncodeResponse(c, nil); !sameJSON(t, answer, string(again)) {
		t.Errorf("%s", again)
	}
	if _, err := (gemini.Count{}).DecodeResponse([]byte(`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow"}}`), nil); err == nil || err.(*llm.Error).Class != llm.RateLimited {
		t.Errorf("%v", err)
	}
	made := gemini.Count{}.EncodeResponse(&llm.Response{Usage: usage(12, 0, 0)}, nil)
	if want := `{"totalTokens":12,"promptTokensDetails":[{"modality":"TEXT","tokenCount":12}]}`; string(made) != want {
		t.Errorf("%s", made)
	}
}

func TestTheModelIsNamedAsTheClientNamedIt(t *testing.T) {
	got := gemini.Codec{}.Rename(nil, []byte(`{"candidates":[{"modelVersion":"x"}], "modelVersion" : "gemini-2.5" }`), &wire.Answer{Model: "smart"})
	if want := `{"candidates":[{"modelVersion":"x"}], "modelVersion" : "smart" }`; string(got) != want {
		t.Errorf("%s", got)
	}
}

func ExampleCodec_Scan() {
	body := []byte(`{"contents":[{"role":"user","parts":[{"text":"Hello"}]}],"generationConfig":{"maxOutputTokens":100}}`)
	s, err := gemini.Codec{}.Scan(body, &wire.Head{Model: "smart", Streams: true, Stream: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Model, s.Stream, s.MaxOutput)
	edited, _ := gemini.Codec{}.Edit(nil, body, s, &wire.Target{OutputCap: 40})
	fmt.Println(string(edited))
	// Output:
	// smart true 100
	// {"contents":[{"role":"user","parts":[{"text":"Hello"}]}],"generationConfig":{"maxOutputTokens":40}}
}
