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
