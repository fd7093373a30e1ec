package pool_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/pool"
)

func TestRequestsSpread(t *testing.T) {
	a, b, c := serve(t), serve(t), serve(t)
	gate := make(chan struct{})
	for _, s := range []*server{a, b, c} {
		s.set(func(s *server) { s.gate = gate })
	}
	p := made(t, pool.Options{}, pool.Env{}, a, b, c)
	var open []func()
	for i := range 30 {
		ans := send(t, p, request(uint64(i)*7))
		first(t, ans)
		open = append(open, func() { whole(t, ans) })
	}
	if got := counts(a, b, c); slices.Max(got)-slices.Min(got) > 1 {
		t.Errorf("30 requests that run at the same time went %v", got)
	}
	close(gate)
	for _, read := range open {
		read()
	}
	for _, r := range p.Status().Replicas {
		if r.InFlight != 0 {
			t.Errorf("%s has %d in flight, and all have ended", r.Address, r.InFlight)
		}
	}
}

func TestAPromptGoesWhereItsBeginningWas(t *testing.T) {
	a, b, c := serve(t), serve(t), serve(t)
	p := made(t, pool.Options{}, pool.Env{}, a, b, c)
	whole(t, send(t, p, request(2, 11, 12, 13, 14, 15)))
	before := counts(a, b, c)
	home := slices.Index(before, 1)
	for i := range 12 {
		whole(t, send(t, p, request(uint64(i), 11, 12, 13, 14, 15, 16, 17)))
	}
	if got := counts(a, b, c); got[home] != 13 {
		t.Errorf("the conversation began at replica %d; its requests went %v", home, got)
	}
	for i := range 12 {
		whole(t, send(t, p, request(uint64(i), 21, 22)))
	}
	if got := counts(a, b, c); got[home] == 25 {
		t.Error("what began differently went there, too, each time")
	}
}

func TestAPoolIsOneProviderToWhomItIsHanded(t *testing.T) {
	s := serve(t)
	p := made(t, pool.Options{Key: "k3y", Formats: []string{"chat", "messages"}, MaxInFlight: 7}, pool.Env{}, s)
	info := p.Info()
	if info.Name != "own" || info.Kind != "pool" || info.Cloud != "local" || info.Service != "own" || info.MaxInFlight != 7 || len(info.Surfaces) != 2 {
		t.Errorf("it is described as %+v", info)
	}
	for _, on := range append(info.Surfaces[:2:2], nil) {
		r := request(0)
		r.Surface, r.Credential = on, info.Credentials[0]
		ans := send(t, p, r)
		_ = ans.Body.Close() // of another format there is only a 404
	}
	for path, want := range map[string]string{"/v1/chat/completions": "Bearer k3y", "/v1/messages": "Bearer k3y", "/metrics": "Bearer k3y"} {
		if got, _ := s.paths.Load(path); got != want {
			t.Errorf("%s was asked with %v", path, got)
		}
	}
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if !p.Same(pool.Options{Kind: "pool", Replicas: []string{s.URL}, Key: "k3y", Formats: []string{"chat", "messages"}, MaxInFlight: 7}) || p.Same(pool.Options{}) {
		t.Error("it does not know its own row")
	}
}

func TestAFullPoolHasNoRoomAndThenSomeAgain(t *testing.T) {
	a, b := serve(t), serve(t)
	p := made(t, pool.Options{MaxWaiting: 3}, pool.Env{}, a, b)
	if !p.Room("m") {
		t.Fatal("an idle pool has no room")
	}
	a.set(func(s *server) { s.waiting = 3 })
	p.Probe(t.Context())
	if !p.Room("m") {
		t.Error("one of two is full, and there is no room")
	}
	for i := range 8 {
		whole(t, send(t, p, request(uint64(i))))
	}
	if got := counts(a, b); got[0] != 0 {
		t.Errorf("the full one got some: %v", got)
	}
	b.set(func(s *server) { s.kv = 0.95 })
	p.Probe(t.Context())
	if p.Room("m") {
		t.Errorf("both are full, and there is room: %+v", p.Status())
	}
	whole(t, send(t, p, request(0))) // who insists is served
	a.set(func(s *server) { s.waiting = 0 })
	p.Probe(t.Context())
	if !p.Room("m") {
		t.Error("it is not full any more, and there is no room")
	}
}

func TestAnAdapterGoesWhereItIsLoaded(t *testing.T) {
	a, b := serve(t), serve(t)
	a.set(func(s *server) { s.adapters = "legal" })
	b.set(func(s *server) { s.adapters = "sales" })
	p := made(t, pool.Options{}, pool.Env{}, a, b)
	for i := range 6 {
		r := request(uint64(i))
		r.Upstream = "sales"
		whole(t, send(t, p, r))
	}
	if got := counts(a, b); got[0] != 0 {
		t.Errorf("they went %v", got)
	}
	a.set(func(s *server) { s.waiting = 99 })
	b.set(func(s *server) { s.adapters = "other" })
	p.Probe(t.Context())
	if p.Room("legal") || !p.Room("m") {
		t.Error("legal has no place but at a, which is full; the base model has")
	}
}

func TestARefusedConnectionIsReplacedAtOnce(t *testing.T) {
	a, b := serve(t), serve(t)
	p := made(t, pool.Options{}, pool.Env{}, a, b)
	a.Close()
	for i := range 8 {
		whole(t, send(t, p, request(uint64(i))))
	}
	if got := state(p, a); got != "down" || b.requests.Load() != 8 {
		t.Errorf("the dead one is %s, the other got %v", got, b.requests.Load())
	}
	b.Close()
	_, err := p.Send(t.Context(), request(0))
	if asError(t, err).Billed != llm.BilledNo { // it was sent on a connection that was kept, and is the caller's to judge
		_, err = p.Send(t.Context(), request(0))
	}
	if e := asError(t, err); e.Class != llm.Unreachable || e.Billed != llm.BilledNo {
		t.Errorf("all are dead: %+v", e)
	}
	if !p.Room("m") {
		t.Error("all are dead, which is told as if the pool were full")
	}
	back := on(t, a.URL)
	p.Probe(t.Context())
	whole(t, send(t, p, request(0)))
	if back.requests.Load() != 1 {
		t.Error("it came back, and got nothing")
	}
}

func TestAReplicaThatFailsAtRequestsRests(t *testing.T) {
	a, b := serve(t), serve(t)
	a.set(func(s *server) { s.status = http.StatusInternalServerError })
	now := newClock()
	p := made(t, pool.Options{}, pool.Env{Now: now.Now}, a, b)
	failed := 0
	for i := range 60 {
		ans := send(t, p, request(uint64(i)*13))
		whole(t, ans)
		if ans.Status != http.StatusOK {
			failed++
			again := send(t, p, request(uint64(i)*13)) // at once
			if whole(t, again); again.Status != http.StatusOK {
				t.Fatal("what failed at it was sent there again")
			}
			now.pass(11e9)
		}
	}
	if failed != 3 || state(p, a) != "down" {
		t.Errorf("it failed %d times, and is %s; its probes are good", failed, state(p, a))
	}
	a.set(func(s *server) { s.status = 0 })
	now.pass(6e9)
	p.Probe(t.Context())
	if state(p, a) != "ready" {
		t.Error("it rests for ever")
	}
}

func TestAReplicaThatRestsAnswersItsProbesInVain(t *testing.T) {
	a := serve(t)
	a.set(func(s *server) { s.status = http.StatusInternalServerError })
	now := newClock()
	p := made(t, pool.Options{}, pool.Env{Now: now.Now}, a)
	for range 3 { // there is no other
		whole(t, send(t, p, request(0)))
	}
	p.Probe(t.Context())
	if state(p, a) != "down" {
		t.Errorf("it failed three times, and is %s", state(p, a))
	}
	now.pass(6e9)
	p.Probe(t.Context())
	if state(p, a) != "ready" {
		t.Error("it rests for ever")
	}
}

// An engine that has too much to do says so with 503 before its metrics do.
func TestWhatAReplicaTurnsAwayIsTakenByAnother(t *testing.T) {
	a, b := serve(t), serve(t)
	a.set(func(s *server) { s.status = http.StatusServiceUnavailable })
	now := newClock()
	p := made(t, pool.Options{}, pool.Env{Now: now.Now}, a, b)
	for i := range 20 {
		ans := send(t, p, request(uint64(i)*13, 1, 2, 3))
		if whole(t, ans); ans.Status == http.StatusOK {
			continue
		}
		again := send(t, p, request(uint64(i)*13, 1, 2, 3))
		if whole(t, again); again.Status != http.StatusOK {
			t.Error("what it turned away was sent there again, for the sake of its cache")
		}
	}
	if n := a.requests.Load(); n != 1 || state(p, a) != "ready" {
		t.Errorf("it turned away %d requests within a moment, and is %s", n, state(p, a))
	}
	now.pass(3e9)
	a.set(func(s *server) { s.status = 0 })
	p.Probe(t.Context())
	for i := range 20 {
		whole(t, send(t, p, request(uint64(i)*13)))
	}
	if a.requests.Load() < 5 {
		t.Error("it has room again, and is not asked")
	}
}

func TestARequestThatIsWrongHarmsNoReplica(t *testing.T) {
	a := serve(t)
	for _, status := range []int{400, 404, 413, 422, 429, 501} {
		a.set(func(s *server) { s.status = status })
		p := made(t, pool.Options{}, pool.Env{}, a)
		for range 10 {
			whole(t, send(t, p, request(0)))
		}
		if state(p, a) != "ready" {
			t.Errorf("after answers of status %d it is %s", status, state(p, a))
		}
	}
}

func TestAStreamThatBreaksCountsAgainstTheReplicaAndOneThatIsGivenUpDoesNot(t *testing.T) {
	a := serve(t)
	a.set(func(s *server) { s.gate = make(chan struct{}) })
	now := newClock()
	p := made(t, pool.Options{}, pool.Env{Now: now.Now}, a)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		ans, err := p.Send(ctx, request(0))
		if err != nil {
			t.Fatal(err)
		}
		first(t, ans)
		cancel()
		_ = ans.Body.Close()
	}
	if state(p, a) != "ready" {
		t.Fatal("clients that left took it down")
	}
	for range 3 { // it falls silent in mid-stream, and the caller loses patience
		ans := send(t, p, request(0))
		first(t, ans)
		now.pass(25e9)
		_ = ans.Body.Close()
	}
	if state(p, a) != "down" {
		t.Error("it fell silent three times, and is well")
	}
	now.pass(10e9)
	p.Probe(t.Context())
	ans := send(t, p, request(0))
	first(t, ans)
	a.CloseClientConnections()
	if _, err := ans.Body.Read(make([]byte, 100)); err == nil {
		t.Fatal("the stream goes on")
	}
	_ = ans.Body.Close()
	if state(p, a) != "down" {
		t.Error("it broke off at once after it came back, and is well")
	}
}

func TestAReplicaThatLeavesEndsItsStreams(t *testing.T) {
	a, b := serve(t), serve(t)
	gate := make(chan struct{})
	a.set(func(s *server) { s.gate = gate })
	p := made(t, pool.Options{Replicas: []string{a.URL}}, pool.Env{}, a)
	ans := send(t, p, request(0))
	first(t, ans)
	p.Find(b.URL + "/v1") // a is gone from the list in mid-stream, and b has joined
	if state(p, a) != "draining" || state(p, b) != "new" {
		t.Fatalf("they are %s and %s", state(p, a), state(p, b))
	}
	p.Probe(t.Context())
	for i := range 5 {
		whole(t, send(t, p, request(uint64(i))))
	}
	if got := counts(a, b); got[0] != 1 || got[1] != 5 {
		t.Errorf("after it left, requests went %v", got)
	}
	close(gate)
	if text := whole(t, ans); !strings.Contains(text, "second") || !strings.Contains(text, "[DONE]") {
		t.Errorf("the stream lost its end: %q", text)
	}
	if state(p, a) != "gone" {
		t.Errorf("its last stream has ended, and it is %s", state(p, a))
	}
}

func TestAReplicaThatComesBackWhileItDrainsIsTheSame(t *testing.T) {
	a := serve(t)
	gate := make(chan struct{})
	a.set(func(s *server) { s.gate = gate })
	p := made(t, pool.Options{}, pool.Env{}, a)
	ans := send(t, p, request(0))
	first(t, ans)
	p.Find()
	if _, err := p.Send(t.Context(), request(0)); err == nil || !strings.Contains(asError(t, err).Message, "no replica of own can be asked: draining") {
		t.Errorf("nobody is left, and it says %v", err)
	}
	p.Find(a.URL + "/v1")
	if s := p.Status().Replicas; len(s) != 1 || s[0].State != "ready" || s[0].InFlight != 1 {
		t.Errorf("it is %+v", s)
	}
	close(gate)
	whole(t, ans)
}

func TestStaleMetricsAreNothing(t *testing.T) {
	a, b := serve(t), serve(t)
	now := newClock()
	a.set(func(s *server) { s.running = 50 })
	p := made(t, pool.Options{}, pool.Env{Now: now.Now}, a, b)
	for i := range 10 {
		whole(t, send(t, p, request(uint64(i))))
	}
	if got := counts(a, b); got[0] != 0 {
		t.Errorf("the busy one got some: %v", got)
	}
	now.pass(11e9) // and nobody asked since
	for i := range 40 {
		whole(t, send(t, p, request(uint64(i))))
	}
	if got := counts(a, b); got[0] < 10 {
		t.Errorf("what it said long ago still counts: %v", got)
	}
	if s := p.Status().Replicas; s[0].Metrics || s[1].Metrics {
		t.Error("they are shown as if they had metrics")
	}
}

func TestAServerWithoutMetricsIsJudgedByOurCounts(t *testing.T) {
	a, b := serve(t), serve(t)
	gate := make(chan struct{})
	for _, s := range []*server{a, b} {
		s.set(func(s *server) { s.noMetrics, s.gate = true, gate })
	}
	p := made(t, pool.Options{MaxRequests: 2}, pool.Env{}, a, b)
	var open []func()
	for i := range 4 {
		if !p.Room("m") {
			t.Fatalf("no room after %d of 4", i)
		}
		ans := send(t, p, request(uint64(i)))
		first(t, ans)
		open = append(open, func() { whole(t, ans) })
	}
	if got := counts(a, b); got[0] != 2 || p.Room("m") {
		t.Errorf("they went %v, and there is room: %v", got, p.Room("m"))
	}
	close(gate)
	for _, read := range open {
		read()
	}
	if !p.Room("m") {
		t.Error("all have ended, and there is no room")
	}
}

// Members come and go under load, and no request is lost: who may be asked is asked.
func TestNoRequestIsLostWhileReplicasComeAndGo(t *testing.T) {
	a, b, c := serve(t), serve(t), serve(t)
	p := made(t, pool.Options{}, pool.Env{}, a, b, c)
	all := []string{a.URL + "/v1", b.URL + "/v1", c.URL + "/v1"}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	flips := make(chan struct{})
	go func() {
		defer close(flips)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			p.Find(all[i%3], all[(i+1)%3])
			p.Probe(context.Background())
			p.Status()
			p.Room("m")
		}
	}()
	errs := make(chan error, 400)
	for worker := range 8 {
		wg.Go(func() {
			for i := range 40 {
				ans, err := p.Send(t.Context(), request(uint64(worker*100+i), uint64(i%5), uint64(i)))
				if err == nil {
					var text strings.Builder
					buf := make([]byte, 512)
					for err == nil {
						var n int
						n, err = ans.Body.Read(buf)
						text.Write(buf[:n])
					}
					_ = ans.Body.Close()
					if err = nil; !strings.Contains(text.String(), "[DONE]") {
						err = errors.New("the answer has no end")
					}
				}
				if err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	<-flips
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if sum := a.requests.Load() + b.requests.Load() + c.requests.Load(); sum != 320 {
		t.Errorf("320 requests were sent, and %d arrived", sum)
	}
}

func TestRunWatchesReplicas(t *testing.T) {
	a, b := serve(t), serve(t)
	b.set(func(s *server) { s.health = http.StatusServiceUnavailable }) // it loads its model
	p, await := running(t, pool.Options{Replicas: addresses([]*server{a, b}), MetricsInterval: 100 * time.Millisecond}, pool.Env{})
	await("a is ready and b is down", func() bool { return state(p, a) == "ready" && state(p, b) == "down" })
	whole(t, send(t, p, request(0)))
	b.set(func(s *server) { s.health = 0 })
	await("b joins", func() bool { return state(p, b) == "ready" })
	a.Close()
	await("a is seen to be dead", func() bool { return state(p, a) == "down" })
	whole(t, send(t, p, request(1)))
	again := on(t, a.URL)
	await("a is back", func() bool { return state(p, again) == "ready" })
}
