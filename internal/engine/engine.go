// Package engine runs agents. It drives the `agent` machine through the scheduler
// of engine/sched, which decides what happens next; here are the goroutines, the
// store, the money and the outside: model calls go through `dispatch`, effects
// through `tool`.
//
// What is atomic together is one batch: a model's answer, its entry, the call's
// record and the run's record of what was decided; an effect's result likewise.
// Before a metered effect's first byte leaves, a record of what it may cost is
// durable, and for a class that must not be repeated, one that says that it may
// have begun.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/wire"
)

// Options is what an engine stands on.
type Options struct {
	Org      string
	Revision string // of the configuration
	Store    Store
	Calls    Calls
	Budgets  Budgets
	Cards    func(r tool.Resource, now time.Time) (*price.Card, bool)
	Codecs   func(llm.Format) wire.Codec
	Agents   map[string]*Agent
	Slots    sched.Config
	Metrics  Metrics // nil: not measured
	Trace    *telemetry.Tracer
	Log      *slog.Logger
	Now      func() time.Time
	NewID    func(prefix string) string
}

// Store is what the engine writes to and reads from.
type Store interface {
	Submit(b store.Batch, done func(first int64, err error))
	Records(ctx context.Context, after int64, f store.Filter, limit int) ([]store.Record, error)
	Payload(ctx context.Context, org, ref string) (store.Payload, error)
	Reader() store.Reader
}

// Calls serves model calls; *[dispatch.Dispatcher] is one.
type Calls interface {
	Do(ctx context.Context, c dispatch.Call) (*dispatch.CallRecord, error)
}

// Budgets holds money, and knows the budget of each run.
type Budgets interface {
	dispatch.Budget
	// OpenRun sets the budget of a run; zero is none. What the run has spent so far
	// is spent from it.
	// An error is that there can be no such budget; then the run may not go on.
	OpenRun(run string, limit, spent money.Amount) error
	// CloseRun forgets it.
	CloseRun(run string)
}

// Metrics counts runs by what they do.
type Metrics interface {
	// RunMoved says that a run went from one status to another; from is "" where it
	// comes into memory, and final says that to is how it ended.
	RunMoved(from, to string, final bool)
	// RunEnded says how long a run took. failed: it ended as it should not.
	RunEnded(agent, status string, failed bool, took time.Duration)
	// ToolEnded says how long an effect took: ok, or what is known of one that failed.
	ToolEnded(tool, outcome string, took time.Duration)
}

// Engine runs agents. It is safe for concurrent use.
type Engine struct {
	o     Options
	inbox inbox
	wg    sync.WaitGroup // everything that the loop started
	ctx   context.Context
	stop  context.CancelFunc
	quit  chan struct{} // closed: the loop is to end
	over  chan struct{} // closed: it has
	once  sync.Once
	cache payloads

	mu      sync.Mutex
	keys    map[string]*starting // by start key
	failure error                // why the engine has halted
	halted  chan struct{}
	defs    map[string]*agent.Definition

	// of the loop alone
	machine *sched.Machine
	attach  map[int64]*attachment
	handle  int64
	flights map[string]*flight
	moved   map[string]agent.Status // the runs in memory, as Metrics has been told
	watched map[string]*watched     // the runs in memory, as traces and times are told of them
	idle    []chan struct{}
	tick    *time.Timer
}

// attachment is what goes into the same batch as a record, and who waits for it.
type attachment struct {
	records  []store.Record
	payloads []store.Payload
	durable  func() // is called when it is, before anything that builds on it
	done     func(rec *agent.Record, lsn int64, err error)
}

// New starts an engine. The runs that had not ended go on once [Engine.Recover]
// is called.
func New(o Options) *Engine {
	if o.Slots.Models == 0 {
		o.Slots.Models = 64
	}
	if o.Slots.Tools == 0 {
		o.Slots.Tools = 64
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{
		o: o, ctx: ctx, stop: stop,
		quit: make(chan struct{}), over: make(chan struct{}),
		keys: map[string]*starting{}, halted: make(chan struct{}), defs: map[string]*agent.Definition{},
		machine: sched.New(o.Slots), attach: map[int64]*attachment{}, flights: map[string]*flight{}, moved: map[string]agent.Status{}, watched: map[string]*watched{},
		tick: time.NewTimer(time.Hour),
	}
	e.inbox.init()
	e.cache.init(64 << 20)
	go e.loop()
	return e
}

// loop is the only goroutine that touches the machine.
func (e *Engine) loop() {
	defer close(e.over)
	defer e.tick.Stop()
	var commands []sched.Command
	for {
		select {
		case <-e.quit:
			return
		case <-e.tick.C:
			e.inbox.put(message{event: sched.Event{Kind: sched.Ticked}})
		case <-e.inbox.ready:
		}
		for {
			m, ok := e.inbox.take()
			if !ok || e.quitting() {
				break
			}
			if m.call != nil {
				m.call()
				continue
			}
			if m.attach != nil {
				e.handle++
				e.attach[e.handle] = m.attach
				m.event.Attach = e.handle
			}
			if st := m.event.State; st != nil && !st.Status.Ended() {
				e.move(m.event.Run, st.Status)
			}
			e.watch(&m.event)
			commands = e.machine.Step(&m.event, e.o.Now(), commands[:0])
			for i := range commands {
				e.do(&commands[i])
			}
		}
		if _, performing, commits := e.machine.Load(); performing == 0 && commits == 0 {
			for _, c := range e.idle {
				close(c)
			}
			e.idle = nil
		}
	}
}

// do carries out one command of the scheduler.
func (e *Engine) do(c *sched.Command) {
	switch c.Kind {
	case sched.Commit:
		e.commit(c)
	case sched.Load:
		e.load(c.Run)
	case sched.Prepare:
		e.prepare(c)
	case sched.Perform:
		e.perform(c)
	case sched.CallOff:
		e.callOff(c)
	case sched.Wake:
		e.tick.Reset(max(c.At.Sub(e.o.Now()), 0))
	case sched.Lost:
		e.lost(c)
	}
}

// lost tells whoever handed something in that it reached no run. A run that is
// lost by itself is set aside: the store holds it as it is, and an input, a resume
// or the next start reads it again.
func (e *Engine) lost(c *sched.Command) {
	a := e.taken(c.Attach)
	switch {
	case a != nil && a.done != nil:
		a.done(nil, 0, ErrNoRun)
	case a != nil:
		e.salvage(a)
	default:
		delete(e.watched, c.Run)
		e.o.Log.Error("a run is set aside: its records are refused again and again, or another process has it", "run", c.Run)
	}
}

// The errors that callers decide on.
var (
	ErrNoRun    = errors.New("no such run")
	ErrNoAgent  = errors.New("no such agent")
	ErrHalted   = errors.New("the engine has halted")
	ErrNotFit   = errors.New("the run is not in a state for this")
	ErrBadInput = errors.New("bad input")
)

func (e *Engine) taken(handle int64) *attachment {
	a := e.attach[handle]
	delete(e.attach, handle)
	return a
}

// commit hands a record, and what belongs to it, to the store.
func (e *Engine) commit(c *sched.Command) {
	a := e.taken(c.Attach)
	var b store.Batch
	var ended *agent.Record
	var over *watched
	if c.Record != nil {
		body, err := c.Record.Encode()
		if err != nil {
			e.halt(fmt.Errorf("encode a record of %s: %w", c.Run, err))
			return
		}
		b.Records = append(b.Records, store.Record{
			Org: e.o.Org, Kind: agent.Kind, Version: agent.Version, Stream: c.Run,
			Seq: c.Record.Seq, Epoch: c.Epoch, Config: e.o.Revision, Body: body,
		})
		if c.Record.Decision.Ignored == "" {
			e.move(c.Run, c.Record.Decision.Status)
			if c.Record.Decision.Status.Ended() {
				ended = c.Record
			}
		}
		if c.Record.Decision.Status.Ended() { // also where a wish of somebody's did not fit a run that was over
			over = e.watched[c.Run]
			delete(e.watched, c.Run)
		}
	}
	if a != nil {
		b.Records = append(b.Records, a.records...)
		b.Payloads = a.payloads
		for _, p := range a.payloads {
			e.cache.put(p.Ref, p.Data)
		}
	}
	batch, run, record := c.Batch, c.Run, c.Record
	e.o.Store.Submit(b, func(first int64, err error) {
		switch {
		case err == nil:
			if a != nil && a.durable != nil {
				a.durable()
			}
			e.inbox.put(message{event: sched.Event{Kind: sched.Committed, Batch: batch}})
			if ended != nil {
				e.ended(run, ended)
				e.told(over, ended)
			}
		case errors.Is(err, store.ErrFenced), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrRefused):
			e.o.Log.Error("a run's record was refused", "run", run, "err", err)
			e.inbox.put(message{event: sched.Event{Kind: sched.Refused, Batch: batch, Fenced: errors.Is(err, store.ErrFenced)}})
			if a != nil && a.done == nil {
				e.salvage(a)
			}
		default:
			e.halt(fmt.Errorf("commit a record of %s: %w", run, err))
		}
		if a != nil && a.done != nil {
			a.done(record, first, err)
		}
	})
}

// salvage books the entries of what reached no run: what was done has cost what it
// has, whoever may say what comes of it. Where somebody waits, that is theirs to do.
func (e *Engine) salvage(a *attachment) {
	var b store.Batch
	for _, rec := range a.records {
		if rec.Kind == ledger.KindEntry {
			b.Records = append(b.Records, rec)
		}
	}
	if len(b.Records) > 0 {
		e.o.Store.Submit(b, func(_ int64, err error) {
			if err != nil {
				e.o.Log.Error("an entry is not booked; the next start books its bound", "err", err)
			}
			if a.durable != nil {
				a.durable()
			}
		})
	}
}

// move tells the metrics what a run does now.
func (e *Engine) move(run string, to agent.Status) {
	from := e.moved[run]
	switch {
	case e.o.Metrics == nil || from == to:
		return
	case to.Ended():
		delete(e.moved, run)
	default:
		e.moved[run] = to
	}
	e.o.Metrics.RunMoved(string(from), string(to), to.Ended())
}

// ended lets go of what a run held.
func (e *Engine) ended(run string, rec *agent.Record) {
	e.o.Budgets.CloseRun(run)
	// The reason may quote a provider or a tool, and so a prompt: the journal has it.
	e.o.Log.Info("run ended", "run", run, "status", rec.Decision.Status)
}

// halt stops everything: what the store holds is what a start goes on from.
func (e *Engine) halt(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return
	}
	e.failure = err
	e.o.Log.Error("the engine halts", "err", err)
	close(e.halted)
	e.end()
	e.stop()
}

// end has the loop end; nothing is recorded after that.
func (e *Engine) end() { e.once.Do(func() { close(e.quit) }) }

func (e *Engine) quitting() bool {
	select {
	case <-e.quit:
		return true
	default:
		return false
	}
}

// Halted is closed when the engine cannot go on; [Engine.Err] says why.
func (e *Engine) Halted() <-chan struct{} { return e.halted }

// Err is why the engine has halted.
func (e *Engine) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
}

// Drain starts nothing new, and returns when what is being performed has its
// outcome durable, or with ctx. What is outstanding then goes on after the next start.
func (e *Engine) Drain(ctx context.Context) error {
	e.inbox.put(message{event: sched.Event{Kind: sched.Drained}})
	quiet := make(chan struct{})
	e.inbox.put(message{call: func() { e.idle = append(e.idle, quiet) }})
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for runs to pause: %w", ctx.Err())
	case <-e.halted:
		return e.Err()
	}
}

// Close ends what is left and waits for it; after Drain.
func (e *Engine) Close() {
	e.end()
	<-e.over
	e.stop()
	e.wg.Wait()
}

// post hands an event to the loop.
func (e *Engine) post(ev sched.Event, a *attachment) {
	e.inbox.put(message{event: ev, attach: a})
}

// submit hands in an input and returns its record when that is durable.
func (e *Engine) submit(ctx context.Context, run string, in agent.Input, a *attachment) (*agent.Record, int64, error) {
	type outcome struct {
		rec *agent.Record
		lsn int64
		err error
	}
	done := make(chan outcome, 1)
	if a == nil {
		a = &attachment{}
	}
	a.done = func(rec *agent.Record, lsn int64, err error) { done <- outcome{rec, lsn, err} }
	e.post(sched.Event{Kind: sched.Arrived, Run: run, Input: in}, a)
	select {
	case o := <-done:
		return o.rec, o.lsn, o.err
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	case <-e.halted:
		return nil, 0, fmt.Errorf("%w: %w", ErrHalted, e.Err())
	case <-e.quit:
		return nil, 0, ErrHalted
	}
}
