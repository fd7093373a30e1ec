package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// Said is what an upstream's error body says, in whichever shape.
type Said struct {
	Type, Code, Param, Message string
	Status                     int // inside the body, for errors in streams and in answers of status 200
}

// Classify makes an [llm.Error] of an upstream's answer: by what it says where that
// is more telling than the status, else by the status. The same words come from
// many vendors, so one list serves all formats.
func Classify(status int, header http.Header, said Said) *llm.Error {
	if status < 400 && said.Status >= 400 {
		status = said.Status
	}
	e := &llm.Error{
		Status: status, Code: cut(pickText(said.Code, said.Type), mostWord), Param: cut(said.Param, mostWord), Message: cut(said.Message, mostSaid),
	}
	e.RetryAfter = RetryAfter(header)
	e.Class = classOf(status, said)
	e.Blame, e.Billed = blameOf(e.Class)
	if e.Class == llm.Unauthorized {
		e.Message = "the provider refused the credential" // its own words often quote the key
	}
	if e.Message == "" {
		e.Message = "the upstream answered " + strconv.Itoa(status)
		if t := http.StatusText(status); t != "" {
			e.Message += " " + t
		}
	}
	return e
}

// How much of what an upstream says of an error is kept. It goes into the call's
// record, and some quote the request back.
const (
	mostSaid = 2000
	mostWord = 200
)

// cut is at most n bytes of s, in whole characters, and a sign that there was more.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func pickText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func classOf(status int, said Said) llm.ErrorClass {
	word := strings.ToLower(said.Code + " " + said.Type)
	text := strings.ToLower(said.Message)
	switch {
	case has(word, "context_length_exceeded", "too_many_prompt_tokens", "string_above_max_length"),
		status != 429 && has(text, "maximum context length", "context window", "prompt is too long", "prompt too long", "context length", "input is too long", "total length of all messages is too long"):
		return llm.ContextOverflow
	case has(word, "content_filter", "content_policy_violation", "moderation", "responsibleaipolicyviolation"):
		return llm.Filtered
	case has(word, "insufficient_quota", "billing_error", "billing_hard_limit_reached", "insufficient_balance", "quota_exceeded"), status == 402,
		status < 500 && has(text, "credit balance is too low", "insufficient balance", "exceeded your current quota"):
		return llm.QuotaExhausted
	case has(word, "overloaded"), status == 503, status == 529:
		return llm.Overloaded
	case has(word, "rate_limit", "ratelimit", "too_many_requests"), status == 429:
		return llm.RateLimited
	case has(word, "invalid_api_key", "authentication_error"), status == 401:
		return llm.Unauthorized
	case has(text, "api key not valid", "incorrect api key"): // Google and xAI say it with 400
		return llm.Unauthorized
	case has(word, "permission_error", "permission_denied"), status == 403:
		return llm.Forbidden
	case status == 404 && said.Param != "" && said.Param != "model", has(text, "item with id"): // something that the request names, such as an item that was kept
		return llm.BadRequest
	case has(word, "model_not_found", "deploymentnotfound", "not_found_error"), status == 404:
		return llm.NotFound
	case status == 408, has(word, "timeout_error"), status == 504:
		return llm.TimedOut
	case status >= 500, has(word, "api_error", "server_error", "internal_error"):
		return llm.ServerError
	case status >= 400, has(word, "invalid_request", "tool_use_failed", "request_too_large"):
		return llm.BadRequest
	}
	return llm.ServerError
}

func has(s string, any ...string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}

// blameOf says on whom a class of upstream error falls, and whether it costs. What
// was refused before any work costs nothing; what broke in the middle may.
func blameOf(class llm.ErrorClass) (llm.Blame, llm.Billed) {
	switch class {
	case llm.BadRequest, llm.ContextOverflow:
		return llm.BlameRequest, llm.BilledNo
	case llm.Filtered:
		return llm.BlameRequest, llm.BilledMaybe // Azure bills a prompt that it filtered
	case llm.Unauthorized, llm.Forbidden:
		return llm.BlameCredential, llm.BilledNo
	case llm.QuotaExhausted:
		return llm.BlameCredential, llm.BilledNo
	case llm.RateLimited:
		return llm.BlameQuota, llm.BilledNo
	case llm.NotFound:
		return llm.BlameDeployment, llm.BilledNo
	case llm.Overloaded:
		return llm.BlameProvider, llm.BilledNo
	}
	return llm.BlameProvider, llm.BilledMaybe
}

// RetryAfter reads how long to wait: retry-after-ms (OpenAI, Azure), or Retry-After
// in seconds. A date is not read, as there is no clock here; no provider sends one.
func RetryAfter(h http.Header) time.Duration {
	if h == nil {
		return 0
	}
	if ms, err := strconv.ParseFloat(h.Get("retry-after-ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	if s, err := strconv.ParseFloat(h.Get("retry-after"), 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	return 0
}

// BrokenStream is a stream that ended without its proper end.
func BrokenStream(why string) *llm.Error {
	return &llm.Error{Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the stream broke off: " + why}
}
