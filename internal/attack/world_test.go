package attack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/store"
)

// nodeEnv names the folder of a process under attack.
const nodeEnv = "SKEIN_ATTACK_NODE"

// serveNode is the process under attack.
func serveNode(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config.Load(filepath.Join(dir, "skein.yaml"), os.LookupEnv)
	if err == nil {
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
		var n *node.Node
		if n, err = node.Open(ctx, node.Options{Config: c, Data: dir, Listen: true, Log: log}); err == nil {
			err = n.Serve(ctx)
			n.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		return 1
	}
	return 0
}

// world is the stand-ins, the process under attack, and all that attacks it.
type world struct {
	t    testing.TB
	seed uint64
	dir  string
	addr string // of the process under attack

	cloud  *fakecloud.Server
	fake   string // its address
	client *api.Client
	keys   []key

	mu    sync.Mutex
	node  *exec.Cmd
	ended chan error
	asked []asked                 // what clients saw
	runs  map[string]money.Amount // with their budgets

	passed map[string]bool // windows found over their limit

	kills, stops, starts int
	samples              atomic.Int64
	down                 atomic.Bool // on purpose
}

// key is a credential with its limit; zero is none.
type key struct {
	id, text, name string
	limit          money.Amount
	window         string
}

const conf = `version: 1
listen: %[1]s
drain: 400ms
providers:
  oa: {kind: openai, endpoint: "http://%[2]s/openai/v1", key: k, cloud: azure}
  an: {kind: anthropic, endpoint: "http://%[2]s/anthropic", key: k, cloud: aws}
models:
  smart:
    idle: 1s
    first_content: 1500ms
    deadline: 8s
    deployments:
      - {provider: oa, upstream: gpt-5.1}
      - {provider: an, upstream: claude-sonnet-4-5}
  haiku:
    idle: 1s
    first_content: 1500ms
    deadline: 8s
    deployments:
      - {provider: an, upstream: claude-haiku-4-5}
      - {provider: oa, upstream: gpt-4.1}
  narrow:
    deadline: 6s
    idle: 1s
    deployments:
      - {provider: oa, upstream: gpt-4.1-mini, name: narrow, max_in_flight: 2}
  priced:
    deadline: 6s
    idle: 1s
    deployments:
      - {provider: oa, upstream: gpt-own}
  unpriced:
    deadline: 6s
    idle: 1s
    deployments:
      - {provider: oa, upstream: gpt-unheard-of}
prices:
  oa/gpt-own: {input: "7", output: "33.3"}
tools:
  reports: {objects: "fake://%[2]s/filings", priced_as: aws/s3/us-east-1}
  history: {sql: "sqlite:history.db", access: read}
  findings: {table: "fake://%[2]s/findings?partition_key=company", priced_as: aws/dynamodb/us-east-1}
  alerts: {notify: "fake://%[2]s/alerts?dedup=id", priced_as: aws/sns/us-east-1}
agents:
  analyst:
    model: smart
    goal: |
%[3]s
    tools: [reports, history, findings, alerts, calculate, todo]
    output_cap: 2000
    limits: {budget: 0.40 USD, steps: 60, time: 10m}
budgets:
  - {scope: "team:red", limit: 4 USD, window: hour, kind: hard}
  - {scope: "org:default", limit: 400 USD, window: day, kind: hard}
  - {scope: "project:web", limit: 0.01 USD, window: day, kind: soft}
  - {scope: "agent:analyst", limit: 3 USD, window: total, kind: hard}
`

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, seed: seed, dir: t.TempDir(), runs: map[string]money.Amount{}, passed: map[string]bool{}}
	if *keepFlag != "" {
		w.dir = *keepFlag
		w.must(os.RemoveAll(w.dir))
		w.must(os.MkdirAll(w.dir, 0o755))
	}
	var err error
	w.cloud, err = fakecloud.New(fakecloud.Options{
		Dir: filepath.Join(w.dir, "cloud"), Buckets: map[string]fs.FS{"filings": analyst.Filings()}, Pace: time.Millisecond,
	})
	w.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.fake = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- w.cloud.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		<-over
		w.must(w.cloud.Close())
	})
	free, err := net.Listen("tcp", "127.0.0.1:0") // the same address for every start
	w.must(err)
	w.addr = free.Addr().String()
	w.must(free.Close())
	w.must(analyst.BuildHistory(filepath.Join(w.dir, "history.db")))
	w.must(os.WriteFile(filepath.Join(w.dir, "skein.yaml"), fmt.Appendf(nil, conf, w.addr, w.fake, goal(t)), 0o600))
	w.client = api.DialSocket(store.SocketPath(w.dir))
	t.Cleanup(w.client.Close)
	t.Cleanup(func() {
		if w.node != nil {
			w.kill()
		}
	})
	return w
}

// goal is that of the example's agent.
func goal(t testing.TB) string {
	src, err := analyst.Config("skein.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(src), "goal: |\n")
	text, _, _ := strings.Cut(rest, "    tools:")
	return strings.TrimRight(text, " \n")
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// launch starts the process and does not wait.
func (w *world) launch() {
	exe, err := os.Executable()
	w.must(err)
	log, err := os.OpenFile(filepath.Join(w.dir, "node.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.must(err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), nodeEnv+"="+w.dir)
	cmd.Stdout, cmd.Stderr = log, log
	w.must(cmd.Start())
	w.mu.Lock()
	w.node, w.ended = cmd, make(chan error, 1)
	w.starts++
	w.mu.Unlock()
	ended := w.ended
	go func() {
		ended <- cmd.Wait()
		_ = log.Close() // it was written by the child
	}()
}

// start starts the process and waits until it answers.
func (w *world) start(ctx context.Context) {
	w.launch()
	for w.client.Ping(ctx) != nil {
		select {
		case err := <-w.ended:
			w.t.Fatalf("the process ended at its start: %v\n%s", err, w.log())
		case <-ctx.Done():
			w.t.Fatalf("the process does not answer\n%s", w.log())
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// kill ends the process as a power cut would.
func (w *world) kill() {
	_ = w.node.Process.Kill() // it may have ended
	<-w.ended
	w.node = nil
}

// stop ends it in good order.
func (w *world) stop() {
	_ = w.node.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Logf("a stop in good order: %v", err)
		}
	case <-time.After(20 * time.Second):
		w.t.Errorf("a stop in good order did not end within 20s\n%s", w.log())
		_ = w.node.Process.Signal(syscall.SIGQUIT)
		<-w.ended
	}
	w.node = nil
}

// log is the last of what the process said.
func (w *world) log() string {
	b, _ := os.ReadFile(filepath.Join(w.dir, "node.log"))
	return string(b[max(0, len(b)-6000):])
}

// makeKeys makes the keys that clients use.
func (w *world) makeKeys(ctx context.Context) {
	usd := func(s string) *auth.Budget {
		amount, window, _ := strings.Cut(s, " ")
		return &auth.Budget{Limit: money.MustParse(amount, money.USD), Window: window}
	}
	for _, k := range []api.NewKey{
		{Name: "tiny", Team: "red", Budget: usd("0.02 total")},
		{Name: "small", Team: "red", Project: "web", Budget: usd("0.15 day")},
		{Name: "hourly", Team: "blue", Budget: usd("1 hour"), Customer: "c"},
		{Name: "wide", Team: "red"},
		{Name: "monthly", Project: "web", Budget: usd("2 month")},
		{Name: "org"},
	} {
		made, err := w.client.CreateKey(ctx, k)
		w.must(err)
		n := key{id: made.ID, text: made.Text, name: k.Name}
		if k.Budget != nil {
			n.limit, n.window = k.Budget.Limit, k.Budget.Window
		}
		w.keys = append(w.keys, n)
	}
}

// attack does everything at once for so long.
func (w *world) attack(ctx context.Context, length time.Duration) {
	on, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var all sync.WaitGroup
	for i := range *crowdFlag {
		all.Go(func() { w.crowd(on, i) })
	}
	all.Go(func() { w.agents(on) })
	all.Go(func() { w.faults(on) })
	all.Go(func() { w.watch(on) })
	w.killer(on)
	all.Wait()
	w.cloud.Clear()
}

// killer ends the process again and again, mostly at once.
func (w *world) killer(ctx context.Context) {
	d := dice(w.seed, "killer", 0)
	for {
		pause := time.Duration(d.IntN(1100)) * time.Millisecond
		if d.IntN(4) == 0 {
			pause = time.Duration(d.IntN(60)) * time.Millisecond // while it starts
		}
		select {
		case <-ctx.Done():
			return
		case err := <-w.ended:
			w.t.Errorf("the process ended by itself: %v\n%s", err, w.log())
			return
		case <-time.After(pause):
		}
		if d.IntN(6) == 0 {
			w.stops++
			w.stop()
		} else {
			w.kills++
			w.kill()
		}
		w.launch()
	}
}

// faults befall the stand-ins, a few requests each.
func (w *world) faults(ctx context.Context) {
	d := dice(w.seed, "faults", 0)
	kinds := []fakecloud.Kind{fakecloud.Refuse, fakecloud.TooMany, fakecloud.ServerFail, fakecloud.Slow, fakecloud.Stall,
		fakecloud.CutOff, fakecloud.Garbage, fakecloud.ErrorEvent, fakecloud.NoEnd, fakecloud.FailAfter}
	services := []string{"openai", "anthropic", "openai", "anthropic", "objects", "table", "notify"}
	for {
		f := fakecloud.Fault{
			Service: services[d.IntN(len(services))], Kind: kinds[d.IntN(len(kinds))], Count: 1 + d.IntN(4), ForMS: 400,
			AfterChunks: d.IntN(8), DelayMS: int64(d.IntN(60)),
		}
		if d.IntN(3) == 0 {
			f.RetryAfter = 0.02
		}
		if f.Service == "objects" && f.Kind == fakecloud.Garbage {
			f.Kind = fakecloud.CutOff // the stand-in does not count the bytes of its garbage
		}
		_, err := w.cloud.Order(f)
		w.must(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(5+d.IntN(60)) * time.Millisecond):
		}
	}
}

// agents starts runs, some of which cannot afford their work.
func (w *world) agents(ctx context.Context) {
	d := dice(w.seed, "agents", 0)
	companies := analyst.Companies()
	for i := 0; ctx.Err() == nil; i++ {
		budget := money.New(int64(1+d.IntN(45)), -2, money.USD)
		ask := api.StartRun{
			Agent: "analyst", Input: map[string]string{"company": companies[i%len(companies)]},
			Budget: &budget, Idempotency: fmt.Sprintf("start-%d", i),
		}
		for ctx.Err() == nil {
			run, err := w.client.StartRun(ctx, ask)
			if err == nil {
				w.mu.Lock()
				w.runs[run.ID] = budget
				w.mu.Unlock()
				break
			}
			pause(ctx, 20*time.Millisecond)
		}
		pause(ctx, time.Duration(200+d.IntN(900))*time.Millisecond)
	}
}

// watch holds every budget against its limit, all the time.
func (w *world) watch(ctx context.Context) {
	for ctx.Err() == nil {
		w.standing(ctx)
		pause(ctx, 7*time.Millisecond)
	}
}

// standing checks what every budget says now, and gives what is held.
func (w *world) standing(ctx context.Context) (held bool, err error) {
	budgets, err := w.client.Budgets(ctx)
	if err != nil {
		return false, err
	}
	w.samples.Add(1)
	for _, b := range budgets {
		held = held || !b.Held.IsZero()
		if over := b.Spent.Add(b.Held).Cmp(b.Limit) > 0; b.Kind == "hard" && over && !w.passed[b.Window] {
			w.passed[b.Window] = true
			w.t.Errorf("%s: spent %s and held %s of %s", b.Window, b.Spent, b.Held, b.Limit)
		}
	}
	return held, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// settle waits until nothing is under way any more.
func (w *world) settle(ctx context.Context) {
	until := time.Now().Add(25 * time.Second)
	for w.client.Ping(ctx) != nil {
		if time.Now().After(until) {
			w.t.Fatalf("the last start does not answer\n%s", w.log())
		}
		pause(ctx, 10*time.Millisecond)
	}
	for {
		why, err := w.busy(ctx)
		if err == nil && why == "" {
			return
		}
		if time.Now().After(until) {
			w.t.Errorf("it does not come to rest: %s %v\n%s", why, err, w.log())
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// busy says what is still under way.
func (w *world) busy(ctx context.Context) (string, error) {
	open := map[string]int{}
	for _, ln := range w.cloud.Log().Lines() {
		switch ln.Event {
		case "begin":
			open[ln.Request]++
		case "end":
			open[ln.Request]--
		}
	}
	for id, n := range open {
		if n != 0 {
			return "the stand-in answers " + id, nil
		}
	}
	runs, err := w.client.Runs(ctx, api.RunQuery{Limit: 1000})
	if err != nil {
		return "", err
	}
	for i := range runs {
		if !runs[i].Status.Ended() && runs[i].Status != "in doubt" {
			return "the run " + runs[i].ID + " is " + string(runs[i].Status), nil
		}
	}
	held, err := w.standing(ctx)
	if held {
		return "money is held", err
	}
	return "", err
}

// gone reports whether an error is the process's absence.
func gone(err error) bool {
	return errors.Is(err, http.ErrServerClosed) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}
