package responses_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func drained(t testing.TB, text string, o wire.FrameOptions) wiretest.Drained {
	t.Helper()
	d := wiretest.Drain(responses.Codec{}.Frames(strings.NewReader(text), nil, o))
	if d.Err != nil {
		t.Fatal(d.Err)
	}
	return d
}

// events writes server-sent events, each named by its type.
func events(data ...string) string {
	var b strings.Builder
	for _, d := range data {
		fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", gjson.Get(d, "type").String(), d)
	}
	return b.String()
}

const (
	created   = `{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":7,"status":"in_progress","model":"gpt-5","previous_response_id":"resp_0","conversation":{"id":"conv_1"},"output":[],"usage":null}}`
	completed = `{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","created_at":7,"status":"completed","model":"gpt-5","output":[],"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":8,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":18}}}`
)

// whole is an answer with everything in it: reasoning, text with a source, two calls
// at once, a custom tool's call, and an item of the provider's own.
var whole = events(created,
	`{"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}`,
	`{"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}`,
	`{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Think"}`,
	`{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"ing"}`,
	`{"type":"response.reasoning_summary_text.done","item_id":"rs_1","output_index":0,"summary_index":0,"text":"Thinking"}`,
	`{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":1,"delta":"more"}`,
	`{"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Thinking"},{"type":"summary_text","text":"more"}],"encrypted_content":"gAAAAABo1"}}`,
	`{"type":"response.output_item.added","output_index":1,"item":{"id":"ws_1","type":"web_search_call","status":"in_progress"}}`,
	`{"type":"response.web_search_call.searching","output_index":1,"item_id":"ws_1"}`,
	`{"type":"response.output_item.done","output_index":1,"item":{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}}}`,
	`{"type":"response.output_item.added","output_index":2,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[],"phase":"commentary"}}`,
	`{"type":"response.content_part.added","item_id":"msg_1","output_index":2,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`,
	`{"type":"response.output_text.delta","item_id":"rotated","output_index":2,"content_index":0,"delta":"Hello ","logprobs":[],"obfuscation":"abcdef"}`,
	`{"type":"response.output_text.delta","item_id":"again","output_index":2,"content_index":0,"delta":"\"you\"","logprobs":[],"obfuscation":"ab"}`,
	`{"type":"response.output_text.annotation.added","item_id":"msg_1","output_index":2,"content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"https://a.example","title":"A","start_index":0,"end_index":5}}`,
	`{"type":"response.output_text.done","item_id":"msg_1","output_index":2,"content_index":0,"text":"Hello \"you\"","logprobs":[]}`,
	`{"type":"response.content_part.done","item_id":"msg_1","output_index":2,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello \"you\""}}`,
	`{"type":"response.output_item.done","output_index":2,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello \"you\""}]}}`,
	`{"type":"response.output_item.added","output_index":3,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_1","name":"f"}}`,
	`{"type":"response.output_item.added","output_index":4,"item":{"id":"fc_2","type":"function_call","status":"in_progress","arguments":"","call_id":"call_2","name":"g"}}`,
	`{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":3,"delta":"{\"a\""}`,
	`{"type":"response.function_call_arguments.delta","item_id":"fc_2","output_index":4,"delta":"{}"}`,
	`{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":3,"delta":":1}"}`,
	`{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":3,"arguments":"{\"a\":1}"}`,
	`{"type":"response.output_item.done","output_index":3,"item":{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"call_1","name":"f"}}`,
	`{"type":"response.output_item.done","output_index":4,"item":{"id":"fc_2","type":"function_call","status":"completed","arguments":"{}","call_id":"call_2","name":"g"}}`,
	`{"type":"response.output_item.added","output_index":5,"item":{"id":"ctc_1","type":"custom_tool_call","status":"in_progress","input":"","call_id":"call_3","name":"patch"}}`,
	`{"type":"response.custom_tool_call_input.delta","item_id":"ctc_1","output_index":5,"delta":"*** \"Begin\""}`,
	`{"type":"response.custom_tool_call_input.delta","item_id":"ctc_1","output_index":5,"delta":"\n+x"}`,
	`{"type":"response.custom_tool_call_input.done","item_id":"ctc_1","output_index":5,"input":"*** \"Begin\"\n+x"}`,
	`{"type":"response.output_item.done","output_index":5,"item":{"id":"ctc_1","type":"custom_tool_call","status":"completed","input":"*** \"Begin\"\n+x","call_id":"call_3","name":"patch"}}`,
	completed)

func TestAStreamAddsUpToItsAnswer(t *testing.T) {
	d := drained(t, whole, wire.FrameOptions{Events: true})
	var a llm.Assembler
	a.Add(d.Events...)
	r := a.Response()
	text, thinking, calls := partsOf(r.Parts)
	if text != `Hello "you"|` || thinking != "Thinking\n\nmore|" ||
		calls != `call_1f{"a":1}|call_2g{}|call_3patch*** "Begin"`+"\n+x|" {
		t.Errorf("%q %q %q", text, thinking, calls)
	}
	if r.ID != "resp_1" || r.Model != "gpt-5" || r.Created != 7 || r.Stop != llm.StopTools || !a.Done() {
		t.Errorf("%+v", r)
	}
	if p := r.Parts[0]; p.ID != "rs_1" || p.Signature != "gAAAAABo1" || p.Maker != llm.MakerOpenAI {
		t.Errorf("reasoning: %+v", p)
	}
	if p := r.Parts[1]; p.Kind != llm.Opaque || p.From != llm.Responses || gjson.GetBytes(p.Raw, "status").String() != "completed" {
		t.Errorf("the search: %+v", p)
	}
	if c := r.Parts[2].Citations; len(c) != 1 || c[0].URL != "https://a.example" || c[0].End != 5 {
		t.Errorf("sources: %+v", c)
	}
	want := llm.Usage{Reported: true}
	want.Tokens[llm.TokInput], want.Tokens[llm.TokCacheRead], want.Tokens[llm.TokCacheWrite] = 4, 4, 2
	want.Tokens[llm.TokOutput], want.Tokens[llm.TokReasoning] = 3, 5
	if r.Usage != want {
		t.Errorf("usage %+v", r.Usage)
	}
	if p := d.Progress; p.Tools != 3 || p.OpenTool || p.TextBytes != 11 || p.ThinkingBytes != 12 || !p.Stopped {
		t.Errorf("progress %+v", p)
	}
}

func TestAStreamPassesAsItCame(t *testing.T) {
	d := drained(t, whole, wire.FrameOptions{})
	if string(d.Bytes) != whole {
		t.Error("the bytes changed")
	}
	first := slicesIndex(d.Classes, wire.Content)
	if d.Classes[0] != wire.Prelude || first < 0 || d.Classes[len(d.Classes)-1] != wire.Terminal {
		t.Errorf("classes %v", d.Classes)
	}
}

func slicesIndex(all []wire.FrameClass, want wire.FrameClass) int {
	for i, c := range all {
		if c == want {
			return i
		}
	}
	return -1
}

func TestHoweverTheBytesAreCutTheEventsAreTheSame(t *testing.T) {
	want := drained(t, whole, wire.FrameOptions{Events: true})
	for _, o := range []wire.FrameOptions{{}, {Events: true}, {Model: "smart", Seal: func(id string) string { return "sealed-" + id }}} {
		plain := drained(t, whole, o)
		slow := wiretest.Drain(responses.Codec{}.Frames(iotest.OneByteReader(strings.NewReader(whole)), nil, o))
		if slow.Err != nil || string(slow.Bytes) != string(plain.Bytes) || slow.Progress != want.Progress {
			t.Errorf("%+v: cut into bytes it is %v %+v", o.Model, slow.Err, slow.Progress)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(rt, "size")
		got := wiretest.Drain(responses.Codec{}.Frames(&drip{whole, n}, nil, wire.FrameOptions{Events: true}))
		if diff := cmp.Diff(want.Events, got.Events); diff != "" || got.Err != nil {
			rt.Fatal(got.Err, diff)
		}
	})
}

func TestNamesAndIdsAreTheClientsOwn(t *testing.T) {
	seal := func(id string) string { return "sealed-" + id }
	d := drained(t, whole, wire.FrameOptions{Model: "smart", Seal: seal})
	want := strings.NewReplacer(`"model":"gpt-5"`, `"model":"smart"`, `"id":"resp_1"`, `"id":"sealed-resp_1"`,
		`"previous_response_id":"resp_0"`, `"previous_response_id":"sealed-resp_0"`, `"id":"conv_1"`, `"id":"sealed-conv_1"`).Replace(whole)
	if diff := cmp.Diff(want, string(d.Bytes)); diff != "" {
		t.Error(diff)
	}
	body := gjson.Get(created, "response").Raw
	got := string(responses.Codec{}.Rename(nil, []byte(body), &wire.Answer{Model: "smart", Seal: seal}))
	if want := gjson.Get(dataOf(t, string(d.Bytes), "response.created"), "response").Raw; got != want {
		t.Errorf("unstreamed:\n%s\n%s", got, want)
	}
	if got := string(responses.Codec{}.Rename(nil, []byte(body), &wire.Answer{})); got != body {
		t.Errorf("without a name and a seal it is changed: %s", got)
	}
}

// dataOf is the data of the first event of a kind.
func dataOf(t *testing.T, text, kind string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if data, ok := strings.CutPrefix(line, "data: "); ok && gjson.Get(data, "type").String() == kind {
			return strings.TrimSpace(data)
		}
	}
	t.Fatalf("no %s in %s", kind, text)
	return ""
}

// TestServersThatLeaveThingsOut: no event lines, no numbers, arguments and texts only
// at their end, items only when they are done, nothing but the last event.
func TestServersThatLeaveThingsOut(t *testing.T) {
	message := `{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]}`
	call := `{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"call_1","name":"f"}`
	end := strings.Replace(completed, `"output":[]`, `"output":[`+message+`,`+call+`]`, 1)
	for name, text := range map[string]string{
		"no event lines": strings.ReplaceAll(events(created, `{"type":"response.output_item.done","output_index":0,"item":`+message+`}`,
			`{"type":"response.output_item.done","output_index":1,"item":`+call+`}`, end), "event: ", ": "),
		"items when they are done": events(created, `{"type":"response.output_item.done","output_index":0,"item":`+message+`}`,
			`{"type":"response.output_item.done","output_index":1,"item":`+call+`}`, end),
		"announced and done": events(created,
			`{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}`,
			`{"type":"response.output_item.done","output_index":0,"item":`+message+`}`,
			`{"type":"response.output_item.added","output_index":1,"item":{"id":"fc_1","type":"function_call","arguments":"","call_id":"call_1","name":"f"}}`,
			`{"type":"response.output_item.done","output_index":1,"item":`+call+`}`, end),
		"texts at their end": events(created,
			`{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}`,
			`{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"hi"}`,
			`{"type":"response.output_item.done","output_index":0,"item":`+message+`}`,
			`{"type":"response.output_item.added","output_index":1,"item":{"id":"fc_1","type":"function_call","arguments":"","call_id":"call_1","name":"f"}}`,
			`{"type":"response.function_call_arguments.done","output_index":1,"arguments":"{\"a\":1}"}`,
			`{"type":"response.output_item.done","output_index":1,"item":`+call+`}`, end),
		"the last event": events(end) + "data: [DONE]\n\n",
		"no part events": events(created,
			`{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}`,
			`{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hi"}`,
			`{"type":"response.output_item.added","output_index":1,"item":{"id":"fc_1","type":"function_call","arguments":"","call_id":"call_1","name":"f"}}`,
			`{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"a\":1}"}`, end),
	} {
		t.Run(name, func(t *testing.T) {
			d := drained(t, text, wire.FrameOptions{Events: true})
			var a llm.Assembler
			a.Add(d.Events...)
			text0, _, calls := partsOf(a.Response().Parts)
			if text0 != "hi|" || calls != `call_1f{"a":1}|` || a.Response().Stop != llm.StopTools {
				t.Errorf("%q %q %s", text0, calls, a.Response().Stop)
			}
			pass := drained(t, text, wire.FrameOptions{})
			if pass.Progress.TextBytes != 2 || pass.Progress.ToolBytes != 7 || pass.Progress != d.Progress {
				t.Errorf("progress %+v and %+v", pass.Progress, d.Progress)
			}
		})
	}
}

func TestAnswersThatEndedEarly(t *testing.T) {
	for reason, want := range map[string]llm.StopReason{"max_output_tokens": llm.StopLength, "content_filter": llm.StopRefusal, "other": llm.StopUndefined} {
		text := events(created, strings.NewReplacer("response.completed", "response.incomplete", `"output":[]`, `"output":[],"incomplete_details":{"reason":"`+reason+`"}`).Replace(completed))
		d := drained(t, text, wire.FrameOptions{Events: true})
		var a llm.Assembler
		a.Add(d.Events...)
		if a.Response().Stop != want || !a.Done() {
			t.Errorf("%s: %s", reason, a.Response().Stop)
		}
	}
}

func TestStreamsThatFail(t *testing.T) {
	for _, x := range []struct {
		name, text string
		class      llm.ErrorClass
	}{
		{"failed", events(created, `{"type":"response.failed","sequence_number":3,"response":{"id":"resp_1","status":"failed","error":{"code":"rate_limit_exceeded","message":"Rate limit reached. Please try again in 1s."},"usage":null}}`), llm.RateLimited},
		{"context", events(created, `{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"Your input exceeds the context window of this model."}}}`), llm.ContextOverflow},
		{"server", events(created, `{"type":"response.failed","response":{"error":{"code":"server_error","message":"The model produced invalid content."}}}`), llm.ServerError},
		{"overloaded", events(created, `{"type":"response.failed","response":{"error":{"code":"server_is_overloaded","message":"Busy."}}}`), llm.Overloaded},
		{"error event", events(created, `{"type":"error","sequence_number":2,"code":"insufficient_quota","message":"You exceeded your current quota.","param":null}`), llm.QuotaExhausted},
		{"error event, nested", events(created, `{"type":"error","sequence_number":2,"error":{"type":"invalid_request_error","code":"invalid_prompt","message":"Invalid prompt."}}`), llm.BadRequest},
		{"no event", "data: {\"error\":{\"message\":\"slow down\",\"code\":\"slow_down\"}}\n\n", llm.Overloaded},
		{"cut", whole[:len(whole)/2], llm.BrokenStream},
		{"no end", events(created), llm.BrokenStream},
		{"done alone", events(created) + "data: [DONE]\n\n", llm.BrokenStream},
		{"plain error", `{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}`, llm.Unauthorized},
		{"xAI", `{"code":"invalid-argument","error":"Incorrect API key provided."}`, llm.Unauthorized},
		{"a page", "<html>Bad gateway</html>", llm.ServerError},
	} {
		for _, o := range []wire.FrameOptions{{}, {Events: true}} {
			d := wiretest.Drain(responses.Codec{}.Frames(strings.NewReader(x.text), nil, o))
			var e *llm.Error
			if !errors.As(d.Err, &e) || e.Class != x.class || e.Message == "" {
				t.Errorf("%s: %v, want %s", x.name, d.Err, x.class)
			}
		}
	}
}

func TestWhatIsNoEventIsSkippedAndCounted(t *testing.T) {
	text := events(created) + "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\n\n" + "data: 7\n\n" + events(completed)
	d := drained(t, text, wire.FrameOptions{Events: true})
	if d.Progress.Malformed != 2 || d.Progress.TextBytes != 0 {
		t.Errorf("%+v", d.Progress)
	}
}
