package node_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

// house is a folder with a configuration, and stand-in services beside it.
type house struct {
	cloud *fakecloud.Server
	node.Options
}

const greeter = `
version: 1
clouds: {aws: {region: us-east-1, endpoint: "http://${CLOUD}/cloud/aws"}}
providers:
  up: {kind: openai, endpoint: "http://${CLOUD}/openai/v1", key: k}
models:
  smart: {deployments: [{provider: up, upstream: gpt-5.1}]}
  new: {deployments: [{provider: up, upstream: gpt-of-tomorrow}]}
  "gpt-*": {deployments: [{provider: up, upstream: "*"}]}
tools:
  findings: {table: "dynamodb://findings?partition_key=company"}
  alerts: {notify: "awssns:///arn:aws:sns:us-east-1:123456789012:alerts"}
agents:
  greeter: {model: smart, goal: "Say hello to {{.name}}.", limits: {budget: 1 USD}}
  writer: {model: smart, goal: "Note it.", tools: [findings, alerts]}
budgets:
  - {scope: "agent:greeter", limit: 5 USD}
`

func build(t *testing.T, yaml string) *house {
	t.Helper()
	cloud, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{
		Tables: map[string]standin.Table{"findings": {PartitionKey: "company"}}, Topics: []string{"alerts"}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	dir, err := os.MkdirTemp("", "node") // short, for the data directory's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // below the system's temporary folder
	h := &house{cloud: cloud}
	h.Log, h.Data, h.Version = slog.New(slog.DiscardHandler), filepath.Join(dir, "data"), api.Version{Version: "test"}
	h.Config, err = config.Parse(filepath.Join(dir, "skein.yaml"), []byte(yaml), func(name string) (string, bool) {
		return strings.TrimPrefix(server.URL, "http://"), name == "CLOUD"
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) connect(t *testing.T, need node.Need) (context.Context, api.Service, func()) {
	t.Helper()
	ctx := auth.With(t.Context(), auth.Owner())
	s, done, err := node.Connect(ctx, h.Options, need)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, s, done
}

func find(r *node.Report, kind, name string) *node.CheckedItem {
	for i := range r.Items {
		if r.Items[i].Kind == kind && r.Items[i].Name == name {
			return &r.Items[i]
		}
	}
	return &node.CheckedItem{}
}

func TestCheckTriesEachProviderAndTool(t *testing.T) {
	h := build(t, greeter)
	r, err := node.Check(t.Context(), h.Config, node.CheckOptions{Timeout: 5 * time.Second, Log: h.Log})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Failed(); n != 0 {
		t.Errorf("%d fail: %+v", n, r.Items)
	}
	classes := map[string]agent.Class{}
	for _, name := range []string{"findings", "alerts"} {
		for _, op := range find(r, "tool", name).Uses {
			classes[op.Name] = op.Class
		}
	}
	if classes["findings_put"] != agent.Keyed || classes["alerts_publish"] != agent.Once || classes["findings_get"] != agent.Read {
		t.Errorf("the classes are %v", classes)
	}
	for _, c := range []struct{ kind, name, note string }{
		{"deployment", "up/gpt-5.1", "priced by"},
		{"deployment", "up/gpt-of-tomorrow", "no price is known"},
		{"deployment", "up/*", "for every model that fits gpt-*"},
		{"agent", "greeter", "at most 1 USD a run"},
		{"agent", "writer", "no budget"},
	} {
		if it := find(r, c.kind, c.name); !it.OK || !strings.Contains(it.Note, c.note) {
			t.Errorf("%s %s is %+v, want %q", c.kind, c.name, it, c.note)
		}
	}
	for _, l := range h.cloud.Log().Lines() {
		if l.Event == "begin" || l.Done {
			t.Errorf("the check cost something: %+v", l)
		}
	}
}

func TestCheckSendsNothingOffline(t *testing.T) {
	h := build(t, strings.ReplaceAll(greeter, "${CLOUD}", "127.0.0.1:1"))
	r, err := node.Check(t.Context(), h.Config, node.CheckOptions{Offline: true, Log: h.Log})
	if err != nil || r.Failed() != 0 || find(r, "provider", "up").Note != "not tried" {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestCheckNamesAllThatCannotBeReached(t *testing.T) {
	h := build(t, strings.ReplaceAll(greeter, "${CLOUD}", "127.0.0.1:1")+"\n  # nothing\n")
	h.Config.Tools["reports"] = h.Config.Tools["findings"]
	lost := h.Config.Tools["reports"]
	lost.Table, lost.Objects = "", "file:/nowhere/at/all"
	h.Config.Tools["reports"] = lost
	writer := h.Config.Agents["writer"]
	writer.Tools = append(writer.Tools, "reports")
	h.Config.Agents["writer"] = writer
	r, err := node.Check(t.Context(), h.Config, node.CheckOptions{Timeout: 2 * time.Second, Log: h.Log})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, name, says string }{
		{"provider", "up", "127.0.0.1:1"},
		{"tool", "findings", ""},
		{"tool", "alerts", ""},
		{"tool", "reports", "tools.reports.objects"},
		{"agent", "writer", "its tool reports cannot be opened"},
	} {
		if it := find(r, c.kind, c.name); it.OK || it.Error == "" || !strings.Contains(it.Error, c.says) {
			t.Errorf("%s %s is %+v, want %q", c.kind, c.name, it, c.says)
		}
	}
	if r.Failed() != 5 {
		t.Errorf("%d fail: %+v", r.Failed(), r.Items)
	}
}

func TestAVerbThatPerformsEndsWithItsRun(t *testing.T) {
	h := build(t, greeter)
	ctx, s, done := h.connect(t, node.ToRun)
	run, err := s.StartRun(ctx, api.StartRun{Agent: "greeter", Input: map[string]string{"name": "you"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FollowRun(ctx, run.ID, 0, func(api.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	// Meanwhile others go through its socket.
	ctx, other, otherDone := h.connect(t, node.ToAsk)
	if r, err := other.Run(ctx, run.ID); err != nil || r.Status != agent.Done {
		t.Errorf("%+v, %v", r, err)
	}
	otherDone()
	done()
	if _, err := store.ReadOwner(h.Data); err == nil {
		t.Error("the data directory still has an owner")
	}
	if _, _, err := node.Connect(t.Context(), h.Options, node.ToAsk); err == nil || !strings.Contains(err.Error(), "skein serve") {
		t.Errorf("nobody serves, and it says %v", err)
	}
	ctx, s, done = h.connect(t, node.ToRead)
	defer done()
	if b, err := s.Bill(ctx, api.BillQuery{Run: run.ID}); err != nil || len(b.Lines) == 0 {
		t.Errorf("the bill is %+v, %v", b, err)
	}
	if b, err := s.Budgets(ctx); err != nil || len(b) != 1 || b[0].Spent.IsZero() {
		t.Errorf("the budgets stand at %+v, %v", b, err)
	}
}

func TestAVerbThatWritesPerformsNothing(t *testing.T) {
	h := build(t, greeter)
	if _, err := h.cloud.Order(fakecloud.Fault{Service: "openai", Kind: fakecloud.Stall}); err != nil {
		t.Fatal(err)
	}
	h.Config.Drain = 200 * time.Millisecond
	ctx, s, done := h.connect(t, node.ToRun)
	var runs []string
	for range 2 {
		run, err := s.StartRun(ctx, api.StartRun{Agent: "greeter", Input: map[string]string{"name": "you"}})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run.ID)
	}
	if err := h.cloud.Log().Wait(ctx, func(l []fakecloud.Line) bool { return len(l) >= 2 }); err != nil {
		t.Fatal(err)
	}
	done() // the answers never come
	h.cloud.Clear()
	asked := len(h.cloud.Log().Lines())

	h.Config = nil // nothing of it is needed
	ctx, s, done = h.connect(t, node.ToChange)
	if _, err := s.CancelRun(ctx, runs[0], "enough"); err != nil {
		t.Error(err)
	}
	if _, err := s.CreateKey(ctx, api.NewKey{Name: "k"}); err != nil {
		t.Error(err)
	}
	done()
	if n := len(h.cloud.Log().Lines()); n != asked {
		t.Errorf("the services were asked %d times more", n-asked)
	}
	ctx, s, done = h.connect(t, node.ToRead)
	defer done()
	for i, want := range []agent.Status{agent.Canceled, agent.Running} {
		r, err := s.Run(ctx, runs[i])
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != want && !(want == agent.Running && r.Status == agent.Sleeping) {
			t.Errorf("run %d is %s, want %s", i, r.Status, want)
		}
	}
}

func TestAnOwnerThatIsAboutToLeaveIsWaitedFor(t *testing.T) {
	h := build(t, greeter)
	_, _, done := h.connect(t, node.ToChange) // it has the lock, and no socket
	connected := make(chan error, 1)
	go func() {
		_, leave, err := node.Connect(context.WithoutCancel(t.Context()), h.Options, node.ToChange)
		if err == nil {
			leave()
		}
		connected <- err
	}()
	done()
	if err := <-connected; err != nil {
		t.Errorf("got %v", err)
	}
}

func TestWhoeverWaitsForAnOwnerCanBeStopped(t *testing.T) {
	h := build(t, greeter)
	_, _, done := h.connect(t, node.ToChange)
	defer done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := node.Connect(ctx, h.Options, node.ToChange); !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrOwned) {
		t.Errorf("got %v", err)
	}
}

// What a file can be wrong in only beside others is told with its line, before
// anything is served.
func TestAMistakeOfAToolHasItsLine(t *testing.T) {
	h := build(t, "version: 1\nproviders: {up: {kind: openai, endpoint: \"http://${CLOUD}/v1\"}}\ntools:\n  alerts: {notify: \"smtp://x\"}\n")
	_, err := node.Open(t.Context(), h.Options)
	var m config.Mistakes
	if !errors.As(err, &m) || !strings.Contains(err.Error(), "skein.yaml:4: tools.alerts.notify: ") {
		t.Errorf("got %v", err)
	}
}

// Everything that a process keeps in tables can be folded again from its records.
func TestAllViewsCanBeRebuilt(t *testing.T) {
	h := build(t, greeter)
	ctx, s, done := h.connect(t, node.ToRun)
	run, err := s.StartRun(ctx, api.StartRun{Agent: "greeter", Input: map[string]string{"name": "you"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FollowRun(ctx, run.ID, 0, func(api.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateKey(ctx, api.NewKey{Name: "k"}); err != nil {
		t.Fatal(err)
	}
	done()
	st, err := store.Open(t.Context(), h.Data, store.Options{Views: node.Views(), Log: h.Log})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	storetest.CheckRebuild(t, st, node.Views())
}
