package chat_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func named(t *testing.T, name string) *wire.Dialect {
	t.Helper()
	d, ok := wire.DialectByName(name)
	if !ok {
		t.Fatalf("no dialect %s", name)
	}
	return d
}

// signed is an answer with state of every kind that there is.
var signed = []llm.Part{
	{Kind: llm.Thinking, Text: "why", Signature: "sigA", Maker: llm.MakerAnthropic},
	{Kind: llm.Thinking, Redacted: "redA", Maker: llm.MakerAnthropic},
	{Kind: llm.Thinking, Text: "sum", Signature: "encO", ID: "rs_1", Maker: llm.MakerOpenAI},
	{Kind: llm.Thinking, Signature: "encO2", ID: "rs_2", Maker: llm.MakerOpenAI},
	{Kind: llm.Thinking, Text: "amz", Signature: "sigN", Maker: llm.MakerAmazon},
	{Kind: llm.Text, Text: "Hello", Signature: "sigT", Maker: llm.MakerGoogle},
	{Kind: llm.ToolCall, ID: "call_1", Name: "f", Arguments: json.RawMessage(`{}`), Signature: "sigC", Maker: llm.MakerGoogle},
}

func statesOf(parts []llm.Part) (out []string) {
	for _, p := range parts {
		if s := p.Signature + p.Redacted; s != "" {
			out = append(out, string(p.Kind)+" "+string(p.Maker)+" "+s)
		}
	}
	return out
}

// TestAllMakersStateComesBackFromAClient that sends the message again as it got it.
func TestAllMakersStateComesBackFromAClient(t *testing.T) {
	body := chat.Codec{}.EncodeResponse(&llm.Response{Parts: signed, Stop: llm.StopTools}, &wire.Answer{ID: "c", Model: "m"})
	message := gjson.GetBytes(body, "choices.0.message").Raw
	request := []byte(`{"model":"m","messages":[{"role":"user","content":"x"},` + message + `]}`)
	s, err := chat.Codec{}.Scan(request, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]llm.Maker{llm.MakerAnthropic, llm.MakerOpenAI, llm.MakerAmazon, llm.MakerGoogle}, s.Bindings); d != "" {
		t.Error(d)
	}
	r, err := chat.Codec{}.DecodeRequest(request, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(statesOf(signed), statesOf(r.Messages[1].Parts)); d != "" {
		t.Errorf("%s\n%s", d, message)
	}
	if p := r.Messages[1].Parts[2]; p.ID != "rs_1" || p.Text != "sum" {
		t.Errorf("%+v", p)
	}
}

// TestAStreamsStateIsTheAnswers: the same state, streamed and read back.
func TestAStreamsStateIsTheAnswers(t *testing.T) {
	var events []llm.Event
	events = append(events, llm.Event{Kind: llm.Start, ID: "c", Model: "m"})
	for i, p := range signed {
		start := p
		start.Text, start.Signature = "", ""
		events = append(events, llm.Event{Kind: llm.BlockStart, Index: i, Part: start})
		if p.Text != "" {
			events = append(events, llm.Event{Kind: llm.Delta, Index: i, Text: p.Text})
		}
		if p.Signature != "" {
			events = append(events, llm.Event{Kind: llm.Delta, Index: i, Signature: p.Signature, Maker: p.Maker})
		}
		events = append(events, llm.Event{Kind: llm.BlockStop, Index: i})
	}
	events = append(events, llm.Event{Kind: llm.UsageUpdate, Usage: llm.Usage{Reported: true}}, llm.Event{Kind: llm.Stop, Stop: llm.StopTools}, llm.Event{Kind: llm.End})
	out := chat.Codec{}.Writer(&wire.Answer{StreamUsage: true}).Write(nil, events)
	back := wiretest.Drain(chat.Codec{}.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
	var a llm.Assembler
	a.Add(back.Events...)
	if d := cmp.Diff(statesOf(signed), statesOf(a.Response().Parts)); d != "" || back.Err != nil {
		t.Errorf("%s %v\n%s", d, back.Err, out)
	}
}

// TestEachVendorGetsStateWhereItLooksForIt, and others get none.
func TestEachVendorGetsStateWhereItLooksForIt(t *testing.T) {
	r := &llm.Request{From: llm.Gemini, Model: "m", Messages: []llm.Message{{Role: llm.Assistant, Parts: signed[5:]}}}
	for name, want := range map[string]string{
		"google-openai": `{"role":"assistant","content":"Hello","extra_content":{"google":{"thought_signature":"sigT"}},"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"sigC"}}}]}`,
		"openrouter":    `{"role":"assistant","content":"Hello","reasoning_details":[{"type":"reasoning.encrypted","data":"sigT","format":"google-gemini-v1","index":0},{"type":"reasoning.encrypted","data":"sigC","id":"call_1","format":"google-gemini-v1","index":1}],"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]}`,
		"openai":        `{"role":"assistant","content":"Hello","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]}`,
	} {
		out, losses, err := chat.Codec{}.EncodeRequest(r, &wire.Target{Dialect: named(t, name), LossyOK: true})
		if got := gjson.GetBytes(out, "messages.0").Raw; got != want || err != nil {
			t.Errorf("%s: %s %v", name, cmp.Diff(want, got), err)
		}
		lost := false
		for _, l := range losses {
			lost = lost || l.Field == "state"
		}
		if lost != (name == "openai") {
			t.Errorf("%s: losses %v", name, losses)
		}
	}
}

// TestSourcesAreAnnotations, streamed and not, at their place in the answer's text.
func TestSourcesAreAnnotations(t *testing.T) {
	cited := llm.Citation{URL: "https://x.example", Title: "X", Text: "so", Start: 0, End: 2, From: llm.Messages}
	parts := []llm.Part{{Kind: llm.Text, Text: "é "}, {Kind: llm.Text, Text: "ab", Citations: []llm.Citation{cited}}}
	want := `[{"type":"url_citation","url_citation":{"url":"https://x.example","title":"X","content":"so","start_index":2,"end_index":4}}]`
	body := chat.Codec{}.EncodeResponse(&llm.Response{Parts: parts, Stop: llm.StopEnd}, nil)
	if got := gjson.GetBytes(body, "choices.0.message.annotations").Raw; got != want {
		t.Error(cmp.Diff(want, got))
	}
	r, err := chat.Codec{}.DecodeResponse(body, nil)
	if err != nil || len(r.Parts) != 1 || len(r.Parts[0].Citations) != 1 || r.Parts[0].Citations[0].Start != 2 || r.Parts[0].Citations[0].URL != cited.URL {
		t.Errorf("%+v %v", r, err)
	}
	out := chat.Codec{}.Writer(nil).Write(nil, []llm.Event{
		{Kind: llm.Start}, {Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}}, {Kind: llm.Delta, Text: "é "}, {Kind: llm.BlockStop},
		{Kind: llm.BlockStart, Index: 1, Part: llm.Part{Kind: llm.Text}}, {Kind: llm.Delta, Index: 1, Text: "ab"}, {Kind: llm.Delta, Index: 1, Citation: &cited}, {Kind: llm.BlockStop, Index: 1},
		{Kind: llm.Stop, Stop: llm.StopEnd}, {Kind: llm.End},
	})
	if !strings.Contains(string(out), `"annotations":`+want) {
		t.Errorf("%s", out)
	}
}

// TestVendorsGetTheirOwnSpelling, of a client's request in this format and of another's.
func TestVendorsGetTheirOwnSpelling(t *testing.T) {
	const body = `{"user":"u","model":"a","seed":7,"stream":true,"messages":[{"role":"user","name":"ann","content":"x"}],"stream_options":{"include_usage":true},"metadata":{"a":"b"},"store":false,"service_tier":"auto","reasoning_effort":"xhigh"}`
	for _, x := range []struct {
		dialect string
		model   wire.Model
		want    string
	}{
		{"openai", wire.Model{}, strings.Replace(body, `"a"`, `"up"`, 1)},
		{"openai", wire.Model{Known: true, Efforts: []string{"low", "high"}}, strings.Replace(strings.Replace(body, `"a"`, `"up"`, 1), "xhigh", "high", 1)},
		{"mistral", wire.Model{Known: true}, `{"model":"up","random_seed":7,"stream":true,"messages":[{"role":"user","name":"ann","content":"x"}]}`},
		{"cerebras", wire.Model{}, `{"user":"u","model":"up","seed":7,"stream":true,"messages":[{"role":"user","name":"ann","content":"x"}],"stream_options":{"include_usage":true},"metadata":{"a":"b"},"store":false,"reasoning_effort":"xhigh"}`},
	} {
		s, err := chat.Codec{}.Scan([]byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := chat.Codec{}.Edit(nil, []byte(body), s, &wire.Target{Upstream: "up", Dialect: named(t, x.dialect), Model: x.model})
		if d := cmp.Diff(x.want, string(got)); d != "" || err != nil {
			t.Errorf("%s: %s %v", x.dialect, d, err)
		}
	}
	r := &llm.Request{From: llm.Messages, Model: "m", User: "u", Seed: "7", Messages: []llm.Message{{Role: llm.User, Name: "ann", Parts: []llm.Part{{Kind: llm.Text, Text: "x"}}}}}
	out, losses, err := chat.Codec{}.EncodeRequest(r, &wire.Target{Dialect: named(t, "mistral")})
	if want := `{"model":"m","random_seed":7,"messages":[{"role":"user","content":"[ann] x"}]}`; string(out) != want || err != nil || len(losses) != 2 {
		t.Errorf("%s %v %v", out, losses, err)
	}
}

// TestADeploymentsPathNamesTheModel: Azure's clients say it in the address, and other
// vendors want it in the body.
func TestADeploymentsPathNamesTheModel(t *testing.T) {
	body := []byte(`{"messages":[]}`)
	s, err := chat.Codec{}.Scan(body, &wire.Head{Model: "gpt"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := chat.Codec{}.Edit(nil, body, s, &wire.Target{Upstream: "up"})
	if string(out) != `{"model":"up","messages":[]}` || err != nil {
		t.Errorf("%s %v", out, err)
	}
}
