package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a replica: it speaks Chat Completions as streams, and says how it is.
type server struct {
	*httptest.Server
	t *testing.T

	mu               sync.Mutex
	running, waiting int
	kv               float64
	adapters         string
	status           int // of answers; 0 is 200
	health           int // 0 is 200
	noMetrics        bool
	gate             chan struct{} // a stream's second half waits for it; nil: it does not
	requests         atomic.Int64
	paths            sync.Map
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// on serves at an address that was given up before.
func on(t *testing.T, address string) *server {
	t.Helper()
	l, err := net.Listen("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Skipf("somebody took the address meanwhile: %v", err)
	}
	s := &server{t: t}
	s.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(f func(s *server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	running, waiting, kv, adapters, status, health, none, gate := s.running, s.waiting, s.kv, s.adapters, s.status, s.health, s.noMetrics, s.gate
	s.mu.Unlock()
	s.paths.Store(r.URL.Path, r.Header.Get("Authorization"))
	switch r.URL.Path {
	case "/health":
		w.WriteHeader(max(health, http.StatusOK))
	case "/metrics":
		if none {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"m\",engine=\"0\"} %d\n", running)
		fmt.Fprintf(w, "vllm:num_requests_waiting{model_name=\"m\",engine=\"0\"} %d\nvllm:kv_cache_usage_perc{model_name=\"m\"} %g\n", waiting, kv)
		if adapters != "" {
			fmt.Fprintf(w, "vllm:lora_requests_info{max_lora=\"1\",running_lora_adapters=%q,waiting_lora_adapters=\"\"} 1.7e9\n", adapters)
		}
	case "/v1/models":
		fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
	case "/v1/chat/completions":
		s.requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"first\"}}]}\n\n")
		w.(http.Flusher).Flush()
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"second\"}}]}\n\ndata: [DONE]\n\n")
	default:
		http.NotFound(w, r)
	}
}

// clock is a time that stands until it is moved.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 25, 3, 59, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }
func addresses(ss []*server) []string {
	var all []string
	for _, s := range ss {
		all = append(all, s.URL)
	}
	return all
}

// made is a pool of the servers that was asked once how they are.
func made(t *testing.T, o pool.Options, env pool.Env, ss ...*server) *pool.Pool {
	t.Helper()
	o.Kind = pool.Kind
	if o.DNS == "" && o.Kubernetes == nil && len(o.Replicas) == 0 {
		o.Replicas = addresses(ss)
	}
	p, err := pool.New("own", o, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Probe(t.Context())
	return p
}

func request(chance uint64, prefix ...uint64) *provider.Request {
	return &provider.Request{Attempt: "call/1", Body: []byte(`{"model":"m","stream":true}`), Stream: true, Upstream: "m", Prefix: prefix, Chance: chance}
}

func send(t *testing.T, p *pool.Pool, r *provider.Request) *provider.Answer {
	t.Helper()
	ans, err := p.Send(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return ans
}

// whole reads an answer to its end.
func whole(t *testing.T, ans *provider.Answer) string {
	t.Helper()
	text, err := io.ReadAll(ans.Body)
	if err := errors.Join(err, ans.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// first reads the first piece of an answer.
func first(t *testing.T, ans *provider.Answer) {
	t.Helper()
	if _, err := ans.Body.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
}

func counts(ss ...*server) (n []int64) {
	for _, s := range ss {
		n = append(n, s.requests.Load())
	}
	return n
}

func state(p *pool.Pool, s *server) string {
	for _, r := range p.Status().Replicas {
		if r.Address == s.URL+"/v1" {
			return r.State
		}
	}
	return "gone"
}

// running runs a pool until the test ends, and gives a function that waits until
// something holds; it is looked at whenever a replica changes.
func running(t *testing.T, o pool.Options, env pool.Env) (*pool.Pool, func(what string, holds func() bool)) {
	t.Helper()
	changed := make(chan struct{}, 1)
	env.Changed = func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	o.Kind = pool.Kind
	p, err := pool.New("own", o, env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, func(what string, holds func() bool) {
		t.Helper()
		late := time.NewTimer(20 * time.Second)
		defer late.Stop()
		for !holds() {
			select {
			case <-changed:
			case <-late.C:
				t.Fatalf("it never came to be that %s: %+v", what, p.Status())
			}
		}
	}
}

func asError(t *testing.T, err error) *llm.Error {
	t.Helper()
	var e *llm.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *llm.Error", err)
	}
	return e
}
