package fakecloud_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"

	"github.com/skein-run/skein/internal/fakecloud"
)

// outcome is what a raw client gets where a fault happens.
type outcome struct {
	status int             // 0: no answer
	ended  fakecloud.Ended // in the log
	billed bool            // the prompt
	whole  bool            // with its proper end, or as JSON
	broken bool            // the connection fails in mid-body
	reset  bool            // and that by RST
}

// kindOutcomes are those of a streamed answer and of one that is not. Where a status is
// -1 it is the vendor's own.
var kindOutcomes = map[fakecloud.Kind][2]outcome{
	fakecloud.Refuse:         {{ended: fakecloud.Refused}, {ended: fakecloud.Refused}},
	fakecloud.ResetEarly:     {{ended: fakecloud.Refused, reset: true}, {ended: fakecloud.Refused, reset: true}},
	fakecloud.GoAwayEarly:    {{ended: fakecloud.Refused}, {ended: fakecloud.Refused}},
	fakecloud.RSTStreamEarly: {{ended: fakecloud.Refused, reset: true}, {ended: fakecloud.Refused, reset: true}},

	fakecloud.BadKey:         {{status: -1, ended: fakecloud.Refused}, {status: -1, ended: fakecloud.Refused}},
	fakecloud.Forbidden:      {{status: 403, ended: fakecloud.Refused}, {status: 403, ended: fakecloud.Refused}},
	fakecloud.OutOfQuota:     {{status: -1, ended: fakecloud.Refused}, {status: -1, ended: fakecloud.Refused}},
	fakecloud.NoModel:        {{status: 404, ended: fakecloud.Refused}, {status: 404, ended: fakecloud.Refused}},
	fakecloud.TimedOut:       {{status: 408, ended: fakecloud.Refused}, {status: 408, ended: fakecloud.Refused}},
	fakecloud.TooLarge:       {{status: -1, ended: fakecloud.Refused}, {status: -1, ended: fakecloud.Refused}},
	fakecloud.TooMany:        {{status: 429, ended: fakecloud.Refused}, {status: 429, ended: fakecloud.Refused}},
	fakecloud.ServerFail:     {{status: 500, ended: fakecloud.Refused}, {status: 500, ended: fakecloud.Refused}},
	fakecloud.BadGateway:     {{status: 502, ended: fakecloud.Refused}, {status: 502, ended: fakecloud.Refused}},
	fakecloud.Unavailable:    {{status: 503, ended: fakecloud.Refused}, {status: 503, ended: fakecloud.Refused}},
	fakecloud.GatewayTimeout: {{status: 504, ended: fakecloud.Refused}, {status: 504, ended: fakecloud.Refused}},
	fakecloud.Overloaded:     {{status: -1, ended: fakecloud.Refused}, {status: -1, ended: fakecloud.Refused}},
	fakecloud.TooLong:        {{status: 400, ended: fakecloud.Refused}, {status: 400, ended: fakecloud.Refused}},
	fakecloud.Refusal:        {{status: -1, ended: fakecloud.Refused}, {status: -1, ended: fakecloud.Refused}},
	fakecloud.FailAfter:      {{status: 500, ended: fakecloud.Cut, billed: true}, {status: 500, ended: fakecloud.Cut, billed: true}},

	fakecloud.Error200:   {{status: 200, ended: fakecloud.Refused}, {status: 200, ended: fakecloud.Refused}},
	fakecloud.HTML200:    {{status: 200, ended: fakecloud.Refused}, {status: 200, ended: fakecloud.Refused}},
	fakecloud.Unstreamed: {{status: 200, ended: fakecloud.Whole, billed: true}, {status: 200, ended: fakecloud.Whole, billed: true, whole: true}},
	fakecloud.WrongType:  {{status: 200, ended: fakecloud.Whole, billed: true, whole: true}, {status: 200, ended: fakecloud.Whole, billed: true, whole: true}},
	fakecloud.ErrorFirst: {{status: 200, ended: fakecloud.Refused}, {status: -1, ended: fakecloud.Refused}},

	fakecloud.Slow:       {{status: 200, ended: fakecloud.Whole, billed: true, whole: true}, {status: 200, ended: fakecloud.Whole, billed: true, whole: true}},
	fakecloud.Pause:      {{status: 200, ended: fakecloud.Whole, billed: true, whole: true}, {status: 200, ended: fakecloud.Whole, billed: true, whole: true}},
	fakecloud.GoAwayOn:   {{status: 200, ended: fakecloud.Whole, billed: true, whole: true}, {status: 200, ended: fakecloud.Whole, billed: true, whole: true}},
	fakecloud.GarbageOn:  {{status: 200, ended: fakecloud.Whole, billed: true, whole: true}, {status: 200, ended: fakecloud.Cut, billed: true}},
	fakecloud.Junk:       {{status: 200, ended: fakecloud.Whole, billed: true, whole: true}, {status: 200, ended: fakecloud.Whole, billed: true}},
	fakecloud.Filtered:   {{status: 200, ended: fakecloud.Whole, billed: true}, {status: 200, ended: fakecloud.Whole, billed: true, whole: true}},
	fakecloud.Garbage:    {{status: 200, ended: fakecloud.Cut, billed: true}, {status: 200, ended: fakecloud.Cut, billed: true}},
	fakecloud.ErrorEvent: {{status: 200, ended: fakecloud.Cut, billed: true}, {status: -1, ended: fakecloud.Refused}},
	fakecloud.NoEnd:      {{status: 200, ended: fakecloud.Cut, billed: true}, {status: 200, ended: fakecloud.Cut, billed: true}},
	fakecloud.CutOff:     {{status: 200, ended: fakecloud.Cut, billed: true, broken: true}, {status: 200, ended: fakecloud.Cut, billed: true, broken: true}},
	fakecloud.GoAway:     {{status: 200, ended: fakecloud.Cut, billed: true, broken: true}, {status: 200, ended: fakecloud.Cut, billed: true, broken: true}},
	fakecloud.Reset:      {{status: 200, ended: fakecloud.Cut, billed: true, broken: true, reset: true}, {status: 200, ended: fakecloud.Cut, billed: true, broken: true, reset: true}},
	fakecloud.RSTStream:  {{status: 200, ended: fakecloud.Cut, billed: true, broken: true, reset: true}, {status: 200, ended: fakecloud.Cut, billed: true, broken: true, reset: true}},
}

// waiting are the kinds whose answers do not end by themselves; TestWhatNeverEnds has them.
var waiting = []fakecloud.Kind{fakecloud.Hang, fakecloud.Stall, fakecloud.Pings, fakecloud.Endless, fakecloud.Trickle}

// vendorStatus are the statuses that differ from service to service, by dialect or service.
var vendorStatus = map[fakecloud.Kind]map[string]int{
	fakecloud.BadKey:     {"": 401, "bedrock": 403, "gemini": 400},
	fakecloud.OutOfQuota: {"": 429, "azure": 403, "anthropic": 400, "bedrock": 400, "vertex": 403},
	fakecloud.TooLarge:   {"": 413, "gemini": 400},
	fakecloud.Overloaded: {"": 503, "anthropic": 529},
	fakecloud.ErrorEvent: {"": 503, "anthropic": 529},
	fakecloud.ErrorFirst: {"": 503, "anthropic": 529},
	fakecloud.Refusal:    {"": 400, "gemini": 200, "gemini on vertex": 200, "gemini array": 200},
}

// filteredAt is how an answer says that a filter ended it.
var filteredAt = map[string]string{"openai": `"finish_reason":"content_filter"`, "azure": `"finish_reason":"content_filter"`, "vllm": `"finish_reason":"content_filter"`,
	"anthropic": `"stop_reason":"refusal"`, "claude on vertex": `"stop_reason":"refusal"`, "responses": `"incomplete_details":{"reason":"content_filter"}`, "converse": `"stopReason":"content_filtered"`,
	"invoke": `"stop_reason":"refusal"`, "gemini": `"finishReason":"SAFETY"`, "gemini array": `"finishReason": "SAFETY"`, "gemini on vertex": `"finishReason":"SAFETY"`}

func statusAt(k fakecloud.Kind, d *dialect) int {
	by := vendorStatus[k]
	for _, name := range []string{d.name, d.service} {
		if n, ok := by[name]; ok {
			return n
		}
	}
	return by[""]
}

func TestEveryKindHappensAsItSays(t *testing.T) {
	for _, k := range fakecloud.Kinds() {
		if _, ok := kindOutcomes[k]; !ok && !slices.Contains(waiting, k) {
			t.Errorf("no outcome is written down for %s", k)
		}
	}
	for kind, wants := range kindOutcomes {
		for _, d := range dialects {
			for i, stream := range []bool{true, false} {
				want := wants[i]
				if want.status < 0 {
					want.status = statusAt(kind, &d)
				}
				t.Run(fmt.Sprintf("%s/%s/stream=%v", kind, d.name, stream), func(t *testing.T) {
					s, url := serve(t, fakecloud.Options{})
					if _, err := s.Order(fakecloud.Fault{Service: d.service, Kind: kind, Count: 1, AfterChunks: 1, DelayMS: 1}); err != nil {
						t.Fatal(err)
					}
					got := post(t, context.Background(), url+d.at(stream), d.body(stream), d.header)
					if got.status != want.status || (got.err != nil) != (want.broken || want.status == 0) || errors.Is(got.err, syscall.ECONNRESET) != want.reset {
						t.Errorf("status %d, %v", got.status, got.err)
					}
					whole := d.ends(got.body)
					if !stream {
						whole = got.status == 200 && json.Valid([]byte(got.body)) && !strings.Contains(got.body, `"error":{`) && !strings.Contains(got.body, "verloaded") && !strings.Contains(got.body, "blockReason")
					}
					switch {
					case stream && kind == fakecloud.Filtered: // its end is the format's, with a reason of its own
						whole = want.whole
						if says := filteredAt[d.name]; !strings.Contains(decoded(got.body), says) {
							t.Errorf("it does not say that it was filtered:\n%s", got.body)
						}
					case stream && kind == fakecloud.Unstreamed:
						if whole = want.whole; !json.Valid([]byte(got.body)) || got.header.Get("Content-Type") != "application/json" {
							t.Errorf("%s:\n%s", got.header.Get("Content-Type"), got.body)
						}
					}
					if whole != want.whole {
						t.Errorf("whole is %v:\n%s", whole, got.body)
					}
					e := ended(s)
					if len(e) != 1 || e[0].Ended != want.ended || e[0].Fault != string(kind) || e[0].Status != want.status || (e[0].Usage != nil) != want.billed || e[0].Proto != "HTTP/1.1" || e[0].Attempt != "call_1/1" {
						t.Fatalf("the log says %+v", e)
					}
					if e[0].Sent > 0 && e[0].Sent != int64(len(got.body)) {
						t.Errorf("the log says %d bytes, and %d came", e[0].Sent, len(got.body))
					}
					if again := post(t, context.Background(), url+d.at(true), d.body(true), d.header); again.err != nil || !d.ends(again.body) {
						t.Errorf("after the fault: %v\n%s", again.err, again.body)
					}
				})
			}
		}
	}
}

// TestErrorsAreInTheVendorsWords: what a client branches on stands where the vendor has it.
func TestErrorsAreInTheVendorsWords(t *testing.T) {
	for kind, words := range map[fakecloud.Kind]map[string]string{
		fakecloud.OutOfQuota: {"openai": `"code":"insufficient_quota"`, "responses": `"code":"insufficient_quota"`, "azure": "Out of call volume quota", "anthropic": "credit balance is too low",
			"converse": "exceeds the service quota", "gemini": "google.rpc.QuotaFailure", "gemini on vertex": "requires billing"},
		fakecloud.TooLong: {"openai": `"code":"context_length_exceeded"`, "responses": "Your input exceeds the context window", "azure": `"code":"context_length_exceeded"`,
			"anthropic": "prompt is too long: ", "claude on vertex": "prompt is too long: ", "converse": "Input is too long for requested model.", "gemini": "exceeds the maximum number of tokens allowed", "vllm": `"type":"BadRequestError","param":null,"code":400`},
		fakecloud.Refusal: {"openai": `"code":"invalid_prompt"`, "azure": `"innererror":{"code":"ResponsibleAIPolicyViolation"`, "anthropic": "Output blocked by content filtering policy",
			"converse": "Output blocked by content filtering policy", "gemini": `"blockReason":"PROHIBITED_CONTENT"`, "gemini on vertex": `"blockReason":"PROHIBITED_CONTENT"`},
		fakecloud.Forbidden:      {"openai": "unsupported_country_region_territory", "anthropic": `"type":"permission_error"`, "gemini": `"status": "PERMISSION_DENIED"`, "gemini on vertex": "aiplatform.endpoints.predict"},
		fakecloud.NoModel:        {"openai": `"code":"model_not_found"`, "azure": `"code":"DeploymentNotFound"`, "anthropic": `"type":"not_found_error"`, "gemini": `"status": "NOT_FOUND"`, "vllm": `"code":404`},
		fakecloud.Overloaded:     {"anthropic": `"type":"overloaded_error"`, "gemini": `"status": "UNAVAILABLE"`},
		fakecloud.GatewayTimeout: {"anthropic": `"type":"timeout_error"`, "gemini": `"status": "DEADLINE_EXCEEDED"`, "openai": "<title>504 Gateway Time-out</title>"},
		fakecloud.BadGateway:     {"openai": "<title>502 Bad Gateway</title>", "anthropic": "<title>502 Bad Gateway</title>", "converse": "<title>502 Bad Gateway</title>"},
		fakecloud.TooMany:        {"openai": `"code":"rate_limit_exceeded"`, "azure": `"code":"RateLimitReached"`, "anthropic": `"type":"rate_limit_error"`, "gemini": `"retryDelay": "7s"`},
	} {
		for _, d := range dialects {
			want, ok := words[d.name]
			if !ok {
				continue
			}
			s, url := serve(t, fakecloud.Options{})
			if _, err := s.Order(fakecloud.Fault{Kind: kind, RetryAfter: 7}); err != nil {
				t.Fatal(err)
			}
			got := post(t, context.Background(), url+d.at(false), d.body(false), d.header)
			if !strings.Contains(got.body, want) {
				t.Errorf("%s at %s: there is no %s in\n%s", kind, d.name, want, got.body)
			}
			if kind == fakecloud.TooMany && got.header.Get("Retry-After") != "7" {
				t.Errorf("%s: Retry-After %q", d.name, got.header.Get("Retry-After"))
			}
			left := map[string]string{"openai": "X-Ratelimit-Remaining-Requests", "azure": "X-Ratelimit-Remaining-Requests", "anthropic": "Anthropic-Ratelimit-Requests-Remaining"}[d.name]
			if kind == fakecloud.TooMany && left != "" && got.header.Get(left) != "0" {
				t.Errorf("%s says with a 429 that %q requests are left", d.name, got.header.Get(left))
			}
		}
	}
}

func TestErrorsAtBedrockAreNamedInTheHeader(t *testing.T) {
	for kind, name := range map[fakecloud.Kind]string{fakecloud.TooMany: "ThrottlingException", fakecloud.OutOfQuota: "ServiceQuotaExceededException", fakecloud.TooLong: "ValidationException",
		fakecloud.Forbidden: "AccessDeniedException", fakecloud.Unavailable: "ServiceUnavailableException", fakecloud.TimedOut: "ModelTimeoutException", fakecloud.NoModel: "ResourceNotFoundException"} {
		s, url := serve(t, fakecloud.Options{})
		if _, err := s.Order(fakecloud.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		got := post(t, context.Background(), url+bedrockClaude+"converse", `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`, bearer)
		if got := got.header.Get("X-Amzn-Errortype"); !strings.HasPrefix(got, name+":") {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// TestAnEventTellsTheErrorThatIsOrdered, in every format, after the prelude or first.
func TestAnEventTellsTheErrorThatIsOrdered(t *testing.T) {
	for tells, words := range map[string]map[string]string{
		"":           {"openai": "verloaded", "anthropic": `"type":"overloaded_error"`, "responses": "event: response.failed", "converse": "serviceUnavailableException", "gemini": `"status":"UNAVAILABLE"`, "vllm": `"code":503`},
		"rate_limit": {"openai": "rate_limit_exceeded", "anthropic": `"type":"rate_limit_error"`, "responses": `"code":"rate_limit_exceeded"`, "converse": "throttlingException", "gemini": `"status":"RESOURCE_EXHAUSTED"`},
		"quota":      {"openai": "insufficient_quota", "anthropic": "credit balance", "responses": `"error":{"code":"insufficient_quota"`, "converse": "validationException", "gemini": `"code":429`},
		"server":     {"openai": "server_error", "anthropic": `"type":"api_error"`, "converse": "internalServerException", "gemini": `"status":"INTERNAL"`},
		"context":    {"openai": "context_length_exceeded", "anthropic": "prompt is too long", "responses": `"code":"context_length_exceeded"`, "converse": "validationException"},
		"auth":       {"openai": "invalid_api_key", "anthropic": `"type":"authentication_error"`, "gemini": `"code":400`},
	} {
		for _, d := range dialects {
			for _, kind := range []fakecloud.Kind{fakecloud.ErrorEvent, fakecloud.ErrorFirst, fakecloud.Error200} {
				want, ok := words[d.name]
				if !ok || kind == fakecloud.Error200 && (strings.HasSuffix(want, "xception") || strings.HasPrefix(want, "event") || d.name == "gemini" || d.name == "responses") {
					continue
				}
				s, url := serve(t, fakecloud.Options{})
				if _, err := s.Order(fakecloud.Fault{Kind: kind, Tells: tells}); err != nil {
					t.Fatal(err)
				}
				got := post(t, context.Background(), url+d.at(true), d.body(true), d.header)
				if got.status != 200 || !strings.Contains(got.body, want) || d.ends(got.body) {
					t.Errorf("%s of %q at %s: %d, there is no %s in\n%s", kind, tells, d.name, got.status, want, got.body)
				}
				stream := strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") || strings.Contains(got.header.Get("Content-Type"), "amazon.eventstream")
				if stream == (kind == fakecloud.Error200) {
					t.Errorf("%s at %s has the type %s", kind, d.name, got.header.Get("Content-Type"))
				}
				if kind == fakecloud.ErrorFirst && (strings.Contains(got.body, "message_start") || strings.Contains(got.body, "response.created") || strings.Contains(got.body, "messageStart")) {
					t.Errorf("something comes before the error: %s", got.body)
				}
			}
		}
	}
}

// TestSDKsRaiseWhatIsOrdered: the official clients see the error that was meant.
func TestSDKsRaiseWhatIsOrdered(t *testing.T) {
	for kind, want := range map[fakecloud.Kind][2]int{fakecloud.Forbidden: {403, 403}, fakecloud.OutOfQuota: {429, 400}, fakecloud.TooLong: {400, 400}, fakecloud.Overloaded: {503, 529},
		fakecloud.BadGateway: {502, 502}, fakecloud.TimedOut: {408, 408}, fakecloud.TooLarge: {413, 413}} {
		s, url := serve(t, fakecloud.Options{})
		if _, err := s.Order(fakecloud.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		o := openaiClient(url)
		_, err := o.Chat.Completions.New(context.Background(), askWeather(false))
		if e := (*openai.Error)(nil); !errors.As(err, &e) || e.StatusCode != want[0] {
			t.Errorf("%s: OpenAI's client says %v", kind, err)
		}
		c := anthropicClient(url)
		_, err = c.Messages.New(context.Background(), anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 100,
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("say hello"))}})
		if e := (*anthropic.Error)(nil); !errors.As(err, &e) || e.StatusCode != want[1] {
			t.Errorf("%s: Anthropic's client says %v", kind, err)
		}
	}
	s, url := serve(t, fakecloud.Options{})
	if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.ErrorEvent, AfterChunks: 2, Tells: "rate_limit"}); err != nil {
		t.Fatal(err)
	}
	o, c := openaiClient(url), anthropicClient(url)
	stream := o.Chat.Completions.NewStreaming(context.Background(), askWeather(true))
	for stream.Next() {
	}
	if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "rate limit") {
		t.Errorf("OpenAI's client says of an error in mid-stream: %v", err)
	}
	claude := c.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 100,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("say hello"))}})
	for claude.Next() {
	}
	if err := claude.Err(); err == nil || !strings.Contains(err.Error(), "rate limit") {
		t.Errorf("Anthropic's client says of an error in mid-stream: %v", err)
	}
}

func TestAFaultFlaps(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Unavailable, Every: 2, Count: 2}); err != nil {
		t.Fatal(err)
	}
	var got []int
	for range 6 {
		got = append(got, post(t, context.Background(), url+dialects[0].at(false), dialects[0].body(false), dialects[0].header).status)
	}
	if want := []int{503, 200, 503, 200, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, and every other one, twice, is %v", got, want)
	}
}

func TestOrdersThatMakeNoSenseAreRefused(t *testing.T) {
	s, url := serve(t, fakecloud.Options{Resources: resources})
	for _, f := range []fakecloud.Fault{{Kind: fakecloud.Hang, Service: "s3"}, {Kind: fakecloud.CutOff, At: "somewhere"}, {Kind: fakecloud.ErrorEvent, Tells: "bad luck"}} {
		if id, err := s.Order(f); err == nil {
			t.Errorf("%+v is ordered as %s", f, id)
		}
	}
	if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Hang}); err != nil {
		t.Fatal(err)
	}
	if r := get(t, url, 1); r.status != http.StatusOK {
		t.Errorf("a fault of models hits a service: %d %v", r.status, r.err)
	}
}
