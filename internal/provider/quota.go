package provider

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// quotaHeader is one limit in a service's headers, all names canonical.
type quotaHeader struct {
	of               quotaOf
	limit, remaining string
	reset            string // empty: it does not say
	in               resetIn
	every            time.Duration // a window shorter than a minute, where reset does not say
}

// quotaOf is what a limit is of.
type quotaOf uint8

const (
	requests quotaOf = iota
	tokens
	inputTokens
	outputTokens
	utilisation // of bought capacity: remaining holds a percentage
)

// resetIn is how a reset is spelled.
type resetIn uint8

const (
	inDuration resetIn = iota // 6m0s, 1s, 120ms
	inSeconds                 // 60, 0.5
	atTime                    // 2026-11-25T03:00:00Z
	atEpochMS                 // milliseconds since 1970
	inRenewals                // Azure: seconds, and of older deployments milliseconds
)

// The quota headers of the services, where they document them or were seen to send
// them (read 2026-11-25; how many recorded answers have them is in the test). A row is
// taken if both its limit and what remains are there; of several of one kind the first.
//
// No such headers: Bedrock, Vertex and Gemini (what is used up they say in the body of
// a 429, with RetryInfo), DeepSeek (which has no limits, https://api-docs.deepseek.com/quick_start/rate_limit),
// Cohere, Perplexity, Hugging Face's router, NVIDIA NIM, and servers on own machines.
var (
	// https://platform.openai.com/docs/guides/rate-limits; whatever imitates it, too.
	quotaOpenAI = []quotaHeader{
		{of: requests, limit: "X-Ratelimit-Limit-Requests", remaining: "X-Ratelimit-Remaining-Requests", reset: "X-Ratelimit-Reset-Requests"},
		{of: tokens, limit: "X-Ratelimit-Limit-Tokens", remaining: "X-Ratelimit-Remaining-Tokens", reset: "X-Ratelimit-Reset-Tokens"},
	}

	// https://docs.anthropic.com/en/api/rate-limits#response-headers
	quotaAnthropic = []quotaHeader{
		{of: requests, limit: "Anthropic-Ratelimit-Requests-Limit", remaining: "Anthropic-Ratelimit-Requests-Remaining", reset: "Anthropic-Ratelimit-Requests-Reset", in: atTime},
		{of: tokens, limit: "Anthropic-Ratelimit-Tokens-Limit", remaining: "Anthropic-Ratelimit-Tokens-Remaining", reset: "Anthropic-Ratelimit-Tokens-Reset", in: atTime},
		{of: inputTokens, limit: "Anthropic-Ratelimit-Input-Tokens-Limit", remaining: "Anthropic-Ratelimit-Input-Tokens-Remaining", reset: "Anthropic-Ratelimit-Input-Tokens-Reset", in: atTime},
		{of: outputTokens, limit: "Anthropic-Ratelimit-Output-Tokens-Limit", remaining: "Anthropic-Ratelimit-Output-Tokens-Remaining", reset: "Anthropic-Ratelimit-Output-Tokens-Reset", in: atTime},
	}

	// https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota; the utilisation of
	// provisioned throughput is that of
	// https://github.com/Azure/azure-openai-benchmark and …/answers/questions/1838627,
	// where its maker says not to rely on it: so it counts at 100 % only, and shortly.
	quotaAzure = []quotaHeader{
		{of: utilisation, remaining: "Azure-Openai-Deployment-Utilization"},
		{of: requests, limit: "X-Ratelimit-Limit-Requests", remaining: "X-Ratelimit-Remaining-Requests", reset: "X-Ratelimit-Reset-Requests", in: inRenewals},
		{of: tokens, limit: "X-Ratelimit-Limit-Tokens", remaining: "X-Ratelimit-Remaining-Tokens", reset: "X-Ratelimit-Reset-Tokens", in: inRenewals},
	}

	// Of Mistral's windows the minute is taken, else ten seconds; the month is a budget
	// and no rate. Seen in recorded traffic; https://docs.mistral.ai/deployment/laplateforme/tier.
	quotaMistral = []quotaHeader{
		{of: requests, limit: "X-Ratelimit-Limit-Req-Minute", remaining: "X-Ratelimit-Remaining-Req-Minute"},
		{of: requests, limit: "X-Ratelimit-Limit-Req-10-Second", remaining: "X-Ratelimit-Remaining-Req-10-Second", every: 10 * time.Second},
		{of: tokens, limit: "X-Ratelimit-Limit-Tokens-Minute", remaining: "X-Ratelimit-Remaining-Tokens-Minute"},
		{of: tokens, limit: "Ratelimitbysize-Limit", remaining: "Ratelimitbysize-Remaining", reset: "Ratelimitbysize-Reset", in: inSeconds},
	}

	// https://docs.together.ai/docs/rate-limits: per second, and moving with the load.
	quotaTogether = []quotaHeader{
		{of: requests, limit: "X-Ratelimit-Limit", remaining: "X-Ratelimit-Remaining", reset: "X-Ratelimit-Reset", in: inSeconds, every: time.Second},
		{of: tokens, limit: "X-Tokenlimit-Limit", remaining: "X-Tokenlimit-Remaining", reset: "X-Ratelimit-Reset", in: inSeconds, every: time.Second},
		{of: tokens, limit: "X-Ratelimit-Limit-Tokens", remaining: "X-Ratelimit-Remaining-Tokens", reset: "X-Ratelimit-Reset", in: inSeconds, every: time.Second},
	}

	// https://docs.fireworks.ai/guides/quotas_usage/rate-limits; tokens of the prompt and
	// of the answer apart, as clients' code has them.
	quotaFireworks = []quotaHeader{
		{of: requests, limit: "X-Ratelimit-Limit-Requests", remaining: "X-Ratelimit-Remaining-Requests"},
		{of: inputTokens, limit: "X-Ratelimit-Limit-Tokens-Prompt", remaining: "X-Ratelimit-Remaining-Tokens-Prompt"},
		{of: outputTokens, limit: "X-Ratelimit-Limit-Tokens-Generated", remaining: "X-Ratelimit-Remaining-Tokens-Generated"},
	}

	// https://inference-docs.cerebras.ai/support/rate-limits
	quotaCerebras = []quotaHeader{
		{of: requests, limit: "X-Ratelimit-Limit-Requests-Day", remaining: "X-Ratelimit-Remaining-Requests-Day", reset: "X-Ratelimit-Reset-Requests-Day", in: inSeconds},
		{of: tokens, limit: "X-Ratelimit-Limit-Tokens-Minute", remaining: "X-Ratelimit-Remaining-Tokens-Minute", reset: "X-Ratelimit-Reset-Tokens-Minute", in: inSeconds},
	}

	// https://openrouter.ai/docs/api-reference/limits: on refusals only.
	quotaOpenRouter = []quotaHeader{
		{of: requests, limit: "X-Ratelimit-Limit", remaining: "X-Ratelimit-Remaining", reset: "X-Ratelimit-Reset", in: atEpochMS},
	}
)

// quotaOfKind are the tables by kind; xAI's headers are OpenAI's without a reset, and
// Groq's are OpenAI's, its requests being those of a day
// (https://console.groq.com/docs/rate-limits).
var quotaOfKind = map[string][]quotaHeader{
	"openai": quotaOpenAI, "groq": quotaOpenAI, "xai": quotaOpenAI, "anthropic": quotaAnthropic,
	"azure":   append(append([]quotaHeader{}, quotaAzure...), quotaAnthropic...), // Claude comes with its maker's
	"mistral": quotaMistral, "together": quotaTogether, "fireworks": quotaFireworks, "cerebras": quotaCerebras, "openrouter": quotaOpenRouter,
}

// quota reads what an answer's headers say of the service's limits. It allocates
// nothing.
func quota(table []quotaHeader, h http.Header) (r limit.Reported, ok bool) {
	for i := range table {
		t := &table[i]
		if t.of == utilisation {
			if full, until := full(h, t.remaining); full {
				r.Requests, ok = limit.Bucket{Limit: unbounded, Reset: until, Known: true}, true
			}
			continue
		}
		b := bucket(&r, t.of)
		if b.Known {
			continue
		}
		most, there := number(h, t.limit)
		left, known := number(h, t.remaining)
		if !there || !known || most <= 0 || left < 0 {
			continue
		}
		*b = limit.Bucket{Limit: most, Remaining: left, Reset: t.resets(h), Known: true}
		ok = true
	}
	return r, ok
}

func bucket(r *limit.Reported, of quotaOf) *limit.Bucket {
	switch of {
	case tokens:
		return &r.Tokens
	case inputTokens:
		return &r.Input
	case outputTokens:
		return &r.Output
	}
	return &r.Requests
}

// unbounded is the limit of capacity of which nothing but that it is full is known: as
// soon as it has rested there is room for anything.
const unbounded = 1 << 40

// full is whether bought capacity is used up, and how long to leave it alone.
func full(h http.Header, name string) (bool, time.Duration) {
	v := first(h, name)
	if v == "" {
		return false, 0
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(v, "%"), 64)
	return err == nil && percent >= 100, time.Second
}

// resets is how long until the limit is whole; 0 where that is not said.
func (t *quotaHeader) resets(h http.Header) time.Duration {
	v := first(h, t.reset)
	if v == "" {
		return t.every
	}
	switch t.in {
	case atTime:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return positive(at.Sub(dated(h)))
		}
	case atEpochMS:
		if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
			return positive(time.UnixMilli(ms).Sub(dated(h)))
		}
	case inRenewals:
		s := secondsIn(v)
		// The period is said beside it, and nothing can be longer than that: of 120 requests
		// a minute one comes back in 500, which are milliseconds; of 50, in 1.
		if period := secondsIn(first(h, renewal[t.of])); period > 0 && s > period {
			s /= 1000
		}
		return s
	case inSeconds:
		return secondsIn(v)
	default:
		if last := v[len(v)-1]; '0' <= last && last <= '9' { // imitators leave the unit out
			return secondsIn(v)
		}
		if d, err := time.ParseDuration(v); err == nil {
			return positive(d)
		}
	}
	return 0
}

var renewal = [...]string{requests: "X-Ratelimit-Renewalperiod-Requests", tokens: "X-Ratelimit-Renewalperiod-Tokens"}

// dated is the answer's own time, so that clocks that differ do no harm.
func dated(h http.Header) time.Time {
	if at, err := http.ParseTime(first(h, "Date")); err == nil {
		return at
	}
	return time.Now()
}

func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func number(h http.Header, name string) (int64, bool) {
	v := first(h, name)
	if v == "" || len(v) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(v) {
		c := v[i]
		if c == '.' && i > 0 {
			break // a fraction of a token is none
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func secondsIn(v string) time.Duration {
	s, err := strconv.ParseFloat(v, 64)
	if err != nil || !(s > 0 && s < math.MaxInt32) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

func positive(d time.Duration) time.Duration { return max(d, 0) }
