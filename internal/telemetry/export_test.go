package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/telemetry/telemetrytest"
)

// env is an environment of these variables.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestACollectorThatHangsHoldsNobodyUpAndDropsAreCounted(t *testing.T) {
	taken, let := make(chan struct{}, 100), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		taken <- struct{}{}
		select {
		case <-let:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(let)
	m := telemetry.New()
	tr, err := telemetry.NewTracer(telemetry.Options{}, telemetry.TracerConfig{Metrics: m, Env: env(
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", s.URL, "OTEL_BSP_MAX_QUEUE_SIZE", "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")})
	if err != nil {
		t.Fatal(err)
	}
	call := func() {
		_, c := tr.CallStarted(t.Context(), telemetry.CallStart{Model: "m", Arrived: t0})
		c.End(telemetry.CallEnd{Ended: t0, Outcome: "ok"})
	}
	call()
	call()
	<-taken // the export of two is under way, and hangs
	began := time.Now()
	for range 1000 {
		call()
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("1000 calls took %v beside a collector that hangs", took)
	}
	if got := scrape(t, m); !strings.Contains(got, `skein_trace_spans_total{outcome="dropped"} 996`) {
		t.Errorf("996 of 1000 do not fit beside 4, and are not counted as dropped:\n%s", grep(got, "skein_trace"))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 50*time.Millisecond)
	defer cancel()
	began = time.Now()
	if err := tr.Close(ctx); err == nil || !strings.Contains(err.Error(), "export the last spans") {
		t.Errorf("closing says %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if got := scrape(t, m); !strings.Contains(got, `skein_trace_spans_total{outcome="failed"} 6`) {
		t.Errorf("what was not taken is not counted as failed:\n%s", grep(got, "skein_trace"))
	}
	call() // after the end it is dropped, and nobody minds
}

func grep(text, part string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestACollectorThatIsDownIsALineInTheLogAndNoMore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m := telemetry.New()
	tr, err := telemetry.NewTracer(telemetry.Options{Traces: telemetry.TraceOptions{Endpoint: addr, Headers: map[string]string{"x-key": "s3cret-of-the-collector"}}},
		telemetry.TracerConfig{Metrics: m, Log: slog.New(slog.NewTextHandler(&log, nil)), Env: env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		twoAttempts(t.Context(), tr, "")
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Errorf("closing says %v", err)
	}
	if got := log.String(); strings.Count(got, "spans cannot be exported") != 1 || strings.Contains(got, "s3cret") {
		t.Errorf("the log is\n%s", got)
	}
	if got := scrape(t, m); !strings.Contains(got, `skein_trace_spans_total{outcome="failed"} 9`) {
		t.Errorf("9 spans are lost, and counted is\n%s", grep(got, "skein_trace"))
	}
}

func TestClosingExportsWhatIsLeft(t *testing.T) {
	c := telemetrytest.New(t)
	m := telemetry.New()
	tr, err := telemetry.NewTracer(telemetry.Options{Traces: telemetry.TraceOptions{Endpoint: c.URL}},
		telemetry.TracerConfig{Metrics: m, Env: env("OTEL_BSP_SCHEDULE_DELAY", "3600000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100")})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		twoAttempts(t.Context(), tr, "")
	}
	if n := len(c.Spans()); n != 100 && n != 0 { // the first batch may be there
		t.Errorf("%d spans came before anybody waited for them", n)
	}
	if err := tr.Close(t.Context()); err != nil || len(c.Spans()) != 150 {
		t.Errorf("%d spans came, want 150; %v", len(c.Spans()), err)
	}
	if got := scrape(t, m); !strings.Contains(got, `skein_trace_spans_total{outcome="exported"} 150`) {
		t.Errorf("counted is\n%s", grep(got, "skein_trace"))
	}
}

func TestTheEnvironmentIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		yaml telemetry.TraceOptions
		off  bool
		path string
		head map[string]string
		res  map[string]string
	}{
		"nothing is off":     {off: true},
		"disabled is off":    {env: []string{"OTEL_SDK_DISABLED", "true", "OTEL_EXPORTER_OTLP_ENDPOINT", "$"}, off: true},
		"no exporter is off": {env: []string{"OTEL_TRACES_EXPORTER", "none", "OTEL_EXPORTER_OTLP_ENDPOINT", "$"}, off: true},
		"an endpoint of all signals": {
			env:  []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "$/base/", "OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-team = a%3Db ,"},
			path: "/base/v1/traces", head: map[string]string{"Authorization": "Bearer abc", "X-Team": "a=b"},
		},
		"one of the traces, as it is": {env: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "$/x", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://nobody.invalid"}, path: "/x"},
		"headers of the traces win":   {env: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "$", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=2", "OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=1"}, path: "/", head: map[string]string{"A": "2", "B": ""}},
		"compressed":                  {env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "$", "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}, path: "/v1/traces", head: map[string]string{"Content-Encoding": "gzip"}},
		"who we are": {
			env:  []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "$", "OTEL_RESOURCE_ATTRIBUTES", "service.name=no,deployment.environment.name=a%20b", "OTEL_SERVICE_NAME", "gateway"},
			path: "/v1/traces", res: map[string]string{"service.name": "gateway", "deployment.environment.name": "a b"},
		},
		"skein.yaml wins, and the environment's headers are for another": {
			yaml: telemetry.TraceOptions{Endpoint: "$", Headers: map[string]string{"x-mine": "1"}},
			env:  []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://nobody.invalid", "OTEL_EXPORTER_OTLP_HEADERS", "authorization=theirs", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
			path: "/v1/traces", head: map[string]string{"X-Mine": "1", "Authorization": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			col := telemetrytest.New(t)
			for i := range c.env {
				c.env[i] = strings.ReplaceAll(c.env[i], "$", col.URL)
			}
			c.yaml.Endpoint = strings.ReplaceAll(c.yaml.Endpoint, "$", col.URL)
			tr, err := telemetry.NewTracer(telemetry.Options{Traces: c.yaml}, telemetry.TracerConfig{Env: env(c.env...)})
			if err != nil || (tr == nil) != c.off {
				t.Fatalf("the tracer is %v, %v", tr, err)
			}
			twoAttempts(t.Context(), tr, "")
			if err := tr.Close(t.Context()); err != nil || c.off {
				return
			}
			h, path := col.Header()
			if path != c.path {
				t.Errorf("spans came to %s, want %s", path, c.path)
			}
			for name, want := range c.head {
				if got := h.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			for name, want := range c.res {
				if got := col.One(t, "chat smart").Resource[name]; got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestWhatIsWrongIsSaidAtTheStart(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	two, below := 2.0, -0.5
	at := func(pairs ...string) []string {
		return append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.example"}, pairs...)
	}
	for _, c := range []struct {
		yaml telemetry.TraceOptions
		env  []string
		want string
	}{
		{yaml: telemetry.TraceOptions{Endpoint: "localhost:4318"}, want: `telemetry.traces.endpoint: "localhost:4318" is no address of http or https`},
		{yaml: telemetry.TraceOptions{Endpoint: "http://"}, want: "telemetry.traces.endpoint: "},
		{yaml: telemetry.TraceOptions{Endpoint: "http://u:s3cret@h"}, want: "telemetry.traces.endpoint: holds a password"},
		{yaml: telemetry.TraceOptions{Endpoint: "http://h/?key=s3cret"}, want: "telemetry.traces.endpoint: has a query"},
		{yaml: telemetry.TraceOptions{Endpoint: "http://h\ns3cret"}, want: "telemetry.traces.endpoint: is no URL"},
		{yaml: telemetry.TraceOptions{Endpoint: "http://h", Sample: &two}, want: "telemetry.traces.sample: is 2; write the share"},
		{yaml: telemetry.TraceOptions{Sample: &below}, want: "telemetry.traces.sample: is -0.5"},
		{yaml: telemetry.TraceOptions{Headers: map[string]string{"a": "s3cret"}}, want: "telemetry.traces.headers: have no effect without an endpoint"},
		{yaml: telemetry.TraceOptions{Endpoint: "http://h", Headers: map[string]string{"a b": "s3cret"}}, want: `"a b" is no name of a header`},
		{yaml: telemetry.TraceOptions{Endpoint: "http://h", Headers: map[string]string{"a": "s3cret\r\nb: c"}}, want: "the value of a is none of a header"},
		{env: []string{"OTEL_TRACES_EXPORTER", "zipkin"}, want: `OTEL_TRACES_EXPORTER is "zipkin"; Skein has otlp, or none`},
		{env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"}, want: `OTEL_EXPORTER_OTLP_ENDPOINT "collector:4317" is no address`},
		{env: at("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), want: `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; Skein exports over HTTP`},
		{env: at("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"), want: "OTEL_EXPORTER_OTLP_HEADERS is not written name=value"},
		{env: at("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"), want: `OTEL_EXPORTER_OTLP_COMPRESSION is "zstd"`},
		{env: at("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"), want: `OTEL_EXPORTER_OTLP_TIMEOUT is "10s"; want a number above 0`},
		{env: at("OTEL_EXPORTER_OTLP_CERTIFICATE", junk), want: "holds no certificate in PEM"},
		{env: at("OTEL_EXPORTER_OTLP_CERTIFICATE", junk+".not"), want: "OTEL_EXPORTER_OTLP_CERTIFICATE names a file that cannot be read"},
		{env: at("OTEL_EXPORTER_OTLP_CLIENT_KEY", junk), want: "OTEL_EXPORTER_OTLP_CLIENT_KEY names a key, and no variable its certificate"},
		{env: at("OTEL_TRACES_SAMPLER", "jaeger_remote"), want: `OTEL_TRACES_SAMPLER is "jaeger_remote"`},
		{env: at("OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "1%"), want: `OTEL_TRACES_SAMPLER_ARG is "1%"; want the share`},
		{env: at("OTEL_RESOURCE_ATTRIBUTES", "a"), want: "OTEL_RESOURCE_ATTRIBUTES is not written name=value"},
		{env: at("OTEL_BSP_MAX_QUEUE_SIZE", "0"), want: `OTEL_BSP_MAX_QUEUE_SIZE is "0"`},
	} {
		tr, err := telemetry.NewTracer(telemetry.Options{Traces: c.yaml}, telemetry.TracerConfig{Env: env(c.env...)})
		if tr != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v %q: %v; want %q", c.yaml, c.env, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows a secret: %v", c.want, err)
		}
	}
	_, err := telemetry.NewTracer(telemetry.Options{}, telemetry.TracerConfig{Env: env(at("OTEL_TRACES_SAMPLER", "x", "OTEL_BSP_MAX_QUEUE_SIZE", "y")...)})
	if err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER") || !strings.Contains(err.Error(), "OTEL_BSP_MAX_QUEUE_SIZE") {
		t.Errorf("not all mistakes are said at once: %v", err)
	}
}
