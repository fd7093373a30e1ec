package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
)

type spanKey struct{}

// finder finds a client's span, and keeps it as text.
type finder struct{}

func (finder) Accept(ctx context.Context, h http.Header) context.Context {
	return context.WithValue(ctx, spanKey{}, h.Get("Traceparent"))
}

func TestTheSpanOfTheClientGoesWithTheCall(t *testing.T) {
	var got any
	g := gateway.New(gateway.Config{Codecs: codecs, Guard: guard{}, Trace: finder{}, Dispatch: doer(func(ctx context.Context, c dispatch.Call) error {
		got = ctx.Value(spanKey{})
		return whole(ctx, c)
	})})
	base, _ := start(t, gateway.ServerConfig{Gateway: g})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(`{"model":"b"}`))
	if err != nil {
		t.Fatal(err)
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.Header.Set("Traceparent", parent)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || got != parent {
		t.Errorf("status %d, and the call is made within %v", resp.StatusCode, got)
	}
}
