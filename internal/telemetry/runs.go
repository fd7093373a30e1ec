package telemetry

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Run writes the spans of one run. The zero value does nothing. It holds nothing that
// must outlive a process: [Tracer.Run] makes the same one from the run's id, and what
// was noted of its start, wherever the run goes on.
type Run struct {
	t     *Tracer
	id    string
	agent string
	trace trace.TraceID
	root  trace.SpanID
	from  trace.SpanContext // whoever asked for the run; its span is linked to
	on    bool
}

// Run is the trace of a run. from is what [Tracer.Parent] said at its start. A run has
// a trace of its own, as it may go on for days after what started it has ended; it is
// sampled where that was, and by its own id where nothing was said.
func (t *Tracer) Run(id, agent, from string) Run {
	if t == nil {
		return Run{}
	}
	r := Run{t: t, id: id, agent: agent, from: parseParent(from)}
	r.trace, r.root = traceOf(id)
	if r.on = t.rate.takes(r.trace); t.rate.parents && r.from.IsValid() {
		r.on = r.from.IsSampled()
	}
	return r
}

// Step is the context for what belongs to a step: what is told to a [Tracer] or sent
// with it is below the step's span, also before that is written.
func (r Run) Step(ctx context.Context, step int) context.Context {
	if r.t == nil {
		return ctx
	}
	return r.below(ctx, stepSpan(r.id, step))
}

// below makes a span of the run the one above whatever comes next.
func (r Run) below(ctx context.Context, parent trace.SpanID) context.Context {
	c := trace.SpanContextConfig{TraceID: r.trace, SpanID: parent}
	if r.on {
		c.TraceFlags = trace.FlagsSampled
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(c))
}

// write writes a span that is over.
func (r Run) write(id, parent trace.SpanID, name string, kind trace.SpanKind, began, ended time.Time, failed string, attrs ...attribute.KeyValue) {
	_, span := r.open(context.Background(), id, parent, name, kind, began, attrs...)
	if failed != "" {
		span.SetStatus(codes.Error, failed)
	}
	span.End(trace.WithTimestamp(ended))
}

func (r Run) open(ctx context.Context, id, parent trace.SpanID, name string, kind trace.SpanKind, began time.Time, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithTimestamp(began), trace.WithSpanKind(kind), trace.WithAttributes(attrs...)}
	w := wanted{span: id}
	if parent.IsValid() {
		ctx = r.below(ctx, parent)
	} else {
		w.trace = r.trace
		opts = append(opts, trace.WithNewRoot())
	}
	if r.from.IsValid() && (id == r.root || id == spanOf(r.id, "start")) {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: r.from}))
	}
	return r.t.spans.Start(w.in(ctx), name, opts...)
}

// Started writes that the run was started, by whom, and how long it took until that was
// durable. The span of the whole run is written at its end.
func (r Run) Started(by string, asked, durable time.Time) {
	if !r.on {
		return
	}
	kind := trace.SpanKindInternal
	if by == "queue" {
		kind = trace.SpanKindConsumer
	}
	r.write(spanOf(r.id, "start"), r.root, "start "+r.agent, kind, asked, durable, "",
		attribute.String(attrAgent, r.agent), attribute.String(attrRun, r.id), attribute.String(attrBy, by))
}

// StepEnded writes a step: a model call and the tools that its answer wants.
func (r Run) StepEnded(step int, began, ended time.Time) {
	if !r.on {
		return
	}
	r.write(stepSpan(r.id, step), r.root, "step "+strconv.Itoa(step), trace.SpanKindInternal, began, ended, "",
		attribute.String(attrRun, r.id), attribute.Int(attrStep, step))
}

// RunEnd is how a run ended, for now: one that is resumed ends again.
type RunEnd struct {
	Began   time.Time // of the run; where it was resumed, of that
	Ended   time.Time
	Status  string
	Failed  bool
	Model   string
	Steps   int
	Resumed int64 // the journal's place from which it was resumed; 0: it was not
}

// Ended writes the span of the whole run. What a run that is resumed does from then on
// is a span of its own below it.
func (r Run) Ended(e RunEnd) {
	if !r.on {
		return
	}
	attrs := []attribute.KeyValue{
		attribute.String(attrOperation, "invoke_agent"), attribute.String(attrAgent, r.agent), attribute.String(attrRequestModel, e.Model),
		attribute.String(attrRun, r.id), attribute.Int(attrSteps, e.Steps), attribute.String(attrRunStatus, e.Status),
	}
	failed := ""
	if e.Failed {
		failed = e.Status
		attrs = append(attrs, attribute.String(attrErrorType, e.Status))
	}
	id, parent := r.root, trace.SpanID{}
	if e.Resumed != 0 {
		id, parent = spanOf(r.id, "resumed/"+strconv.FormatInt(e.Resumed, 10)), r.root
		attrs = append(attrs, attribute.Bool(attrResumed, true))
	}
	r.write(id, parent, "invoke_agent "+r.agent, trace.SpanKindInternal, e.Began, e.Ended, failed, attrs...)
}

// ToolStart is what is known of an effect before it is performed.
type ToolStart struct {
	Command string // of the run
	Try     int
	Step    int
	Tool    string
	Class   string // whether it may be repeated
	Began   time.Time
}

// ToolSpan is the span of one effect. The zero value does nothing.
type ToolSpan struct{ span trace.Span }

// Tool begins the span of one tool's effect. Its id is that of this try of the command.
func (r Run) Tool(ctx context.Context, s ToolStart) (context.Context, ToolSpan) {
	if !r.on {
		return ctx, ToolSpan{}
	}
	ctx, span := r.open(ctx, spanOf(r.id, "effect/"+s.Command+"/"+strconv.Itoa(s.Try)), stepSpan(r.id, s.Step),
		"execute_tool "+s.Tool, trace.SpanKindInternal, s.Began,
		attribute.String(attrOperation, "execute_tool"), attribute.String(attrTool, s.Tool), attribute.String(attrToolType, "function"),
		attribute.String(attrToolCall, s.Command), attribute.String(attrAgent, r.agent), attribute.String(attrRun, r.id),
		attribute.Int(attrStep, s.Step), attribute.Int(attrTry, s.Try), attribute.String(attrClass, s.Class))
	return ctx, ToolSpan{span}
}

// End ends the span. outcome is ok, or what is known of an effect that failed.
func (s ToolSpan) End(ended time.Time, outcome string) {
	if s.span == nil {
		return
	}
	s.span.SetAttributes(attribute.String(attrOutcome, outcome))
	if outcome != "ok" {
		s.span.SetAttributes(attribute.String(attrErrorType, outcome))
		s.span.SetStatus(codes.Error, outcome)
	}
	s.span.End(trace.WithTimestamp(ended))
}
