package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/telemetry"
)

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("/metrics answered %d", w.Code)
	}
	return w.Body.String()
}

func TestMetricsCountWhatHappened(t *testing.T) {
	m := telemetry.New()
	m.Known([]string{"smart"}, []string{"openai/gpt"})
	m.InFlight(1)
	m.InFlight(1)
	m.InFlight(-1)
	m.Call("smart", "ok", 2, 300*time.Millisecond, 50*time.Millisecond)
	u := &llm.Usage{}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokOutput] = 12, 5
	m.Attempt("smart", "openai/gpt", "ok", 200*time.Millisecond, u, money.MustParse("0.1", money.USD))
	m.Attempt("smart", "openai/gpt", "overloaded", time.Millisecond, nil, money.Amount{})
	m.Committed(3, time.Millisecond, nil)
	m.Committed(1, time.Millisecond, errors.New("disk full"))
	m.RunMoved("", "running", false)
	m.RunMoved("running", "done", true)
	got := scrape(t, m)
	for _, want := range []string{
		`skein_calls_total{model="smart",outcome="ok"} 1`,
		`skein_calls_in_flight 1`,
		`skein_call_attempts_sum{model="smart"} 2`,
		`skein_call_first_content_seconds_count{model="smart"} 1`,
		`skein_attempts_total{deployment="openai/gpt",model="smart",outcome="overloaded"} 1`,
		`skein_tokens_total{class="input",deployment="openai/gpt",model="smart"} 12`,
		`skein_tokens_total{class="output",deployment="openai/gpt",model="smart"} 5`,
		`skein_commit_records_sum 3`,
		`skein_commit_errors_total 1`,
		`skein_runs{status="running"} 0`,
		`skein_runs_ended_total{status="done"} 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "0.1 USD") || strings.Contains(got, "cost") {
		t.Error("money is among the metrics")
	}
}

func TestNamesThatClientsThinkOfAreOther(t *testing.T) {
	m := telemetry.New()
	m.Known([]string{"smart"}, nil)
	for _, name := range []string{"a", "b", "c"} {
		m.Call(name, "not_found", 0, time.Millisecond, 0)
		m.Attempt(name, name, "ok", time.Millisecond, nil, money.Amount{})
	}
	got := scrape(t, m)
	if !strings.Contains(got, `skein_calls_total{model="other",outcome="not_found"} 3`) {
		t.Errorf("they are not counted as other:\n%s", got)
	}
	for _, name := range []string{`"a"`, `"b"`, `"c"`} {
		if strings.Contains(got, name) {
			t.Errorf("%s became a label", name)
		}
	}
}

func TestNoMetricsIsFine(t *testing.T) {
	var m *telemetry.Metrics
	m.InFlight(1)
	m.Known(nil, nil)
	m.Call("m", "ok", 1, time.Second, 0)
	m.Attempt("m", "d", "ok", time.Second, nil, money.Amount{})
	m.Committed(1, time.Second, nil)
	m.RunMoved("", "running", false)
}

func ready(h *telemetry.Health) (int, string) {
	w := httptest.NewRecorder()
	h.Readiness().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code, w.Body.String()
}

func TestReadyzIsRedWhileTheStoreCannotWriteAndWhileDraining(t *testing.T) {
	h := &telemetry.Health{}
	var full error
	h.Check("store", func(context.Context) error { return full })
	if code, body := ready(h); code != http.StatusOK {
		t.Errorf("at first: %d %s", code, body)
	}
	full = errors.New("the disk is full; free some space")
	if code, body := ready(h); code != http.StatusServiceUnavailable || !strings.Contains(body, "free some space") {
		t.Errorf("with a full disk: %d %s", code, body)
	}
	full = nil
	h.Drain()
	if code, body := ready(h); code != http.StatusServiceUnavailable || !strings.Contains(body, "shutting down") {
		t.Errorf("draining: %d %s", code, body)
	}
	w := httptest.NewRecorder()
	h.Live().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if w.Code != http.StatusOK {
		t.Errorf("the process lives all the same: %d", w.Code)
	}
}

func TestSecretsAreNeverInLogs(t *testing.T) {
	secret := strings.Repeat("q2", 26)
	ours := "sk-skein-abcdefghijklmnop-" + secret
	provider := "sk-ant-REDACTED-0123456789"
	google := "AIzaSyA0123456789abcdefghijklmno"
	for name, o := range map[string]telemetry.LogOptions{"text": {Level: "debug"}, "json": {Level: "debug", JSON: true}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			l := telemetry.Logger(&b, o)
			u, err := url.Parse("http://localhost/v1/models?key=" + ours)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{"Authorization": {"Bearer " + ours}, "X-Api-Key": {provider}}
			l.Info("a request with "+ours, "path", "/v1/messages?key="+ours+"&x=1", "authorization", "Bearer "+ours, "url", u, "header", h)
			l.Error("upstream", "error", errors.New("401 for Bearer "+provider), "said", "your key "+provider+" and "+google)
			l.With("x-api-key", ours).WithGroup("g").Debug("grouped", slog.Group("in", "token", ours, "note", "is "+ours))
			got := b.String()
			for _, s := range []string{secret, provider, google} {
				if strings.Contains(got, s) {
					t.Errorf("%q is in the log:\n%s", s, got)
				}
			}
			for _, s := range []string{"abcdefghijklmnop", "/v1/messages", "x=1", "grouped"} {
				if !strings.Contains(got, s) {
					t.Errorf("%q, which is no secret, is gone from the log:\n%s", s, got)
				}
			}
		})
	}
}

// What a panic or a library gives is of any type, and no list of providers is long
// enough; these are those that people have.
func TestSecretsOfAnyTypeAreLeftOut(t *testing.T) {
	type config struct{ Name, Secret string }
	for _, o := range []telemetry.LogOptions{{}, {JSON: true}} {
		var b bytes.Buffer
		l := telemetry.Logger(&b, o)
		secrets := []string{
			"sk-proj-0123456789abcdef0123", "gsk_0123456789abcdef0123", "xai-0123456789abcdef0123", "hf_0123456789abcdef0123", "pplx-0123456789abcdef0123",
			"nvapi-0123456789abcdef0123", "ghp_0123456789abcdef0123", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "hunter2hunter2",
		}
		for i, s := range secrets {
			text := s
			if i == len(secrets)-1 {
				text = "postgres://user:" + s + "@db.example/skein"
			}
			l.Error("it ended", "panic", config{"x", text}, "list", []string{text}, "map", map[string]any{"a": text}, "bytes", []byte(text), "note", text)
			l.Info("said "+text, "credential", s)
		}
		got := b.String()
		for _, s := range secrets {
			if strings.Contains(got, s) {
				t.Errorf("%q is in the log", s)
			}
		}
		for _, s := range []string{"it ended", "Name:x", "db.example/skein", "postgres://user:"} {
			if !strings.Contains(got, s) {
				t.Errorf("%q, which is no secret, is gone from the log:\n%s", s, got)
			}
		}
	}
}

func TestAnUnknownLevelIsInfo(t *testing.T) {
	l := telemetry.Logger(io.Discard, telemetry.LogOptions{Level: "loud"})
	if l.Enabled(t.Context(), slog.LevelDebug) || !l.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("it is not info")
	}
}

func BenchmarkAttempt(b *testing.B) {
	m := telemetry.New()
	m.Known([]string{"smart"}, []string{"openai/gpt"})
	u := &llm.Usage{}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokOutput] = 12, 5
	b.ReportAllocs()
	for b.Loop() {
		m.Attempt("smart", "openai/gpt", "ok", time.Second, u, money.Amount{})
		m.Call("smart", "ok", 1, time.Second, time.Second)
	}
}

func ExampleMetrics() {
	m := telemetry.New()
	m.Known([]string{"smart"}, []string{"openai/gpt-5"})
	m.Call("smart", "ok", 1, 800*time.Millisecond, 200*time.Millisecond)
	http.Handle("/metrics", m.Handler())
}
