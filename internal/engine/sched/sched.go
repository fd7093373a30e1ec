// Package sched decides what happens next to all runs of a process: what is
// folded, what is committed, what may be performed, and when a timer is due. It
// is a deterministic machine: [Machine.Step] takes an [Event] and the time and
// appends [Command]s; completions come back as events. Goroutines, the store and
// everything with an outside live in its driver, `engine`, and the simulation
// replaces that by one loop.
//
// The rule that it keeps: a run's decision is folded when its input arrives, and
// may build on records that are not durable yet; but a command leaves only after
// its own record's commit, and an effect that must not be repeated only after the
// record that says that it may have begun.
//
// What it asks of its driver: each Prepare is answered once, by Prepared or by the
// failure of the effect, and those of one command in order; each Perform by one
// outcome, also where it was called off; each Commit by Committed or Refused, in
// order.
package sched

import (
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Arrived   EventKind = iota + 1 // an input for a run
	Loaded                         // a run's state was read from the store
	Prepared                       // money for an effect is held; Attach has the record that says so
	Committed                      // a batch is durable
	Refused                        // a batch was refused, and nothing of it written
	Ticked                         // time has passed
	Drained                        // nothing new may be performed from now on
)

// Event is one thing that happened.
type Event struct {
	Kind    EventKind
	Run     string
	Input   agent.Input  // Arrived
	Attach  int64        // Arrived, Prepared: the driver's handle of what belongs into the same batch; 0 is nothing
	State   *agent.State // Loaded; nil where the run does not exist
	Epoch   int64        // Loaded: the last owner's
	Command string       // Prepared
	Batch   int64        // Committed, Refused
	Fenced  bool         // Refused: the run has another owner, and is his
}

// CommandKind says what the driver is to do.
type CommandKind uint8

// The commands.
const (
	Commit  CommandKind = iota + 1 // write Record (if any) with what Attach names, as Batch
	Load                           // read the run from the store; answer with Loaded
	Prepare                        // hold money for the effect; answer with Prepared, or with its failure
	Perform                        // do it; its outcome is an input
	CallOff                        // end it, or give back what was prepared; its outcome no longer matters
	Wake                           // tick at the time At
	Lost                           // what Attach names belongs to nothing: the run does not exist. Without Attach: the run was set aside, since the store does not take what it writes, or another owns it
)

// Command is one thing that the driver is to do.
type Command struct {
	Kind   CommandKind
	Run    string
	State  *agent.State // Prepare, Perform: the run as it is now, to be read at once
	Do     agent.Open   // Prepare, Perform, CallOff
	Record *agent.Record
	Epoch  int64
	Attach int64
	Batch  int64
	At     time.Time
}

// Config bounds what runs at the same time.
type Config struct {
	Models int // model calls
	Tools  int // tool effects
}

// maxRefusals is how often a run is read again after the store refused what it
// wrote, before it is set aside.
const maxRefusals = 5

// Machine is the state of the scheduler.
type Machine struct {
	runs     map[string]*run
	batches  map[int64]batch
	batch    int64 // the last one given
	flying   map[try]*flight
	free     [pools]int
	ready    [pools]queue
	timers   timers
	wake     time.Time      // the tick that was asked for last
	refusals map[string]int // of runs in memory

	draining bool
}

// run is one run that is in memory.
type run struct {
	id      string
	state   *agent.State // nil while it is being read
	epoch   int64
	waiting []Event // for the state
	commits int     // batches on their way
	flying  int     // tries that have a slot
}

// batch is a commit on its way.
type batch struct {
	run  *run
	free []job    // what may be performed when it is durable
	drop []string // what is called off then
	then *flight  // what leaves then, prepared before
}

// New is a scheduler with no runs.
func New(cfg Config) *Machine {
	m := &Machine{
		runs: map[string]*run{}, batches: map[int64]batch{}, flying: map[try]*flight{}, refusals: map[string]int{},
	}
	m.free = [pools]int{models: cfg.Models, tools: cfg.Tools}
	for p := range m.ready {
		m.ready[p].init()
	}
	return m
}

// Step handles one event.
func (m *Machine) Step(e *Event, now time.Time, out []Command) []Command {
	switch e.Kind {
	case Arrived:
		out = m.arrived(e, out)
	case Loaded:
		out = m.loaded(e, now, out)
	case Prepared:
		out = m.prepared(e, now, out)
	case Committed:
		out = m.committed(e, out)
	case Refused:
		out = m.refused(e, now, out)
	case Ticked:
		m.wake = time.Time{}
	case Drained:
		m.draining = true
	}
	if m.draining {
		return out
	}
	return m.alarm(m.pump(m.fire(now, out)))
}

// Load is how many runs are in memory, how many commands are being performed, and
// how many batches are on their way.
func (m *Machine) Load() (runs, performing, commits int) {
	return len(m.runs), len(m.flying), len(m.batches)
}

// arrived folds an input into its run, reading the run first where need be.
func (m *Machine) arrived(e *Event, out []Command) []Command {
	switch e.Input.Kind {
	case agent.ModelAnswered, agent.ModelFailed, agent.ToolReturned, agent.ToolFailed:
		m.land(try{e.Input.Command, e.Input.Try})
	}
	r := m.runs[e.Run]
	if r == nil {
		r = &run{id: e.Run}
		m.runs[e.Run] = r
		if e.Input.Kind != agent.Started {
			r.waiting = append(r.waiting, *e)
			return append(out, Command{Kind: Load, Run: e.Run})
		}
		r.state, r.epoch = &agent.State{}, 1
	}
	if r.state == nil {
		r.waiting = append(r.waiting, *e)
		return out
	}
	return m.fold(r, e.Input, e.Attach, out)
}

// fold decides, applies and commits.
func (m *Machine) fold(r *run, in agent.Input, attach int64, out []Command) []Command {
	rec := agent.Decide(r.state, in)
	return m.commit(r, &rec, attach, nil, out)
}

// commit applies a record and hands it to the store. What it gives to do is noted
// with the tries that it means, since later records may be folded before it is
// durable.
func (m *Machine) commit(r *run, rec *agent.Record, attach int64, then *flight, out []Command) []Command {
	b := batch{run: r, then: then}
	if rec != nil {
		agent.Apply(r.state, *rec)
		d := &rec.Decision
		b.drop = d.Drop
		for i := range d.Commands {
			b.free = m.job(r, d.Commands[i].ID, b.free)
		}
		for _, id := range d.Again {
			b.free = m.job(r, id, b.free)
		}
	}
	m.batch++
	m.batches[m.batch] = b
	r.commits++
	return append(out, Command{Kind: Commit, Run: r.id, Record: rec, Epoch: r.epoch, Attach: attach, Batch: m.batch})
}

func (m *Machine) job(r *run, id string, js []job) []job {
	if o := r.state.Find(id); o != nil {
		js = append(js, job{r, id, o.Try})
	}
	return js
}

// loaded takes a run over from its former owner, under an epoch of its own.
func (m *Machine) loaded(e *Event, now time.Time, out []Command) []Command {
	r := m.runs[e.Run]
	if r == nil {
		r = &run{id: e.Run}
		m.runs[e.Run] = r
	}
	if r.state != nil {
		return out
	}
	waiting := r.waiting
	r.waiting = nil
	if e.State == nil || e.State.Status == "" {
		delete(m.runs, e.Run)
		for i := range waiting {
			out = append(out, Command{Kind: Lost, Run: e.Run, Attach: waiting[i].Attach})
		}
		return out
	}
	r.state, r.epoch = e.State, e.Epoch+1
	if !r.state.Status.Ended() {
		for i := range r.state.Open {
			if o := &r.state.Open[i]; o.Kind == agent.Sleep {
				m.timers.push(timer{o.Until, r.id, o.ID})
			}
		}
		if r.state.Acting() > 0 {
			out = m.fold(r, agent.Input{Kind: agent.Recovered, At: now}, 0, out)
		}
	}
	for i := range waiting {
		out = m.arrived(&waiting[i], out)
	}
	m.leave(r)
	return out
}

// prepared goes on with an effect for which money is held.
func (m *Machine) prepared(e *Event, now time.Time, out []Command) []Command {
	f := m.preparing(e.Command)
	if f == nil { // said twice
		if e.Attach != 0 {
			out = append(out, Command{Kind: Lost, Run: e.Run, Attach: e.Attach})
		}
		return out
	}
	r, o := f.run, m.wanted(f)
	if o == nil || m.draining {
		out = m.giveBack(f, e.Attach, out)
		m.leave(r)
		return out
	}
	if o.Class.Started() {
		rec := agent.Decide(r.state, agent.Input{Kind: agent.EffectStarted, At: now, Command: o.ID, Try: o.Try})
		if rec.Decision.Ignored != "" {
			return m.giveBack(f, e.Attach, out)
		}
		return m.commit(r, &rec, e.Attach, f, out)
	}
	if e.Attach != 0 {
		return m.commit(r, nil, e.Attach, f, out)
	}
	return m.perform(f, o, out)
}

// wanted is the command of a flight that has not left yet; nil where it is not to
// leave any more.
func (m *Machine) wanted(f *flight) *agent.Open {
	if m.runs[f.run.id] != f.run || f.run.state.Status.Ended() {
		return nil
	}
	o := f.run.state.Find(f.do.ID)
	if o == nil || o.Try != f.do.Try || o.Doubt || o.Idle {
		return nil
	}
	return o
}

// committed lets the commands of a durable record leave.
func (m *Machine) committed(e *Event, out []Command) []Command {
	b, ok := m.batches[e.Batch]
	if !ok {
		return out
	}
	delete(m.batches, e.Batch)
	r := b.run
	r.commits--
	if f := b.then; f != nil {
		if o := m.wanted(f); o != nil {
			out = m.perform(f, o, out)
		} else {
			out = m.giveBack(f, 0, out)
		}
	}
	if m.runs[r.id] != r { // dropped in the meantime
		return out
	}
	for _, id := range b.drop {
		out = m.callOff(r, id, out)
	}
	for _, j := range b.free {
		m.enqueue(j)
	}
	m.leave(r)
	return out
}

func (m *Machine) enqueue(j job) {
	switch o := j.run.state.Find(j.command); {
	case o == nil || o.Try != j.try: // a later decision has overtaken it
	case o.Kind == agent.Sleep:
		m.timers.push(timer{o.Until, j.run.id, o.ID})
	case o.Kind == agent.CallModel:
		m.ready[models].push(j.run.state.Agent, j)
	default:
		m.ready[tools].push(j.run.state.Agent, j)
	}
}

// refused drops a run whose record the store would not take: its journal is not
// what was thought. What is under way of it is called off, and the run is read
// again after a while, as it really is. One that another owner has is left to him,
// and one that is refused again and again is set aside.
func (m *Machine) refused(e *Event, now time.Time, out []Command) []Command {
	b, ok := m.batches[e.Batch]
	if !ok {
		return out
	}
	delete(m.batches, e.Batch)
	r := b.run
	r.commits--
	if b.then != nil {
		out = m.giveBack(b.then, 0, out)
	}
	if m.runs[r.id] != r {
		return out
	}
	delete(m.runs, r.id)
	out = m.callOff(r, "", out)
	m.refusals[r.id]++
	if n := m.refusals[r.id]; !e.Fenced && n < maxRefusals {
		m.timers.push(timer{at: now.Add(time.Second << (n - 1)), run: r.id})
		return out
	}
	delete(m.refusals, r.id)
	return append(out, Command{Kind: Lost, Run: r.id})
}

// fire handles the timers whose time has come.
func (m *Machine) fire(now time.Time, out []Command) []Command {
	for {
		t, ok := m.timers.pop(now)
		if !ok {
			return out
		}
		r := m.runs[t.run]
		switch {
		case t.command == "" && r == nil:
			m.runs[t.run] = &run{id: t.run}
			out = append(out, Command{Kind: Load, Run: t.run})
		case r == nil || r.state == nil || r.state.Status.Ended() || r.state.Find(t.command) == nil:
		default:
			out = m.fold(r, agent.Input{Kind: agent.TimerFired, At: now, Command: t.command}, 0, out)
		}
	}
}

// alarm asks for a tick at the next timer, once.
func (m *Machine) alarm(out []Command) []Command {
	next, ok := m.timers.next()
	if !ok || next.Equal(m.wake) {
		return out
	}
	m.wake = next
	return append(out, Command{Kind: Wake, At: next})
}

// leave forgets a run that has ended and of which nothing is on its way.
func (m *Machine) leave(r *run) {
	if m.runs[r.id] != r || r.state == nil || !r.state.Status.Ended() || r.commits+r.flying+len(r.waiting) > 0 {
		return
	}
	delete(m.runs, r.id)
	delete(m.refusals, r.id)
}
