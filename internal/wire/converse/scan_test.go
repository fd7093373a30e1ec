package converse_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
)

var at = &wire.Head{Model: "smart", Streams: true, Stream: true}

const user = `"messages":[{"role":"user","content":[{"text":"hi"}]}]`

func TestScanFindsWhatRoutingAndBudgetsNeed(t *testing.T) {
	s, err := converse.Codec{}.Scan([]byte(`{"system":[{"text":"12345"},{"cachePoint":{"type":"default"}}],
		"messages":[{"role":"user","content":[{"text":"é\u00e9"},{"image":{"format":"png","source":{"bytes":"AAAAAAAA"}}},
		{"document":{"format":"txt","name":"n","source":{"text":"1234567"}}},{"guardContent":{"text":{"text":"x"}}}]},
		{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"123","signature":"EqQBCgIYAhIkMWE3"}}}]}],
		"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}},{"systemTool":{"name":"nova_grounding"}},{"cachePoint":{"type":"default"}}]},
		"outputConfig":{"textFormat":{}},
		"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048},"anthropic_beta":["b-1"]},
		"inferenceConfig":{"maxTokens":4096}}`), &wire.Head{Model: "smart", Streams: true, Stream: true, Betas: []string{"a-1"}})
	if err != nil {
		t.Fatal(err)
	}
	f := s.Facts
	if f.Format != llm.Converse || f.Model != "smart" || !f.Stream || !f.StreamUsage || f.MaxOutput != 4096 || f.ThinkingBudget != 2048 || f.Choices != 1 ||
		f.Messages != 2 || f.Tools != 2 || f.Media != 2 || f.MediaBytes != 6 || !f.CacheMarks || !f.Schema || !f.Reasoning || f.ServerTool != "nova_grounding" || f.Unsized {
		t.Errorf("%+v", f)
	}
	if len(f.Bindings) != 1 || f.Bindings[0] != llm.MakerAnthropic || strings.Join(f.Betas, " ") != "a-1 b-1" {
		t.Errorf("%v %v", f.Bindings, f.Betas)
	}
	if f.TextBytes < 5+4+7+3+40 || f.TextBytes > 250 {
		t.Errorf("%d bytes of text", f.TextBytes)
	}
}

func TestStateIsBoundToItsMaker(t *testing.T) {
	for model, want := range map[string]map[string]llm.Maker{
		"smart": {
			"EqQBCgIYAhIkMWE3": llm.MakerAnthropic, "skein1.google.s..CiQB": llm.MakerGoogle, "what": "",
		},
		"us.amazon.nova-2-lite-v1:0": {"what": llm.MakerAmazon, "skein1.openai.s..x": llm.MakerOpenAI},
	} {
		for signature, maker := range want {
			body := `{"messages":[{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"` + signature + `"}}}]}]}`
			s, err := converse.Codec{}.Scan([]byte(body), &wire.Head{Model: model})
			r, err2 := converse.Codec{}.DecodeRequest([]byte(body), &wire.Head{Model: model})
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if got := r.Messages[0].Parts[0].Maker; got != maker || maker != "" && (len(s.Bindings) != 1 || s.Bindings[0] != maker) || maker == "" && len(s.Bindings) > 0 {
				t.Errorf("%s of %s: %q, bound to %v", signature, model, got, s.Bindings)
			}
		}
	}
}

func TestScanRefusesWhatTwoWouldReadDifferently(t *testing.T) {
	for body, field := range map[string]string{
		`{` + user + `,` + user + `}`:                                                                                   "messages",
		`{` + user + `,"Messages":[]}`:                                                                                  "Messages",
		`{` + user + `,"inferenceConfig":{"maxTokens":1},"inferenceConfig":{}}`:                                         "inferenceConfig",
		`{` + user + `,"inferenceConfig":{"maxTokens":1,"maxTokens":2}}`:                                                "inferenceConfig.maxTokens",
		`{` + user + `,"inferenceConfig":{"maxtokens":1}}`:                                                              "inferenceConfig.maxtokens",
		`{` + user + `,"inferenceConfig":{"maxTokens":"1"}}`:                                                            "inferenceConfig.maxTokens",
		`{` + user + `,"inferenceConfig":{"maxTokens":-1}}`:                                                             "inferenceConfig.maxTokens",
		`{` + user + `,"additionalModelRequestFields":{"max_tokens":99999}}`:                                            "additionalModelRequestFields.max_tokens",
		`{` + user + `,"additionalModelRequestFields":{"inferenceConfig":{"max_new_tokens":9}}}`:                        "additionalModelRequestFields.max_new_tokens",
		`{` + user + `,"additionalModelRequestFields":{"thinking":{"budget_tokens":1},"thinking":{"budget_tokens":2}}}`: "additionalModelRequestFields.thinking.budget_tokens",
		`{}`:                          "messages",
		`{"messages":{}}`:             "messages",
		`{"messages":[{"content":7`:   "messages[0].content",
		`{` + user + `,"system":"x"}`: "system",
		"{\"messages\":[\"\xff\"]}":   "",
	} {
		_, err := converse.Codec{}.Scan([]byte(body), at)
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.BadRequest || e.Param != field {
			t.Errorf("%s: %v (%q)", body, err, e)
		}
	}
	if _, err := (converse.Codec{}).Scan([]byte(`{`+user+`}`), nil); err == nil {
		t.Error("a request without a model was taken")
	}
	if _, err := (converse.Codec{}).Scan([]byte(`{"promptVariables":{"a":{"text":"b"}}}`), at); err != nil {
		t.Error(err) // the messages are kept by the service
	}
}

func TestEditSetsTheCapAndNothingElse(t *testing.T) {
	for body, want := range map[string]string{
		`{` + user + `}`:                                                      `{` + user + `,"inferenceConfig":{"maxTokens":500}}`,
		`{"inferenceConfig": {}, ` + user + ` }`:                              `{"inferenceConfig": {"maxTokens":500}, ` + user + ` }`,
		`{"inferenceConfig":null,` + user + `}`:                               `{"inferenceConfig":{"maxTokens":500},` + user + `}`,
		`{"inferenceConfig":{"topP": 1.0 },` + user + `}`:                     `{"inferenceConfig":{"topP": 1.0 ,"maxTokens":500},` + user + `}`,
		`{"inferenceConfig":{"maxTokens": 9999,"topP":1},` + user + `,"x":1}`: `{"inferenceConfig":{"maxTokens": 500,"topP":1},` + user + `,"x":1}`,
	} {
		s, err := converse.Codec{}.Scan([]byte(body), at)
		if err != nil {
			t.Fatal(err)
		}
		got, err := converse.Codec{}.Edit([]byte("x"), []byte(body), s, &wire.Target{Upstream: "other", OutputCap: 500})
		if err != nil || string(got) != "x"+want || !json.Valid(got[1:]) {
			t.Errorf("%v\n%s\n%s", err, got, want)
		}
		if same, err := (converse.Codec{}).Edit(nil, []byte(body), s, &wire.Target{Upstream: "other"}); err != nil || string(same) != body {
			t.Errorf("%v %s", err, same)
		}
	}
	body := []byte(`{` + user + `,"inferenceConfig":{"maxTokens":9000},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":8000}}}`)
	s, err := converse.Codec{}.Scan(body, at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := converse.Codec{}.Edit(nil, body, s, &wire.Target{OutputCap: 4000})
	if want := `{` + user + `,"inferenceConfig":{"maxTokens":4000},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2000}}}`; err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := (converse.Codec{}).Edit(nil, body, s, &wire.Target{OutputCap: 1000}); err == nil {
		t.Error("thinking that does not fit was sent")
	}
}

func TestCountsAreReadInBothForms(t *testing.T) {
	for body, want := range map[string]string{
		`{"input":{"converse":{` + user + `}}}`:                     "",
		`{"input":{"invokeModel":{"body":"eyJtZXNzYWdlcyI6W119"}}}`: "",
		`{"input":{}}`: "input",
		`{"input":{"converse":{},"invokeModel":{}}}`: "input",
		`{"input":{"invokeModel":{"body":"$"}}}`:     "input.invokeModel.body",
		`{"input":{"converse":7}}`:                   "input.converse",
	} {
		_, err := converse.Count{}.Scan([]byte(body), at)
		_, err2 := converse.Count{}.DecodeRequest([]byte(body), at)
		var e *llm.Error
		if want == "" && (err != nil || err2 != nil) || want != "" && (!errors.As(err, &e) || e.Param != want || err2 == nil) {
			t.Errorf("%s: %v, %v", body, err, err2)
		}
	}
}
