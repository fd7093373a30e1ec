package fakecloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

// reply is what a raw client got of an answer.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // before the headers, or in mid-body
}

func post(t *testing.T, ctx context.Context, url, body string, header map[string]string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req, header)
}

func do(t *testing.T, req *http.Request, header map[string]string) reply {
	t.Helper()
	for k, v := range header {
		req.Header.Set(k, v)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b), err}
}

func TestModelFaults(t *testing.T) {
	type want struct {
		status  int               // 0: no answer at all
		whole   bool              // with its proper end
		broken  bool              // the connection fails in mid-body
		has     string            // in the body
		ended   fakecloud.Ended   // in the log
		billed  bool              // the prompt
		output  bool              // tokens of the answer
		headers map[string]string // of the answer
	}
	for _, d := range dialects {
		for _, c := range []struct {
			fault  fakecloud.Fault
			stream bool
			want   want
		}{
			{fakecloud.Fault{Kind: fakecloud.Refuse}, true, want{ended: fakecloud.Refused}},
			{fakecloud.Fault{Kind: fakecloud.TooMany, RetryAfter: 1.5}, true,
				want{status: 429, has: "rate limit reached, please slow down", ended: fakecloud.Refused, headers: map[string]string{"Retry-After": "2"}}},
			{fakecloud.Fault{Kind: fakecloud.ServerFail}, false, want{status: 500, has: "error", ended: fakecloud.Refused}},
			{fakecloud.Fault{Kind: fakecloud.Slow, DelayMS: 1}, true, want{status: 200, whole: true, ended: fakecloud.Whole, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 3}, true, want{status: 200, broken: true, ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.CutOff}, true, want{status: 200, broken: true, ended: fakecloud.Cut, billed: true}},
			{fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 10_000}, true, want{status: 200, broken: true, ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.CutOff}, false, want{status: 200, broken: true, ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.Garbage, AfterChunks: 2}, true, want{status: 200, has: "\x00", ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.Garbage}, false, want{status: 200, ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.ErrorEvent, AfterChunks: 2}, true, want{status: 200, has: "verloaded", ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.NoEnd, AfterChunks: 2}, true, want{status: 200, ended: fakecloud.Cut, billed: true, output: true}},
			{fakecloud.Fault{Kind: fakecloud.FailAfter}, true, want{status: 500, has: "error", ended: fakecloud.Cut, billed: true, output: true}},
		} {
			t.Run(fmt.Sprintf("%s/%s/after%d/stream=%v", d.name, c.fault.Kind, c.fault.AfterChunks, c.stream), func(t *testing.T) {
				s, url := serve(t, fakecloud.Options{})
				c.fault.Service, c.fault.Count = d.service, 1
				if _, err := s.Order(c.fault); err != nil {
					t.Fatal(err)
				}
				got := post(t, context.Background(), url+d.at(c.stream), d.body(c.stream), d.header)
				if got.status != c.want.status || (got.err != nil) != (c.want.broken || c.want.status == 0) {
					t.Errorf("status %d, %v", got.status, got.err)
				}
				if !strings.Contains(got.body, c.want.has) || c.stream && d.ends(got.body) != c.want.whole {
					t.Errorf("the body is\n%s", got.body)
				}
				for k, v := range c.want.headers {
					if got.header.Get(k) != v {
						t.Errorf("%s: %q", k, got.header.Get(k))
					}
				}
				ends := ended(s)
				if len(ends) != 1 || ends[0].Ended != c.want.ended || ends[0].Fault != string(c.fault.Kind) {
					t.Fatalf("the log says %+v", ends)
				}
				u := ends[0].Usage
				if (u != nil) != c.want.billed || u != nil && (u.Input == 0 || (u.Output > 0) != c.want.output) {
					t.Errorf("billed: %+v", u)
				}

				again := post(t, context.Background(), url+d.at(true), d.body(true), d.header)
				if again.err != nil || !d.ends(again.body) {
					t.Errorf("after the fault: %v\n%s", again.err, again.body)
				}
			})
		}
	}
}

func TestStallKeepsTheConnectionUntilItIsTakenBack(t *testing.T) {
	for _, d := range dialects {
		for _, after := range []int{-1, 0, 2} {
			t.Run(fmt.Sprintf("%s/after%d", d.name, after), func(t *testing.T) {
				s, url := serve(t, fakecloud.Options{})
				if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Stall, AfterChunks: after}); err != nil {
					t.Fatal(err)
				}
				got := make(chan reply, 1)
				go func() { got <- post(t, context.Background(), url+d.at(true), d.body(true), d.header) }()
				waitFor(t, s, "end") // logged when it begins to stall
				select {
				case r := <-got:
					t.Fatalf("it did not stall: %+v", r)
				default:
				}
				s.Clear()
				if r := <-got; r.err == nil {
					t.Errorf("the answer is whole: %+v", r)
				}
			})
		}
	}
}

// waitFor waits until the log has a line of the event.
func waitFor(t *testing.T, s *fakecloud.Server, event string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.Log().Wait(ctx, func(lines []fakecloud.Line) bool {
		return slices.ContainsFunc(lines, func(ln fakecloud.Line) bool { return ln.Event == event })
	})
	if err != nil {
		t.Fatalf("no %s in the log: %v", event, err)
	}
}

func TestClientGoneIsLogged(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s, url := serve(t, fakecloud.Options{Pace: time.Hour})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan reply, 1)
			go func() { done <- post(t, ctx, url+d.at(true), d.body(true), d.header) }()
			waitFor(t, s, "begin")
			cancel()
			if r := <-done; r.err == nil {
				t.Fatal("the client was not cut off")
			}
			waitFor(t, s, "end")
			if e := ended(s)[0]; e.Ended != fakecloud.ClientGone || e.Usage.Input == 0 || e.Usage.Output != 0 {
				t.Errorf("the log says %+v, %+v", e, e.Usage)
			}
		})
	}
}

func TestFaultsAreOrderedOverHTTP(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	d := dialects[0]
	order := func(f string) reply { return post(t, context.Background(), url+"/faults", f, nil) }
	for _, bad := range []string{`{"kind":"flood"}`, `{"kind":"cut","service":"google"}`, `{"kind":"cut","often":3}`, `nonsense`} {
		if r := order(bad); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	if r := order(`{"service":"openai","kind":"429","match":{"contains":"quick brown","nth":2}}`); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := order(`{"kind":"500","match":{"contains":"no such words"}}`); r.status != http.StatusCreated {
		t.Fatal(r.body)
	}
	var statuses []int
	for range 3 {
		statuses = append(statuses, post(t, context.Background(), url+d.at(false), d.body(false), d.header).status)
	}
	if fmt.Sprint(statuses) != "[200 429 200]" {
		t.Errorf("the second was to fail, but: %v", statuses)
	}
	req, err := http.NewRequest(http.MethodGet, url+"/faults", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := do(t, req, nil); !strings.Contains(r.body, `"fired":1`) {
		t.Errorf("faults: %s", r.body)
	}
	if req, err = http.NewRequest(http.MethodDelete, url+"/faults", nil); err != nil {
		t.Fatal(err)
	}
	if r := do(t, req, nil); r.status != http.StatusNoContent {
		t.Errorf("delete: %d", r.status)
	}
	if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.ServerFail, Match: fakecloud.Match{After: 1}, Count: 1}); err != nil {
		t.Fatal(err)
	}
	statuses = nil
	for range 3 {
		statuses = append(statuses, post(t, context.Background(), url+d.at(false), d.body(false), d.header).status)
	}
	if fmt.Sprint(statuses) != "[200 500 200]" {
		t.Errorf("the one after the first was to fail, but: %v", statuses)
	}
}

func TestAFaultEndsWithItsTime(t *testing.T) {
	var passed atomic.Int64 // milliseconds
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, url := serve(t, fakecloud.Options{Now: func() time.Time { return start.Add(time.Duration(passed.Load()) * time.Millisecond) }})
	if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Refuse, ForMS: 1000}); err != nil {
		t.Fatal(err)
	}
	d := dialects[1]
	if r := post(t, context.Background(), url+d.at(false), d.body(false), d.header); r.err == nil {
		t.Error("within its time it did not happen")
	}
	passed.Store(1000)
	if r := post(t, context.Background(), url+d.at(false), d.body(false), d.header); r.status != http.StatusOK {
		t.Errorf("after its time: %+v", r)
	}
}

func TestCredentialsAreAskedFor(t *testing.T) {
	s, url := serve(t, fakecloud.Options{RequireKey: "sk-only-this-one"})
	for _, d := range dialects {
		for key, status := range map[string]int{"": 401, "wrong": 401, "sk-only-this-one": 200} {
			h := map[string]string{"Anthropic-Version": "2023-06-01"}
			if key != "" && d.service != "anthropic" {
				h["Authorization"] = "Bearer " + key
			} else if key != "" {
				h["X-Api-Key"] = key
			}
			if status == 401 && d.denied != 0 {
				status = d.denied
			}
			if r := post(t, context.Background(), url+d.at(false), d.body(false), h); r.status != status {
				t.Errorf("%s with key %q: %d %s", d.service, key, r.status, r.body)
			}
		}
	}
	for _, ln := range s.Log().Lines() {
		if b, err := json.Marshal(ln); err != nil || bytes.Contains(b, []byte("sk-only-this-one")) {
			t.Errorf("the log has a key in it: %s %v", b, err)
		}
	}
}
