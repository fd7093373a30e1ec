package pool_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/pool"
)

// names is a resolver whose records the test changes.
type names struct {
	mu  sync.Mutex
	ips []string
	srv []*net.SRV
	err error
}

func (n *names) set(err error, ips ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ips, n.err = ips, err
}

func (n *names) LookupNetIP(_ context.Context, _, host string) (all []netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if host != "vllm.default.svc" {
		return nil, fmt.Errorf("asked for %s", host)
	}
	for _, ip := range n.ips {
		all = append(all, netip.MustParseAddr(ip))
	}
	return all, n.err
}

func (n *names) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service+proto != "" || name != "_http._tcp.vllm.example" {
		return "", nil, fmt.Errorf("asked for %s.%s.%s", service, proto, name)
	}
	return name, n.srv, n.err
}

func TestANameIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &names{}
		r.set(nil, "10.0.0.2", "10.0.0.1", "10.0.0.2")
		var said []string
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if err := pool.WatchName(ctx, "http://vllm.default.svc:8000/v1", r, func(at []string) { said = append(said, strings.Join(at, " ")) }); err != nil {
				t.Error(err)
			}
		}()
		missing := &net.DNSError{IsNotFound: true}
		for i, step := range []struct {
			err  error
			ips  []string
			want string // "": nothing is said anew
		}{
			{nil, []string{"10.0.0.1", "10.0.0.2"}, "http://10.0.0.1:8000/v1 http://10.0.0.2:8000/v1"},
			{nil, []string{"10.0.0.1", "10.0.0.3"}, "http://10.0.0.1:8000/v1 http://10.0.0.3:8000/v1"},
			{errors.New("the resolver is away"), nil, ""},
			{&net.DNSError{IsTimeout: true}, nil, ""},
			{missing, nil, ""}, // once may be chance
			{missing, nil, "none"},
			{nil, []string{"fd00::1", "fd00::2"}, "http://[fd00::1]:8000/v1 http://[fd00::2]:8000/v1"},
			{nil, []string{"fd00::1", "10.0.0.1"}, "http://10.0.0.1:8000/v1"}, // one machine, in both families
		} {
			said = nil
			r.set(step.err, step.ips...)
			time.Sleep(5 * time.Second) // virtual
			synctest.Wait()
			want := []string{step.want}
			switch step.want {
			case "":
				want = nil
			case "none":
				want = []string{""}
			}
			if i > 0 && !slices.Equal(said, want) {
				t.Errorf("step %d: it said %q, want %q", i, said, want)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestServiceRecordsNameThePorts(t *testing.T) {
	a, b := serve(t), serve(t)
	r := &names{}
	for _, s := range []*server{a, b} {
		at := s.Listener.Addr().(*net.TCPAddr)
		r.srv = append(r.srv, &net.SRV{Target: "127.0.0.1.", Port: uint16(at.Port)})
	}
	p, await := running(t, pool.Options{DNS: "http://_http._tcp.vllm.example"}, pool.Env{Resolver: r})
	await("both are ready", func() bool { return state(p, a) == "ready" && state(p, b) == "ready" })
	whole(t, send(t, p, request(0)))
}

// cluster is a Kubernetes API with the endpoint slices of one service.
type cluster struct {
	*httptest.Server
	dir string

	mu      sync.Mutex
	version int
	slices  map[string]any
	lists   int
	refuse  int // status of the next answer
	events  chan string
	watches chan string // the version from which each began
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{slices: map[string]any{}, version: 100, events: make(chan string), watches: make(chan string, 16), dir: t.TempDir()}
	c.Server = httptest.NewTLSServer(c)
	t.Cleanup(c.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
	for name, text := range map[string]string{"token": "t0ken\n", "ca.crt": string(ca), "namespace": "models"} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

type endpoint struct {
	address            string
	ready, terminating any // true, false or nil
}

func slice(name, family string, version int, ports []map[string]any, es ...endpoint) map[string]any {
	var all []any
	for _, e := range es {
		all = append(all, map[string]any{"addresses": []string{e.address}, "conditions": map[string]any{"ready": e.ready, "terminating": e.terminating}})
	}
	return map[string]any{
		"kind": "EndpointSlice", "metadata": map[string]any{"name": name, "resourceVersion": fmt.Sprint(version)},
		"addressType": family, "ports": ports, "endpoints": all,
	}
}

var port8000 = []map[string]any{{"name": "http", "port": 8000, "protocol": "TCP"}}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.URL.Path != "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices" || q.Get("labelSelector") != "kubernetes.io/service-name=vllm" ||
		r.Header.Get("Authorization") != "Bearer t0ken" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	c.mu.Lock()
	refuse := c.refuse
	c.refuse = 0
	if refuse == 0 && q.Get("watch") == "" {
		c.lists++
		var items []any
		for _, s := range c.slices {
			items = append(items, s)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"metadata": map[string]any{"resourceVersion": fmt.Sprint(c.version)}, "items": items})
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	if refuse != 0 {
		w.WriteHeader(refuse)
		return
	}
	c.watches <- q.Get("resourceVersion")
	w.(http.Flusher).Flush()
	for {
		select {
		case e, open := <-c.events:
			if e == "end" || !open {
				return
			}
			fmt.Fprintln(w, e)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func event(kind string, object any) string {
	text, _ := json.Marshal(map[string]any{"type": kind, "object": object})
	return string(text)
}

func TestAServicesEndpointsAreFollowed(t *testing.T) {
	c := newCluster(t)
	c.slices["vllm-a"] = slice("vllm-a", "IPv4", 90, port8000,
		endpoint{"10.1.0.1", true, false}, endpoint{"10.1.0.2", nil, nil}, endpoint{"10.1.0.3", false, false}, endpoint{"10.1.0.4", true, true})
	c.slices["vllm-six"] = slice("vllm-six", "IPv6", 91, port8000, endpoint{"fd00::1", true, nil})
	found := make(chan string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- pool.WatchService(ctx, pool.KubernetesOptions{Service: "vllm", Port: "http"}, pool.Cluster{Address: c.URL, Dir: c.dir},
			func(at []string) { found <- strings.Join(at, " ") })
	}()
	next := func(what, want string) {
		t.Helper()
		if got := <-found; got != want {
			t.Errorf("%s: found %q, want %q", what, got, want)
		}
	}
	watched := func(want string) {
		t.Helper()
		if got := <-c.watches; got != want {
			t.Errorf("it is watched from version %s, want %s", got, want)
		}
	}
	next("those that are ready, and do not end", "http://10.1.0.1:8000/v1 http://10.1.0.2:8000/v1")
	watched("100")
	c.events <- event("ADDED", slice("vllm-b", "IPv4", 101, port8000, endpoint{"10.1.1.1", true, false}))
	next("another slice", "http://10.1.0.1:8000/v1 http://10.1.0.2:8000/v1 http://10.1.1.1:8000/v1")
	c.events <- event("MODIFIED", slice("vllm-a", "IPv4", 102, port8000, endpoint{"10.1.0.1", false, true}, endpoint{"10.1.0.2", true, false}))
	next("one that ends", "http://10.1.0.2:8000/v1 http://10.1.1.1:8000/v1")
	c.events <- event("DELETED", slice("vllm-b", "IPv4", 103, port8000))
	next("a slice that is gone", "http://10.1.0.2:8000/v1")
	c.events <- event("BOOKMARK", slice("", "", 120, nil))

	// The watch cannot go on: all is listed anew.
	c.mu.Lock()
	c.version = 200
	c.slices = map[string]any{"vllm-c": slice("vllm-c", "IPv4", 190, port8000, endpoint{"10.1.2.1", true, false})}
	c.mu.Unlock()
	c.events <- event("ERROR", map[string]any{"kind": "Status", "code": 410, "message": "too old resource version"})
	next("after too old a version", "http://10.1.2.1:8000/v1")
	watched("200")

	// A watch that is over is followed by a list, which mends what the watch missed.
	c.mu.Lock()
	c.slices["vllm-d"] = slice("vllm-d", "IPv4", 195, port8000, endpoint{"10.1.3.1", true, nil})
	c.version = 300
	c.mu.Unlock()
	c.events <- "end"
	next("of which no event came", "http://10.1.2.1:8000/v1 http://10.1.3.1:8000/v1")
	watched("300")

	// The API is away for a while, and what is known stays.
	c.mu.Lock()
	c.refuse = http.StatusInternalServerError
	c.mu.Unlock()
	c.events <- "end"
	next("after the API was away", "http://10.1.2.1:8000/v1 http://10.1.3.1:8000/v1")
	watched("300")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAPodThatEndsFinishesItsStreams(t *testing.T) {
	c := newCluster(t)
	a, b := serve(t), serve(t)
	gate := make(chan struct{})
	a.set(func(s *server) { s.gate = gate })
	pod := func(name string, s *server, version int, ready, terminating bool) map[string]any {
		at := s.Listener.Addr().(*net.TCPAddr)
		return slice(name, "IPv4", version, []map[string]any{{"name": "http", "port": at.Port}}, endpoint{"127.0.0.1", ready, terminating})
	}
	c.slices["a"] = pod("a", a, 1, true, false)
	p, await := running(t, pool.Options{Kubernetes: &pool.KubernetesOptions{Service: "vllm"}}, pool.Env{Cluster: pool.Cluster{Address: c.URL, Dir: c.dir}})
	await("a is ready", func() bool { return state(p, a) == "ready" })
	<-c.watches
	stream := send(t, p, request(0))
	first(t, stream)
	c.events <- event("MODIFIED", pod("a", a, 2, false, true)) // a rollout ends it,
	c.events <- event("ADDED", pod("b", b, 3, true, false))    // and starts another
	await("a drains and b is ready", func() bool { return state(p, a) == "draining" && state(p, b) == "ready" })
	for i := range 5 {
		whole(t, send(t, p, request(uint64(i))))
	}
	if got := counts(a, b); got[0] != 1 || got[1] != 5 {
		t.Errorf("requests went %v", got)
	}
	close(gate)
	if text := whole(t, stream); !strings.Contains(text, "[DONE]") {
		t.Errorf("the stream lost its end: %q", text)
	}
	await("a is gone", func() bool { return state(p, a) == "gone" })
}

func FuzzEndpoints(f *testing.F) {
	f.Add(event("ADDED", slice("a", "IPv4", 1, port8000, endpoint{"10.0.0.1", true, nil}, endpoint{"10.0.0.2", nil, true})) +
		event("MODIFIED", slice("a", "IPv4", 2, port8000, endpoint{"10.0.0.3", nil, nil})) + event("BOOKMARK", slice("", "", 3, nil)))
	f.Add(event("ADDED", slice("six", "IPv6", 1, port8000, endpoint{"fd00::1", nil, nil})) + event("DELETED", slice("six", "IPv6", 1, nil)))
	f.Add(event("ERROR", map[string]any{"code": 410}))
	f.Add(`{"type":"ADDED","object":{"endpoints":[{"addresses":[]}],"ports":[{}]}}`)
	f.Fuzz(func(t *testing.T, events string) {
		at, err := pool.ReadEvents(pool.KubernetesOptions{}, strings.NewReader(events))
		if err == nil {
			t.Error("it has no end")
		}
		if !slices.IsSorted(at) || len(slices.Compact(slices.Clone(at))) != len(at) || len(at) > 1024 {
			t.Errorf("the addresses are %q", at)
		}
	})
}

func TestThePortOfAService(t *testing.T) {
	two := []map[string]any{{"name": "http", "port": 8000}, {"name": "metrics", "port": 9000}}
	for _, tt := range []struct {
		port  string
		ports []map[string]any
		want  string
	}{
		{"", port8000, "8000"}, {"http", two, "8000"}, {"9000", two, "9000"}, {"metrics", two, "9000"},
		{"80", port8000, "8000"}, // the service's own number, where the pods have another
		{"80", two, ""}, {"", two, ""}, {"grpc", port8000, ""},
	} {
		c := newCluster(t)
		c.slices["a"] = slice("a", "IPv4", 1, tt.ports, endpoint{"10.0.0.1", true, nil})
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		err := pool.WatchService(ctx, pool.KubernetesOptions{Namespace: "models", Service: "vllm", Port: tt.port}, pool.Cluster{Address: c.URL, Dir: c.dir},
			func(at []string) { got = at; cancel() })
		var want []string
		if tt.want != "" {
			want = []string{"http://10.0.0.1:" + tt.want + "/v1"}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("port %q of %v: %v, %v", tt.port, tt.ports, got, err)
		}
	}
}

func TestOutsideOfAClusterItSaysSo(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := pool.New("own", pool.Options{Kind: "pool", Kubernetes: &pool.KubernetesOptions{Service: "vllm"}}, pool.Env{})
	if !errors.Is(err, pool.ErrNoCluster) {
		t.Errorf("it says %v", err)
	}
}

func TestACertificateOfAnotherAuthorityIsRefused(t *testing.T) {
	c, other := newCluster(t), newCluster(t)
	otherCA, err := os.ReadFile(filepath.Join(other.dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	strange := strings.ReplaceAll(string(otherCA), "CERTIFICATE", "NOTHING")
	if err := os.WriteFile(filepath.Join(c.dir, "ca.crt"), []byte(strange), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = pool.New("own", pool.Options{Kind: "pool", Kubernetes: &pool.KubernetesOptions{Service: "vllm"}}, pool.Env{Cluster: pool.Cluster{Address: c.URL, Dir: c.dir}})
	if err == nil || !strings.Contains(err.Error(), "holds none") {
		t.Errorf("it says %v", err)
	}
}
