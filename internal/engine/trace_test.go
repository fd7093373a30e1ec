package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/telemetry/telemetrytest"
)

// tracing has a world traced, by a tracer for each life.
func tracing(t *testing.T, w *world) *telemetrytest.Collector {
	c := telemetrytest.New(t)
	w.tracer = func() *telemetry.Tracer {
		tr, err := telemetry.NewTracer(telemetry.Options{Traces: telemetry.TraceOptions{Endpoint: c.URL}}, telemetry.TracerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	return c
}

// flush ends a life and has all spans of it exported.
func (l *life) flush() {
	l.t.Helper()
	l.crash()
	if err := l.trace.Close(context.WithoutCancel(l.t.Context())); err != nil {
		l.t.Fatal(err)
	}
}

func TestARunIsOneTraceWithItsStepsCallsAndEffects(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	c := tracing(t, w)
	l := w.start()
	client := l.trace.Accept(t.Context(), map[string][]string{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	run, _, err := l.engine.Start(client, engine.StartRequest{Agent: "clerk", Input: who, By: "api"})
	if err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Done)
	l.flush()
	root := c.One(t, "invoke_agent clerk")
	if got := strings.Join(root.Links, " "); got != "0af7651916cd43dd8448eb211c80319c/b7ad6b7169203331" || root.Parent != "" || root.Attrs["skein.run.status"] != "done" || root.Attrs["skein.run.steps"] != "2" {
		t.Errorf("the run's span is %+v; want one with no parent, linked to the client's", root)
	}
	one, two, effect := c.One(t, "step 1"), c.One(t, "step 2"), c.One(t, "execute_tool svc_send")
	for child, parent := range map[*telemetrytest.Span]telemetrytest.Span{&one: root, &two: root, &effect: one} {
		if child.Parent != parent.ID || child.Trace != root.Trace {
			t.Errorf("%s is not below %s:\n%s", child.Name, parent.Name, c)
		}
	}
	if start := c.One(t, "start clerk"); start.Parent != root.ID || len(start.Links) != 1 {
		t.Errorf("the start is %+v", start)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.within) != 2 || w.within[0].SpanID().String() != one.ID || w.within[1].SpanID().String() != two.ID || !w.within[1].IsSampled() {
		t.Errorf("the model calls are not made within their steps: %v", w.within)
	}
	if raw := c.Raw(); strings.Contains(raw, "Ada") || strings.Contains(raw, `"n":1`) || strings.Contains(raw, "sent") {
		t.Error("a prompt, an argument or a result was exported")
	}
	if !root.Ended.After(root.Began) || effect.Ended.After(root.Ended) || one.Ended.After(two.Began.Add(time.Millisecond)) {
		t.Errorf("the times do not fit:\n%s", c)
	}
}

func TestARunThatIsGoneOnWithAfterACrashIsOneTrace(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.tool.hang = make(chan struct{})
	hang := w.tool.hang
	c := tracing(t, w)
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	<-hang
	l.flush()
	if n := strings.Count(c.String(), "invoke_agent"); n != 0 {
		t.Errorf("the run's span is written before its end:\n%s", c)
	}
	l = w.start()
	l.until(run, agent.Done)
	l.flush()
	root, step := c.One(t, "invoke_agent clerk"), c.One(t, "step 1")
	ids, tries := map[string]bool{}, 0
	for _, s := range c.Spans() {
		if s.Trace != root.Trace || ids[s.ID] {
			t.Errorf("%s is in another trace, or has another's id:\n%s", s.Name, c)
		}
		ids[s.ID] = true
		if s.Name == "execute_tool svc_send" {
			tries++
			if s.Parent != step.ID {
				t.Errorf("the effect is not below its step:\n%s", c)
			}
		}
	}
	if tries != 2 {
		t.Errorf("%d tries of the effect, want the one cut off and the one that answered", tries)
	}
}

func TestARunThatIsResumedEndsAgainBelowItself(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.budget.refuse = true
	c := tracing(t, w)
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Stopped)
	w.budget.mu.Lock()
	w.budget.refuse = false
	w.budget.mu.Unlock()
	if err := l.engine.Cancel(t.Context(), run, "ann", "too late"); err == nil {
		t.Error("a run that is over was canceled")
	}
	if err := l.engine.Resume(t.Context(), run, engine.ResumeRequest{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Done)
	l.flush()
	var first, again []telemetrytest.Span
	for _, s := range c.Spans() {
		switch {
		case s.Name != "invoke_agent clerk":
		case s.Attrs["skein.run.resumed"] == "true":
			again = append(again, s)
		default:
			first = append(first, s)
		}
	}
	if len(first) != 1 || len(again) != 1 || again[0].Parent != first[0].ID || first[0].Attrs["skein.run.status"] != "stopped" || again[0].Attrs["skein.run.status"] != "done" {
		t.Errorf("want the run's span, stopped, and one below it, done:\n%s", c)
	}
}

// counted is the metrics of an engine.
type counted struct {
	mu   sync.Mutex
	said []string
}

func (c *counted) say(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, s)
}
func (c *counted) RunMoved(string, string, bool) {}
func (c *counted) RunEnded(agent, status string, failed bool, _ time.Duration) {
	c.say(agent + " " + status + map[bool]string{true: " failed"}[failed])
}
func (c *counted) ToolEnded(tool, outcome string, _ time.Duration) { c.say(tool + " " + outcome) }

func TestHowRunsAndEffectsEndIsCounted(t *testing.T) {
	w := newWorld(t)
	w.tool.class = agent.Keyed
	w.model = func(step int) llm.Response { return sends(step) }
	m := &counted{}
	w.metrics = m
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Done)
	l.crash()
	if got := strings.Join(m.said, ", "); got != "svc_send ok, clerk done" {
		t.Errorf("counted is %s", got)
	}
}

func within(ctx context.Context) trace.SpanContext { return trace.SpanContextFromContext(ctx) }
