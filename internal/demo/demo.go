// Package demo is the guided tour behind `skein demo`: the financial analyst, for
// several companies at once, with a provider that dies in the middle of an answer
// and the process killed on the way. It starts this same program twice, once as
// the stand-in services, which outlive the kill, and once as Skein, and talks to
// both from outside. At the end the stand-ins' own log is the judge: of what was
// written, who was notified, and what everything consumed.
//
// What it leaves in its folder is an ordinary data directory with its
// configuration; every verb works on it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/show"
	"github.com/skein-run/skein/internal/store"
)

// Options say how the tour goes.
type Options struct {
	Exe  string        // this program
	Dir  string        // what it leaves behind; made anew
	Real bool          // a real model in place of the stand-in ones
	Pace time.Duration // between chunks of the stand-in models' answers
	Out  io.Writer
}

// tour is one run of the demo.
type tour struct {
	Options
	cloud *process
	skein *process
	fake  *witness
	plan  *plan
	names map[string]string // run → company
	out   sync.Mutex
	begun time.Time
}

// poor is the company whose run is given too little money to finish.
const poor = "Walmart"

// Run gives the tour. The error says what did not come out as promised.
func Run(ctx context.Context, o Options) error {
	t := &tour{Options: o, names: map[string]string{}, begun: time.Now()}
	var err error
	if t.plan, err = newPlan(o.Real); err != nil {
		return err
	}
	if err := t.stage(ctx); err != nil {
		return err
	}
	err = t.play(ctx)
	t.skein.stop(10 * time.Second)
	if ctx.Err() != nil {
		t.say("\nLeft in the middle. The stand-in services go on (process %d); Skein goes on where it was with\n\n  %s serve --data %s --config %s\n",
			t.cloud.pid(), t.Exe, t.Dir, filepath.Join(t.Dir, "skein.yaml"))
		return ctx.Err()
	}
	t.cloud.stop(5 * time.Second)
	return err
}

// stage builds the folder and starts both processes.
func (t *tour) stage(ctx context.Context) error {
	if err := clearDir(t.Dir); err != nil {
		return err
	}
	dir, err := filepath.Abs(t.Dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", t.Dir, err)
	}
	t.Dir = relative(dir)
	cloudDir := filepath.Join(dir, "fakecloud")
	filings := filepath.Join(cloudDir, "filings")
	if err := os.MkdirAll(cloudDir, 0o755); err != nil {
		return fmt.Errorf("make the demo's folder: %w", err)
	}
	if err := os.CopyFS(filings, analyst.Filings()); err != nil {
		return fmt.Errorf("lay out the filings: %w", err)
	}
	if err := analyst.BuildHistory(filepath.Join(dir, "history.db")); err != nil {
		return err
	}
	t.cloud, err = start("fakecloud", t.Exe, dir, nil, "fakecloud", "--listen", "127.0.0.1:0",
		"--dir", cloudDir, "--objects", "filings="+filings, "--pace", t.Pace.String())
	if err != nil {
		return err
	}
	address := filepath.Join(cloudDir, "address")
	if err := t.cloud.until(ctx, "its address", func() bool { return written(address) != "" }); err != nil {
		return err
	}
	t.fake = &witness{base: "http://" + written(address)}
	conf, err := t.plan.config(written(address))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "skein.yaml"), conf, 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	t.say("Skein demo: the financial analyst\n")
	t.say("  stand-in services  http://%s (process %d): two model providers, objects, table, topic", written(address), t.cloud.pid())
	t.say("  data, config       %s", t.Dir)
	for _, line := range t.plan.intro() {
		t.say("  %s", line)
	}
	return t.startSkein(ctx)
}

// startSkein starts the process under test and waits until it answers.
func (t *tour) startSkein(ctx context.Context) error {
	p, err := start("skein", t.Exe, t.Dir, nil, "serve", "--listen", "127.0.0.1:0",
		"--data", t.Dir, "--config", filepath.Join(t.Dir, "skein.yaml"))
	if err != nil {
		return err
	}
	t.skein = p
	return p.until(ctx, "it to answer", func() bool { return t.client().Ping(ctx) == nil })
}

// client is a new client of whichever process serves the data now.
func (t *tour) client() *api.Client { return api.DialSocket(store.SocketPath(t.Dir)) }

// play runs the analysts, with what goes wrong, and judges what came out.
func (t *tour) play(ctx context.Context) error {
	for _, f := range t.plan.faults() {
		if err := t.fake.order(ctx, f); err != nil {
			return err
		}
	}
	t.say("\n== %d runs at once ==\n", len(t.plan.companies))
	ids, err := t.startRuns(ctx)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	watched := t.watch(watching, ids, nil)
	if err := t.killWhenBusy(ctx); err != nil {
		stop()
		<-watched
		return err
	}
	stop()
	after := <-watched
	before := time.Now()
	if err := t.startSkein(ctx); err != nil {
		return err
	}
	t.say("\n== started again after %s: every run goes on where it was ==\n", show.Took(time.Since(before)))
	<-t.watch(ctx, ids, after)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return t.judge(ctx, ids)
}

// startRuns starts one run a company.
func (t *tour) startRuns(ctx context.Context) ([]string, error) {
	c := t.client()
	defer c.Close()
	var ids []string
	for _, company := range t.plan.companies {
		s := api.StartRun{Agent: "analyst", Input: map[string]string{"company": company}, Idempotency: "demo-" + company}
		if company == poor {
			s.Budget = t.plan.tooLittle()
		}
		run, err := c.StartRun(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("start the run for %s: %w", company, err)
		}
		t.names[run.ID] = company
		ids = append(ids, run.ID)
	}
	return ids, nil
}

// watch prints the runs' events as they come, until all have ended or ctx does.
// It answers with the last lsn seen of each.
func (t *tour) watch(ctx context.Context, ids []string, after map[string]int64) <-chan map[string]int64 {
	var mu sync.Mutex
	seen := map[string]int64{}
	var wg sync.WaitGroup
	for _, id := range ids {
		mu.Lock()
		seen[id] = after[id]
		mu.Unlock()
		wg.Go(func() {
			c := t.client()
			defer c.Close()
			_ = c.FollowRun(ctx, id, after[id], func(e api.Event) error { // it ends when Skein is killed: that is the point
				mu.Lock()
				seen[id] = e.LSN
				mu.Unlock()
				t.event(id, e)
				return nil
			})
		})
	}
	done := make(chan map[string]int64, 1)
	go func() {
		wg.Wait()
		done <- seen
	}()
	return done
}

// event prints what is worth seeing of one event.
func (t *tour) event(run string, e api.Event) {
	if e.Kind == agent.EffectStarted {
		return
	}
	t.say("%-10s %s", t.names[run], show.Event(&e))
}

// killWhenBusy waits until something was written and more is under way, and kills
// the process with no warning.
func (t *tour) killWhenBusy(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(5 * time.Minute)
	for {
		busy, err := t.fake.busy(ctx)
		if err != nil {
			return err
		}
		if busy.ready(t.Real) || time.Now().After(deadline) {
			if err := t.skein.kill(); err != nil {
				return err
			}
			t.say("\n== SIGKILL: process %d is gone, with %d model answers in mid-stream, %d findings written and %d notices sent ==",
				t.skein.pid(), busy.answering, busy.findings, busy.notices)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (t *tour) say(format string, args ...any) {
	t.out.Lock()
	defer t.out.Unlock()
	fmt.Fprintf(t.Out, format+"\n", args...)
}

// clearDir removes what an earlier demo left, and nothing else.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into %s: %w", dir, err)
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "fakecloud" }) {
		return fmt.Errorf("%s is not empty and not of an earlier demo: name another folder with --dir", dir)
	}
	if owner, err := store.ReadOwner(dir); err == nil && api.DialSocket(owner.Socket).Ping(context.Background()) == nil {
		return fmt.Errorf("a Skein (process %d) still serves %s: stop it first", owner.PID, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the earlier demo's folder: %w", err)
	}
	return nil
}

// relative is a path as somebody standing here would type it.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// finding is what the table holds for a company.
type finding = map[string]any
