package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

// StartRequest asks for a run.
type StartRequest struct {
	Agent  string
	Input  map[string]string
	Key    string       // a second start under the same key is the same run
	Budget money.Amount // replaces the agent's; zero keeps it
	By     string       // who asks

	Project, Team, Customer, APIKey string
}

// Start begins a run and returns its id once its first record is durable. again
// says that the key had been used before: the run is the earlier one.
func (e *Engine) Start(ctx context.Context, r StartRequest) (run string, again bool, err error) {
	a := e.o.Agents[r.Agent]
	if a == nil {
		return "", false, fmt.Errorf("%w %q; there are: %s", ErrNoAgent, r.Agent, e.agentNames())
	}
	goal, err := a.expand(r.Input)
	if err != nil {
		return "", false, err
	}
	run = e.o.NewID("run_")
	if r.Key != "" {
		earlier, mine, failed := e.claim(ctx, r, run)
		if failed != nil || earlier != "" {
			return earlier, earlier != "", failed
		}
		defer func() { e.release(r, mine, err) }()
	}
	input, err := json.Marshal(r.Input)
	if err != nil {
		return "", false, fmt.Errorf("encode the inputs: %w", err)
	}
	limits := a.Definition.Limits
	if !r.Budget.IsZero() {
		limits.Budget = r.Budget
	}
	ref, payload := e.keep(run, run+"/goal", []byte(goal))
	def, err := json.Marshal(a.Definition)
	if err != nil {
		return "", false, fmt.Errorf("encode the definition of %s: %w", r.Agent, err)
	}
	in := agent.Input{Kind: agent.Started, At: e.o.Now(), Start: &agent.Start{
		Run: run, Org: e.o.Org, Agent: r.Agent, Definition: a.Hash, Model: a.Definition.Model, Limits: limits,
		OutputCap: a.Definition.OutputCap, Goal: ref, Input: input, Key: r.Key, By: r.By,
		Project: r.Project, Team: r.Team, Customer: r.Customer, APIKey: r.APIKey, Trace: e.o.Trace.Parent(ctx),
	}}
	if err := e.o.Budgets.OpenRun(run, limits.Budget, money.Amount{}); err != nil {
		return "", false, fmt.Errorf("%w: %w", ErrBadInput, err)
	}
	_, _, err = e.submit(ctx, run, in, &attachment{
		records:  []store.Record{{Org: e.o.Org, Kind: DefinitionKind, Version: 1, Config: e.o.Revision, Body: def}},
		payloads: []store.Payload{payload},
	})
	if err != nil {
		return "", false, fmt.Errorf("start a run of %s: %w", r.Agent, err)
	}
	e.traceOf(in.Start).Started(r.By, in.At, e.o.Now())
	e.o.Log.Info("run started", "run", run, "agent", r.Agent)
	return run, false, nil
}

// starting is a start on its way, under its key.
type starting struct {
	run  string
	over chan struct{} // closed: the run is durable, or err says why it may not be
	err  error
}

// claim takes a start's key, or finds the run that has it. One that is on its way under
// the same key is waited for: who hears of a run may rely on it.
func (e *Engine) claim(ctx context.Context, r StartRequest, run string) (earlier string, mine *starting, err error) {
	key := r.Project + "\x00" + r.Key
	mine = &starting{run: run, over: make(chan struct{})}
	for {
		e.mu.Lock()
		other := e.keys[key]
		if other == nil {
			e.keys[key] = mine
		}
		e.mu.Unlock()
		if other == nil {
			break
		}
		select {
		case <-other.over:
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
		if other.err == nil {
			return other.run, nil, nil
		}
	}
	earlier, err = RunOfKey(ctx, e.o.Store.Reader(), e.o.Org, r.Project, r.Key)
	if err == nil && earlier != "" {
		mine.run = earlier
	}
	if err != nil || earlier != "" {
		e.release(r, mine, err)
	}
	return earlier, mine, err
}

func (e *Engine) release(r StartRequest, mine *starting, err error) {
	e.mu.Lock()
	delete(e.keys, r.Project+"\x00"+r.Key)
	e.mu.Unlock()
	mine.err = err
	close(mine.over)
}

// Cancel ends a run and calls off what is being performed.
func (e *Engine) Cancel(ctx context.Context, run, by, why string) error {
	return e.ask(ctx, run, agent.Input{Kind: agent.CancelAsked, By: by, Why: why})
}

// ResumeRequest says under which limits a run goes on; zero keeps what it had.
type ResumeRequest struct {
	By     string
	Budget money.Amount
	Steps  int
	Time   time.Duration
}

// Resume goes on with a run that had stopped at a limit, or failed.
func (e *Engine) Resume(ctx context.Context, run string, r ResumeRequest) error {
	st, _, err := ReadRun(ctx, e.o.Store, e.o.Org, run)
	if err != nil {
		return err
	}
	limits := st.Limits
	if !r.Budget.IsZero() {
		limits.Budget = r.Budget
	}
	if r.Steps > 0 {
		limits.Steps = r.Steps
	}
	if r.Time > 0 {
		limits.Time = r.Time
	}
	if st.Status.Ended() {
		if err := e.openBudget(ctx, run, limits.Budget); err != nil {
			return err
		}
	}
	err = e.ask(ctx, run, agent.Input{Kind: agent.Resumed, By: r.By, Limits: &limits})
	if err != nil && st.Status.Ended() {
		e.o.Budgets.CloseRun(run) // it stays ended
	}
	return err
}

// Resolve says what became of an effect in doubt. The command is named by its id,
// or by the id of the effect.
func (e *Engine) Resolve(ctx context.Context, run, command, answer, by, told string) error {
	switch answer {
	case agent.AnswerDone, agent.AnswerNotDone, agent.AnswerAbandon:
	default:
		return fmt.Errorf("%w: answer %q; want done, not-done or abandon", ErrBadInput, answer)
	}
	st, _, err := ReadRun(ctx, e.o.Store, e.o.Org, run)
	if err != nil {
		return err
	}
	var o *agent.Open
	for i := range st.Open {
		if c := &st.Open[i]; c.Doubt && (c.ID == command || c.Effect() == command) {
			o = c
		}
	}
	if o == nil {
		return fmt.Errorf("%w: %s has no effect %q in doubt", ErrNotFit, run, command)
	}
	if told == "" {
		told = map[string]string{
			agent.AnswerDone:    "A person has confirmed that this was done.",
			agent.AnswerAbandon: "It is not known whether this was done, and it will not be tried again.",
		}[answer]
	}
	ref, payload := e.keep(run, o.Effect()+"/resolved/"+answer, []byte(told))
	in := agent.Input{Kind: agent.Resolved, Command: o.ID, Resolve: &agent.Resolve{ID: o.Effect(), Answer: answer, Told: ref, By: by}}
	return e.askWith(ctx, run, in, &attachment{payloads: []store.Payload{payload}})
}

func (e *Engine) ask(ctx context.Context, run string, in agent.Input) error {
	return e.askWith(ctx, run, in, nil)
}

// askWith hands in a person's wish, and says so where it did not fit.
func (e *Engine) askWith(ctx context.Context, run string, in agent.Input, a *attachment) error {
	in.At = e.o.Now()
	rec, _, err := e.submit(ctx, run, in, a)
	switch {
	case errors.Is(err, ErrNoRun):
		return fmt.Errorf("%w: %s", ErrNoRun, run)
	case err != nil:
		return err
	case rec.Decision.Ignored != "":
		return fmt.Errorf("%w: %s", ErrNotFit, rec.Decision.Ignored)
	}
	return nil
}

// Recover goes on with every run that had not ended, and returns how many there
// are. It is called once, after the ledger has booked what a crash left open.
func (e *Engine) Recover(ctx context.Context) (int, error) {
	runs, err := List(ctx, e.o.Store.Reader(), Query{Org: e.o.Org, Unfinished: true, Limit: -1})
	if err != nil {
		return 0, fmt.Errorf("find the runs that had not ended: %w", err)
	}
	for i := range runs {
		e.load(runs[i].Run)
	}
	return len(runs), nil
}

// load reads a run for the scheduler.
func (e *Engine) load(run string) {
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		st, epoch, err := ReadRun(e.ctx, e.o.Store, e.o.Org, run)
		switch {
		case errors.Is(err, ErrNoRun):
			st = nil
		case err != nil:
			// It stays as it is, and says so: a poisoned journal stops no other run.
			e.o.Log.Error("a run cannot be read and is left alone", "run", run, "err", err)
			st = nil
		case !st.Status.Ended():
			if err := e.openBudget(e.ctx, run, st.Limits.Budget); err != nil {
				e.o.Log.Error("a run's budget cannot be read, and the run is left alone", "run", run, "err", err)
				st = nil
			}
		}
		e.post(sched.Event{Kind: sched.Loaded, Run: run, State: st, Epoch: epoch}, nil)
	}()
}

// openBudget sets the budget of a run that has been going on before. What it has
// spent is the ledger's to say: the run's own records do not know of what a crash
// hid from them.
func (e *Engine) openBudget(ctx context.Context, run string, limit money.Amount) error {
	if limit.IsZero() {
		return nil
	}
	spent, err := ledger.SpentBy(ctx, e.o.Store.Reader(), e.o.Org, run)
	if err != nil {
		return fmt.Errorf("read what %s has spent: %w", run, err)
	}
	return e.o.Budgets.OpenRun(run, limit, spent)
}

// Journal is where a run's records are read from.
type Journal interface {
	Records(ctx context.Context, after int64, f store.Filter, limit int) ([]store.Record, error)
}

// ReadRun folds a run's journal, and finds the epoch of its last owner.
func ReadRun(ctx context.Context, j Journal, org, run string) (*agent.State, int64, error) {
	records, err := ReadJournal(ctx, j, org, run)
	if err != nil {
		return nil, 0, err
	}
	st, epoch := &agent.State{}, int64(0)
	for i := range records {
		agent.Apply(st, records[i].Record)
		epoch = records[i].Epoch
	}
	return st, epoch, nil
}

// Entry is one record of a run's journal with its place in the store.
type Entry struct {
	LSN   int64
	Epoch int64
	agent.Record
}

// ReadJournal is all records of a run, in order.
func ReadJournal(ctx context.Context, j Journal, org, run string) ([]Entry, error) {
	const page = 1000
	var entries []Entry
	for after := int64(0); ; {
		records, err := j.Records(ctx, after, store.Filter{Org: org, Kinds: []string{agent.Kind}, Stream: run, Ordered: true}, page)
		if err != nil {
			return nil, fmt.Errorf("read the journal of %s: %w", run, err)
		}
		for i := range records {
			rec, err := agent.Decode(records[i].Version, records[i].Body)
			if err != nil {
				return nil, fmt.Errorf("%s, lsn %d: %w", run, records[i].LSN, err)
			}
			entries = append(entries, Entry{LSN: records[i].LSN, Epoch: records[i].Epoch, Record: rec})
			after = records[i].LSN
		}
		if len(records) < page {
			break
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoRun, run)
	}
	return entries, nil
}
