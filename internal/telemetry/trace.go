package telemetry

import (
	"context"
	"net"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/skein-run/skein/internal/llm"
)

// Tracer writes spans of calls and runs, after OpenTelemetry's conventions for
// generative AI. A nil *Tracer does nothing, and neither do the spans that it gives.
// All methods are safe for concurrent use, and none of them waits for the export.
//
//	start analyst ─┐
//	invoke_agent analyst ── step 1 ─┬─ chat smart ─┬─ chat gpt-5 (failed)
//	                                │              └─ chat claude (answered)
//	                                └─ execute_tool reports_write
//
// A span holds names, ids, counts and times. What was asked and answered, keys, and
// what a provider says in words are in none of them.
type Tracer struct {
	spans trace.Tracer
	rate  rate
	cost  bool
	close func(context.Context) error
}

// CallStart is what is known of a call when it arrives.
type CallStart struct {
	ID        string
	Model     string // as it was asked for
	Operation llm.Operation
	Format    llm.Format // the client's; "" for a run
	Stream    bool
	Arrived   time.Time
	Run       string
}

// CallSpan is the span of one call. The zero value does nothing.
type CallSpan struct {
	t    *Tracer
	span trace.Span
}

// CallStarted begins the span of a call below the one in ctx: the client's, or that
// of a run's step. The context that comes back holds the new one; where the call is
// not sampled, it is ctx.
func (t *Tracer) CallStarted(ctx context.Context, s CallStart) (context.Context, CallSpan) {
	if t == nil {
		return ctx, CallSpan{}
	}
	ids, ok := t.rate.sampled(ctx)
	if !ok {
		return ctx, CallSpan{}
	}
	return t.callStarted(ctx, ids, s)
}

func (t *Tracer) callStarted(ctx context.Context, ids wanted, s CallStart) (context.Context, CallSpan) {
	kind := trace.SpanKindServer
	attrs := make([]attribute.KeyValue, 0, 10)
	attrs = append(attrs,
		attribute.String(attrOperation, operation(s.Operation)), attribute.String(attrRequestModel, short(s.Model)),
		attribute.String(attrCall, s.ID))
	if s.Stream {
		attrs = append(attrs, attribute.Bool(attrStream, true))
	}
	if s.Format != "" {
		attrs = append(attrs, attribute.String(attrFormat, string(s.Format)))
	}
	if s.Run != "" {
		kind = trace.SpanKindInternal
		attrs = append(attrs, attribute.String(attrRun, s.Run))
	}
	ctx, span := t.spans.Start(ids.in(ctx), operation(s.Operation)+" "+short(s.Model),
		trace.WithTimestamp(s.Arrived), trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	return ctx, CallSpan{t: t, span: span}
}

// Sampled reports whether anything comes of what is told to the span, for whoever
// would have to work it out.
func (c CallSpan) Sampled() bool { return c.span != nil }

// Event notes something that happened in the course of the call.
func (c CallSpan) Event(at time.Time, name string, attrs ...Attr) { event(c.span, at, name, attrs) }

// CallEnd is how a call ended.
type CallEnd struct {
	Ended         time.Time
	FirstContent  time.Time // zero: none
	Outcome       string
	Deployment    string // that gave the answer
	ResponseModel string
	Usage         llm.Usage
	Stop          llm.StopReason
	Attempts      int
	Err           *llm.Error
	Cost          string // such as 0.0012 USD; only written where that is asked for
}

// End ends the span. What all attempts used stands under names of Skein's own: a sum
// over the convention's would count it twice, as the attempts have those.
func (c CallSpan) End(e CallEnd) {
	if c.span == nil {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 12)
	attrs = append(attrs, attribute.String(attrOutcome, e.Outcome), attribute.Int(attrAttempts, e.Attempts))
	attrs = c.t.ending(attrs, e.Stop, e.ResponseModel, e.Cost)
	if e.Deployment != "" {
		attrs = append(attrs, attribute.String(attrDeployment, e.Deployment))
	}
	if !e.FirstContent.IsZero() {
		event(c.span, e.FirstContent, EventFirstContent, nil)
	}
	if e.Usage.Reported {
		attrs = append(attrs, attribute.Int64(attrCallInput, e.Usage.InputTokens()), attribute.Int64(attrCallOutput, e.Usage.OutputTokens()))
	}
	end(c.span, attrs, e.Err, e.Ended)
}

// AttemptStart is what is known of an attempt before it is sent.
type AttemptStart struct {
	ID         string
	Deployment string
	Provider   string // the kind of it: provider.Info.Kind
	Upstream   string // the model's name there
	Address    string // host:port
	Operation  llm.Operation
	Stream     bool
	Started    time.Time
	Number     int
	Hedge      bool
	Seam       string // continue or restart, after the break of another; "": the first content is still to come
	Fallback   string // the other model that is asked instead; "": none
}

// AttemptSpan is the span of one attempt. The zero value does nothing.
type AttemptSpan struct {
	t    *Tracer
	span trace.Span
	at   time.Time
	// stream: the time to the first content is one of a stream's.
	stream bool
}

// Attempt begins the span of one request to an upstream. The context that comes back
// is the one to send it with: the upstream is told its ids.
func (c CallSpan) Attempt(ctx context.Context, s AttemptStart) (context.Context, AttemptSpan) {
	if c.span == nil {
		return ctx, AttemptSpan{}
	}
	return c.attempt(ctx, s)
}

func (c CallSpan) attempt(ctx context.Context, s AttemptStart) (context.Context, AttemptSpan) {
	attrs := make([]attribute.KeyValue, 0, 14)
	attrs = append(attrs,
		attribute.String(attrOperation, operation(s.Operation)), attribute.String(attrProvider, ProviderName(s.Provider)),
		attribute.String(attrRequestModel, short(s.Upstream)), attribute.String(attrAttempt, s.ID),
		attribute.String(attrDeployment, s.Deployment), attribute.Int(attrNumber, s.Number))
	if s.Stream {
		attrs = append(attrs, attribute.Bool(attrStream, true))
	}
	if host, port, err := net.SplitHostPort(s.Address); err == nil {
		attrs = append(attrs, attribute.String(attrServer, host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, attribute.Int(attrPort, n))
		}
	} else if s.Address != "" {
		attrs = append(attrs, attribute.String(attrServer, short(s.Address)))
	}
	if s.Hedge {
		attrs = append(attrs, attribute.Bool(attrHedge, true))
	}
	if s.Seam != "" {
		attrs = append(attrs, attribute.String(attrSeam, s.Seam))
	}
	if s.Fallback != "" {
		attrs = append(attrs, attribute.String(attrFallback, s.Fallback))
	}
	ctx, span := c.t.spans.Start(trace.ContextWithSpan(ctx, c.span), operation(s.Operation)+" "+short(s.Upstream),
		trace.WithTimestamp(s.Started), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return ctx, AttemptSpan{t: c.t, span: span, at: s.Started, stream: s.Stream}
}

// Event notes something that happened in the course of the attempt.
func (a AttemptSpan) Event(at time.Time, name string, attrs ...Attr) { event(a.span, at, name, attrs) }

// AttemptEnd is how an attempt ended.
type AttemptEnd struct {
	Ended         time.Time
	FirstContent  time.Time // zero: none
	Usage         llm.Usage
	Outcome       string
	Status        int    // of HTTP; 0: no answer
	UpstreamID    string // the service's own id of the request
	ResponseModel string
	Stop          llm.StopReason
	Err           *llm.Error
	Cost          string // only written where that is asked for
}

// End ends the span.
func (a AttemptSpan) End(e AttemptEnd) {
	if a.span == nil {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 16)
	attrs = append(attrs, attribute.String(attrOutcome, e.Outcome))
	attrs = a.t.ending(attrs, e.Stop, e.ResponseModel, e.Cost)
	if e.Status != 0 {
		attrs = append(attrs, attribute.Int(attrStatus, e.Status))
	}
	if e.UpstreamID != "" {
		attrs = append(attrs, attribute.String(attrUpstreamID, short(e.UpstreamID)))
	}
	if !e.FirstContent.IsZero() {
		event(a.span, e.FirstContent, EventFirstContent, nil)
		if a.stream {
			attrs = append(attrs, attribute.Float64(attrFirstChunk, e.FirstContent.Sub(a.at).Seconds()))
		}
	}
	end(a.span, usage(attrs, &e.Usage), e.Err, e.Ended)
}

// ending adds what calls and attempts have alike.
func (t *Tracer) ending(attrs []attribute.KeyValue, stop llm.StopReason, model, cost string) []attribute.KeyValue {
	if model != "" {
		attrs = append(attrs, attribute.String(attrResponseModel, short(model)))
	}
	if stop != llm.StopUnstated {
		attrs = append(attrs, attribute.StringSlice(attrFinish, []string{finish(stop)}))
	}
	if t.cost && cost != "" {
		attrs = append(attrs, attribute.String(attrCost, cost))
	}
	return attrs
}

// usage adds the tokens that a provider reported.
func usage(attrs []attribute.KeyValue, u *llm.Usage) []attribute.KeyValue {
	if !u.Reported {
		return attrs
	}
	attrs = append(attrs, attribute.Int64(attrInput, u.InputTokens()), attribute.Int64(attrOutput, u.OutputTokens()))
	for _, part := range [...]struct {
		name string
		n    int64
	}{
		{attrCacheRead, u.Tokens[llm.TokCacheRead]},
		{attrCacheWrite, u.Tokens[llm.TokCacheWrite] + u.Tokens[llm.TokCacheWrite1h]},
		{attrReasoning, u.Tokens[llm.TokReasoning]},
	} {
		if part.n > 0 {
			attrs = append(attrs, attribute.Int64(part.name, part.n))
		}
	}
	return attrs
}

// end sets the last attributes and ends a span. Of an error its class is told, whose
// fault it was, and not its words: those often quote the request.
func end(span trace.Span, attrs []attribute.KeyValue, err *llm.Error, at time.Time) {
	if err != nil {
		attrs = append(attrs, attribute.String(attrErrorType, string(err.Class)), attribute.String(attrBlame, string(err.Blame)))
		span.SetStatus(codes.Error, string(err.Class))
	}
	span.SetAttributes(attrs...)
	span.End(trace.WithTimestamp(at))
}

// Close exports what is left, as long as ctx allows, and ends the export.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.close(ctx)
}
