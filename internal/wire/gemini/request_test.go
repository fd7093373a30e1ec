package gemini_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/gemini"
)

func encoded(t *testing.T, r *llm.Request, to *wire.Target) (string, []wire.Loss) {
	t.Helper()
	if to.Format = llm.Gemini; r.Model == "" {
		r.Model = "smart"
	}
	b, losses, err := gemini.Codec{}.EncodeRequest(r, to)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), losses
}

func lost(losses []wire.Loss, field string) wire.LossClass {
	for _, l := range losses {
		if l.Field == field {
			return l.Class
		}
	}
	return ""
}

func said1(role llm.Role, text string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Kind: llm.Text, Text: text}}}
}

// calls is a history of another maker's model: two steps, the first with two calls.
func calls(signed string) *llm.Request {
	call := func(id, name string) llm.Part {
		return llm.Part{Kind: llm.ToolCall, ID: id, Name: name, Arguments: json.RawMessage(`{"a":1}`)}
	}
	result := func(id string) llm.Part {
		return llm.Part{Kind: llm.ToolResult, ID: id, Content: []llm.Part{{Kind: llm.Text, Text: "ok"}}}
	}
	first := call("t1", "f")
	if first.Signature = signed; signed != "" {
		first.Maker = llm.MakerGoogle
	}
	return &llm.Request{From: llm.Messages, Messages: []llm.Message{
		said1(llm.User, "go"),
		{Role: llm.Assistant, Parts: []llm.Part{first, call("t2", "g")}},
		{Role: llm.User, Parts: []llm.Part{result("t1")}}, {Role: llm.User, Parts: []llm.Part{result("t2")}},
		{Role: llm.Assistant, Parts: []llm.Part{call("t3", "f")}},
		{Role: llm.User, Parts: []llm.Part{result("t3")}},
	}}
}

func TestCallsThatGemini3DidNotMakeHaveTheDocumentedSignature(t *testing.T) {
	const skip = `"thoughtSignature":"skip_thought_signature_validator"`
	for model, want := range map[string]int{"gemini-3-pro-preview": 2, "gemini-3.5-flash": 2, "gemini-flash-latest": 2, "gemini-2.5-pro": 0, "models/gemini-1.5-pro": 0} {
		body, losses := encoded(t, calls(""), &wire.Target{Upstream: model})
		if n := strings.Count(body, skip); n != want {
			t.Errorf("%s: %d of them, want %d, on the first call of each step: %s", model, n, want, body)
		}
		if want > 0 != (lost(losses, "tool_call") == wire.Emulated) {
			t.Errorf("%s: %v", model, losses)
		}
	}
	body, losses := encoded(t, calls("CiQB"), &wire.Target{Upstream: "gemini-3-pro-preview"})
	if strings.Count(body, skip) != 1 || !strings.Contains(body, `"thoughtSignature":"CiQB"`) || lost(losses, "tool_call") != wire.Emulated {
		t.Errorf("%s %v", body, losses)
	}
	own, err := gemini.Codec{}.DecodeRequest([]byte(body), &wire.Head{Model: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if again, losses := encoded(t, own, &wire.Target{Upstream: "gemini-3-pro-preview"}); !sameJSON(t, body, again) || len(losses) > 0 {
		t.Errorf("%s\n%s %v", body, again, losses)
	}
}

func TestResultsOfAStepStandInOneTurnUnderTheirNames(t *testing.T) {
	body, _ := encoded(t, calls(""), &wire.Target{Upstream: "gemini-2.5-pro"})
	want := `{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"f","response":{"output":"ok"}}},{"functionResponse":{"id":"t2","name":"g","response":{"output":"ok"}}}]}`
	if !strings.Contains(body, want) {
		t.Errorf("%s", body)
	}
}

func TestStateOfAnotherMakerIsNotSent(t *testing.T) {
	r := calls("")
	r.Messages[1].Parts = append([]llm.Part{
		{Kind: llm.Thinking, Text: "hm", Signature: "EqQB", Maker: llm.MakerAnthropic},
		{Kind: llm.Thinking, Redacted: "ENC", Maker: llm.MakerOpenAI},
		{Kind: llm.Thinking, Text: "unsigned"},
		{Kind: llm.Thinking, Text: "google's", Signature: "CiQB", Maker: llm.MakerGoogle},
	}, r.Messages[1].Parts...)
	if _, _, err := (gemini.Codec{}).EncodeRequest(r, &wire.Target{Upstream: "gemini-2.5-pro"}); err == nil || err.(*llm.Error).Class != llm.Lossy {
		t.Errorf("it was dropped in silence: %v", err)
	}
	body, _ := encoded(t, r, &wire.Target{Upstream: "gemini-2.5-pro", LossyOK: true})
	for _, gone := range []string{"EqQB", "ENC", "unsigned", "skein1", "c2tlaW4x"} {
		if strings.Contains(body, gone) {
			t.Errorf("%s is in %s", gone, body)
		}
	}
	if !strings.Contains(body, `{"text":"google's","thought":true,"thoughtSignature":"CiQB"}`) {
		t.Error(body)
	}
}

func TestThinkingInTheTermsOfTheModel(t *testing.T) {
	yes, no := true, false
	levels := wire.Model{Known: true, Thinks: true, Efforts: []string{"low", "high"}}
	budgets := wire.Model{Known: true, Thinks: true, Budget: true, LeastBudget: 128, MostBudget: 32768}
	flash := wire.Model{Known: true, Thinks: true, Budget: true}
	for _, x := range []struct {
		name  string
		want  llm.Reasoning
		model wire.Model
		up    string
		is    string
	}{
		{"an effort", llm.Reasoning{Effort: "medium"}, wire.Model{}, "gemini-3-flash", `{"thinkingLevel":"medium"}`},
		{"an effort that the model lacks", llm.Reasoning{Effort: "medium"}, levels, "gemini-3-pro", `{"thinkingLevel":"low"}`},
		{"more than there is", llm.Reasoning{Effort: "xhigh"}, wire.Model{}, "gemini-3-flash", `{"thinkingLevel":"high"}`},
		{"an effort as tokens", llm.Reasoning{Effort: "high"}, budgets, "gemini-2.5-pro", `{"thinkingBudget":16384}`},
		{"tokens", llm.Reasoning{Budget: 5000, Enabled: &yes}, budgets, "gemini-2.5-pro", `{"thinkingBudget":5000,"includeThoughts":true}`},
		{"too few tokens", llm.Reasoning{Budget: 50, Enabled: &yes}, budgets, "gemini-2.5-pro", `{"thinkingBudget":128,"includeThoughts":true}`},
		{"tokens as a level", llm.Reasoning{Budget: 5000, Enabled: &yes}, levels, "gemini-3-pro", `{"thinkingLevel":"low","includeThoughts":true}`},
		{"as it sees fit", llm.Reasoning{Enabled: &yes}, budgets, "gemini-2.5-pro", `{"thinkingBudget":-1,"includeThoughts":true}`},
		{"as it sees fit, by levels", llm.Reasoning{Enabled: &yes}, levels, "gemini-3-pro", `{"includeThoughts":true}`},
		{"off", llm.Reasoning{Enabled: &no}, flash, "gemini-2.5-flash", `{"thinkingBudget":0}`},
		{"off, as far as it goes", llm.Reasoning{Effort: "none"}, budgets, "gemini-2.5-pro", `{"thinkingBudget":128}`},
		{"off, by levels", llm.Reasoning{Effort: "none"}, levels, "gemini-3-pro", `{"thinkingLevel":"low"}`},
		{"shown", llm.Reasoning{Summary: "auto"}, wire.Model{}, "gemini-3-pro", `{"includeThoughts":true}`},
		{"of a model that does not think", llm.Reasoning{Effort: "high", Summary: "auto"}, wire.Model{Known: true}, "gemini-2.0-flash", ``},
		{"of an old model", llm.Reasoning{Effort: "high"}, wire.Model{}, "gemini-2.0-flash", ``},
		{"not asked", llm.Reasoning{}, levels, "gemini-3-pro", ``},
	} {
		body, _ := encoded(t, &llm.Request{From: llm.Chat, Reasoning: x.want, Messages: []llm.Message{said1(llm.User, "hi")}}, &wire.Target{Upstream: x.up, Model: x.model})
		_, got, _ := strings.Cut(body, `"thinkingConfig":`)
		if got, _, _ = strings.Cut(got, `}`); got != "" {
			got += "}"
		}
		if got != x.is {
			t.Errorf("%s: %s, want %s", x.name, got, x.is)
		}
	}
}

func TestThinkingIsReadInEverySpelling(t *testing.T) {
	yes, no := true, false
	for config, want := range map[string]llm.Reasoning{
		`{"thinkingBudget":1024,"includeThoughts":true}`:    {Budget: 1024, Enabled: &yes, Summary: "auto"},
		`{"thinking_budget":0}`:                             {Enabled: &no},
		`{"thinkingBudget":-1}`:                             {Enabled: &yes},
		`{"thinkingLevel":"HIGH","include_thoughts":false}`: {Effort: "high"},
		`{"thinking_level":"minimal"}`:                      {Effort: "minimal"},
	} {
		r, err := gemini.Codec{}.DecodeRequest([]byte(`{`+turn+`,"generationConfig":{"thinkingConfig":`+config+`}}`), address)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, r.Reasoning); d != "" {
			t.Errorf("%s: %s", config, d)
		}
	}
}

func TestAFormOfOutputBesideFunctions(t *testing.T) {
	r := &llm.Request{From: llm.Chat, Messages: []llm.Message{said1(llm.User, "hi")},
		Output: llm.OutputFormat{Kind: llm.JSONSchema, Schema: json.RawMessage(`{"type":"object"}`)}, Tools: []llm.Tool{{Name: "f"}}}
	body, losses := encoded(t, r, &wire.Target{Upstream: "gemini-3-pro-preview"})
	if !strings.Contains(body, `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}`) || lost(losses, "json_schema") != "" {
		t.Errorf("%s %v", body, losses)
	}
	body, losses = encoded(t, r, &wire.Target{Upstream: "gemini-2.5-flash"})
	if strings.Contains(body, "responseMimeType") || !strings.Contains(body, `JSON Schema`) || lost(losses, "json_schema") != wire.Emulated {
		t.Errorf("%s %v", body, losses)
	}
	r.Tools = nil
	if body, _ = encoded(t, r, &wire.Target{Upstream: "gemini-2.5-flash"}); !strings.Contains(body, "responseJsonSchema") {
		t.Error(body)
	}
}

func TestHowToolsAreCalled(t *testing.T) {
	yes := true
	tools := []llm.Tool{{Name: "f", Strict: &yes}}
	for _, x := range []struct {
		choice llm.ToolChoice
		tools  []llm.Tool
		want   string
	}{
		{llm.ToolChoice{Mode: llm.ToolAuto}, []llm.Tool{{Name: "f"}}, `{"mode":"AUTO"}`},
		{llm.ToolChoice{}, tools, `{"mode":"VALIDATED"}`},
		{llm.ToolChoice{Mode: llm.ToolRequired}, tools, `{"mode":"ANY"}`},
		{llm.ToolChoice{Mode: llm.ToolNone}, tools, `{"mode":"NONE"}`},
		{llm.ToolChoice{Mode: llm.ToolNamed, Name: "f"}, tools, `{"mode":"ANY","allowedFunctionNames":["f"]}`},
		{llm.ToolChoice{Mode: llm.ToolAuto}, nil, ``},
	} {
		body, _ := encoded(t, &llm.Request{From: llm.Chat, Messages: []llm.Message{said1(llm.User, "hi")}, Tools: x.tools, ToolChoice: x.choice}, &wire.Target{})
		_, got, _ := strings.Cut(body, `"functionCallingConfig":`)
		if got, _, _ = strings.Cut(got, `}`); got != "" {
			got += "}"
		}
		if got != x.want {
			t.Errorf("%+v: %s", x.choice, got)
		}
	}
}

func TestAChoiceAmongSomeToolsIsALossElsewhere(t *testing.T) {
	tools := `"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}]`
	for config, want := range map[string]struct {
		choice llm.ToolChoice
		path   string
	}{
		`{"mode":"ANY","allowedFunctionNames":["f","g"]}`: {llm.ToolChoice{Mode: llm.ToolRequired}, "toolConfig.functionCallingConfig.~allowedFunctionNames"},
		`{"mode":"ANY","allowedFunctionNames":["g"]}`:     {llm.ToolChoice{Mode: llm.ToolNamed, Name: "g"}, "toolConfig.functionCallingConfig.~allowedFunctionNames"},
		`{"mode":"AUTO","allowed_function_names":["g"]}`:  {llm.ToolChoice{Mode: llm.ToolAuto}, "toolConfig.functionCallingConfig.allowedFunctionNames"},
		`{"mode":"NONE"}`: {llm.ToolChoice{Mode: llm.ToolNone}, ""},
		`{"mode":2}`:      {llm.ToolChoice{Mode: llm.ToolRequired}, ""},
	} {
		body := `{` + turn + `,"toolConfig":{"functionCallingConfig":` + config + `},` + tools + `}`
		r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
		if err != nil || r.ToolChoice != want.choice {
			t.Errorf("%s: %+v %v", config, r.ToolChoice, err)
			continue
		}
		found := want.path == ""
		for _, x := range r.Extra {
			found = found || x.Path == want.path
		}
		if !found {
			t.Errorf("%s: %v", config, r.Extra)
		}
		if again, _ := encoded(t, r, &wire.Target{}); !sameJSON(t, body, again) {
			t.Errorf("%s became %s", body, again)
		}
	}
}

// TestArgumentsAreHeldToTheirSchemasElsewhereToo, where another provider could: a
// schema that leaves something open is not one of those.
func TestArgumentsAreHeldToTheirSchemasElsewhereToo(t *testing.T) {
	const inner = `"properties":{"a":{"type":"STRING"}},"required":["a"]`
	for schema, want := range map[string]bool{
		`{"type":"object",` + inner + `,"additionalProperties":false}`:                                                                           true,
		`{"type":"object","properties":{"l":{"type":"array","items":{"type":["string","null"]}}},"required":["l"],"additionalProperties":false}`: true,
		`{"type":"object",` + inner + `}`: false,
		`{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}`:                             false,
		`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`:                               false,
		`{"type":"object","properties":{"a":{"type":"string","format":"x"}},"required":["a"],"additionalProperties":false}`: false,
		`{"type":"object","properties":{"o":{"type":"object"}},"required":["o"],"additionalProperties":false}`:              false,
	} {
		body := `{` + turn + `,"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"}},"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":` + schema + `}]}]}`
		r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
		if err != nil || (r.Tools[0].Strict != nil) != want {
			t.Errorf("%s: %+v %v", schema, r.Tools, err)
			continue
		}
		if again, _ := encoded(t, r, &wire.Target{}); !sameJSON(t, body, again) {
			t.Errorf("%s became %s", body, again)
		}
		out, losses, err := chat.Codec{}.EncodeRequest(r, &wire.Target{})
		if err != nil || strings.Contains(string(out), `"strict":true`) != want || len(losses) != 1 || losses[0].Class != wire.Advisory {
			t.Errorf("%s: %s %v %v", schema, out, losses, err)
		}
	}
}

func TestResultsWithoutIDsAnswerTheCallOfTheirName(t *testing.T) {
	body := `{"contents":[{"role":"user","parts":[{"text":"go"}]},` +
		`{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"g"}}]},` +
		`{"role":"function","parts":{"functionResponse":{"name":"g","response":{"result":[1]}}}},` +
		`{"parts":[{"functionResponse":{"name":"f","response":{"error":"no"}}}]}]}`
	r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
	if err != nil {
		t.Fatal(err)
	}
	f, g := r.Messages[1].Parts[0].ID, r.Messages[1].Parts[1].ID
	if f == "" || f == g || r.Messages[2].Parts[0].ID != g || r.Messages[3].Parts[0].ID != f {
		t.Errorf("%+v", r.Messages)
	}
	if p := r.Messages[2].Parts[0]; p.Content[0].Text != `{"result":[1]}` || p.IsError {
		t.Errorf("%+v", p)
	}
	if p := r.Messages[3].Parts[0]; p.Content[0].Text != "no" || !p.IsError {
		t.Errorf("%+v", p)
	}
	if again, _ := encoded(t, r, &wire.Target{}); !sameJSON(t, body, again) {
		t.Errorf("%s\nbecame\n%s", body, again)
	}
	longer, err := gemini.Codec{}.DecodeRequest([]byte(strings.Replace(body, `]}]}`, `]},{"role":"model","parts":[{"text":"so"}]},{"role":"user","parts":[{"text":"and"}]}]}`, 1)), address)
	if err != nil || longer.Messages[1].Parts[0].ID != f {
		t.Errorf("a longer history changes the ids: %v", err)
	}
}

func TestMediaInResults(t *testing.T) {
	r := &llm.Request{From: llm.Messages, Messages: []llm.Message{said1(llm.User, "go"),
		{Role: llm.Assistant, Parts: []llm.Part{{Kind: llm.ToolCall, ID: "t1", Name: "f"}, {Kind: llm.ToolCall, ID: "t2", Name: "g"}}},
		{Role: llm.User, Parts: []llm.Part{
			{Kind: llm.ToolResult, ID: "t1", Content: []llm.Part{{Kind: llm.Text, Text: "see"}, {Kind: llm.Image, MediaType: "image/png", Data: []byte("PNG")}}},
			{Kind: llm.ToolResult, ID: "t2", IsError: true, Content: []llm.Part{{Kind: llm.Text, Text: "bad"}, {Kind: llm.Text, Text: "luck"}}},
			{Kind: llm.Text, Text: "well?"},
		}},
	}}
	body, losses := encoded(t, r, &wire.Target{Upstream: "gemini-3-pro-preview"})
	want := `{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"f","response":{"output":"see"},"parts":[{"inlineData":{"mimeType":"image/png","data":"UE5H"}}]}},` +
		`{"functionResponse":{"id":"t2","name":"g","response":{"error":"bad","error_2":"luck"}}},{"text":"well?"}]}`
	if !strings.Contains(body, want) || lost(losses, "tool_result.media") != "" {
		t.Errorf("%s\n%v", body, losses)
	}
	body, losses = encoded(t, r, &wire.Target{Upstream: "gemini-2.5-pro"})
	want = `{"functionResponse":{"id":"t2","name":"g","response":{"error":"bad","error_2":"luck"}}},{"inlineData":{"mimeType":"image/png","data":"UE5H"}},{"text":"well?"}]}`
	if !strings.Contains(body, want) || lost(losses, "tool_result.media") != wire.Emulated {
		t.Errorf("%s\n%v", body, losses)
	}
}

func TestWhatOnlyGoogleCanReadIsNotSentElsewhere(t *testing.T) {
	for uri, kind := range map[string]llm.PartKind{
		"gs://b/a.png": llm.Opaque, "https://generativelanguage.googleapis.com/v1beta/files/abc": llm.Opaque,
		"https://example.com/a.png": llm.Image, "https://youtu.be/x": llm.Video,
	} {
		r, err := gemini.Codec{}.DecodeRequest([]byte(`{"contents":[{"parts":[{"fileData":{"fileUri":"`+uri+`"}}]}]}`), address)
		if err != nil || r.Messages[0].Parts[0].Kind != kind {
			t.Errorf("%s: %+v %v", uri, r, err)
		}
	}
}

func TestRecordedSafetySettingsThatFilterAreALoss(t *testing.T) {
	for settings, want := range map[string]string{
		`[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]`:             "~safetySettings",
		`[{"category":"HARM_CATEGORY_HARASSMENT","threshold":4},{"threshold":"OFF"}]`:    "~safetySettings",
		`[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_LOW_AND_ABOVE"}]`:    "safetySettings",
		`{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_MEDIUM_AND_ABOVE"}`:   "safetySettings",
		`[{"threshold":"OFF"},{"category":"HARM_CATEGORY_HARASSMENT","threshold":"x"} ]`: "safetySettings",
	} {
		body := `{` + turn + `,"safety_settings":` + settings + `}`
		r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
		if err != nil || r.Extra[0].Path != want {
			t.Errorf("%s: %v %v", settings, r.Extra, err)
		}
		if again, _ := encoded(t, r, &wire.Target{}); !sameJSON(t, body, again) {
			t.Errorf("%s became %s", body, again)
		}
	}
}

func TestASchemaOfGooglesIsJSONSchemaElsewhere(t *testing.T) {
	for _, x := range []struct{ member, schema, want string }{
		{"parameters", `{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["a"]},"n":{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"2"}},"propertyOrdering":["n"],"required":["n"]}`,
			`{"type":"object","properties":{"type":{"type":["string","null"],"enum":["a",null]},"n":{"type":"array","items":{"type":"number"},"minItems":2}},"required":["n"]}`},
		{"parameters", `{"type":"object","properties":{"anyOf":{"any_of":[{"type":"STRING"},{"type":"TYPE_UNSPECIFIED"}]}}}`, `{"type":"object","properties":{"anyOf":{"anyOf":[{"type":"string"},{}]}}}`},
		{"parametersJsonSchema", `{"type":"OBJECT","properties":{"x":{"type":"string","nullable":true}}}`, `{"type":"object","properties":{"x":{"type":"string","nullable":true}}}`},
		{"parameters_json_schema", `{"$ref":"#/$defs/A","$defs":{"A":{"type":"object"}}}`, `{"$ref":"#/$defs/A","$defs":{"A":{"type":"object"}}}`},
	} {
		body := `{` + turn + `,"tools":[{"function_declarations":[{"name":"f","` + x.member + `":` + x.schema + `}]}]}`
		r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
		if err != nil || string(r.Tools[0].Schema) != x.want {
			t.Errorf("%s\nis\n%s %v", x.schema, r.Tools[0].Schema, err)
		}
		if again, _ := encoded(t, r, &wire.Target{}); !sameJSON(t, body, again) {
			t.Errorf("%s became %s", body, again)
		}
	}
}

// TestEverySpellingIsWrittenBack: both cases of names, lists without brackets, other
// alphabets of bytes, numbers as text, tools in one object and members yet to come.
func TestEverySpellingIsWrittenBack(t *testing.T) {
	for _, body := range []string{
		`{"contents":{"parts":{"text":"hi"}}}`,
		`{"contents":[{"role":"user"},{"role":"model","parts":[]}]}`,
		`{"system_instruction":{"role":"system","parts":{"text":"be"}},` + turn + `,"generation_config":{"top_p":0.90,"stop_sequences":["a"],"response_mime_type":"application/json","response_schema":{"type":"OBJECT"},"thinking_config":{"thinking_budget":9}}}`,
		`{"contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"_9j_4AA="}},{"inlineData":{"mimeType":"image/jpeg","data":"_9j_4AA"}},{"inlineData":{"data":"/9j/4AA"}}]}]}`,
		`{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"text/csv","data":"YSxi"}},{"inlineData":{"mimeType":"application/pdf","data":"JVBE","displayName":"a.pdf"}}]}]}`,
		`{"contents":[{"role":"user","parts":[{"fileData":{"file_uri":"https://x/a.mp4","mimeType":"video/mp4"},"videoMetadata":{"fps":2},"mediaResolution":{"level":"LOW"}}]}]}`,
		`{` + turn + `,"tools":[{"functionDeclarations":[{"name":"f"}]},{"functionDeclarations":[{"name":"g","behavior":"BLOCKING"}],"googleSearch":{},"url_context":{}},{"code_execution":{}},{"functionDeclarations":{"name":"h"}}]}`,
		`{` + turn + `,"tools":{"google_search":{}},"toolConfig":{"retrievalConfig":{"latLng":{}},"includeServerSideToolInvocations":true}}`,
		`{"contents":[{"role":"model","parts":[{"text":"x","thought":false},{"thought":true,"thoughtSignature":"CiQB"},{"thoughtSignature":"CiQC"},{"toolCall":{"id":"1"},"thoughtSignature":"CiQD"},{"functionCall":{"name":"f"},"thought":true},{},{"hologram":{"x":1}}]}]}`,
		`{"contents":[{"role":"user","parts":[{"function_response":{"id":"a","name":"f","response":{},"willContinue":true,"scheduling":"WHEN_IDLE","parts":[{"inline_data":{"mime_type":"image/png","data":"AA=="}},{"fileData":{"fileUri":"gs://b/c"}}]}},{"functionResponse":{"name":"g","response":{"output":1}}},{"functionResponse":{"name":"g","response":{"output":"a","output_2":"b"}}},{"functionResponse":{"name":"g"}}]}]}`,
		`{"model":"models/smart",` + turn + `,"labels":{"team":"x"},"serviceTier":"flex","store":false,"cached_content":"cachedContents/1","future_member":{"a_b":1},"otherMember":2}`,
		`{` + turn + `,"labels":{"team":1}}`,
	} {
		r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		again, losses := encoded(t, r, &wire.Target{Upstream: "smart"})
		if !sameJSON(t, body, again) || len(losses) > 0 {
			t.Errorf("%s\nbecame\n%s %v", body, again, losses)
		}
	}
}

func TestWhatGoogleDoesAnywayIsNotAskedOfOthers(t *testing.T) {
	body := `{` + turn + `,"generationConfig":{"topK":64,"topP":0.95,"temperature":1}}`
	r, err := gemini.Codec{}.DecodeRequest([]byte(body), address)
	if err != nil || r.TopK != "" || r.TopP != "" || r.Temperature != "1" {
		t.Errorf("%+v %v", r, err)
	}
	if again, _ := encoded(t, r, &wire.Target{}); !sameJSON(t, body, again) {
		t.Errorf("%s", again)
	}
	if r, _ := (gemini.Codec{}).DecodeRequest([]byte(`{`+turn+`,"generationConfig":{"topK":40,"topP":0.9}}`), address); r.TopK != "40" || r.TopP != "0.9" {
		t.Errorf("%+v", r)
	}
}

func TestOneCallATurnIsAskedFor(t *testing.T) {
	no := false
	r := &llm.Request{From: llm.Chat, ParallelTools: &no, Messages: []llm.Message{said1(llm.User, "hi")}, Tools: []llm.Tool{{Name: "f"}}}
	body, losses := encoded(t, r, &wire.Target{})
	if !strings.Contains(body, `"systemInstruction":{"parts":[{"text":"Call at most one function in a turn."}]}`) || lost(losses, "parallel_tool_calls=false") != wire.Emulated {
		t.Errorf("%s %v", body, losses)
	}
}

func TestRequestsOfOtherFormats(t *testing.T) {
	r := &llm.Request{From: llm.Chat, Stream: true, Temperature: "0.70", TopP: "0.9", TopK: "5", Seed: "9007199254740993", Stop: []string{"a", "b", "c", "d", "e"}, Choices: 2,
		MaxOutput: 99, Penalties: llm.Penalties{Presence: "1", Frequency: "-1"}, Modalities: []string{"text", "audio"}, User: "u", Metadata: map[string]string{"A": "b"},
		Messages: []llm.Message{
			said1(llm.Developer, "dev"), said1(llm.Assistant, "first"), {Role: llm.User, Name: "bob", Parts: []llm.Part{{Kind: llm.Text, Text: "hi"},
				{Kind: llm.Image, URL: "https://x/y.webp"}, {Kind: llm.Document, MediaType: "application/pdf", Name: "r.pdf", Data: []byte("PDF")}, {Kind: llm.Document, Name: "n", Text: "note"}}},
			said1(llm.System, "later"), said1(llm.User, "go"),
		}}
	body, _ := encoded(t, r, &wire.Target{Upstream: "gemini-2.5-pro", OutputCap: 50})
	want := `{"generationConfig":{"temperature":0.70,"topP":0.9,"topK":5,"candidateCount":2,"maxOutputTokens":50,"stopSequences":["a","b","c","d","e"],"presencePenalty":1,"frequencyPenalty":-1,"seed":1,"responseModalities":["TEXT","AUDIO"]},` +
		`"systemInstruction":{"parts":[{"text":"dev"}]},"contents":[{"role":"user","parts":[{"text":"(The conversation begins.)"}]},{"role":"model","parts":[{"text":"first"}]},` +
		`{"role":"user","parts":[{"text":"[bob] hi"},{"fileData":{"mimeType":"image/webp","fileUri":"https://x/y.webp"}},{"text":"Document: r.pdf"},{"inlineData":{"mimeType":"application/pdf","data":"UERG"}},{"text":"n\n\nnote"},` +
		`{"text":"<system-reminder>\nlater\n</system-reminder>"},{"text":"go"}]}]}`
	if body != want {
		t.Errorf("%s\nwant\n%s", body, want)
	}
	if _, _, err := (gemini.Codec{}).EncodeRequest(&llm.Request{From: llm.Chat, Stop: make([]string, 6)}, nil); err == nil {
		t.Error("six stop sequences were taken")
	}
}
