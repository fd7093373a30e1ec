package messages_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func event(kind, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return "event: " + kind + "\ndata: {\"type\":\"" + kind + "\"" + rest + "}\n\n"
}

var (
	start = event("message_start", `"message":{"id":"msg_1","model":"up","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":4,"output_tokens":3}}`)
	ping  = event("ping", "")
	block = event("content_block_start", `"index":0,"content_block":{"type":"text","text":""}`)
	hello = event("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"Hello"}`)
	shut  = event("content_block_stop", `"index":0`)
	delta = event("message_delta", `"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}`)
	ended = event("message_stop", "")
)

func TestOneFrameARead(t *testing.T) {
	text := start + block + ping + hello + hello + ping + shut + delta + ended
	got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{}))
	want := []wire.FrameClass{wire.Prelude, wire.Heart, wire.Content, wire.Heart, wire.Content, wire.Terminal}
	if d := cmp.Diff(want, got.Classes); d != "" || got.Err != nil || string(got.Bytes) != text {
		t.Error(d, got.Err)
	}
	if u := got.Progress.Usage.Tokens; u[llm.TokInput] != 10 || u[llm.TokCacheRead] != 4 || u[llm.TokOutput] != 9 {
		t.Errorf("older streams name output alone at the end; the start's input stays: %v", u)
	}
}

func TestFirstContent(t *testing.T) {
	for name, first := range map[string]string{
		"text":                  hello,
		"thinking":              event("content_block_delta", `"index":0,"delta":{"type":"thinking_delta","thinking":"x"}`),
		"a tool":                event("content_block_start", `"index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}`),
		"a server's tool":       event("content_block_start", `"index":0,"content_block":{"type":"server_tool_use","id":"t","name":"f","input":{}}`),
		"a kind yet to come":    event("content_block_start", `"index":0,"content_block":{"type":"hologram"}`),
		"text in a block start": event("content_block_start", `"index":0,"content_block":{"type":"text","text":"x"}`),
	} {
		got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(start+first), nil, wire.FrameOptions{}))
		if d := cmp.Diff([]wire.FrameClass{wire.Prelude, wire.Content}, got.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for name, first := range map[string]string{
		"an empty block":     block,
		"an empty delta":     event("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":""}`),
		"an event yet to be": event("message_note", `"x":1`),
		"no event line":      "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
	} {
		got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(start+first), nil, wire.FrameOptions{}))
		if d := cmp.Diff([]wire.FrameClass{wire.Prelude}, got.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestTheModelIsNamedAsTheClientNamedIt(t *testing.T) {
	text := start + block + hello + shut + delta + ended
	got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{Model: "smart"}))
	if want := strings.Replace(text, `"model":"up"`, `"model":"smart"`, 1); string(got.Bytes) != want {
		t.Errorf("%s", got.Bytes)
	}
}

func TestLaterUsageWins(t *testing.T) {
	late := event("message_delta", `"delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":2088,"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30},"cache_read_input_tokens":0,"output_tokens":40,"output_tokens_details":{"thinking_tokens":25},"server_tool_use":{"web_search_requests":2}}`)
	got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(start+late+ended), nil, wire.FrameOptions{}))
	want := llm.Usage{Reported: true, Searches: 2}
	want.Tokens[llm.TokInput], want.Tokens[llm.TokCacheWrite], want.Tokens[llm.TokCacheWrite1h] = 2088, 20, 30
	want.Tokens[llm.TokOutput], want.Tokens[llm.TokReasoning] = 15, 25
	if got.Progress.Usage != want {
		t.Errorf("%+v", got.Progress.Usage)
	}
}

// What the beginning says of output is a beginning: where the end's count is lost the
// provider has not said what was written.
func TestUsageOfTheBeginningIsNoReport(t *testing.T) {
	for text, want := range map[string]bool{start + block + hello + shut + delta + ended: true, start + block + hello + shut + ended: false} {
		got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{}))
		if u := got.Progress.Usage; got.Err != nil || u.Reported != want || u.Tokens[llm.TokInput] != 10 {
			t.Errorf("%v: %+v, want it reported: %v", got.Err, u, want)
		}
	}
}

func TestACompactionIsBilledBesideTheTotals(t *testing.T) {
	body := `{"type":"message","content":[],"usage":{"input_tokens":682,"output_tokens":1320,"iterations":[{"type":"compaction","input_tokens":60385,"output_tokens":592},{"type":"message","input_tokens":682,"output_tokens":1320},{"type":"advisor_message","model":"other","input_tokens":9,"output_tokens":9}]}}`
	r, err := messages.Codec{}.DecodeResponse([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	if u := r.Usage.Tokens; u[llm.TokInput] != 682+60385 || u[llm.TokOutput] != 1320+592 {
		t.Errorf("%v", u)
	}
}

func TestCacheWritesWithoutTheirTimeAreOfTheDefaultTime(t *testing.T) {
	r, err := messages.Codec{}.DecodeResponse([]byte(`{"type":"message","content":[],"usage":{"input_tokens":1,"cache_creation_input_tokens":50,"output_tokens":1}}`), nil)
	if err != nil || r.Usage.Tokens[llm.TokCacheWrite] != 50 {
		t.Errorf("%v %v", r, err)
	}
}

func TestAStreamWithoutItsProperEndIsBroken(t *testing.T) {
	for _, x := range []struct {
		name, text string
		class      llm.ErrorClass
		tail       string
	}{
		{"whole", start + block + hello + shut + delta + ended, "", ended},
		{"no message_stop, but all else", start + block + hello + shut + delta, "", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
		{"a block still open", start + block + hello + delta, llm.BrokenStream, delta},
		{"no stop_reason", start + block + hello + shut, llm.BrokenStream, shut},
		{"cut in an event", start + block + hello[:50], llm.BrokenStream, block},
		{"overloaded after the prelude", start + event("error", `"error":{"type":"overloaded_error","message":"Overloaded"}`), llm.Overloaded, start},
		{"rate in the middle", start + block + hello + event("error", `"error":{"type":"rate_limit_error","message":"slow"}`), llm.RateLimited, hello},
		{"an error without its event line", start + "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}\n\n", llm.ServerError, start},
		{"an error body instead", `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, llm.Unauthorized, ""},
		{"a malformed event among good ones", start + block + "event: content_block_delta\ndata: {\"type\":\n\n" + hello + shut + delta + ended, "", ended},
		{"a second answer inside the first", start + block + hello + start + block, llm.BrokenStream, hello},
		{"nothing", "", llm.BrokenStream, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, events := range []bool{false, true} {
				got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(x.text), nil, wire.FrameOptions{Events: events}))
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

func TestErrorsAreClassified(t *testing.T) {
	for _, x := range []struct {
		status int
		kind   string
		text   string
		class  llm.ErrorClass
	}{
		{400, "invalid_request_error", "messages.0: bad", llm.BadRequest},
		{400, "invalid_request_error", "prompt is too long: 3 tokens > 2 maximum", llm.ContextOverflow},
		{400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", llm.QuotaExhausted},
		{401, "authentication_error", "invalid x-api-key", llm.Unauthorized},
		{402, "billing_error", "pay", llm.QuotaExhausted},
		{403, "permission_error", "no", llm.Forbidden},
		{404, "not_found_error", "model: x", llm.NotFound},
		{413, "request_too_large", "too large", llm.BadRequest},
		{429, "rate_limit_error", "This request would exceed your rate limit", llm.RateLimited},
		{500, "api_error", "Internal server error", llm.ServerError},
		{504, "timeout_error", "slow", llm.TimedOut},
		{529, "overloaded_error", "Overloaded", llm.Overloaded},
	} {
		body := `{"type":"error","error":{"type":"` + x.kind + `","message":"` + x.text + `"},"request_id":"req_1"}`
		if e := (messages.Codec{}).DecodeError(x.status, nil, []byte(body), nil); e.Class != x.class {
			t.Errorf("%d %s: %+v", x.status, x.kind, e)
		}
		if e := (messages.Codec{}).DecodeError(200, nil, []byte(body), nil); e.Class != x.class {
			t.Errorf("with status 200, %s: %+v", x.kind, e)
		}
	}
}

// retried are the statuses that the official library sends again by itself.
func retried(status int) bool {
	return status == 408 || status == 409 || status == 429 || status >= 500
}

func TestABudgetRefusalIsNotRetried(t *testing.T) {
	status, body := messages.Codec{}.EncodeError(&llm.Error{Class: llm.OverBudget, Message: "the budget is spent"})
	if retried(status) || !strings.Contains(string(body), `"billing_error"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := (messages.Codec{}).EncodeError(&llm.Error{Class: llm.Busy}); !retried(status) {
		t.Errorf("busy is %d", status)
	}
}

func TestHeartbeatsAreEventsOfTheFormat(t *testing.T) {
	w := messages.Codec{}.Writer(nil)
	got := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(string(w.Heartbeat(nil))), nil, wire.FrameOptions{}))
	if d := cmp.Diff([]wire.FrameClass{wire.Heart}, got.Classes); d != "" {
		t.Error(d)
	}
}
