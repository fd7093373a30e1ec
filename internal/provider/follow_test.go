package provider_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/skein-run/skein/internal/provider"
)

func TestTheUpstreamIsToldTheSpanAndNoSignatureCoversIt(t *testing.T) {
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer s.Close()
	state, err := trace.ParseTraceState("vendor=x")
	if err != nil {
		t.Fatal(err)
	}
	within := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, TraceState: state,
	}))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	for kind, ctx := range map[string]context.Context{"openai": within, "bedrock": within, "vllm": t.Context()} {
		o := provider.Options{Kind: kind, Endpoint: s.URL}
		if kind == "bedrock" { // a signature for another address than the cloud's own has to be asked for
			o.Region, o.Auth = "us-east-1", "aws"
		}
		p, err := provider.New("p", o)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimPrefix(s.URL, "http://"); p.Info().Address != want {
			t.Errorf("%s: the address is %q, want %q", kind, p.Info().Address, want)
		}
		client := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Baggage": {"user=ann"}}
		a, err := p.Send(ctx, &provider.Request{Body: []byte("{}"), Upstream: "m", Header: client})
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		p.Close()
		parent, vendor := "00-01000000000000000000000000000000-0200000000000000-01", "vendor=x"
		if ctx != within {
			parent, vendor = "", ""
		}
		if got.Get("Traceparent") != parent || got.Get("Tracestate") != vendor || got.Get("Baggage") != "" {
			t.Errorf("%s: the upstream was told %q %q %q; want %q, and no baggage", kind, got.Get("Traceparent"), got.Get("Tracestate"), got.Get("Baggage"), parent)
		}
		if kind == "bedrock" && (!strings.Contains(got.Get("Authorization"), "SignedHeaders=") || strings.Contains(got.Get("Authorization"), "trace")) {
			t.Errorf("the signature is %q; want one that a proxy's own span does not break", got.Get("Authorization"))
		}
	}
}

func TestAnAddressHasItsPort(t *testing.T) {
	p, err := provider.New("p", provider.Options{Kind: "anthropic", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got := p.Info().Address; got != "api.anthropic.com:443" {
		t.Errorf("it is %q", got)
	}
}
