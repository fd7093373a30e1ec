package messages_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func named(t interface{ Fatalf(string, ...any) }, name string) *wire.Dialect {
	d, ok := wire.DialectByName(name)
	if !ok {
		t.Fatalf("no dialect %s", name)
	}
	return d
}

// TestARequestGoesFromOneCarrierToAnother: what one has in the body and another in
// the address or a header moves, and every other byte stays.
func TestARequestGoesFromOneCarrierToAnother(t *testing.T) {
	bedrock, vertex := named(t, "bedrock-messages"), named(t, "vertex-messages")
	for _, x := range []struct {
		name string
		head *wire.Head
		to   *wire.Dialect
		body string
		want string
	}{
		{"maker to maker", nil, nil,
			`{ "model":"a", "stream":true, "messages":[] }`, `{ "model":"up", "stream":true, "messages":[] }`},
		{"maker to Bedrock", &wire.Head{Betas: []string{"claude-code-20250219", "context-1m-2025-08-07", "nobody-knows-2031-01-01"}}, bedrock,
			`{ "model":"a", "stream":true, "max_tokens":5, "messages":[] }`,
			`{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"], "max_tokens":5, "messages":[] }`},
		{"maker to Bedrock, its members last", nil, bedrock,
			`{"messages":[],"model":"a","stream":false}`, `{"anthropic_version":"bedrock-2023-05-31","messages":[]}`},
		{"maker to Bedrock, its members around", nil, bedrock,
			`{"stream":true , "messages":[] , "model":"a"}`, `{"anthropic_version":"bedrock-2023-05-31", "messages":[]}`},
		{"a flag that Bedrock calls otherwise", &wire.Head{Betas: []string{"advanced-tool-use-2025-11-20"}}, bedrock,
			`{"model":"a","messages":[]}`, `{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["tool-search-tool-2025-10-19"],"messages":[]}`},
		{"maker to Vertex", &wire.Head{Betas: []string{"context-1m-2025-08-07"}}, vertex,
			`{"model":"a","stream":true,"messages":[]}`, `{"anthropic_version":"vertex-2023-10-16","stream":true,"messages":[]}`},
		{"Bedrock to the maker", &wire.Head{Model: "a", Streams: true, Stream: true, Dialect: bedrock}, nil,
			`{"messages":[],"anthropic_beta":["x"],"anthropic_version":"bedrock-2023-05-31"}`, `{"model":"up","stream":true,"messages":[]}`},
		{"Bedrock to the maker, unstreamed", &wire.Head{Model: "a", Streams: true, Dialect: bedrock}, nil,
			`{"anthropic_version":"bedrock-2023-05-31", "messages":[]}`, `{"model":"up", "messages":[]}`},
		{"Bedrock to Bedrock", &wire.Head{Model: "a", Streams: true, Stream: true, Dialect: bedrock, Betas: []string{"claude-code-20250219"}}, bedrock,
			`{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"messages":[]}`,
			`{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"messages":[]}`},
		{"Bedrock to Bedrock, a later version", &wire.Head{Model: "a", Dialect: bedrock}, bedrock,
			`{"anthropic_version":"bedrock-2027-01-01","messages":[]}`, `{"anthropic_version":"bedrock-2027-01-01","messages":[]}`},
		{"Bedrock to Vertex", &wire.Head{Model: "a", Streams: true, Stream: true, Dialect: bedrock}, vertex,
			`{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["x"],"messages":[]}`, `{"stream":true,"anthropic_version":"vertex-2023-10-16","messages":[]}`},
		{"Vertex to Bedrock", &wire.Head{Model: "a", Streams: true, Stream: true, Dialect: vertex, Betas: []string{"context-1m-2025-08-07"}}, bedrock,
			`{"stream":true,"anthropic_version":"vertex-2023-10-16","messages":[]}`, `{"anthropic_beta":["context-1m-2025-08-07"],"anthropic_version":"bedrock-2023-05-31","messages":[]}`},
		{"the address counts, not the body", &wire.Head{Model: "a", Streams: true, Dialect: vertex}, nil,
			`{"model":"b","stream":true,"anthropic_version":"vertex-2023-10-16","messages":[]}`, `{"model":"up","stream":false,"messages":[]}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := messages.Codec{}.Scan([]byte(x.body), x.head)
			if err != nil || s.Model != "a" {
				t.Fatalf("%+v %v", s, err)
			}
			got, err := messages.Codec{}.Edit(nil, []byte(x.body), s, &wire.Target{Upstream: "up", Dialect: x.to})
			if d := cmp.Diff(x.want, string(got)); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}

// TestMembersMoveWhereverTheyStand: any order of members, with any white space, gives
// a body that has exactly what its carrier wants.
func TestMembersMoveWhereverTheyStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"", "bedrock-messages", "vertex-messages"}
		dialects := func(label string) *wire.Dialect {
			if n := rapid.SampledFrom(names).Draw(t, label); n != "" {
				return named(t, n)
			}
			return &wire.Dialect{}
		}
		from, to := dialects("from"), dialects("to")
		members := []string{`"messages":[{"role":"user","content":"x"}]`, `"max_tokens": 7`}
		head := &wire.Head{Dialect: from}
		stream := rapid.Bool().Draw(t, "stream")
		if from.InAddress {
			head.Model, head.Streams, head.Stream = "m", true, stream
		} else {
			members = append(members, `"model":"m"`)
		}
		if (!from.InAddress || from.StreamInBody) && stream {
			members = append(members, `"stream" :true`)
		}
		if from.Version != "" {
			members = append(members, `"anthropic_version":"`+from.Version+`"`)
		}
		if from.BetasInBody && rapid.Bool().Draw(t, "betas") {
			members = append(members, `"anthropic_beta":["context-1m-2025-08-07"]`)
		}
		members = rapid.Permutation(members).Draw(t, "order")
		space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
		body := []byte("{" + space + strings.Join(members, space+","+space) + space + "}")
		s, err := messages.Codec{}.Scan(body, head)
		if err != nil {
			t.Fatal(err)
		}
		cap := rapid.SampledFrom([]int64{0, 5}).Draw(t, "cap")
		out, err := messages.Codec{}.Edit(nil, body, s, &wire.Target{Upstream: "up", Dialect: to, OutputCap: cap})
		if err != nil || !gjson.ValidBytes(out) {
			t.Fatalf("%v: %s from %s", err, out, body)
		}
		r := gjson.ParseBytes(out)
		if (r.Get("model").String() == "up") == to.InAddress || r.Get("model").Exists() == to.InAddress {
			t.Fatalf("model: %s", out)
		}
		if r.Get("stream").Bool() != (stream && (!to.InAddress || to.StreamInBody)) {
			t.Fatalf("stream: %s", out)
		}
		if r.Get("anthropic_version").String() != to.Version {
			t.Fatalf("version: %s", out)
		}
		if r.Get("anthropic_beta").Exists() != (to.BetasInBody && len(s.Betas) > 0) {
			t.Fatalf("betas: %s", out)
		}
		if r.Get("max_tokens").Int() != max(cap, 7)-2*min(cap, 1) || r.Get("messages.0.content").String() != "x" {
			t.Fatalf("the rest: %s", out)
		}
	})
}

// TestWhatAModelRefusesIsSaidInOtherWords, in the format's own requests too: a client
// that names an alias does not know which model it writes for.
func TestWhatAModelRefusesIsSaidInOtherWords(t *testing.T) {
	older := wire.Model{Known: true, Thinks: true, Budget: true, LeastBudget: 1024, Switch: true, NoLateSystem: true}
	newer := wire.Model{Known: true, Thinks: true, Adaptive: true, Efforts: []string{"low", "medium", "high"}, Switch: true, NoSampling: true, NoPrefill: true}
	const claudeCode = `{"model":"smart","max_tokens":32000,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},` +
		`"messages":[{"role":"user","content":"hi"},{"role":"system","content":"tools: none"}]}`
	for _, x := range []struct {
		name, body string
		model      wire.Model
		want       string
	}{
		{"nothing is known", claudeCode, wire.Model{}, claudeCode},
		{"all is taken", claudeCode, newer, claudeCode},
		{"an older model", claudeCode, older, `{"model":"smart","max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":16000},` +
			`"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"<system-reminder>\ntools: none\n</system-reminder>"}]}]}`},
		{"a newer model", `{"model":"smart","max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"user","content":"hi"}]}`, newer,
			`{"model":"smart","max_tokens":32000,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`},
		{"an effort that is not there", `{"model":"smart","max_tokens":9,"output_config":{"effort":"xhigh"},"messages":[]}`, newer,
			`{"model":"smart","max_tokens":9,"output_config":{"effort":"high"},"messages":[]}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := messages.Codec{}.Scan([]byte(x.body), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := messages.Codec{}.Edit(nil, []byte(x.body), s, &wire.Target{Model: x.model})
			if d := cmp.Diff(x.want, string(got)); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}

// TestAnotherFormatsEffortIsWhatTheModelTakes: an effort where it has them, else a
// budget, and nothing where it does not think.
func TestAnotherFormatsEffortIsWhatTheModelTakes(t *testing.T) {
	for _, x := range []struct {
		reasoning llm.Reasoning
		model     wire.Model
		want      string
	}{
		{llm.Reasoning{Effort: "high"}, wire.Model{}, `"thinking":{"type":"enabled","budget_tokens":10000}`},
		{llm.Reasoning{Effort: "high"}, wire.Model{Known: true, Thinks: true, Budget: true}, `"thinking":{"type":"enabled","budget_tokens":10000}`},
		{llm.Reasoning{Effort: "xhigh"}, wire.Model{Known: true, Thinks: true, Adaptive: true, Efforts: []string{"low", "high", "max"}}, `"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}`},
		{llm.Reasoning{Budget: 3000}, wire.Model{Known: true, Thinks: true, Adaptive: true, Efforts: []string{"low", "medium"}}, `"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}`},
		{llm.Reasoning{Budget: 3000}, wire.Model{Known: true, Thinks: true, Adaptive: true, Budget: true}, `"thinking":{"type":"enabled","budget_tokens":3000}`},
		{llm.Reasoning{Effort: "high"}, wire.Model{Known: true}, ``},
		{llm.Reasoning{Effort: "none"}, wire.Model{Known: true, Thinks: true, Switch: true}, `"thinking":{"type":"disabled"}`},
	} {
		r := &llm.Request{From: llm.Chat, Model: "m", MaxOutput: 20000, Reasoning: x.reasoning, Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "x"}}}}}
		out, _, err := messages.Codec{}.EncodeRequest(r, &wire.Target{Model: x.model})
		want := `{"model":"m","max_tokens":20000,` + x.want
		if x.want != "" {
			want += ","
		}
		want += `"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`
		if d := cmp.Diff(want, string(out)); d != "" || err != nil {
			t.Errorf("%+v %+v: %s %v", x.reasoning, x.model, d, err)
		}
	}
}

// TestAModelsRefusalsAreLosses of a request in another format, unless the value is the
// model's own behaviour: of settings that no model of its kind has they are named, and
// of a history that another would go on from they are refused.
func TestAModelsRefusalsAreLosses(t *testing.T) {
	m := wire.Model{Known: true, Thinks: true, NoSampling: true, NoPrefill: true}
	ask := func(m wire.Model, temperature, topP json.Number, last llm.Role) (string, string, error) {
		r := &llm.Request{From: llm.Chat, Model: "m", MaxOutput: 9, Temperature: temperature, TopP: topP, Messages: []llm.Message{
			{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "x"}}}, {Role: last, Parts: []llm.Part{{Kind: llm.Text, Text: "y"}}}}}
		out, losses, err := messages.Codec{}.EncodeRequest(r, &wire.Target{Model: m})
		var names []string
		for _, l := range losses {
			names = append(names, string(l.Class)+" "+l.Field)
		}
		return string(out), strings.Join(names, ", "), err
	}
	for _, x := range []struct {
		temperature, topP json.Number
		losses            string
	}{{"1", "1", ""}, {"0.5", "", "advisory temperature"}, {"1.5", "", "advisory temperature"}, {"0.5", "0.9", "advisory temperature, advisory top_p"}} {
		out, losses, err := ask(m, x.temperature, x.topP, llm.User)
		if err != nil || strings.Contains(out, "temperature") || strings.Contains(out, "top_p") || losses != x.losses {
			t.Errorf("%s %s: %s %s %v", x.temperature, x.topP, out, losses, err)
		}
	}
	if _, _, err := ask(m, "", "", llm.Assistant); err == nil || !strings.Contains(err.Error(), "prefill") {
		t.Errorf("%v", err)
	}
	out, losses, err := ask(wire.Model{Known: true, OneSampling: true}, "0.5", "0.9", llm.User)
	if err != nil || !strings.Contains(out, `"temperature":0.5`) || strings.Contains(out, "top_p") || losses != "advisory top_p" {
		t.Errorf("%s %s %v", out, losses, err)
	}
	if out, losses, err = ask(wire.Model{Known: true, OneSampling: true}, "", "0.9", llm.User); err != nil || !strings.Contains(out, `"top_p":0.9`) || losses != "" {
		t.Errorf("%s %s %v", out, losses, err)
	}
}

// TestAnEventStreamIsReadAsItIsWritten, errors too, as Bedrock frames it.
func TestAnEventStreamIsReadAsItIsWritten(t *testing.T) {
	bedrock := named(t, "bedrock-messages")
	events := []llm.Event{
		{Kind: llm.Start, ID: "msg_1", Model: "m"},
		{Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}}, {Kind: llm.Delta, Text: "Hello"}, {Kind: llm.BlockStop},
		{Kind: llm.UsageUpdate, Usage: llm.Usage{Reported: true}}, {Kind: llm.Stop, Stop: llm.StopEnd}, {Kind: llm.End},
	}
	w := messages.Codec{}.Writer(&wire.Answer{Framing: wire.Chunks})
	out := w.Heartbeat(nil)
	for i := range events {
		out = w.Write(out, events[i:i+1])
	}
	back := wiretest.Drain(messages.Codec{}.Frames(bytes.NewReader(out), bedrock, wire.FrameOptions{Events: true}))
	var a llm.Assembler
	a.Add(back.Events...)
	if r := a.Response(); back.Err != nil || !a.Done() || r.Parts[0].Text != "Hello" || r.Stop != llm.StopEnd {
		t.Errorf("%+v %v", r, back.Err)
	}
	out = messages.Codec{}.Writer(&wire.Answer{Framing: wire.Chunks}).Write(nil, []llm.Event{events[0], {Kind: llm.Failure, Err: &llm.Error{Class: llm.RateLimited, Message: "slow down"}}})
	back = wiretest.Drain(messages.Codec{}.Frames(bytes.NewReader(out), bedrock, wire.FrameOptions{}))
	if e, ok := back.Err.(*llm.Error); !ok || e.Class != llm.RateLimited || e.Message != "slow down" {
		t.Errorf("%v", back.Err)
	}
}

// TestACountIsARequestWithoutItsAnswer and the number that it is.
func TestACountIsARequestWithoutItsAnswer(t *testing.T) {
	r := &llm.Request{From: llm.Chat, Model: "m", MaxOutput: 9, Stream: true, Seed: "7", Temperature: "0.3", Stop: []string{"x"}, User: "u",
		Messages: []llm.Message{{Role: llm.System, Parts: []llm.Part{{Kind: llm.Text, Text: "s"}}}, {Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "x"}}}}}
	for name, want := range map[string]string{
		"":                `{"model":"up","system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`,
		"vertex-messages": `{"anthropic_version":"vertex-2023-10-16","model":"up","system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`,
	} {
		var d *wire.Dialect
		if name != "" {
			d = named(t, name)
		}
		out, losses, err := messages.Count{}.EncodeRequest(r, &wire.Target{Upstream: "up", Dialect: d})
		if diff := cmp.Diff(want, string(out)); diff != "" || err != nil || len(losses) > 0 {
			t.Error(diff, losses, err)
		}
		body := []byte(`{"messages":[],"model":"a"}`)
		s, err := messages.Count{}.Scan(body, nil)
		if err != nil || s.Format != llm.MessagesCount {
			t.Fatal(err)
		}
		edited, err := messages.Count{}.Edit(nil, body, s, &wire.Target{Upstream: "up", Dialect: d, OutputCap: 5})
		if err != nil || gjson.GetBytes(edited, "model").String() != "up" || gjson.GetBytes(edited, "max_tokens").Exists() {
			t.Errorf("%s %v", edited, err)
		}
	}
	late := []byte(`{"model":"a","messages":[{"role":"user","content":"hi"},{"role":"system","content":"tools: none"}]}`)
	for _, older := range []bool{true, false} {
		s, err := messages.Count{}.Scan(late, nil)
		if err != nil {
			t.Fatal(err)
		}
		edited, err := messages.Count{}.Edit(nil, late, s, &wire.Target{Upstream: "up", Model: wire.Model{Known: true, NoLateSystem: older}})
		if err != nil || strings.Contains(string(edited), "system-reminder") != older || gjson.GetBytes(edited, "max_tokens").Exists() || gjson.GetBytes(edited, "model").String() != "up" {
			t.Errorf("%s %v", edited, err)
		}
	}
	recorded := 0
	for _, x := range wiretest.Recorded(t, "messages") {
		if x.Operation != "messages.count_tokens" || x.Response.Status != 200 {
			continue
		}
		if _, err := (messages.Count{}).Scan(x.Request.Body, nil); err != nil {
			t.Errorf("%s: %v", x.ID, err)
		}
		r, err := messages.Count{}.DecodeResponse(x.Response.Body, nil)
		if err != nil || r.Usage.InputTokens() == 0 {
			t.Errorf("%s: %+v %v", x.ID, r, err)
			continue
		}
		want, _ := wiretest.Value(x.Response.Body)
		got, _ := wiretest.Value(messages.Count{}.EncodeResponse(r, nil))
		if d := wiretest.Diff(want, got); len(d) > 0 {
			t.Errorf("%s: %v", x.ID, d)
		}
		recorded++
	}
	t.Logf("%d recorded counts", recorded)
}
