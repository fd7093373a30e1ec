package fakecloud

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// overLimit is the error of a request that ran into a limit, in the service's words.
func overLimit(service, model string, o *exceeded) *apiError {
	e := &apiError{status: http.StatusTooManyRequests, kind: "rate_limit_error", code: "rate_limit_exceeded"}
	if o.after > 0 {
		e.retryAfterSec = wholeSeconds(o.after)
	}
	unit := map[string]string{"requests": "requests", "concurrent": "requests"}[o.name]
	if unit == "" {
		unit = "tokens"
	}
	switch service {
	case "openai", "vllm":
		e.kind = unit
		e.message = fmt.Sprintf("Rate limit reached for %s in organization org-fakecloud on %s per min (%s): Limit %d, Used %d, Requested %d. Please try again in %s. Visit https://platform.openai.com/account/rate-limits to learn more.",
			model, unit, map[string]string{"requests": "RPM", "tokens": "TPM"}[unit], o.limit, o.used, o.need, openaiReset(o.after))
		if o.after == 0 {
			e.message = fmt.Sprintf("Request too large for %s in organization org-fakecloud on %s per min (TPM): Limit %d, Requested %d. The input or output tokens must be reduced in order to run successfully.", model, unit, o.limit, o.need)
		}
		if e.retryAfterSec != "" {
			e.header = map[string]string{"Retry-After-Ms": strconv.FormatInt(o.after.Milliseconds(), 10)}
		}
	case "azure":
		what := map[string]string{"requests": "call rate limit", "tokens": "token rate limit"}[unit]
		e.message = fmt.Sprintf("Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded %s of your current OpenAI S0 pricing tier. Please retry after %s seconds.", what, e.retryAfterSec)
	case "anthropic":
		what := map[string]string{"requests": "requests", "concurrent": "concurrent connections", "tokens": "tokens", "input": "input tokens", "output": "output tokens"}[o.name]
		e.message = fmt.Sprintf("This request would exceed your organization's rate limit of %d %s per minute. For details, refer to: https://docs.claude.com/en/api/rate-limits.", o.limit, what)
		if o.name == "concurrent" {
			e.message = "Number of concurrent connections has exceeded your rate limit. Please try again later or contact sales at https://www.anthropic.com/contact-sales to discuss your options for a rate limit increase."
		}
	case "bedrock":
		e.message = "Too many " + unit + ", please wait before trying again."
		e.retryAfterSec = "" // Bedrock does not say when
	case "gemini":
		metric, id := "generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count", "GenerateContentPaidTierInputTokensPerModelPerMinute"
		if unit == "requests" {
			metric, id = "generativelanguage.googleapis.com/generate_requests_per_model", "GenerateRequestsPerMinutePerProjectPerModel"
		}
		e.message = fmt.Sprintf("You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota exceeded for metric: %s, limit: %d, model: %s\nPlease retry in %gs.", metric, o.limit, model, o.after.Seconds())
		e.details = []any{quotaFailure(metric, id)}
	case "vertex":
		e.message = "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
	}
	return e
}

// wholeSeconds is a duration as a header has it: late is safe, early is not.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

// openaiReset is a duration as OpenAI writes it: 12ms, 8.64s, 6m0s,
// https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers.
func openaiReset(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(int64(math.Ceil(float64(d)/float64(time.Millisecond))), 10) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(math.Ceil(d.Seconds()*1000)/1000, 'f', -1, 64) + "s"
	}
	return (d + time.Second - 1).Truncate(time.Second).String()
}

// header is what a service says of its limits with every answer.
func (p *place) header(x *exchange) map[string]string {
	l := x.manner.Limits
	if l == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return saysLimits(x, l, func(i int, limit int64, now time.Time) (rest int64, full time.Duration) {
		b := &p.buckets[i]
		b.fill(limit, l.window(), now)
		return max(int64(b.level), 0), b.after(limit, limit, l.window())
	})
}

// spent is what it says with a 429 that was ordered: that no request is left.
func (x *exchange) spent() map[string]string {
	again := max(time.Duration(x.fault.RetryAfter*float64(time.Second)), time.Second)
	l := &Limits{Requests: 4000}
	if x.manner.Limits != nil && x.manner.Limits.Requests > 0 {
		l.Requests = x.manner.Limits.Requests
	}
	return saysLimits(x, l, func(int, int64, time.Time) (int64, time.Duration) { return 0, again })
}

// saysLimits writes limits as a service does, with what is left and when it is full again.
func saysLimits(x *exchange, l *Limits, left func(i int, limit int64, now time.Time) (int64, time.Duration)) map[string]string {
	now := x.opts.Now()
	out := map[string]string{}
	for i, b := range buckets {
		limit := b.limit(l)
		if limit == 0 {
			continue
		}
		n, full := left(i, limit, now)
		rest := strconv.FormatInt(n, 10)
		total := strconv.FormatInt(limit, 10)
		name := map[string]string{"requests": "Requests", "tokens": "Tokens", "input": "Input-Tokens", "output": "Output-Tokens"}[b.name]
		switch _, claude := x.f.(messagesFormat); {
		case claude && x.base.Service == "anthropic":
			name = "Anthropic-Ratelimit-" + name
			out[name+"-Limit"], out[name+"-Remaining"] = total, rest
			out[name+"-Reset"] = now.Add(full).Add(time.Second - 1).UTC().Truncate(time.Second).Format(time.RFC3339)
		case b.name != "requests" && b.name != "tokens":
		case x.base.Service == "openai":
			out["X-Ratelimit-Limit-"+name], out["X-Ratelimit-Remaining-"+name], out["X-Ratelimit-Reset-"+name] = total, rest, openaiReset(full)
		case x.base.Service == "azure":
			out["X-Ratelimit-Limit-"+name], out["X-Ratelimit-Remaining-"+name], out["X-Ratelimit-Reset-"+name] = total, rest, wholeSeconds(full)
			out["X-Ratelimit-Renewalperiod-"+name] = wholeSeconds(l.window())
		}
	}
	return out
}
