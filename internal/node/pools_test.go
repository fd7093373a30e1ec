package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/price"
)

// replica is a stand-in for one inference server.
type replica struct {
	*fakecloud.Server
	http    *httptest.Server
	address string
}

func newReplica(t *testing.T, m fakecloud.Manner) *replica {
	t.Helper()
	cloud, err := fakecloud.New(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Service = "vllm"
	if err := cloud.Behave(m); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return &replica{cloud, server, strings.TrimPrefix(server.URL, "http://")}
}

// answers is how many answers the replica gave.
func (r *replica) answers() (n int) {
	for _, l := range r.Log().Lines() {
		if l.Event == "begin" {
			n++
		}
	}
	return n
}

const withPool = `
version: 1
listen: 127.0.0.1:0
providers:
  own:
    kind: pool
    replicas: [%s]
    gpus: 4
    price: 2.50 USD
    key: stand-in
    metrics_interval: 100ms
models:
  llama: {deployments: [{provider: own, upstream: local}]}
`

// served is a process that serves a configuration, and how to stop it.
func served(t *testing.T, h *house) (url string, stop func()) {
	t.Helper()
	h.Listen = true
	n, err := node.Open(t.Context(), h.Options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		n.Close()
	}
	t.Cleanup(stop)
	return "http://" + n.Addr().String(), stop
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask streams an answer, and gives it whole.
func ask(t *testing.T, url, text string) string {
	t.Helper()
	body := fmt.Sprintf(`{"model":"llama","stream":true,"messages":[{"role":"user","content":%q}]}`, text)
	resp, err := http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// until waits for something that the world brings about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it never comes true that %s", what)
		}
	}
}

func TestAPoolServesAndItsReplicasAreSeen(t *testing.T) {
	a, b := newReplica(t, fakecloud.Manner{}), newReplica(t, fakecloud.Manner{})
	h := build(t, fmt.Sprintf(withPool, fmt.Sprintf("%q, %q", a.http.URL, b.http.URL)))
	url, stop := served(t, h)
	state := func(r *replica, is string) string {
		return fmt.Sprintf("skein_pool_replica_state{pool=\"own\",replica=%q,state=%q} 1", r.address, is)
	}
	until(t, "both are ready", func() bool {
		m := get(t, url+"/metrics")
		return strings.Contains(m, state(a, "ready")) && strings.Contains(m, state(b, "ready"))
	})
	for range 12 {
		if out := ask(t, url, "Say hello."); !strings.HasSuffix(out, "data: [DONE]\n\n") {
			t.Fatalf("the answer is %q", out)
		}
	}
	if a.answers()+b.answers() != 12 {
		t.Errorf("12 calls were %d and %d answers", a.answers(), b.answers())
	}
	a.http.Close() // it is gone, without a word
	for range 6 {
		if out := ask(t, url, "Say hello again."); !strings.HasSuffix(out, "data: [DONE]\n\n") {
			t.Fatalf("the answer is %q", out)
		}
	}
	until(t, "a is down", func() bool { return strings.Contains(get(t, url+"/metrics"), state(a, "down")) })
	stop()

	// What the GPUs did for nobody is a line of its own.
	ctx, s, done := h.connect(t, node.ToRead)
	defer done()
	bill, err := s.Bill(ctx, api.BillQuery{})
	if err != nil {
		t.Fatal(err)
	}
	idle := 0
	for _, l := range bill.Lines {
		if l.Kind == ledger.Idle {
			idle++
			if l.Meter != price.MeterGPUIdle || l.Quantity == "" || l.Quantity == "0" || l.Team != "" || l.Resource != "own.idle" {
				t.Errorf("the idle time is %+v", l)
			}
		}
	}
	if idle == 0 || idle > 2 { // two where the test ran across the hour
		t.Errorf("%d lines of idle time", idle)
	}
}

func TestCheckTriesEachReplicaOfAPool(t *testing.T) {
	a, b := newReplica(t, fakecloud.Manner{}), newReplica(t, fakecloud.Manner{})
	h := build(t, fmt.Sprintf(withPool, fmt.Sprintf("%q, %q", a.http.URL, b.http.URL)))
	b.http.Close()
	r, err := node.Check(t.Context(), h.Config, node.CheckOptions{Timeout: 5 * time.Second, Log: h.Log})
	if err != nil {
		t.Fatal(err)
	}
	if it := find(r, "provider", "own"); !it.OK || it.Note != "replicas: 2" {
		t.Errorf("the pool is %+v", it)
	}
	if it := find(r, "replica", "own "+a.address); !it.OK || it.Note != "running 0, waiting 0, cache 0 %" {
		t.Errorf("the one that is there is %+v", it)
	}
	if it := find(r, "replica", "own "+b.address); it.OK || !strings.Contains(it.Error, "connection refused") {
		t.Errorf("the one that is gone is %+v", it)
	}
	if r.Failed() != 1 {
		t.Errorf("%d failed: %+v", r.Failed(), r.Items)
	}
	if it := find(r, "deployment", "own/local"); !it.OK || !strings.HasPrefix(it.Note, "priced by ") {
		t.Errorf("the deployment is %+v", it)
	}
}

func TestCheckSaysThatAPoolIsOfACluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	h := build(t, strings.Replace(fmt.Sprintf(withPool, ""), "replicas: []", "kubernetes: {service: vllm}", 1))
	r, err := node.Check(t.Context(), h.Config, node.CheckOptions{Timeout: 5 * time.Second, Log: h.Log})
	if err != nil {
		t.Fatal(err)
	}
	if it := find(r, "provider", "own"); it.OK || !strings.Contains(it.Error, "does not run in a Kubernetes cluster") {
		t.Errorf("the pool is %+v", it)
	}
	if r, err = node.Check(t.Context(), h.Config, node.CheckOptions{Offline: true, Log: h.Log}); err != nil || r.Failed() != 0 {
		t.Errorf("offline: %v, %+v", err, r)
	}
}

func TestWhatAFullPoolHasNoRoomForGoesToTheNextDeployment(t *testing.T) {
	a := newReplica(t, fakecloud.Manner{})
	h := build(t, strings.NewReplacer("gpus: 4", "max_requests: 1", "{provider: own, upstream: local}", "{provider: own, upstream: local}, {provider: up, upstream: gpt-5.1}",
		"models:", "  up: {kind: openai, endpoint: \"http://${CLOUD}/openai/v1\", key: k}\nmodels:").Replace(fmt.Sprintf(withPool, fmt.Sprintf("%q", a.http.URL))))
	url, _ := served(t, h)
	if _, err := a.Order(fakecloud.Fault{Service: "vllm", Kind: fakecloud.Stall, Count: 1}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var held sync.WaitGroup
	defer held.Wait()
	defer cancel()
	held.Go(func() { // its answer does not end: the only place is taken
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(`{"model":"llama","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // until it is given up
			_ = resp.Body.Close()
		}
	})
	until(t, "the pool serves a call", func() bool { return a.answers() == 1 })
	if out := ask(t, url, "Say hello."); !strings.HasSuffix(out, "data: [DONE]\n\n") {
		t.Errorf("the answer is %q", out)
	}
	if n := a.answers(); n != 1 {
		t.Errorf("the full pool gave %d answers", n)
	}
	if n := len(h.cloud.Log().Lines()); n == 0 {
		t.Error("the next deployment was not asked")
	}
}
