package messages_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/messages"
)

func TestScanFindsWhatRoutingAndBudgetsNeed(t *testing.T) {
	body := `{"model":"smart","stream":true,"max_tokens":1000,"system":[{"type":"text","text":"ab"}],
	 "thinking":{"type":"enabled","budget_tokens":500},"output_config":{"format":{"type":"json_schema"}},
	 "tools":[{"name":"f"}],
	 "messages":[{"role":"user","content":[{"type":"text","text":"cd"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAAAAAA"}}]},
	  {"role":"assistant","content":[{"type":"thinking","thinking":"why","signature":"s"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]},
	  {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"ef"}]}]}]}`
	s, err := messages.Codec{}.Scan([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Facts{Format: llm.Messages, Model: "smart", Stream: true, StreamUsage: true, MaxOutput: 1000, Choices: 1,
		Messages: 3, Tools: 1, Media: 1, MediaBytes: 6, Bytes: int64(len(body)), Schema: true, Reasoning: true, ThinkingBudget: 500, Bindings: []llm.Maker{llm.MakerAnthropic},
		TextBytes: int64(len("ab") + len("cd") + len("why") + len("ef") + len(`{"a":1}`) + len(`{"name":"f"}`) + len(`{"type":"json_schema"}`))}
	if d := cmp.Diff(want, s.Facts); d != "" {
		t.Error(d)
	}
	r, err := messages.Codec{}.DecodeRequest([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := wire.FactsOf(r); f.Model != "smart" || f.MaxOutput != 1000 || f.ThinkingBudget != 500 || f.Media != 1 || f.MediaBytes != 6 || !f.Reasoning || !f.Schema || len(f.Bindings) != 1 || f.Bindings[0] != llm.MakerAnthropic {
		t.Errorf("facts of the decoded request: %+v", f)
	}
}

func TestScanRefusesWhatTwoReadersWouldReadDifferently(t *testing.T) {
	for _, x := range []struct{ body, param, says string }{
		{`{"model":"a","model":"b","messages":[]}`, "model", "twice"},
		{`{"model":"a","MODEL":"b","messages":[]}`, "MODEL", "in another case"},
		{`{"model":"a","messages":[],"max_tokens":1,"max_tokens":2}`, "max_tokens", "twice"},
		{`{"model":"a","messages":[],"system":"x","system":"y"}`, "system", "twice"},
		{`{"model":"a","messages":[],"thinking":{"budget_tokens":2000,"budget_tokens":9000}}`, "thinking.budget_tokens", "twice"},
		{`{"model":"a","messages":[],"max_to\u212aens":1}`, "max_to\u212aens", "in another case"},
		{`{"model":"","messages":[]}`, "model", "name the model"},
		{`{"messages":[]}`, "model", "name the model"},
		{`{"model":"a"}`, "messages", "missing"},
		{`{"model":["a"],"messages":[]}`, "model", "want a string"},
		{`{"model":"a","messages":[{"role":"user","content":true}]}`, "messages[0].content", "want a string or a list"},
		{`{"model":"a","messages":[],"max_tokens":"many"}`, "max_tokens", "whole number"},
		{`{"model":"a","messages":[],"thinking":{"budget_tokens":1.5}}`, "thinking.budget_tokens", "whole number"},
		{`{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":"` + "\x01" + `"}]}]}`, "messages[0].content[0].text", "control character"},
	} {
		_, err := messages.Codec{}.Scan([]byte(x.body), nil)
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.BadRequest || e.Param != x.param || !strings.Contains(e.Message, x.says) {
			t.Errorf("%.80s: %v", x.body, err)
		}
	}
}

func TestEditChangesNothingElse(t *testing.T) {
	for _, x := range []struct {
		name, body string
		t          wire.Target
		want       string // "": refused
	}{
		{"the model", `{ "model" : "a", "max_tokens":5, "messages":[] }`, wire.Target{Upstream: "b"}, `{ "model" : "b", "max_tokens":5, "messages":[] }`},
		{"a cap that is there", `{"model":"a","max_tokens":900,"messages":[]}`, wire.Target{OutputCap: 10}, `{"model":"a","max_tokens":10,"messages":[]}`},
		{"a cap that is not there", `{"model":"a","messages":[]}`, wire.Target{OutputCap: 10}, `{"model":"a","messages":[],"max_tokens":10}`},
		{"no usage option", `{"model":"a","messages":[],"stream":true}`, wire.Target{}, `{"model":"a","messages":[],"stream":true}`},
		{"a thinking budget that would reach the cap", `{"model":"a","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000},"messages":[]}`, wire.Target{OutputCap: 4000}, `{"model":"a","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[]}`},
		{"no room for thinking", `{"model":"a","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000},"messages":[]}`, wire.Target{OutputCap: 1000}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := messages.Codec{}.Scan([]byte(x.body), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := messages.Codec{}.Edit(nil, []byte(x.body), s, &x.t)
			if x.want == "" {
				var e *llm.Error
				if !errors.As(err, &e) || e.Param != "thinking.budget_tokens" {
					t.Errorf("%s %v", got, err)
				}
				return
			}
			if d := cmp.Diff(x.want, string(got)); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}

func TestTheCapIsTheTargetsThenTheRequestsThenTheModels(t *testing.T) {
	for _, x := range []struct {
		asked int64
		t     wire.Target
		want  string
	}{
		{100, wire.Target{OutputCap: 50, MaxOutput: 8000}, `"max_tokens":50,`},
		{100, wire.Target{MaxOutput: 8000}, `"max_tokens":100,`},
		{0, wire.Target{MaxOutput: 8000}, `"max_tokens":8000,`},
		{0, wire.Target{}, `"max_tokens":4096,`},
	} {
		out, _, err := messages.Codec{}.EncodeRequest(&llm.Request{Model: "m", MaxOutput: x.asked}, &x.t)
		if err != nil || !strings.Contains(string(out), x.want) {
			t.Errorf("%+v: %s %v", x, out, err)
		}
	}
}

func TestASemanticLossIsRefusedUnlessAllowed(t *testing.T) {
	r := &llm.Request{Model: "m", Seed: "7", Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "x"}}}}}
	_, losses, err := messages.Codec{}.EncodeRequest(r, &wire.Target{})
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.Lossy || e.Param != "seed" || !strings.Contains(e.Message, "lossy: allow") || len(losses) != 1 {
		t.Fatalf("%v %v", losses, err)
	}
	if _, losses, err = (messages.Codec{}).EncodeRequest(r, &wire.Target{LossyOK: true}); err != nil || len(losses) != 1 {
		t.Fatalf("%v %v", losses, err)
	}
}

func ExampleCodec_EncodeRequest() {
	r := &llm.Request{Model: "smart", MaxOutput: 100, Messages: []llm.Message{
		{Role: llm.System, Parts: []llm.Part{{Kind: llm.Text, Text: "Be brief."}}},
		{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "Hello"}}},
	}}
	body, losses, err := messages.Codec{}.EncodeRequest(r, &wire.Target{Upstream: "claude-sonnet-4-5"})
	fmt.Println(string(body), losses, err)
	// Output: {"model":"claude-sonnet-4-5","max_tokens":100,"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]} [] <nil>
}
