package responses_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// aRequestToRepeat has members that an answer repeats, over several lines.
const aRequestToRepeat = `{"model":"smart","input":"x","instructions":"Be\nbrief.","temperature":0.5,"tools":[
	{"type":"function","name":"f","parameters":{}}],"text":{"verbosity":"low"},"metadata":{"a":"b"},"reasoning":{"effort":"low"},"max_output_tokens":null}`

// foreign are the events of an answer of another format: signed thinking, text with
// sources, two calls at once, state on a call, a refusal.
var foreign = []llm.Event{
	{Kind: llm.Start, ID: "msg_up", Model: "claude", Created: 7},
	{Kind: llm.BlockStart, Index: 0, Part: llm.Part{Kind: llm.Thinking}},
	{Kind: llm.Delta, Index: 0, Text: "Let me "},
	{Kind: llm.Delta, Index: 0, Text: "see."},
	{Kind: llm.Delta, Index: 0, Signature: "EqQB", Maker: llm.MakerAnthropic},
	{Kind: llm.BlockStop, Index: 0},
	{Kind: llm.Ping},
	{Kind: llm.BlockStart, Index: 1, Part: llm.Part{Kind: llm.Text}},
	{Kind: llm.Delta, Index: 1, Text: "Hello "},
	{Kind: llm.Delta, Index: 1, Text: "\"you\"\n"},
	{Kind: llm.Delta, Index: 1, Citation: &llm.Citation{URL: "https://a.example", Title: "A", Start: 0, End: 5}},
	{Kind: llm.Delta, Index: 1, Citation: &llm.Citation{Title: "a document without an address"}},
	{Kind: llm.BlockStop, Index: 1},
	{Kind: llm.BlockStart, Index: 2, Part: llm.Part{Kind: llm.Text, Text: "More."}},
	{Kind: llm.BlockStop, Index: 2},
	{Kind: llm.BlockStart, Index: 3, Part: llm.Part{Kind: llm.ToolCall, ID: "toolu_1", Name: "f", Signature: "CiQB", Maker: llm.MakerGoogle}},
	{Kind: llm.BlockStart, Index: 4, Part: llm.Part{Kind: llm.ToolCall, ID: "toolu_2", Name: "g"}},
	{Kind: llm.Delta, Index: 3, Text: `{"a"`},
	{Kind: llm.Delta, Index: 4, Text: `{}`},
	{Kind: llm.Delta, Index: 3, Text: `:1}`},
	{Kind: llm.BlockStop, Index: 3},
	{Kind: llm.BlockStop, Index: 4},
	{Kind: llm.BlockStart, Index: 5, Part: llm.Part{Kind: llm.Refusal}},
	{Kind: llm.Delta, Index: 5, Text: "No."},
	{Kind: llm.BlockStop, Index: 5},
	{Kind: llm.UsageUpdate, Usage: usageOf(100, 40, 10, 60, 25)},
	{Kind: llm.Stop, Stop: llm.StopTools},
	{Kind: llm.End},
}

func usageOf(in, read, written, out, thinking int64) llm.Usage {
	u := llm.Usage{Reported: true}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokCacheRead], u.Tokens[llm.TokCacheWrite] = in, read, written
	u.Tokens[llm.TokOutput], u.Tokens[llm.TokReasoning] = out, thinking
	return u
}

func written(as *wire.Answer, events []llm.Event) string {
	w := responses.Codec{}.Writer(as)
	var out []byte
	for i := range events {
		out = w.Write(out, events[i:i+1])
	}
	return string(out)
}

func TestAStreamOfAnotherFormatIsLegalHere(t *testing.T) {
	as := &wire.Answer{ID: "resp_0123456789abcdef", Model: "smart", Created: 1764000000, Request: []byte(aRequestToRepeat)}
	out := written(as, foreign)
	golden(t, "foreign.sse", out)
	legal(t, out)

	back := drained(t, out, wire.FrameOptions{Events: true})
	var a, b llm.Assembler
	a.Add(foreign...)
	b.Add(back.Events...)
	want, got := a.Response(), b.Response()
	if len(got.Parts) != len(want.Parts) {
		t.Fatalf("%d parts, want %d: %+v", len(got.Parts), len(want.Parts), got.Parts)
	}
	for i := range want.Parts {
		w, g := &want.Parts[i], &got.Parts[i]
		if w.Kind != g.Kind || w.Text != g.Text || w.Signature != g.Signature || w.Maker != g.Maker || w.Name != g.Name || w.ID != "" && w.ID != g.ID || string(w.Arguments) != string(g.Arguments) {
			t.Errorf("part %d: %+v, want %+v", i, g, w)
		}
	}
	if got.Usage.InputTokens() != want.Usage.InputTokens() || got.Usage.OutputTokens() != want.Usage.OutputTokens() || got.Stop != want.Stop {
		t.Errorf("%+v, want %+v", got, want)
	}

	// The same answer, unstreamed, has the same items but for their ids.
	plain := gjson.ParseBytes(responses.Codec{}.EncodeResponse(want, as)).Get("output").Array()
	streamed := lastResponse(out).Get("output").Array()
	if len(plain) != len(streamed) {
		t.Fatalf("%d items unstreamed, %d streamed", len(plain), len(streamed))
	}
	for i := range plain {
		for _, name := range []string{"type", "role", "summary", "encrypted_content", "call_id", "name", "arguments", "status", "content.#.text", "content.#.refusal"} {
			if p, s := plain[i].Get(name).String(), streamed[i].Get(name).String(); p != s {
				t.Errorf("item %d: %s is %s unstreamed, %s streamed", i, name, p, s)
			}
		}
	}
}

// legal checks what accumulators rely on: numbers that rise by one, items that begin
// before they end, deltas that make up what the item is in the end, and the whole
// answer in the last event.
func legal(t *testing.T, text string) {
	t.Helper()
	next := int64(0)
	items := map[int64]string{}
	deltas := map[int64]string{}
	var kinds []string
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		name, data, ok := strings.Cut(block, "\ndata: ")
		if strings.HasPrefix(block, ":") {
			continue
		}
		e := gjson.Parse(data)
		kind := e.Get("type").String()
		kinds = append(kinds, kind)
		if !ok || name != "event: "+kind || !gjson.Valid(data) {
			t.Fatalf("no event: %s", block)
		}
		if n := e.Get("sequence_number"); n.Int() != next || !n.Exists() {
			t.Fatalf("number %s, want %d", n.Raw, next)
		}
		next++
		index := e.Get("output_index").Int()
		switch {
		case kind == "response.output_item.added":
			items[index] = e.Get("item.id").String()
			if items[index] == "" || e.Get("item.type").String() == "" {
				t.Errorf("an item without id or type: %s", data)
			}
		case kind == "response.output_item.done":
			if e.Get("item.id").String() != items[index] {
				t.Errorf("item %d ends as %s and began as %s", index, e.Get("item.id"), items[index])
			}
			item := e.Get("item")
			whole := ""
			for _, path := range []string{"content.#.text", "content.#.refusal", "summary.#.text"} {
				for i, s := range item.Get(path).Array() {
					if i > 0 && path == "summary.#.text" {
						whole += "\n\n"
					}
					whole += s.String()
				}
			}
			whole += item.Get("input").String()
			if a := item.Get("arguments"); a.Type == gjson.String && deltas[index] != "" {
				whole += a.String()
			}
			if whole != deltas[index] {
				t.Errorf("item %d is %q, its deltas %q", index, whole, deltas[index])
			}
		case strings.HasSuffix(kind, ".delta"):
			if e.Get("item_id").String() != items[index] || items[index] == "" {
				t.Errorf("a delta of no item: %s", data)
			}
			deltas[index] += e.Get("delta").String()
		case e.Get("response").Exists():
			for _, name := range []string{"id", "object", "created_at", "status", "model", "output", "parallel_tool_calls", "tool_choice", "tools", "temperature", "top_p", "metadata", "text.format"} {
				if !e.Get("response." + name).Exists() {
					t.Errorf("%s without %s", kind, name)
				}
			}
		}
	}
	if kinds[0] != "response.created" || kinds[1] != "response.in_progress" {
		t.Errorf("it begins with %v", kinds[:2])
	}
	if n := int64(len(lastResponse(text).Get("output").Array())); n != int64(len(items)) {
		t.Errorf("the last event has %d items of %d", n, len(items))
	}
}

// TestAStreamOfThisFormatSurvivesBeingWrittenAgain, with its ids.
func TestAStreamOfThisFormatSurvivesBeingWrittenAgain(t *testing.T) {
	in := drained(t, whole, wire.FrameOptions{Events: true})
	out := written(&wire.Answer{Model: "smart"}, in.Events)
	legal(t, out)
	var a, b llm.Assembler
	a.Add(in.Events...)
	b.Add(drained(t, out, wire.FrameOptions{Events: true}).Events...)
	for i, want := range a.Response().Parts {
		got := b.Response().Parts[i]
		if want.Text != got.Text || want.ID != got.ID || want.Signature != got.Signature || string(want.Arguments) != string(got.Arguments) || string(want.Raw) != string(got.Raw) {
			t.Errorf("part %d: %+v, want %+v", i, got, want)
		}
	}
	var ids []string
	for _, item := range lastResponse(out).Get("output").Array() {
		ids = append(ids, item.Get("id").String())
	}
	if got := strings.Join(ids, " "); got != "rs_1 ws_1 msg_1 fc_1 fc_2 ctc_1" {
		t.Errorf("ids %s", got)
	}
	if phase := lastResponse(out).Get(`output.#(type=="message").phase`).String(); phase != "commentary" {
		t.Errorf("phase %q", phase)
	}
}

func TestMessagesThatAreOpenAtOnceStayApart(t *testing.T) {
	text := events(created,
		`{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}`,
		`{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}`,
		`{"type":"response.output_item.added","output_index":1,"item":{"id":"msg_2","type":"message","role":"assistant","content":[]}}`,
		`{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"b"}`,
		`{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"c"}`,
		completed)
	out := written(&wire.Answer{}, drained(t, text, wire.FrameOptions{Events: true}).Events)
	legal(t, out)
	if got := lastResponse(out).Get("output.#.content.0.text").Raw; got != `["ac","b"]` {
		t.Error(got)
	}
}

func TestHowAnAnswerEndedIsToldInItsLastEvent(t *testing.T) {
	for _, x := range []struct {
		stop           llm.StopReason
		kind, reason   string
		status, inItem string
	}{
		{llm.StopEnd, "response.completed", "", "completed", "completed"},
		{llm.StopSequence, "response.completed", "", "completed", "completed"},
		{llm.StopLength, "response.incomplete", "max_output_tokens", "incomplete", "incomplete"},
		{llm.StopContext, "response.incomplete", "max_output_tokens", "incomplete", "incomplete"},
		{llm.StopRefusal, "response.incomplete", "content_filter", "incomplete", "completed"},
		{llm.StopUnstated, "response.completed", "", "completed", "completed"},
	} {
		out := written(&wire.Answer{ID: "resp_1"}, []llm.Event{
			{Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}}, {Kind: llm.Delta, Text: "hi"}, {Kind: llm.BlockStop},
			{Kind: llm.Stop, Stop: x.stop}, {Kind: llm.End},
		})
		last := lastResponse(out)
		if !strings.Contains(out, "event: "+x.kind+"\n") || last.Get("status").String() != x.status || last.Get("incomplete_details.reason").String() != x.reason ||
			last.Get("output.0.status").String() != x.inItem || last.Get("usage").Type != gjson.Null {
			t.Errorf("%s: %s", x.stop, last)
		}
		plain := gjson.ParseBytes(responses.Codec{}.EncodeResponse(&llm.Response{Stop: x.stop, Parts: []llm.Part{{Kind: llm.Text, Text: "hi"}}}, &wire.Answer{ID: "resp_1"}))
		if plain.Get("status").String() != x.status || plain.Get("incomplete_details.reason").String() != x.reason {
			t.Errorf("%s, unstreamed: %s", x.stop, plain)
		}
		legal(t, out)
	}
}

func TestAnAnswerRepeatsItsRequest(t *testing.T) {
	r := &llm.Response{ID: "msg_up", Model: "claude", Created: 7, Stop: llm.StopEnd, Parts: []llm.Part{{Kind: llm.Text, Text: "hi"}}, Usage: usageOf(1, 0, 0, 1, 0)}
	got := gjson.ParseBytes(responses.Codec{}.EncodeResponse(r, &wire.Answer{ID: "resp_1", Model: "smart", Created: 9, Request: []byte(aRequestToRepeat)}))
	for path, want := range map[string]string{
		"id": "resp_1", "model": "smart", "created_at": "9", "object": "response", "status": "completed", "instructions": "Be\nbrief.", "temperature": "0.5",
		"tools.0.name": "f", "text.verbosity": "low", "text.format.type": "text", "metadata.a": "b", "reasoning.effort": "low", "store": "false",
		"tool_choice": "auto", "parallel_tool_calls": "true", "top_p": "1", "truncation": "disabled", "service_tier": "default",
		"output.0.content.0.text": "hi", "output.0.role": "assistant", "usage.total_tokens": "2",
	} {
		if got.Get(path).String() != want {
			t.Errorf("%s is %q, want %q", path, got.Get(path).String(), want)
		}
	}
	for _, path := range []string{"max_output_tokens", "error", "incomplete_details", "previous_response_id", "user"} {
		if v := got.Get(path); !v.Exists() || v.Type != gjson.Null {
			t.Errorf("%s is %s", path, v.Raw)
		}
	}
}

// TestAnAnswerOfThisFormatIsWrittenAsItCame, but for the client's name of the model
// and what an id may be kept as.
func TestAnAnswerOfThisFormatIsWrittenAsItCame(t *testing.T) {
	body := `{"id":"resp_1","object":"response","created_at":7.5,"status":"completed","model":"gpt-5","previous_response_id":"resp_0","output":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"fvdZ+=="},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[{"type":"file_citation","file_id":"f","filename":"a.pdf","index":3}],"logprobs":[]}]}],"usage":null,"unknown":[1]}`
	r, err := responses.Codec{}.DecodeResponse([]byte(body), &wire.Dialect{Maker: llm.MakerXAI})
	if err != nil || r.Parts[0].Maker != llm.MakerXAI || r.Created != 7 || r.Parts[1].Citations[0].Title != "a.pdf" {
		t.Fatalf("%+v %v", r, err)
	}
	want := strings.NewReplacer(`"model":"gpt-5"`, `"model":"smart"`, `"id":"resp_1"`, `"id":"s-resp_1"`, `"resp_0"`, `"s-resp_0"`).Replace(body)
	got := responses.Codec{}.EncodeResponse(r, &wire.Answer{ID: "call_1", Model: "smart", Seal: func(id string) string { return "s-" + id }})
	a, _ := wiretest.Value([]byte(want))
	b, err := wiretest.Value(got)
	if diff := wiretest.Diff(a, b); err != nil || len(diff) > 0 {
		t.Error(err, diff)
	}
}

func TestFailedAnswersAreErrors(t *testing.T) {
	for body, want := range map[string]llm.ErrorClass{
		`{"id":"resp_1","object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"x"},"output":[]}`: llm.RateLimited,
		`{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"x"},"output":[]}`:        llm.ServerError,
		`{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`:        llm.QuotaExhausted,
		`{"object":"response"}`: llm.Malformed,
		`[]`:                    llm.Malformed,
	} {
		_, err := responses.Codec{}.DecodeResponse([]byte(body), nil)
		if e, ok := err.(*llm.Error); !ok || e.Class != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}
