package provider

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// follow tells the upstream which span the request belongs to, where ctx holds one: in
// the W3C's headers (https://www.w3.org/TR/trace-context, read 2026-11). A signature is
// there before, and does not cover them: proxies on the way may put a span of their own
// in between, and write them anew.
func follow(ctx context.Context, h http.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// hostPort is where a service listens, the port always said.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
