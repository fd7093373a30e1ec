package dispatch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// BenchmarkDo is a call over a local upstream without a gateway, in the caller's
// goroutine; the journal is memory that forgets.
func BenchmarkDo(b *testing.B) {
	for _, stream := range []bool{false, true} {
		for _, up := range []llm.Format{llm.Chat, llm.Messages} {
			b.Run(fmt.Sprintf("chat to %s, streamed %v", up, stream), func(b *testing.B) {
				u := quick(b, up)
				d := benchDispatcher(b, u.URL, up, forgets{})
				body := []byte(request(llm.Chat, stream, ""))
				b.ReportAllocs()
				for b.Loop() {
					if err := serve(d, context.Background(), body, io.Discard, "call_1"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkAgainstReverseProxy gives the CPU time of the whole process for a call
// that goes directly to the upstream, through httputil.ReverseProxy, and through
// dispatch: with records that nobody keeps, and with records in a real store. What
// a proxy costs is the difference to the direct call; the last metric is that of
// dispatch over that of ReverseProxy, with a closed loop of 32.
func BenchmarkAgainstReverseProxy(b *testing.B) {
	for _, stream := range []bool{false, true} {
		b.Run(fmt.Sprintf("streamed %v", stream), func(b *testing.B) {
			u := quick(b, llm.Chat)
			target, _ := url.Parse(u.URL)
			rp := httputil.NewSingleHostReverseProxy(target)
			rp.Transport = &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
			proxy := httptest.NewServer(rp)
			defer proxy.Close()
			st, err := store.Open(b.Context(), b.TempDir(), store.Options{Views: append(ledger.Views(), dispatch.Calls)})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			skein := front(b, benchDispatcher(b, u.URL, llm.Chat, forgets{}))
			durable := front(b, benchDispatcher(b, u.URL, llm.Chat, st))

			body := request(llm.Chat, stream, "")
			n := max(b.N, 4000)
			load(u.URL, body, 500) // warm
			direct := load(u.URL, body, n)
			load(proxy.URL, body, 500)
			plain := load(proxy.URL, body, n) - direct
			load(skein, body, 500)
			ours := load(skein, body, n) - direct
			load(durable, body, 500)
			kept := load(durable, body, n) - direct
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(plain.Seconds()*1e6, "proxy-µs")
			b.ReportMetric(ours.Seconds()*1e6, "skein-µs")
			b.ReportMetric(kept.Seconds()*1e6, "durable-µs")
			b.ReportMetric(float64(ours)/float64(plain), "skein/proxy")
			b.ReportMetric(float64(kept)/float64(plain), "durable/proxy")
		})
	}
}

// load posts a body n times, 32 at a time, and gives the CPU time of one.
func load(url, body string, n int) time.Duration {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(n))
	start := cpu()
	done := make(chan error, 32)
	for range 32 {
		go func() {
			for left.Add(-1) >= 0 {
				resp, err := client.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(body))
				if err != nil {
					done <- err
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			done <- nil
		}()
	}
	for range 32 {
		if err := <-done; err != nil {
			panic(err)
		}
	}
	return (cpu() - start) / time.Duration(n)
}

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// quick is an upstream that does as little as possible: one write, or one for each
// of 20 events.
func quick(b *testing.B, format llm.Format) *httptest.Server {
	u := &upstream{format: format, words: strings.Split(strings.Repeat(" word", 20), " ")[1:]}
	pieces := u.pieces(none)
	rec := httptest.NewRecorder()
	u.whole(rec, nil, none)
	whole := rec.Body.Bytes()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(whole)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces {
			_, _ = io.WriteString(w, p)
			w.(http.Flusher).Flush()
		}
	}))
	b.Cleanup(s.Close)
	return s
}

func benchDispatcher(b *testing.B, url string, format llm.Format, j dispatch.Journal) *dispatch.Dispatcher {
	p, err := provider.New("p1", provider.Options{Kind: kindOf[format], Endpoint: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	d, err := dispatch.New(dispatch.Options{
		Codecs: all.Codec, Cards: cards{}, Journal: j,
		Setup: dispatch.Setup{
			Providers: map[string]dispatch.Upstream{"p1": p},
			Models:    map[string]dispatch.ModelOptions{"smart": {Deployments: []dispatch.DeploymentOptions{{Provider: "p1", Upstream: "smart"}}}},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// front is a bare gateway.
func front(b *testing.B, d *dispatch.Dispatcher) string {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			b.Error(err)
			return
		}
		if err := serve(d, r.Context(), body, w, fmt.Sprintf("call_%d", n.Add(1))); err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(s.Close)
	return s.URL
}

func serve(d *dispatch.Dispatcher, ctx context.Context, body []byte, w io.Writer, id string) error {
	codec := all.Codec(llm.Chat)
	scan, err := codec.Scan(body, nil)
	if err != nil {
		return err
	}
	out := &writer{w: w, answer: wire.Answer{ID: id, Model: scan.Model, StreamUsage: scan.StreamUsage}}
	out.f, _ = w.(http.Flusher)
	_, err = d.Do(ctx, dispatch.Call{
		ID: id, Cause: ledger.Cause{Org: "default", Key: "k1"}, Model: scan.Model,
		Source: &source{codec, scan, body}, Sink: out,
	})
	return err
}

// writer is a sink over a response writer.
type writer struct {
	w      io.Writer
	f      http.Flusher
	answer wire.Answer
}

func (w *writer) Format() llm.Format           { return llm.Chat }
func (w *writer) Answer() *wire.Answer         { return &w.answer }
func (w *writer) Open(*dispatch.Receipt) error { return nil }
func (w *writer) Frame(b []byte, _ []llm.Event) error {
	_, err := w.w.Write(b)
	if w.f != nil {
		w.f.Flush()
	}
	return err
}
func (w *writer) Whole(_ *dispatch.Receipt, b []byte, _ *llm.Response) error {
	_, err := w.w.Write(b)
	return err
}
func (w *writer) Close(*dispatch.Receipt, *llm.Error) {}

// forgets is a journal that keeps nothing.
type forgets struct{}

func (forgets) Submit(_ store.Batch, done func(int64, error)) { done(0, nil) }
