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
	"sync"
	"time"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/store"
)

// Options say how the tour goes.
type Options struct {
	Exe   string        // this program
	Dir   string        // what it leaves behind; made anew
	Cloud string        // whose services: aws (the default), azure or gcp
	Real  bool          // real models in place of the stand-in ones; where Cloud is named, its real services, too
	Dry   bool          // say what a real tour would use and cost, and do nothing
	Pace  time.Duration // between chunks of the stand-in models' answers
	Out   io.Writer
}

// realCloud reports whether the tour is given in a real account.
func (o *Options) realCloud() bool { return o.Real && o.Cloud != "" }

// tour is one run of the demo.
type tour struct {
	Options
	cloud *process
	skein *process
	fake  *witness
	plan  *plan
	ids   []string          // of the runs, in the order of the companies
	names map[string]string // run → company
	begun time.Time         // when the runs were started

	mu  sync.Mutex // of Out
	now time.Time  // when the tour began
}

// poor is the company whose run is given too little money to finish.
const poor = "Walmart"

// The errors of a tour that did not come to its end as it should.
var (
	ErrLeft     = errors.New("the demo was left in the middle")
	ErrMistakes = errors.New("the demo found mistakes")
)

// Run gives the tour. The error says what did not come out as promised.
func Run(ctx context.Context, o Options) error {
	p, err := newPlan(o)
	if err != nil {
		return err
	}
	if o.Dry {
		return newTour(o, p).dry()
	}
	return newTour(o, p).give(ctx)
}

func newTour(o Options, p *plan) *tour {
	return &tour{Options: o, plan: p, names: map[string]string{}, now: time.Now()}
}

// give gives the tour.
func (t *tour) give(ctx context.Context) error {
	err := t.stage(ctx)
	if err == nil {
		err = t.play(ctx)
	}
	var j *judgement
	if err == nil {
		j, err = t.evidence(ctx)
	}
	t.skein.stop(10 * time.Second)
	if ctx.Err() != nil && t.skein != nil {
		t.left()
		return ErrLeft
	}
	t.cloud.stop(5 * time.Second)
	if err != nil {
		return fmt.Errorf("%w (what the two processes said is in %s and %s)", err,
			filepath.Join(t.Dir, "skein.log"), filepath.Join(t.Dir, "fakecloud.log"))
	}
	return t.judge(j)
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
	if err := os.MkdirAll(filepath.Join(dir, "fakecloud"), 0o755); err != nil {
		return fmt.Errorf("make the demo's folder: %w", err)
	}
	if err := analyst.BuildHistory(filepath.Join(dir, "history.db")); err != nil {
		return err
	}
	address := ""
	if !t.realCloud() {
		if address, err = t.standIns(ctx, dir); err != nil {
			return err
		}
		t.fake = &witness{address: address}
	}
	conf, err := t.plan.config(address)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "skein.yaml"), conf, 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	t.say("Skein demo: the financial analyst, for %d companies at once\n", len(t.plan.companies))
	if t.fake != nil {
		t.say("  stand-in services  http://%s (process %d): two model providers, %s", address, t.cloud.pid(), t.plan.scene.services)
	} else {
		t.say("  services           %s, and its models: real ones", t.plan.scene.services)
	}
	t.say("  data, config       %s", t.Dir)
	for _, line := range t.plan.words {
		t.say("  %s", line)
	}
	return t.startSkein(ctx)
}

// standIns starts the stand-in services, with the filings in their object store.
func (t *tour) standIns(ctx context.Context, dir string) (address string, err error) {
	cloudDir := filepath.Join(dir, "fakecloud")
	if err := analyst.WriteFilings(filepath.Join(cloudDir, "filings")); err != nil {
		return "", err
	}
	if t.cloud, err = start("fakecloud", t.Exe, dir, nil, t.cloudArgs("127.0.0.1:0")...); err != nil {
		return "", err
	}
	file := filepath.Join(cloudDir, "address")
	err = t.cloud.until(ctx, "give its address", soon, func() bool { return written(file) != "" })
	return written(file), err
}

// cloudArgs is the command line of the stand-in services.
func (t *tour) cloudArgs(listen string) []string {
	dir := filepath.Join(t.Dir, "fakecloud")
	return append([]string{
		"fakecloud", "--listen", listen, "--dir", dir,
		"--objects", t.plan.scene.bucket + "=" + filepath.Join(dir, "filings"), "--pace", t.Pace.String(),
	}, t.plan.scene.resources...)
}

// startSkein starts the process under test and waits until it answers.
func (t *tour) startSkein(ctx context.Context) error {
	var env []string
	if t.fake != nil {
		env = t.plan.scene.environ(t.Real)
	}
	p, err := start("skein", t.Exe, t.Dir, env, "serve", "--listen", "127.0.0.1:0",
		"--data", t.Dir, "--config", filepath.Join(t.Dir, "skein.yaml"))
	if err != nil {
		return err
	}
	t.skein = p
	c := t.client()
	defer c.Close()
	return p.until(ctx, "answer", soon, func() bool { return c.Ping(ctx) == nil })
}

// client is a new client of whichever process serves the data now.
func (t *tour) client() *api.Client { return api.DialSocket(store.SocketPath(t.Dir)) }

func (t *tour) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
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
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
	}
	// Both are in every demo's folder, unless it was left as the first of them was made.
	if len(entries) > 0 && !(has("fakecloud") && (has("history.db") || len(entries) == 1)) {
		return fmt.Errorf("%s is not empty and not of an earlier demo: name another folder with --dir", dir)
	}
	if owner, err := store.ReadOwner(dir); err == nil && api.DialSocket(owner.Socket).Ping(context.Background()) == nil {
		return fmt.Errorf("a Skein (process %d) still serves %s: stop it first, or name another folder with --dir", owner.PID, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the earlier demo's folder: %w", err)
	}
	return nil
}
