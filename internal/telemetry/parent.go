package telemetry

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The W3C's headers (https://www.w3.org/TR/trace-context, read 2026-11), as net/http
// spells them. Baggage is not taken: it would go to every upstream.
const (
	parentHeader = "Traceparent"
	stateHeader  = "Tracestate"

	// maxState is how long a tracestate may be; that much must be passed on.
	maxState = 512
)

// Accept is ctx with the ids of the client's span, where its headers name one.
func (t *Tracer) Accept(ctx context.Context, h http.Header) context.Context {
	if t == nil || len(h[parentHeader]) != 1 {
		return ctx
	}
	c := propagation.MapCarrier{"traceparent": h[parentHeader][0]}
	if s := h[stateHeader]; len(s) == 1 && len(s[0]) <= maxState {
		c["tracestate"] = s[0]
	}
	return propagation.TraceContext{}.Extract(ctx, c)
}

// Accepting is h with [Tracer.Accept] before it.
func (t *Tracer) Accepting(h http.Handler) http.Handler {
	if t == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx := t.Accept(r.Context(), r.Header); ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		h.ServeHTTP(w, r)
	})
}

// Parent is the span in ctx as a traceparent, for a run's record; "" where there is none.
func (t *Tracer) Parent(ctx context.Context) string {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c["traceparent"]
}

func parseParent(s string) trace.SpanContext {
	if s == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": s})
	return trace.SpanContextFromContext(ctx)
}
