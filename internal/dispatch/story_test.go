package dispatch_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/telemetry/telemetrytest"
)

// TestACallThatBrokeIsOneTraceAndIsCounted: the call below its client's span, both
// attempts below the call, what was decided as events, and the numbers beside it.
func TestACallThatBrokeIsOneTraceAndIsCounted(t *testing.T) {
	c := telemetrytest.New(t)
	tr, err := telemetry.NewTracer(telemetry.Options{Traces: telemetry.TraceOptions{Endpoint: c.URL}}, telemetry.TracerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	m := telemetry.New()
	m.Known([]string{"smart"}, []string{"d1", "d2"})
	one, two := newUpstream(t, llm.Chat, cutContent), newUpstream(t, llm.Chat, none)
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) { o.Trace, o.Signs, o.Metrics = tr, m, m }, one, two)
	ctx := tr.Accept(t.Context(), http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	if o := b.call(t, ctx, llm.Chat, request(llm.Chat, true, ""), resumable); o.err != nil {
		t.Fatal(o.err)
	}
	if err := tr.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	call := c.One(t, "chat smart")
	if call.Trace != "0af7651916cd43dd8448eb211c80319c" || call.Parent != "b7ad6b7169203331" {
		t.Errorf("the call is not below its client's span: %+v", call)
	}
	if got, want := strings.Join(call.Events, " "), "skein.seam skein.chosen skein.chosen skein.first_content"; got != want {
		t.Errorf("its events are %s, want %s", got, want)
	}
	attempts := 0
	for _, s := range c.Spans() {
		if s.Name != "chat up-model" {
			continue
		}
		attempts++
		if s.Trace != call.Trace || s.Parent != call.ID || s.Attrs["server.address"] != "127.0.0.1" {
			t.Errorf("an attempt is not below the call: %+v", s)
		}
	}
	if attempts != 2 || call.Attrs["skein.call.attempts"] != "2" {
		t.Errorf("%d attempts:\n%s", attempts, c)
	}

	m.WatchDeployments(b.Deployments)
	m.WatchQueues(b.Queues)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`gen_ai_client_operation_duration_seconds_count{error_type="broken_stream",gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="up-model"} 1`,
		`gen_ai_client_operation_duration_seconds_count{error_type="",gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="up-model"} 1`,
		`gen_ai_server_request_duration_seconds_count{error_type="",gen_ai_operation_name="chat",gen_ai_request_model="smart"} 1`,
		`gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name="chat",gen_ai_request_model="smart"} 1`,
		`skein_seams_total{model="smart",verdict="continue"} 1`,
		`skein_breaker_state{deployment="d1",state="closed"} 1`,
		`skein_slots_in_flight{deployment="d2"} 0`,
		`skein_queue_length{model="smart",priority="high"} 0`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}
