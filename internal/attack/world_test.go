package attack

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

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
	ends   chan struct{}   // a client has just seen the end of an answer

	kills, stops, starts int
	samples              atomic.Int64
}

// key is a credential with its limit; zero is none.
type key struct {
	id, text, name string
	limit          money.Amount
	window         string
}

const conf = `version: 1
listen: %[1]s
location: aws/us-east-1
clouds: {aws: {region: us-east-1, endpoint: "http://%[2]s/cloud/aws"}}
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
  reports: {objects: "s3://filings"}
  history: {sql: "sqlite:history.db", access: read}
  findings: {table: "dynamodb://findings?partition_key=company"}
  alerts: {notify: "awssns:///arn:aws:sns:us-east-1:123456789012:alerts.fifo"}
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
	w := &world{t: t, seed: seed, dir: t.TempDir(), runs: map[string]money.Amount{}, passed: map[string]bool{}, ends: make(chan struct{})}
	if *keepFlag != "" {
		w.dir = *keepFlag
		w.must(os.RemoveAll(w.dir))
		w.must(os.MkdirAll(w.dir, 0o755))
	}
	var err error
	w.cloud, err = fakecloud.New(fakecloud.Options{
		Dir: filepath.Join(w.dir, "cloud"), Pace: time.Millisecond,
		Resources: standin.Resources{
			Buckets: map[string]fs.FS{"filings": analyst.Filings()},
			Tables:  map[string]standin.Table{"findings": {PartitionKey: "company"}},
			Topics:  []string{"alerts.fifo"},
		},
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
	src, err := analyst.Config("aws.yaml")
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
