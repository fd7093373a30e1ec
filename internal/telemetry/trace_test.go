package telemetry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/telemetry/telemetrytest"
)

var t0 = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// tracer exports to a collector of the test's own; flush waits until all is there.
func tracer(t testing.TB, o telemetry.TraceOptions, env map[string]string) (tr *telemetry.Tracer, c *telemetrytest.Collector, flush func()) {
	t.Helper()
	c = telemetrytest.New(t)
	if env == nil {
		o.Endpoint = c.URL
	}
	tr, err := telemetry.NewTracer(telemetry.Options{Traces: o}, telemetry.TracerConfig{Version: "test", Env: func(name string) (string, bool) {
		v, ok := env[name]
		return strings.ReplaceAll(v, "$COLLECTOR", c.URL), ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	flush = func() {
		if err := tr.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(flush) // a second time it does nothing
	return tr, c, flush
}

func usageOf(in, out int64) llm.Usage {
	u := llm.Usage{Reported: true}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokOutput] = in, out
	return u
}

// twoAttempts is a call whose first attempt fails and whose second answers.
func twoAttempts(ctx context.Context, tr *telemetry.Tracer, secret string) (upstreams []http.Header) {
	ctx, call := tr.CallStarted(ctx, telemetry.CallStart{
		ID: "call_1", Model: "smart", Operation: llm.Generate, Format: "chat", Stream: true, Arrived: t0,
	})
	send := func(ctx context.Context) {
		h := http.Header{}
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
		upstreams = append(upstreams, h)
	}
	call.Event(t0, telemetry.EventChosen, telemetry.Text("skein.deployment", "up/gpt-5"), telemetry.Int("skein.candidates", 2))
	one, first := call.Attempt(ctx, telemetry.AttemptStart{
		ID: "call_1/1", Deployment: "up/gpt-5", Provider: "openai", Upstream: "gpt-5", Address: "api.openai.com:443", Stream: true, Started: t0.Add(time.Millisecond), Number: 1,
	})
	send(one)
	failed := &llm.Error{Class: llm.Overloaded, Blame: llm.BlameDeployment, Status: 529, Message: "no room for " + secret, Code: secret}
	first.End(telemetry.AttemptEnd{Ended: t0.Add(2 * time.Millisecond), Outcome: "overloaded", Status: 529, Err: failed})
	call.Event(t0.Add(2*time.Millisecond), telemetry.EventSeam, telemetry.Text("skein.verdict", "restart"), telemetry.Flag("skein.free", true), telemetry.Seconds("skein.waited", time.Second))
	two, second := call.Attempt(ctx, telemetry.AttemptStart{
		ID: "call_1/2", Deployment: "eu/claude", Provider: "bedrock", Upstream: "claude", Address: "bedrock.example:443", Stream: true, Started: t0.Add(3 * time.Millisecond), Number: 2,
		Hedge: true, Seam: "restart", Fallback: "other",
	})
	send(two)
	u := usageOf(100, 20)
	u.Tokens[llm.TokCacheRead] = 50
	second.End(telemetry.AttemptEnd{
		Ended: t0.Add(time.Second), FirstContent: t0.Add(503 * time.Millisecond), Usage: u, Outcome: "ok", Status: 200,
		UpstreamID: "req_7", ResponseModel: "claude-2026", Stop: llm.StopTools, Cost: "0.5 USD",
	})
	call.End(telemetry.CallEnd{
		Ended: t0.Add(time.Second), FirstContent: t0.Add(503 * time.Millisecond), Outcome: "ok", Deployment: "eu/claude", ResponseModel: "claude-2026",
		Usage: u, Stop: llm.StopTools, Attempts: 2, Cost: "0.5 USD",
	})
	return upstreams
}

func TestACallAndItsAttemptsAreOneTraceBelowTheClientsSpan(t *testing.T) {
	tr, c, flush := tracer(t, telemetry.TraceOptions{}, nil)
	h := http.Header{
		"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Tracestate": {"vendor=x"}, "Baggage": {"user=ann"},
	}
	upstreams := twoAttempts(tr.Accept(t.Context(), h), tr, "s3cret")
	flush()
	call, first, second := c.One(t, "chat smart"), c.One(t, "chat gpt-5"), c.One(t, "chat claude")
	if call.Trace != "0af7651916cd43dd8448eb211c80319c" || call.Parent != "b7ad6b7169203331" || call.Kind != "server" {
		t.Errorf("the call is no child of the client's span: %+v", call)
	}
	for i, a := range []telemetrytest.Span{first, second} {
		if a.Trace != call.Trace || a.Parent != call.ID || a.Kind != "client" {
			t.Errorf("an attempt is no child of the call: %+v", a)
		}
		if got, want := upstreams[i].Get("Traceparent"), "00-"+a.Trace+"-"+a.ID+"-01"; got != want {
			t.Errorf("the upstream was told %q, want %q", got, want)
		}
		if upstreams[i].Get("Tracestate") != "vendor=x" || upstreams[i].Get("Baggage") != "" {
			t.Errorf("the upstream was told %v; want the client's tracestate and no baggage", upstreams[i])
		}
	}
	want(t, call, "gen_ai.operation.name", "chat", "gen_ai.request.model", "smart", "gen_ai.request.stream", "true", "skein.call.id", "call_1",
		"skein.call.attempts", "2", "skein.deployment", "eu/claude", "gen_ai.response.model", "claude-2026", "gen_ai.response.finish_reasons", "tool_call",
		"skein.call.input_tokens", "150", "skein.call.output_tokens", "20", "gen_ai.usage.input_tokens", "", "skein.cost", "", "error.type", "")
	want(t, first, "gen_ai.provider.name", "openai", "server.address", "api.openai.com", "server.port", "443", "error.type", "overloaded",
		"skein.blame", "deployment", "http.response.status_code", "529", "skein.attempt.hedge", "", "gen_ai.usage.input_tokens", "")
	want(t, second, "gen_ai.provider.name", "aws.bedrock", "skein.attempt.number", "2", "skein.attempt.hedge", "true", "skein.attempt.seam", "restart",
		"skein.attempt.fallback", "other", "gen_ai.usage.input_tokens", "150", "gen_ai.usage.output_tokens", "20", "gen_ai.usage.cache_read.input_tokens", "50",
		"gen_ai.response.time_to_first_chunk", "0.5", "skein.attempt.upstream_id", "req_7")
	if first.Failed != "overloaded" || second.Failed != "" || call.Failed != "" {
		t.Errorf("failed are: call %q, first %q, second %q", call.Failed, first.Failed, second.Failed)
	}
	if got := strings.Join(call.Events, " "); got != "skein.chosen skein.seam skein.first_content" {
		t.Errorf("the call's events are %s", got)
	}
	if !call.Began.Equal(t0) || !call.Ended.Equal(t0.Add(time.Second)) || !first.Began.Equal(t0.Add(time.Millisecond)) {
		t.Errorf("the times are not those that were given: %v to %v", call.Began, call.Ended)
	}
	if call.Resource["service.name"] != "skein" || call.Resource["service.version"] != "test" {
		t.Errorf("the resource is %v", call.Resource)
	}
	for _, never := range []string{"s3cret", "no room", "ann"} {
		if strings.Contains(c.Raw(), never) {
			t.Errorf("%q was exported", never)
		}
	}
}

func want(t *testing.T, s telemetrytest.Span, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := s.Attrs[pairs[i]]; got != pairs[i+1] {
			t.Errorf("%s: %s is %q, want %q", s.Name, pairs[i], got, pairs[i+1])
		}
	}
}

func TestCostIsWrittenOnlyWhereItIsAskedFor(t *testing.T) {
	tr, c, flush := tracer(t, telemetry.TraceOptions{Cost: true}, nil)
	twoAttempts(t.Context(), tr, "")
	flush()
	want(t, c.One(t, "chat smart"), "skein.cost", "0.5 USD")
	want(t, c.One(t, "chat claude"), "skein.cost", "0.5 USD")
}

func TestARunThatAnotherProcessGoesOnWithStaysOneTrace(t *testing.T) {
	const run, client = "run_1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c := telemetrytest.New(t)
	process := func(f func(tr *telemetry.Tracer)) {
		tr, err := telemetry.NewTracer(telemetry.Options{Traces: telemetry.TraceOptions{Endpoint: c.URL}}, telemetry.TracerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		f(tr)
		if err := tr.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	effect := func(tr *telemetry.Tracer, try, step int, outcome string) {
		r := tr.Run(run, "clerk", client)
		_, span := r.Tool(r.Step(t.Context(), step), telemetry.ToolStart{Command: "c1", Try: try, Step: step, Tool: "write", Class: "keyed", Began: t0})
		span.End(t0.Add(time.Second), outcome)
	}
	process(func(tr *telemetry.Tracer) { // it dies in step 1
		r := tr.Run(run, "clerk", client)
		r.Started("api", t0, t0.Add(time.Millisecond))
		twoAttempts(r.Step(t.Context(), 1), tr, "")
		effect(tr, 1, 1, "unknown")
	})
	process(func(tr *telemetry.Tracer) {
		r := tr.Run(run, "clerk", client)
		effect(tr, 2, 1, "ok")
		r.StepEnded(1, t0, t0.Add(time.Second))
		r.Ended(telemetry.RunEnd{Began: t0, Ended: t0.Add(time.Minute), Status: "stopped", Model: "smart", Steps: 1})
	})
	process(func(tr *telemetry.Tracer) { // it was resumed, and fails
		r := tr.Run(run, "clerk", client)
		r.StepEnded(2, t0, t0.Add(time.Second))
		r.Ended(telemetry.RunEnd{Began: t0.Add(time.Hour), Ended: t0.Add(2 * time.Hour), Status: "failed", Failed: true, Model: "smart", Steps: 2, Resumed: 17})
	})
	ids := map[string]bool{}
	var root, again telemetrytest.Span
	for _, s := range c.Spans() {
		if s.Trace != c.Spans()[0].Trace {
			t.Errorf("%s is in another trace", s.Name)
		}
		if ids[s.ID] {
			t.Errorf("%s has an id that another span has", s.Name)
		}
		ids[s.ID] = true
		switch {
		case s.Name != "invoke_agent clerk":
		case s.Attrs["skein.run.resumed"] == "":
			root = s
		default:
			again = s
		}
	}
	step := c.One(t, "step 1")
	if root.Parent != "" || again.Parent != root.ID || step.Parent != root.ID || c.One(t, "step 2").Parent != root.ID {
		t.Errorf("the steps are not below the run:\n%s", c)
	}
	if got := strings.Join(root.Links, " "); got != "0af7651916cd43dd8448eb211c80319c/b7ad6b7169203331" {
		t.Errorf("the run's link is %q, want the client's span", got)
	}
	if call := c.One(t, "chat smart"); call.Parent != step.ID || call.Kind != "server" {
		t.Errorf("the call is not below its step: %+v", call)
	}
	tools := 0
	for _, s := range c.Spans() {
		if s.Name == "execute_tool write" {
			tools++
			if s.Parent != step.ID {
				t.Errorf("an effect is not below its step: %+v", s)
			}
			want(t, s, "gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "write", "gen_ai.agent.name", "clerk", "skein.effect.class", "keyed")
		}
	}
	if tools != 2 {
		t.Errorf("%d effects, want both tries", tools)
	}
	want(t, root, "gen_ai.operation.name", "invoke_agent", "gen_ai.agent.name", "clerk", "skein.run.id", run, "skein.run.status", "stopped", "skein.run.steps", "1")
	if again.Failed != "failed" || root.Failed != "" {
		t.Errorf("failed are: run %q, resumed %q", root.Failed, again.Failed)
	}
}

func TestWhoDecidesWhetherATraceIsSampled(t *testing.T) {
	const sampled, not = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	none, all := 0.0, 1.0
	for name, c := range map[string]struct {
		options telemetry.TraceOptions
		env     map[string]string
		parent  string
		want    bool
	}{
		"by default all are":                  {want: true},
		"none, as skein.yaml says":            {options: telemetry.TraceOptions{Sample: &none}},
		"the client's yes holds":              {options: telemetry.TraceOptions{Sample: &none}, parent: sampled, want: true},
		"the client's no holds":               {options: telemetry.TraceOptions{Sample: &all}, parent: not},
		"a traceparent that is none":          {options: telemetry.TraceOptions{Sample: &none}, parent: "00-zz-01"},
		"always_off, whatever clients say":    {env: map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, parent: sampled},
		"always_on, whatever clients say":     {env: map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, parent: not, want: true},
		"the environment's share":             {env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}},
		"and the client's yes beside it":      {env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, parent: sampled, want: true},
		"skein.yaml's over the environment's": {options: telemetry.TraceOptions{Sample: &all}, env: map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != nil {
				c.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "$COLLECTOR"
			}
			tr, col, flush := tracer(t, c.options, c.env)
			h := http.Header{}
			if c.parent != "" {
				h.Set("Traceparent", c.parent)
			}
			before := tr.Accept(t.Context(), h)
			ctx, call := tr.CallStarted(before, telemetry.CallStart{Model: "m", Arrived: t0})
			if call.Sampled() != c.want || !c.want && ctx != before {
				t.Errorf("sampled is %v, want %v; not sampled, the context stays what it was", call.Sampled(), c.want)
			}
			call.End(telemetry.CallEnd{Ended: t0, Outcome: "ok"})
			r := tr.Run("run_1", "a", tr.Parent(before))
			r.Ended(telemetry.RunEnd{Began: t0, Ended: t0})
			flush()
			if got := len(col.Spans()); got != map[bool]int{true: 2}[c.want] {
				t.Errorf("%d spans came:\n%s", got, col)
			}
		})
	}
}

func TestAShareOfTheTracesIsSampledAndRunsAlwaysAlike(t *testing.T) {
	share := 0.25
	tr, _, _ := tracer(t, telemetry.TraceOptions{Sample: &share}, nil)
	other, _, _ := tracer(t, telemetry.TraceOptions{Sample: &share}, nil)
	calls, runs := 0, 0
	for i := range 4000 {
		if _, call := tr.CallStarted(t.Context(), telemetry.CallStart{}); call.Sampled() {
			calls++
		}
		id := "run_" + time.Duration(i).String()
		on := trace.SpanContextFromContext(tr.Run(id, "a", "").Step(t.Context(), 1)).IsSampled()
		if on != trace.SpanContextFromContext(other.Run(id, "a", "").Step(t.Context(), 1)).IsSampled() {
			t.Fatalf("%s is sampled by one process and not by the other", id)
		}
		if on {
			runs++
		}
	}
	for what, n := range map[string]int{"calls": calls, "runs": runs} { // 1000 ± 5 standard deviations
		if n < 860 || n > 1140 {
			t.Errorf("%d of 4000 %s are sampled, want about 1000", n, what)
		}
	}
}

func TestACallOfARunThatIsNotSampledIsNotSampledByItself(t *testing.T) {
	tr, _, _ := tracer(t, telemetry.TraceOptions{}, nil)
	r := tr.Run("run_1", "a", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	if _, call := tr.CallStarted(r.Step(t.Context(), 1), telemetry.CallStart{}); call.Sampled() {
		t.Error("it is")
	}
}

func TestHandlersSeeTheClientsSpan(t *testing.T) {
	tr, _, _ := tracer(t, telemetry.TraceOptions{}, nil)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	var got string
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = tr.Parent(r.Context()) })
	tr.Accepting(h).ServeHTTP(httptest.NewRecorder(), r)
	if got != r.Header.Get("Traceparent") {
		t.Errorf("they see %q", got)
	}
}

// offCalls is what dispatch and engine do with a tracer, whatever it is.
func offCalls(ctx context.Context, tr *telemetry.Tracer) {
	ctx = tr.Accept(ctx, nil)
	ctx, call := tr.CallStarted(ctx, telemetry.CallStart{ID: "c", Model: "smart", Arrived: t0})
	call.Event(t0, telemetry.EventChosen, telemetry.Text("skein.deployment", "a"), telemetry.Int("n", 1))
	_, attempt := call.Attempt(ctx, telemetry.AttemptStart{ID: "c/1", Upstream: "gpt", Started: t0, Number: 1})
	attempt.Event(t0, "x", telemetry.Flag("y", true))
	attempt.End(telemetry.AttemptEnd{Ended: t0, Outcome: "ok", Usage: usageOf(1, 1)})
	call.End(telemetry.CallEnd{Ended: t0, Outcome: "ok"})
}

func TestOffAndNotSampledCostNoMemory(t *testing.T) {
	none := 0.0
	rare, _, _ := tracer(t, telemetry.TraceOptions{Sample: &none}, nil)
	for name, tr := range map[string]*telemetry.Tracer{"off": nil, "not sampled": rare} {
		if n := testing.AllocsPerRun(100, func() { offCalls(t.Context(), tr) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	var off *telemetry.Tracer
	r := off.Run("r", "a", "")
	r.Started("api", t0, t0)
	_, span := r.Tool(r.Step(t.Context(), 1), telemetry.ToolStart{})
	span.End(t0, "ok")
	r.StepEnded(1, t0, t0)
	r.Ended(telemetry.RunEnd{})
	if off.Parent(t.Context()) != "" || off.Close(t.Context()) != nil {
		t.Error("off says something")
	}
}

func BenchmarkTraceOff(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		offCalls(b.Context(), nil)
	}
}

func BenchmarkTraceNotSampled(b *testing.B) {
	none := 0.0
	tr, _, _ := tracer(b, telemetry.TraceOptions{Sample: &none}, nil)
	b.ReportAllocs()
	for b.Loop() {
		offCalls(b.Context(), tr)
	}
}

// Of a sampled call, this is what the call itself pays; the export is another
// goroutine's, which here waits for a collector that hangs.
func BenchmarkTraceSampled(b *testing.B) {
	let := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-let }))
	b.Cleanup(s.Close)
	b.Cleanup(func() { close(let) })
	tr, err := telemetry.NewTracer(telemetry.Options{Traces: telemetry.TraceOptions{Endpoint: s.URL}}, telemetry.TracerConfig{
		Env: env("OTEL_BSP_MAX_QUEUE_SIZE", "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		offCalls(b.Context(), tr)
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=x")
	f.Add("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "a=1,b=2,")
	f.Add("00-00000000000000000000000000000000-0000000000000000-00", strings.Repeat("a=b,", 40))
	tr, _, _ := tracer(f, telemetry.TraceOptions{}, nil)
	f.Fuzz(func(t *testing.T, parent, state string) {
		ctx := tr.Accept(t.Context(), http.Header{"Traceparent": {parent}, "Tracestate": {state}})
		told := http.Header{}
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(told))
		if len(told.Get("Tracestate")) > 512 {
			t.Errorf("a tracestate of %d bytes is passed on", len(told.Get("Tracestate")))
		}
		kept := tr.Parent(ctx)
		if again := tr.Parent(tr.Accept(t.Context(), http.Header{"Traceparent": {kept}})); kept != again {
			t.Errorf("%q was read as %q, and that as %q", parent, kept, again)
		}
	})
}
