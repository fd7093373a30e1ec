package effect_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// What counting adds to a request: the same exchange, without a network, with and
// without.
func BenchmarkTransport(b *testing.B) {
	base := answers(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, ContentLength: 4, Body: io.NopCloser(strings.NewReader("1234"))}, nil
	})
	counts := effect.Counts{Request: []price.Reading{{Meter: price.MeterGet, Quantity: 1, Source: price.Counted}}, Answer: price.MeterBytesRead}
	for name, rt := range map[string]http.RoundTripper{
		"bare":    base,
		"counted": &effect.Transport{Base: base, Count: func(*http.Request) effect.Counts { return counts }},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := effect.WithMeter(effect.With(b.Context(), effect.ID{Command: "run_1/2/3", Try: 1}), &effect.Meter{})
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://x/", nil)
				if err != nil {
					b.Fatal(err)
				}
				resp, err := rt.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
