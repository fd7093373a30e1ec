package converse_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/messages"
)

const (
	claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	nova1  = "amazon.nova-pro-v1:0"
	nova2  = "arn:aws:bedrock:us-east-1:0:inference-profile/us.amazon.nova-2-lite-v1:0"
	oss    = "openai.gpt-oss-120b-1:0"
	qwen3  = "qwen.qwen3-32b-v1:0"
	llama  = "us.meta.llama3-3-70b-instruct-v1:0"
)

// encoded writes a request of another format for a model, and names the losses.
func encoded(t *testing.T, c wire.Codec, body string, tgt wire.Target) (out gjson.Result, losses string, err error) {
	t.Helper()
	r, err := c.DecodeRequest([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, lost, err := converse.Codec{}.EncodeRequest(r, &tgt)
	var names []string
	for _, l := range lost {
		names = append(names, fmt.Sprintf("%s %s", l.Class, l.Field))
	}
	if err == nil && !json.Valid(b) {
		t.Fatalf("no JSON: %s", b)
	}
	return gjson.ParseBytes(b), strings.Join(names, ", "), err
}

func TestEachFamilyIsToldInItsOwnWords(t *testing.T) {
	hi := `"messages":[{"role":"user","content":"hi"}]`
	adaptive := wire.Model{Known: true, Thinks: true, Adaptive: true, Switch: true, Efforts: []string{"low", "medium", "high"}}
	for _, x := range []struct {
		name, model string
		known       wire.Model
		body, want  string
		losses      string
	}{
		{"a budget, Claude", claude, wire.Model{}, `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, `{"thinking":{"type":"enabled","budget_tokens":2000}}`, "emulated reasoning.budget"},
		{"a budget, newer Claude", claude, adaptive, `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, `{"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}`, "emulated reasoning.budget"},
		{"a budget, Nova 2", nova2, wire.Model{}, `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, `{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}}`, "emulated reasoning.budget"},
		{"much thinking, Nova 2: the cap stays", nova2, wire.Model{}, `{"model":"m","max_tokens":40000,"thinking":{"type":"enabled","budget_tokens":30000},` + hi + `}`, `{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"medium"}}`, "emulated reasoning.budget"},
		{"off, Nova 2", nova2, wire.Model{}, `{"model":"m","max_tokens":4000,"thinking":{"type":"disabled"},` + hi + `}`, `{"reasoningConfig":{"type":"disabled"}}`, "emulated reasoning.off"},
		{"a budget, Nova 1", nova1, wire.Model{}, `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, ``, "emulated reasoning.budget, advisory reasoning"},
		{"a budget, GPT", oss, wire.Model{}, `{"model":"m","max_tokens":40000,"thinking":{"type":"enabled","budget_tokens":20000},` + hi + `}`, `{"reasoning_effort":"high"}`, "emulated reasoning.budget"},
		{"a budget, Qwen", qwen3, wire.Model{}, `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, `{"reasoning_config":"low"}`, "emulated reasoning.budget"},
		{"a budget, Llama", llama, wire.Model{}, `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, ``, "emulated reasoning.budget, advisory reasoning"},
		{"top_k, Claude", claude, wire.Model{}, `{"model":"m","max_tokens":1,"top_k":5,` + hi + `}`, `{"top_k":5}`, ""},
		{"top_k, Nova", nova1, wire.Model{}, `{"model":"m","max_tokens":1,"top_k":5,` + hi + `}`, `{"inferenceConfig":{"topK":5}}`, ""},
		{"no thinking beside a forced tool, Claude", claude, wire.Model{}, `{"model":"m","max_tokens":4000,"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},"thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`, ``, "emulated reasoning.budget, advisory reasoning.budget"},
	} {
		out, losses, err := encoded(t, messages.Codec{}, x.body, wire.Target{Upstream: x.model, Model: x.known})
		if got := out.Get("additionalModelRequestFields").Raw; err != nil || got != x.want || losses != x.losses {
			t.Errorf("%s: %v\n%s\n%s\n%s", x.name, err, got, x.want, losses)
		}
	}
	if _, losses, err := encoded(t, messages.Codec{}, `{"model":"m","max_tokens":1,"top_k":5,`+hi+`}`, wire.Target{Upstream: llama}); err == nil || losses != "semantic top_k" {
		t.Errorf("%v %s", err, losses)
	}
	out, _, err := encoded(t, messages.Codec{}, `{"model":"m","max_tokens":1,`+hi+`}`, wire.Target{Upstream: claude, Betas: []string{"context-1m-2025-08-07", "claude-code-20250219"}})
	if got := out.Get("additionalModelRequestFields").Raw; err != nil || got != `{"anthropic_beta":["context-1m-2025-08-07"]}` {
		t.Errorf("%v %s", err, got)
	}
}

func TestMarksGoOnlyToModelsThatTakeThem(t *testing.T) {
	body := `{"model":"m","max_tokens":1,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],
		"tools":[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}`
	for model, want := range map[string]string{
		claude: `[{"text":"s"},{"cachePoint":{"type":"default","ttl":"1h"}}] 2 2`,
		nova1:  `[{"text":"s"},{"cachePoint":{"type":"default"}}] 1 2`,
		llama:  `[{"text":"s"}] 1 1`,
	} {
		out, losses, err := encoded(t, messages.Codec{}, body, wire.Target{Upstream: model})
		got := fmt.Sprint(out.Get("system").Raw, " ", len(out.Get("toolConfig.tools").Array()), " ", len(out.Get("messages.0.content").Array()))
		if err != nil || got != want || (losses != "") != (model == llama) {
			t.Errorf("%s: %v %s %s", model, err, got, losses)
		}
	}
}

func TestHistoriesBecomeOnesThatTheServiceTakes(t *testing.T) {
	out, losses, err := encoded(t, chat.Codec{}, `{"model":"m","messages":[
		{"role":"system","content":"Be brief."},
		{"role":"assistant","content":" ","tool_calls":[{"id":"call|1","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]},
		{"role":"tool","tool_call_id":"call|1","content":""},
		{"role":"user","content":[{"type":"file","file":{"filename":"r&d:report_2.pdf","file_data":"data:application/pdf;base64,JVBERi0x"}}]},
		{"role":"user","content":""}]}`, wire.Target{Upstream: claude})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"role":"user","content":[{"text":"(The conversation begins.)"}]},` +
		`{"role":"assistant","content":[{"toolUse":{"toolUseId":"tooluse_X","name":"f","input":{"invalid_arguments":"{\"a\":"}}}]},` +
		`{"role":"user","content":[{"toolResult":{"toolUseId":"tooluse_X","content":[{"text":"(no output)"}]}},` +
		`{"document":{"format":"pdf","name":"r d report_2-pdf","source":{"bytes":"JVBERi0x"}}},{"text":"Document: r&d:report_2.pdf"}]}]`
	id := out.Get("messages.1.content.0.toolUse.toolUseId").String()
	if got := strings.ReplaceAll(out.Get("messages").Raw, id, "tooluse_X"); got != want || !strings.HasPrefix(id, "tooluse_") {
		t.Errorf("\n%s\n%s", got, want)
	}
	if got := out.Get("toolConfig").Raw; got != `{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}}]}` {
		t.Errorf("%s", got)
	}
	for _, name := range []string{"emulated assistant first", "emulated tools (missing)", "emulated document.title", "emulated text (blank)"} {
		if !strings.Contains(losses, name) {
			t.Errorf("%s is not named: %s", name, losses)
		}
	}
}

func TestNoToolMayBeCalled(t *testing.T) {
	tools := `"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"`
	out, losses, err := encoded(t, chat.Codec{}, `{"model":"m",`+tools+`,"messages":[{"role":"user","content":"hi"}]}`, wire.Target{Upstream: claude})
	if err != nil || out.Get("toolConfig").Exists() || !strings.Contains(losses, "emulated tool_choice") {
		t.Errorf("%v %s %s", err, out.Raw, losses)
	}
	out, _, err = encoded(t, chat.Codec{}, `{"model":"m",`+tools+`,"messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}]}`, wire.Target{Upstream: claude})
	if err != nil || out.Get("toolConfig.toolChoice").Exists() || len(out.Get("toolConfig.tools").Array()) != 1 || !strings.Contains(out.Get("system").Raw, "Call no tool") {
		t.Errorf("%v %s", err, out.Raw)
	}
}

func TestOneCallATurnIsSaidInTheMakersWordsOrAskedFor(t *testing.T) {
	const asked = "Call at most one tool in a turn."
	for _, x := range []struct{ model, choice, fields, chosen, system string }{
		{claude, `"auto"`, `{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}`, "", ""},
		{claude, `"required"`, "", `{"any":{}}`, asked},
		{nova1, `"auto"`, "", `{"auto":{}}`, asked},
		{nova1, `"none"`, "", "", ""},
	} {
		out, losses, err := encoded(t, chat.Codec{}, `{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":`+x.choice+`,"parallel_tool_calls":false,"messages":[{"role":"user","content":"hi"}]}`, wire.Target{Upstream: x.model})
		if err != nil || out.Get("additionalModelRequestFields").Raw != x.fields || out.Get("toolConfig.toolChoice").Raw != x.chosen || out.Get("system.0.text").String() != x.system || !strings.Contains(losses, "emulated parallel_tool_calls=false") {
			t.Errorf("%s %s: %v %s %s", x.model, x.choice, err, out.Raw, losses)
		}
	}
}

func TestWhatOnlyBytesCanSayIsRefusedByAddress(t *testing.T) {
	for body, field := range map[string]string{
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}]}]}`:     "image.url",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/tiff;base64,AAAA"}}]}]}`: "image",
		`{"model":"m","n":2,"messages":[{"role":"user","content":"x"}]}`:                                                                "n>1",
	} {
		_, _, err := encoded(t, chat.Codec{}, body, wire.Target{Upstream: claude})
		if e, ok := err.(*llm.Error); !ok || e.Class != llm.Lossy || e.Param != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestStateGoesToItsMakerOnly(t *testing.T) {
	r := &llm.Request{Model: "m", From: llm.Messages, Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "x"}}},
		{Role: llm.Assistant, Parts: []llm.Part{
			{Kind: llm.Thinking, Text: "a", Signature: "EqQBCgIYAhIkMWE3", Maker: llm.MakerAnthropic}, {Kind: llm.Thinking, Text: "g", Signature: "CiQB", Maker: llm.MakerGoogle},
			{Kind: llm.Thinking, Redacted: "EuYBCoYBGAIiQ", Maker: llm.MakerAnthropic}, {Kind: llm.Text, Text: "y"}}}}}
	for model, want := range map[string]string{
		claude: `[{"reasoningContent":{"reasoningText":{"text":"a","signature":"EqQBCgIYAhIkMWE3"}}},{"reasoningContent":{"redactedContent":"RXVZQkNvWUJHQUlpUQ=="}},{"text":"y"}]`,
		nova2:  `[{"text":"y"}]`,
	} {
		b, losses, err := converse.Codec{}.EncodeRequest(r, &wire.Target{Upstream: model, LossyOK: true})
		if got := gjson.GetBytes(b, "messages.1.content").Raw; err != nil || got != want || len(losses) == 0 {
			t.Errorf("%s: %v %v\n%s", model, err, losses, got)
		}
	}
}

func TestForeignStateComesBackThroughAClient(t *testing.T) {
	r := &llm.Response{Stop: llm.StopTools, Parts: []llm.Part{
		{Kind: llm.Thinking, Redacted: "gAAAAABo", Maker: llm.MakerOpenAI, ID: "rs_1"},
		{Kind: llm.Thinking, Text: "t", Signature: "sig", Maker: llm.MakerGoogle},
		{Kind: llm.ToolCall, ID: "c", Name: "f", Arguments: json.RawMessage(`{}`), Signature: "CiQB", Maker: llm.MakerGoogle},
	}}
	streamed := converse.Codec{}.Writer(nil).Write(nil, stateEvents(r))
	for name, content := range map[string]string{
		"unstreamed": gjson.GetBytes(converse.Codec{}.EncodeResponse(r, nil), "output.message.content").Raw,
		"streamed":   joined(streamed),
	} {
		back, err := converse.Codec{}.DecodeRequest([]byte(`{"messages":[{"role":"assistant","content":`+content+`}]}`), at)
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, content)
		}
		p := back.Messages[0].Parts
		if len(p) != 3 || p[0].Redacted != "gAAAAABo" || p[0].Maker != llm.MakerOpenAI || p[0].ID != "rs_1" || p[1].Signature != "sig" || p[1].Maker != llm.MakerGoogle ||
			p[2].Signature != "CiQB" || p[2].Maker != llm.MakerGoogle || p[2].Kind != llm.ToolCall {
			t.Errorf("%s: %+v\n%s", name, p, content)
		}
	}
}

// stateEvents are the events of an answer whose parts start with their state.
func stateEvents(r *llm.Response) (out []llm.Event) {
	out = append(out, llm.Event{Kind: llm.Start})
	for i, p := range r.Parts {
		out = append(out, llm.Event{Kind: llm.BlockStart, Index: i, Part: p}, llm.Event{Kind: llm.BlockStop, Index: i})
	}
	return append(out, llm.Event{Kind: llm.Stop, Stop: r.Stop}, llm.Event{Kind: llm.End})
}

func joined(text []byte) string {
	content, _ := plainly(text)
	return string(content)
}
