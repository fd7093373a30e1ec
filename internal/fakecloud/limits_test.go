package fakecloud_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

// ask asks d once and takes the whole answer.
func ask(t *testing.T, c *http.Client, d *dialect, stream bool, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://fakecloud"+d.at(stream), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range d.header {
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b), err}
}

// limitWords are what each vendor's answers say of a limit of two requests in a minute:
// with the first answer, and with the third, which is refused.
var limitWords = map[string]struct {
	first  map[string]string
	status int
	words  string
	header map[string]string
}{
	"openai": {map[string]string{"X-Ratelimit-Limit-Requests": "2", "X-Ratelimit-Remaining-Requests": "1", "X-Ratelimit-Reset-Requests": "30s"}, 429,
		"Rate limit reached for gpt-5.1", map[string]string{"Retry-After": "30", "Retry-After-Ms": "30000", "X-Ratelimit-Remaining-Requests": "0"}},
	"anthropic": {map[string]string{"Anthropic-Ratelimit-Requests-Limit": "2", "Anthropic-Ratelimit-Requests-Remaining": "1", "Anthropic-Ratelimit-Requests-Reset": "2000-01-01T00:00:30Z"}, 429,
		`"type":"rate_limit_error"`, map[string]string{"Retry-After": "30", "Anthropic-Ratelimit-Requests-Remaining": "0"}},
	"azure": {map[string]string{"X-Ratelimit-Limit-Requests": "2", "X-Ratelimit-Remaining-Requests": "1", "X-Ratelimit-Reset-Requests": "30", "X-Ratelimit-Renewalperiod-Requests": "60"}, 429,
		"have exceeded call rate limit", map[string]string{"Retry-After": "30", "Retry-After-Ms": "30000"}},
	"responses": {map[string]string{"X-Ratelimit-Remaining-Requests": "1"}, 429, `"code":"rate_limit_exceeded"`, map[string]string{"Retry-After": "30"}},
	"converse":  {nil, 429, "Too many requests", map[string]string{"Retry-After": "", "X-Amzn-Errortype": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"}},
	"gemini":    {nil, 429, "GenerateRequestsPerMinutePerProjectPerModel", map[string]string{"Retry-After": "30"}},
	"vllm":      {nil, 429, "Rate limit reached", nil},

	"invoke":           {nil, 429, "Too many requests", nil},
	"claude on vertex": {nil, 429, "Resource exhausted", nil},
	"gemini array":     {nil, 429, "RESOURCE_EXHAUSTED", nil},
	"gemini on vertex": {nil, 429, "RESOURCE_EXHAUSTED", nil},
}

func TestALimitIsToldInTheVendorsWordsAndKept(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		want, ok := limitWords[d.name]
		if !ok {
			t.Errorf("nothing is written down of the limits of %s", d.name)
		}
		for _, stream := range []bool{true, false} {
			inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
				if err := s.Behave(fakecloud.Manner{Service: d.service, Limits: &fakecloud.Limits{Requests: 2}}); err != nil {
					t.Fatal(err)
				}
				has := func(got reply, header map[string]string) {
					t.Helper()
					for k, v := range header {
						if got.header.Get(k) != v {
							t.Errorf("%s: %s is %q, want %q", d.name, k, got.header.Get(k), v)
						}
					}
				}
				has(ask(t, c, d, stream, d.body(stream)), want.first)
				ask(t, c, d, stream, d.body(stream))
				got := ask(t, c, d, stream, d.body(stream))
				if got.status != want.status || !strings.Contains(got.body, want.words) {
					t.Errorf("%s: %d, there is no %q in\n%s", d.name, got.status, want.words, got.body)
				}
				has(got, want.header)
				time.Sleep(29 * time.Second)
				if got := ask(t, c, d, stream, d.body(stream)); got.status != 429 {
					t.Errorf("%s: %d a second before there is room", d.name, got.status)
				}
				time.Sleep(time.Second)
				if got := ask(t, c, d, stream, d.body(stream)); got.status != 200 {
					t.Errorf("%s: %d when there is room again: %s", d.name, got.status, got.body)
				}
				e := ended(s)
				if len(e) != 5 || e[2].Limit != "requests" || e[2].Ended != fakecloud.Refused || e[2].Usage != nil || e[0].Quota == nil || e[0].Quota.Requests != 1 || e[0].Quota.InFlight != 1 {
					t.Errorf("%s: the log says %+v", d.name, e)
				}
			})
		}
	}
}

func TestTokensAreTakenWithTheRequest(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
			ask(t, c, d, false, d.body(false))
			u := ended(s)[0].Usage
			all := u.Input + u.Output + u.Reasoning
			if err := s.Behave(fakecloud.Manner{Service: d.service, Limits: &fakecloud.Limits{Tokens: 2*all - 1}}); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, c, d, false, d.body(false)); got.status != 200 {
				t.Fatalf("%s: %d with all tokens left", d.name, got.status)
			}
			if e := ended(s)[1]; e.Quota.Tokens != all-1 {
				t.Errorf("%s: %d tokens are left of %d", d.name, e.Quota.Tokens, 2*all-1)
			}
			if got := ask(t, c, d, false, d.body(false)); got.status != 429 || ended(s)[2].Limit != "tokens" {
				t.Errorf("%s: %d with one token less than it takes", d.name, got.status)
			}
		})
	}
}

// TestAMachineQueuesWhatItCannotRun, and refuses what its queue does not hold.
func TestAMachineQueuesWhatItCannotRun(t *testing.T) {
	d := &dialects[9]
	inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
		if err := s.Behave(fakecloud.Manner{Service: "vllm", Limits: &fakecloud.Limits{Concurrent: 1, Queue: 1}, Speed: &fakecloud.Speed{FirstMS: 1000},
			Replica: &fakecloud.Replica{Model: "local", KVTokens: 1000, LoRAs: []string{"french"}, MaxLoRAs: 4}}); err != nil {
			t.Fatal(err)
		}
		metrics := func(path string) string {
			resp, err := c.Get("http://fakecloud" + path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		var wg sync.WaitGroup
		start, took := time.Now(), [3]time.Duration{}
		var got [3]reply
		for i := range got {
			wg.Go(func() { got[i] = ask(t, c, d, true, d.body(true)); took[i] = time.Since(start) })
			synctest.Wait()
		}
		for _, at := range []string{"/metrics", "/vllm/metrics"} {
			for _, line := range []string{`vllm:num_requests_running{engine="0",model_name="local"} 1`, `vllm:num_requests_waiting{engine="0",model_name="local"} 1`,
				`vllm:lora_requests_info{max_lora="4",running_lora_adapters="french",waiting_lora_adapters=""} 1`} {
				if m := metrics(at); !strings.Contains(m, line) {
					t.Errorf("%s has no %s:\n%s", at, line, m)
				}
			}
		}
		wg.Wait()
		if got[0].status != 200 || got[1].status != 200 || got[2].status != 503 {
			t.Errorf("%d, %d, %d", got[0].status, got[1].status, got[2].status)
		}
		if took[0] != time.Second || took[1] != 2*time.Second || took[2] != 0 {
			t.Errorf("they took %v", took)
		}
		m := metrics("/metrics")
		if !strings.Contains(m, `vllm:num_requests_running{engine="0",model_name="local"} 0`) || !strings.Contains(m, `vllm:kv_cache_usage_perc{engine="0",model_name="local"} 0`) ||
			strings.Contains(m, `vllm:generation_tokens_total{engine="0",model_name="local"} 0`) {
			t.Errorf("afterwards it says\n%s", m)
		}
		if err := s.Behave(fakecloud.Manner{Service: "vllm", Replica: &fakecloud.Replica{Engine: "sglang", Down: true}}); err != nil {
			t.Fatal(err)
		}
		if m := metrics("/metrics"); !strings.Contains(m, `sglang:num_running_reqs{model_name="local"} 0`) {
			t.Errorf("another engine says\n%s", m)
		}
		if resp, err := c.Get("http://fakecloud/health"); err != nil || resp.StatusCode != 503 {
			t.Errorf("a machine that is down says %v %v", resp, err)
		} else {
			_ = resp.Body.Close()
		}
	})
}

func TestMannersThatMakeNoSenseAreRefused(t *testing.T) {
	s, _ := serve(t, fakecloud.Options{})
	for _, m := range []fakecloud.Manner{{}, {Service: "s3"}, {Service: "openai", Continues: "well"}, {Service: "openai", HangUp: "never"},
		{Service: "openai", Replica: &fakecloud.Replica{}}, {Service: "vllm", Replica: &fakecloud.Replica{Engine: "steam"}}} {
		if s.Behave(m) == nil {
			t.Errorf("%+v is taken", m)
		}
	}
}
