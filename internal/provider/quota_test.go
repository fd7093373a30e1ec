package provider

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func headers(lines ...string) http.Header {
	h := http.Header{}
	for _, l := range lines {
		name, v, _ := strings.Cut(l, ": ")
		h.Set(name, v)
	}
	return h
}

func bucketOf(of, left int64, reset time.Duration) limit.Bucket {
	return limit.Bucket{Limit: of, Remaining: left, Reset: reset, Known: true}
}

func TestQuotaIsReadAsEachServiceSpellsIt(t *testing.T) {
	for _, x := range []struct {
		name, kind string
		h          http.Header
		want       limit.Reported
	}{
		{"OpenAI", "openai", headers("x-ratelimit-limit-requests: 500", "x-ratelimit-remaining-requests: 499", "x-ratelimit-reset-requests: 120ms",
			"x-ratelimit-limit-tokens: 200000", "x-ratelimit-remaining-tokens: 150000", "x-ratelimit-reset-tokens: 6m0s"),
			limit.Reported{Requests: bucketOf(500, 499, 120*time.Millisecond), Tokens: bucketOf(200000, 150000, 6*time.Minute)}},
		{"Groq", "groq", headers("x-ratelimit-limit-requests: 14400", "x-ratelimit-remaining-requests: 14397", "x-ratelimit-reset-requests: 17.4s"),
			limit.Reported{Requests: bucketOf(14400, 14397, 17400*time.Millisecond)}},
		{"xAI, without a reset", "xai", headers("x-ratelimit-limit-requests: 1800", "x-ratelimit-remaining-requests: 1788", "x-ratelimit-limit-tokens: 10000000", "x-ratelimit-remaining-tokens: 9982512"),
			limit.Reported{Requests: bucketOf(1800, 1788, 0), Tokens: bucketOf(10000000, 9982512, 0)}},
		{"Anthropic", "anthropic", headers("date: Wed, 25 Nov 2026 03:00:00 GMT",
			"anthropic-ratelimit-requests-limit: 4000", "anthropic-ratelimit-requests-remaining: 3999", "anthropic-ratelimit-requests-reset: 2026-11-25T03:00:01Z",
			"anthropic-ratelimit-input-tokens-limit: 400000", "anthropic-ratelimit-input-tokens-remaining: 0", "anthropic-ratelimit-input-tokens-reset: 2026-11-25T03:01:00Z",
			"anthropic-ratelimit-output-tokens-limit: 80000", "anthropic-ratelimit-output-tokens-remaining: 80000", "anthropic-ratelimit-output-tokens-reset: 2026-11-25T03:00:00Z"),
			limit.Reported{Requests: bucketOf(4000, 3999, time.Second), Input: bucketOf(400000, 0, time.Minute), Output: bucketOf(80000, 80000, 0)}},
		{"Azure", "azure", headers("x-ratelimit-limit-requests: 50", "x-ratelimit-remaining-requests: 49", "x-ratelimit-reset-requests: 1", "x-ratelimit-renewalperiod-requests: 60"),
			limit.Reported{Requests: bucketOf(50, 49, time.Second)}},
		{"Azure, in milliseconds", "azure", headers("x-ratelimit-limit-requests: 120", "x-ratelimit-remaining-requests: 119", "x-ratelimit-reset-requests: 500", "x-ratelimit-renewalperiod-requests: 60"),
			limit.Reported{Requests: bucketOf(120, 119, 500*time.Millisecond)}},
		{"Azure, provisioned and full", "azure", headers("azure-openai-deployment-utilization: 101.3%"), limit.Reported{Requests: bucketOf(unbounded, 0, time.Second)}},
		{"Azure, provisioned with room", "azure", headers("azure-openai-deployment-utilization: 61%"), limit.Reported{}},
		{"Azure, Claude", "azure", headers("anthropic-ratelimit-tokens-limit: 100", "anthropic-ratelimit-tokens-remaining: 7"), limit.Reported{Tokens: bucketOf(100, 7, 0)}},
		{"Mistral", "mistral", headers("x-ratelimit-limit-req-minute: 100", "x-ratelimit-remaining-req-minute: 3", "x-ratelimit-limit-tokens-minute: 200000", "x-ratelimit-remaining-tokens-minute: 199000",
			"x-ratelimit-limit-tokens-month: 10000000000", "x-ratelimit-remaining-tokens-month: 5"),
			limit.Reported{Requests: bucketOf(100, 3, 0), Tokens: bucketOf(200000, 199000, 0)}},
		{"Mistral, ten seconds", "mistral", headers("x-ratelimit-limit-req-10-second: 60", "x-ratelimit-remaining-req-10-second: 49"), limit.Reported{Requests: bucketOf(60, 49, 10*time.Second)}},
		{"Mistral, by size", "mistral", headers("ratelimitbysize-limit: 500000", "ratelimitbysize-remaining: 342032", "ratelimitbysize-reset: 33"), limit.Reported{Tokens: bucketOf(500000, 342032, 33*time.Second)}},
		{"Together", "together", headers("x-ratelimit-limit: 10", "x-ratelimit-remaining: 9", "x-ratelimit-reset: 2", "x-ratelimit-limit-tokens: 3000", "x-ratelimit-remaining-tokens: 3000"),
			limit.Reported{Requests: bucketOf(10, 9, 2*time.Second), Tokens: bucketOf(3000, 3000, 2*time.Second)}},
		{"Fireworks", "fireworks", headers("x-ratelimit-limit-requests: 600", "x-ratelimit-remaining-requests: 599", "x-ratelimit-limit-tokens-prompt: 60000", "x-ratelimit-remaining-tokens-prompt: 59000", "x-ratelimit-over-limit: no"),
			limit.Reported{Requests: bucketOf(600, 599, 0), Input: bucketOf(60000, 59000, 0)}},
		{"Cerebras", "cerebras", headers("x-ratelimit-limit-requests-day: 14400", "x-ratelimit-remaining-requests-day: 14399", "x-ratelimit-reset-requests-day: 33011.5", "x-ratelimit-limit-tokens-minute: 60000", "x-ratelimit-remaining-tokens-minute: 0", "x-ratelimit-reset-tokens-minute: 11.5"),
			limit.Reported{Requests: bucketOf(14400, 14399, 33011500*time.Millisecond), Tokens: bucketOf(60000, 0, 11500*time.Millisecond)}},
		{"OpenRouter", "openrouter", headers("date: Wed, 25 Nov 2026 03:00:00 GMT", "x-ratelimit-limit: 20", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1795575630000"), limit.Reported{Requests: bucketOf(20, 0, 30*time.Second)}},
		{"Bedrock", "bedrock", headers("x-amzn-requestid: x"), limit.Reported{}},
		{"a limit without what remains", "openai", headers("x-ratelimit-limit-requests: 500"), limit.Reported{}},
		{"what is no number", "openai", headers("x-ratelimit-limit-requests: many", "x-ratelimit-remaining-requests: -3"), limit.Reported{}},
		{"a time that is past", "anthropic", headers("date: Wed, 25 Nov 2026 03:00:00 GMT", "anthropic-ratelimit-tokens-limit: 9", "anthropic-ratelimit-tokens-remaining: 9", "anthropic-ratelimit-tokens-reset: 2025-01-01T00:00:00Z"), limit.Reported{Tokens: bucketOf(9, 9, 0)}},
		{"a reset that says nothing", "openai", headers("x-ratelimit-limit-requests: 9", "x-ratelimit-remaining-requests: 9", "x-ratelimit-reset-requests: soon"), limit.Reported{Requests: bucketOf(9, 9, 0)}},
	} {
		got, ok := quota(quotaOfKind[x.kind], x.h)
		if got != x.want || ok != (x.want != limit.Reported{}) {
			t.Errorf("%s: %+v, %v\nwant %+v", x.name, got, ok, x.want)
		}
	}
}

// TestRecordedAnswersTellTheirQuota: every recorded answer that has such headers is
// understood, and so many do.
func TestRecordedAnswersTellTheirQuota(t *testing.T) {
	kinds := map[string]string{"openai": "openai", "azure": "azure", "anthropic": "anthropic", "groq": "groq", "mistral": "mistral", "together": "together", "xai": "xai"}
	all, told := map[string]int{}, map[string]int{}
	for _, file := range []string{"chat", "responses", "messages", "embeddings", "other", "gemini", "converse"} {
		for _, x := range wiretest.Recorded(t, file) {
			h, some := http.Header{}, false
			for name, v := range x.Response.Headers {
				h.Set(name, v)
				some = some || strings.Contains(name, "ratelimit") && strings.Contains(name, "limit-re") || strings.HasSuffix(name, "-limit")
			}
			kind := kinds[x.Provider]
			all[x.Provider]++
			r, ok := quota(quotaOfKind[kind], h)
			if ok {
				told[x.Provider]++
			}
			for _, b := range []limit.Bucket{r.Requests, r.Tokens, r.Input, r.Output} {
				if b.Reset < 0 || b.Reset > 25*time.Hour || b.Known && b.Limit <= 0 {
					t.Errorf("%s: %+v of %v", x.ID, b, h)
				}
			}
			if some && !ok && kind != "" && h.Get("X-Ratelimit-Limit-Requests") != "" {
				t.Errorf("%s: nothing was read of %v", x.ID, h)
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%-24s %4d of %4d answers tell their quota", p, told[p], all[p])
	}
	for p, least := range map[string]int{"openai": 590, "anthropic": 330, "mistral": 50, "xai": 40, "azure": 10, "groq": 3, "together": 2} {
		if told[p] < least {
			t.Errorf("%s: %d answers tell their quota, want %d or more", p, told[p], least)
		}
	}
}

func BenchmarkQuota(b *testing.B) {
	none := headers("content-type: text/event-stream", "date: Wed, 25 Nov 2026 03:00:00 GMT", "x-request-id: req_1")
	for name, x := range map[string]struct {
		table []quotaHeader
		h     http.Header
	}{
		"none":      {quotaOpenAI, none},
		"azureNone": {quotaOfKind["azure"], none},
		"openai": {quotaOpenAI, headers("x-ratelimit-limit-requests: 500", "x-ratelimit-remaining-requests: 499", "x-ratelimit-reset-requests: 120ms",
			"x-ratelimit-limit-tokens: 200000", "x-ratelimit-remaining-tokens: 150000", "x-ratelimit-reset-tokens: 6m0s")},
		"anthropic": {quotaAnthropic, headers("date: Wed, 25 Nov 2026 03:00:00 GMT",
			"anthropic-ratelimit-requests-limit: 4000", "anthropic-ratelimit-requests-remaining: 3999", "anthropic-ratelimit-requests-reset: 2026-11-25T03:00:01Z",
			"anthropic-ratelimit-input-tokens-limit: 400000", "anthropic-ratelimit-input-tokens-remaining: 0", "anthropic-ratelimit-input-tokens-reset: 2026-11-25T03:01:00Z")},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				quota(x.table, x.h)
			}
		})
	}
}

func FuzzQuota(f *testing.F) {
	f.Add("500", "499", "120ms", "60")
	f.Add("9", "9", "2026-11-25T03:00:01Z", "")
	f.Add("1e9", "-1", "NaN", "Inf")
	f.Fuzz(func(t *testing.T, most, left, reset, period string) {
		for kind, table := range quotaOfKind {
			h := http.Header{}
			for _, row := range table {
				h[row.limit], h[row.remaining], h[row.reset] = []string{most}, []string{left}, []string{reset}
				h["X-Ratelimit-Renewalperiod-Requests"] = []string{period}
			}
			r, _ := quota(table, h)
			for _, b := range []limit.Bucket{r.Requests, r.Tokens, r.Input, r.Output} {
				if b.Limit < 0 || b.Remaining < 0 || b.Reset < 0 || !b.Known && b != (limit.Bucket{}) {
					t.Errorf("%s: %+v", kind, b)
				}
			}
		}
	})
}
