package gemini_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
)

func failure(code int, status, message, details string) string {
	return `{"error":{"code":` + gjson.Parse(`[`+itoa(code)+`]`).Get("0").Raw + `,"message":"` + message + `","status":"` + status + `","details":[` + details + `]}}`
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// Shapes from https://ai.google.dev/gemini-api/docs/troubleshooting and from
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors.
func TestErrorsAreClassified(t *testing.T) {
	const (
		retry  = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}`
		minute = `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m","quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},` + retry
		day    = `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},` + retry
		reason = `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}`
		quota  = "You exceeded your current quota, please check your plan and billing details."
	)
	for _, x := range []struct {
		code                     int
		status, message, details string
		class                    llm.ErrorClass
		after                    time.Duration
	}{
		{400, "INVALID_ARGUMENT", "bad", "", llm.BadRequest, 0},
		{400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason, llm.Unauthorized, 0},
		{400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", reason, llm.Unauthorized, 0},
		{400, "INVALID_ARGUMENT", "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).", "", llm.ContextOverflow, 0},
		{400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "", llm.Forbidden, 0},
		{400, "FAILED_PRECONDITION", "Please enable billing on your project", "", llm.QuotaExhausted, 0},
		{401, "UNAUTHENTICATED", "no", "", llm.Unauthorized, 0},
		{403, "PERMISSION_DENIED", "no", "", llm.Forbidden, 0},
		{404, "NOT_FOUND", "models/x is not found", "", llm.NotFound, 0},
		{429, "RESOURCE_EXHAUSTED", quota, minute, llm.RateLimited, 34500 * time.Millisecond},
		{429, "RESOURCE_EXHAUSTED", quota, day, llm.QuotaExhausted, 34500 * time.Millisecond},
		{429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.", "", llm.RateLimited, 0},
		{429, "RESOURCE_EXHAUSTED", quota + " limit: 0, model: x", retry, llm.QuotaExhausted, 34500 * time.Millisecond},
		{499, "CANCELLED", "gone", "", llm.ServerError, 0},
		{500, "INTERNAL", "oops", "", llm.ServerError, 0},
		{503, "UNAVAILABLE", "The model is overloaded. Please try again later.", "", llm.Overloaded, 0},
		{504, "DEADLINE_EXCEEDED", "slow", "", llm.TimedOut, 0},
	} {
		body := failure(x.code, x.status, x.message, x.details)
		for _, body := range []string{body, "[" + body + "\n]"} {
			e := gemini.Codec{}.DecodeError(x.code, nil, []byte(body), nil)
			if e.Class != x.class || e.RetryAfter != x.after || e.Code != x.status || e.Status != x.code || e.Blame == "" || e.Billed == "" {
				t.Errorf("%d %s: %+v", x.code, x.message, e)
			}
			if x.class != llm.Unauthorized && e.Message != x.message {
				t.Errorf("says %q", e.Message)
			}
			if in := (drain(sse(hello, body), nil, wire.FrameOptions{})); body[0] == '{' && (in.Err == nil || in.Err.(*llm.Error).Class != x.class) {
				t.Errorf("%d %s in a stream: %v", x.code, x.message, in.Err)
			}
		}
		if _, err := (gemini.Codec{}).DecodeResponse([]byte(body), nil); err == nil || err.(*llm.Error).Class != x.class {
			t.Errorf("%d with status 200: %v", x.code, err)
		}
	}
	e := gemini.Codec{}.DecodeError(503, http.Header{"Retry-After": {"7"}}, []byte("<html>Bad gateway</html>"), nil)
	if e.Class != llm.Overloaded || e.RetryAfter != 7*time.Second {
		t.Errorf("%+v", e)
	}
}

func TestErrorsAreToldInGooglesShape(t *testing.T) {
	for class, want := range map[llm.ErrorClass]string{
		llm.BadRequest: `400 INVALID_ARGUMENT`, llm.OverBudget: `402 FAILED_PRECONDITION`, llm.RateLimited: `429 RESOURCE_EXHAUSTED`,
		llm.Unauthorized: `502 INTERNAL`, llm.Busy: `503 UNAVAILABLE`, llm.TimedOut: `504 DEADLINE_EXCEEDED`, llm.Canceled: `499 CANCELLED`, "new": `500 INTERNAL`,
	} {
		status, body := gemini.Codec{}.EncodeError(&llm.Error{Class: class, Message: "why"})
		g := gjson.ParseBytes(body).Get("error")
		if got := g.Get("code").Raw + " " + g.Get("status").String(); got != want || int64(status) != g.Get("code").Int() || g.Get("message").String() != "why" || g.Get("details").Exists() {
			t.Errorf("%s: %d %s", class, status, body)
		}
	}
	if status, body := (gemini.Codec{}).EncodeError(&llm.Error{Class: llm.Unauthorized, Blame: llm.BlameKey}); status != 401 || !strings.Contains(string(body), "UNAUTHENTICATED") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := (gemini.Codec{}).EncodeError(&llm.Error{Class: llm.BadRequest, Status: 413}); status != 413 {
		t.Errorf("%d", status)
	}
	_, body := gemini.Codec{}.EncodeError(&llm.Error{Class: llm.RateLimited, Param: "contents", RetryAfter: 2500 * time.Millisecond, Message: "slow"})
	d := gjson.GetBytes(body, "error.details")
	if d.Get("0.retryDelay").String() != "2.5s" || d.Get("1.fieldViolations.0.field").String() != "contents" {
		t.Errorf("%s", body)
	}
	again := gemini.Codec{}.DecodeError(429, nil, body, nil)
	if again.Class != llm.RateLimited || again.RetryAfter != 2500*time.Millisecond {
		t.Errorf("%+v", again)
	}
}

func TestAnErrorEndsAStreamInBothFramings(t *testing.T) {
	e := &llm.Error{Class: llm.BrokenStream, Message: "it broke {off}\nhere"}
	text := sse(hello) + string(gemini.Codec{}.StreamError(e))
	got := drain(text, nil, wire.FrameOptions{})
	if got.Err == nil || got.Err.(*llm.Error).Message != e.Message {
		t.Errorf("%v", got.Err)
	}
	last := text[strings.LastIndex(text, "\n")+1:]
	if !strings.HasPrefix(last, "error: ") || strings.ContainsAny(last, "{}\r\n") {
		t.Errorf("ends with %q", last)
	}
	w := gemini.Codec{}.Writer(&wire.Answer{Framing: wire.JSONArray})
	out := w.Write(nil, []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}}, {Kind: llm.Delta, Text: "half"}, {Kind: llm.Failure, Err: e}})
	if list := gjson.ParseBytes(out).Array(); !gjson.ValidBytes(out) || len(list) != 2 || list[1].Get("error.message").String() != e.Message {
		t.Errorf("%s", out)
	}
}
