package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// RetryAfter reads how long an upstream's headers ask to wait: retry-after-ms (OpenAI,
// Azure), x-ms-retry-after-ms (Azure's front doors; its SDKs look for both, in
// sdk/azcore/internal/shared RetryAfter), Retry-After in seconds, or as a date, which
// is counted from the answer's own Date, as there is no clock here (RFC 9110, section
// 10.2.3). 0 is that they do not say.
func RetryAfter(h http.Header) time.Duration {
	if h == nil {
		return 0
	}
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, err := strconv.ParseFloat(strings.TrimSpace(h.Get(name)), 64); err == nil {
			if d := seconds(ms / 1000); d > 0 {
				return d
			}
		}
	}
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return seconds(s)
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return seconds(until.Sub(now).Seconds())
}

// seconds is a wait, if it is one that can be meant.
func seconds(s float64) time.Duration {
	if !(s > 0 && s < 1e6) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// Delay reads a duration as Google's APIs write it, such as 34.074824224s.
func Delay(s string) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "s"), 64)
	if err != nil {
		return 0
	}
	return seconds(f)
}

// retryOf is what an upstream says of sending the request again, in the header by
// which OpenAI's and Anthropic's servers steer their own libraries.
func retryOf(h http.Header) llm.Retry {
	if h == nil {
		return llm.RetryUnsaid
	}
	switch h.Get("X-Should-Retry") {
	case "true":
		return llm.RetryYes
	case "false":
		return llm.RetryNo
	}
	return llm.RetryUnsaid
}
