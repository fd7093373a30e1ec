package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

// play runs the analysts to their end, with what goes wrong.
func (t *tour) play(ctx context.Context) error {
	for _, f := range t.plan.faults { // of stand-ins only
		if err := t.fake.order(ctx, f); err != nil {
			return err
		}
	}
	t.say("\n== what happens: seconds, step, deployment, how long, what it cost, what came of it (and of its tools) ==\n")
	if err := t.startRuns(ctx); err != nil {
		return err
	}
	tell := t.newTeller()
	for _, moment := range t.plan.kills {
		stop := t.watch(ctx, tell)
		words, err := t.kill(ctx, moment)
		stop()
		if err != nil {
			return err
		}
		if words == "" {
			break
		}
		if err := t.leftovers(ctx, tell); err != nil {
			return err
		}
		t.say("\n%s", words)
		before := time.Now()
		if err := t.startSkein(ctx); err != nil {
			return err
		}
		t.say("== started again, and answering after %s: every run goes on where it was ==\n", show.Took(time.Since(before)))
	}
	stop := t.watch(ctx, tell)
	err := t.untilEnded(ctx)
	stop()
	if err != nil {
		return err
	}
	c := t.client()
	defer c.Close()
	return tell.whole(ctx, c, t.ids) // what nobody had heard of when the last run ended
}

// startRuns starts one run a company.
func (t *tour) startRuns(ctx context.Context) error {
	c := t.client()
	defer c.Close()
	t.begun = time.Now()
	for _, company := range t.plan.companies {
		s := api.StartRun{Agent: "analyst", Input: map[string]string{"company": company}, Idempotency: "demo-" + company}
		if company == poor {
			s.Budget = t.plan.budget
		}
		run, err := c.StartRun(ctx, s)
		if err != nil {
			return fmt.Errorf("start the run for %s: %w", company, err)
		}
		t.names[run.ID] = company
		t.ids = append(t.ids, run.ID)
	}
	return nil
}

// kill waits for its moment, kills the process with no warning, and says what it
// interrupted; nothing where all runs had ended before.
func (t *tour) kill(ctx context.Context, at moment) (words string, err error) {
	c := t.client()
	defer c.Close()
	var busy activity
	hit := false
	if perr := poll(ctx, func() bool {
		if err = t.look(ctx, c, &busy); err != nil {
			return true
		}
		hit = at(&busy)
		// Skein is asked less often than the log: it has to do something for it.
		return hit || busy.asked%20 == 0 && ended(ctx, c, t.ids)
	}); perr != nil {
		return "", perr
	}
	if err != nil || !hit {
		return "", err
	}
	if err := t.skein.kill(); err != nil {
		return "", err
	}
	if t.fake == nil {
		return fmt.Sprintf("== SIGKILL at %.2fs: process %d is gone, after %s ==", time.Since(t.begun).Seconds(), t.skein.pid(), count(busy.steps, "step")), nil
	}
	return fmt.Sprintf("== SIGKILL at %.2fs: process %d is gone, with %s in mid-stream, %s written and %s sent ==",
		time.Since(t.begun).Seconds(), t.skein.pid(), count(busy.answering, "model answer"), count(busy.findings, "finding"), count(busy.notices, "notice")), nil
}

// look sees how far things are: in the stand-ins' log or, where there is none, in what
// Skein says.
func (t *tour) look(ctx context.Context, c *api.Client, a *activity) error {
	if t.fake != nil {
		return t.fake.follow(ctx, t.plan.scene, a)
	}
	a.asked++
	a.steps = 0
	runs, err := c.Runs(ctx, api.RunQuery{Limit: 1000})
	for i := range runs {
		a.steps += runs[i].Steps
	}
	return err
}

// leftovers tells what a killed process had committed and nobody had heard of.
func (t *tour) leftovers(ctx context.Context, tell *teller) error {
	ctx = auth.With(ctx, auth.Owner())
	s, done, err := node.Connect(ctx, node.Options{Data: t.Dir, Log: slog.New(slog.DiscardHandler)}, node.ToRead)
	if err != nil {
		return fmt.Errorf("read what the killed process left: %w", err)
	}
	defer done()
	tell.records(func(id string) (*dispatch.CallRecord, error) { return s.Call(ctx, id) })
	defer tell.records(t.callRecord)
	if err := tell.whole(ctx, s, t.ids); err != nil {
		return fmt.Errorf("read what the killed process left: %w", err)
	}
	return nil
}

// untilEnded waits for the end of every run.
func (t *tour) untilEnded(ctx context.Context) error {
	c := t.client()
	defer c.Close()
	return t.skein.until(ctx, "end all runs", longest, func() bool { return ended(ctx, c, t.ids) || t.answer(ctx, c) })
}

// answer looks for effects in doubt, and does what a person would: it looks at the
// service whether the thing has happened, and says so. It reports false: the runs go on.
func (t *tour) answer(ctx context.Context, c *api.Client) bool {
	runs, err := c.Runs(ctx, api.RunQuery{Status: agent.InDoubt, Limit: 1000})
	if err != nil || t.fake == nil {
		return false // the process may be gone, which somebody else sees
	}
	for i := range runs {
		run, err := c.Run(ctx, runs[i].ID)
		if err != nil {
			continue
		}
		log, err := t.fake.log(ctx)
		if err != nil {
			continue
		}
		for _, d := range run.Doubts {
			said, command := "not-done", path.Dir(d.Effect) // which an earlier try may have done
			if slices.ContainsFunc(log, func(ln fakecloud.Line) bool { return ln.Command == command && ln.Done }) {
				said = "done"
			}
			if _, err := c.ResolveEffect(ctx, run.ID, d.Effect, api.Answer{Answer: said}); err == nil {
				t.say("%-10s          in doubt: %s; the topic's own log says %s, and so somebody says\n%-10s          skein resolve %s %s %s", t.names[run.ID], d.Tool, said, "", run.ID, d.Effect, said)
			}
		}
	}
	return false
}

// longest is more than the time that a run may take.
const longest = 35 * time.Minute

func ended(ctx context.Context, c *api.Client, ids []string) bool {
	runs, err := c.Runs(ctx, api.RunQuery{Limit: 1000})
	if err != nil {
		return false // the process may be gone, which somebody else sees
	}
	left := len(ids)
	for i := range runs {
		if runs[i].Status.Ended() && slices.Contains(ids, runs[i].ID) {
			left--
		}
	}
	return left == 0
}

// watch takes in the runs' events as they come, until it is stopped.
func (t *tour) watch(ctx context.Context, tell *teller) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, id := range t.ids {
		wg.Go(func() {
			c := t.client()
			defer c.Close()
			// It ends with an error when Skein is killed: that is the point.
			_ = c.FollowRun(ctx, id, tell.seen(id), func(e api.Event) error {
				tell.take(id, &e)
				return nil
			})
		})
	}
	wg.Go(func() {
		_ = poll(ctx, func() bool { tell.tell(); return false }) // until ctx ends
	})
	return func() {
		cancel()
		wg.Wait()
		tell.tell()
	}
}

// teller tells the events of all runs in their order, although they come over a
// connection for each run.
type teller struct {
	t       *tour
	mu      sync.Mutex
	stories map[string]*show.Story
	call    func(id string) (*dispatch.CallRecord, error)
	out     bytes.Buffer
	waiting []waiting
	last    map[string]int64 // lsn of the last event taken in, by run
}

type waiting struct {
	run   string
	event api.Event
	since time.Time
}

// patience is how long an event waits for earlier ones.
const patience = 60 * time.Millisecond

func (t *tour) newTeller() *teller {
	w := &teller{t: t, stories: map[string]*show.Story{}, last: map[string]int64{}, call: t.callRecord}
	record := func(id string) *dispatch.CallRecord {
		rec, err := w.call(id)
		if err != nil {
			return nil // the story is told without it
		}
		return rec
	}
	for id, company := range t.names {
		w.stories[id] = show.NewStory(&w.out, show.StoryOptions{Since: t.begun, Prefix: fmt.Sprintf("%-10s", company), Call: record})
	}
	return w
}

// callRecord asks for the record of a call.
func (t *tour) callRecord(id string) (*dispatch.CallRecord, error) {
	c := t.client()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.Call(ctx, id)
}

// records says where the records of calls are to be had from now on.
func (w *teller) records(call func(id string) (*dispatch.CallRecord, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = call
}

func (w *teller) seen(run string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[run]
}

// take takes an event in, once.
func (w *teller) take(run string, e *api.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.LSN <= w.last[run] {
		return
	}
	w.last[run] = e.LSN
	w.waiting = append(w.waiting, waiting{run, *e, time.Now()})
}

// tell tells what has waited long enough, and everything before it.
func (w *teller) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sort()
	n := 0
	for i := range w.waiting {
		if time.Since(w.waiting[i].since) >= patience {
			n = i + 1
		}
	}
	w.write(n)
}

// whole tells all that the runs' journals hold.
func (w *teller) whole(ctx context.Context, s api.Service, ids []string) error {
	for _, id := range ids {
		run, err := s.Run(ctx, id)
		if err != nil {
			return err
		}
		for i := range run.Timeline {
			w.take(id, &run.Timeline[i])
		}
	}
	w.rest()
	return nil
}

// rest tells everything, also answers that wait for their tools.
func (w *teller) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sort()
	w.write(len(w.waiting))
	for _, s := range w.stories {
		_ = s.Flush() // as below
	}
	w.write(0)
}

func (w *teller) sort() {
	slices.SortFunc(w.waiting, func(a, b waiting) int { return cmp.Compare(a.event.LSN, b.event.LSN) })
}

// write tells the first n events that wait.
func (w *teller) write(n int) {
	for i := range w.waiting[:n] {
		_ = w.stories[w.waiting[i].run].Add(&w.waiting[i].event) // a buffer takes everything
	}
	w.waiting = slices.Delete(w.waiting, 0, n)
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	_, _ = w.out.WriteTo(w.t.Out) // whoever has closed the terminal reads nothing
}
