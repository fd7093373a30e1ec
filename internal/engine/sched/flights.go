package sched

import (
	"cmp"
	"slices"

	"github.com/skein-run/skein/internal/agent"
)

// pool is a kind of slot.
type pool uint8

const (
	models pool = iota
	tools
	pools
)

// flight is one try of a command that has a slot: from Prepare or Perform until
// its outcome, whatever becomes of its run meanwhile.
type flight struct {
	run        *run
	do         agent.Open
	pool       pool
	performing bool // else money is being held for it, or its start is being committed
	off        bool // called off
}

type try struct {
	command string
	n       int
}

func tryOf(o *agent.Open) try { return try{o.ID, o.Try} }

// board gives a command its slot.
func (m *Machine) board(r *run, o *agent.Open, p pool, performing bool) {
	m.free[p]--
	m.flying[tryOf(o)] = &flight{run: r, do: *o, pool: p, performing: performing}
	r.flying++
}

// land frees the slot of a try that has come to its end.
func (m *Machine) land(t try) {
	f := m.flying[t]
	if f == nil {
		return
	}
	delete(m.flying, t)
	m.free[f.pool]++
	f.run.flying--
}

// preparing finds the try of a command for which money was being held; the
// earliest, since preparations are answered in order.
func (m *Machine) preparing(command string) *flight {
	var first *flight
	for t, f := range m.flying {
		if t.command == command && !f.performing && (first == nil || f.do.Try < first.do.Try) {
			first = f
		}
	}
	return first
}

// perform lets a try leave.
func (m *Machine) perform(f *flight, o *agent.Open, out []Command) []Command {
	f.performing = true
	return append(out, Command{Kind: Perform, Run: f.run.id, State: f.run.state, Do: *o})
}

// giveBack ends a try before it left: what was held for it is let go of.
func (m *Machine) giveBack(f *flight, attach int64, out []Command) []Command {
	m.land(tryOf(&f.do))
	out = append(out, Command{Kind: CallOff, Run: f.run.id, Do: f.do})
	if attach != 0 {
		out = append(out, Command{Kind: Lost, Run: f.run.id, Attach: attach})
	}
	return out
}

// callOff ends what is being performed of a run; all of it, or one command. What
// has not left yet is given back once its preparation or commit is over.
func (m *Machine) callOff(r *run, command string, out []Command) []Command {
	if r.flying == 0 {
		return out
	}
	var fs []*flight
	for _, f := range m.flying {
		if f.run == r && f.performing && !f.off && (command == "" || f.do.ID == command) {
			fs = append(fs, f)
		}
	}
	slices.SortFunc(fs, func(a, b *flight) int {
		return cmp.Or(cmp.Compare(a.do.ID, b.do.ID), cmp.Compare(a.do.Try, b.do.Try))
	})
	for _, f := range fs {
		f.off = true
		out = append(out, Command{Kind: CallOff, Run: r.id, Do: f.do})
	}
	return out
}

// pump starts what is ready while slots are free, in turn over the agents.
func (m *Machine) pump(out []Command) []Command {
	for p := range pools {
		for m.free[p] > 0 {
			j, ok := m.ready[p].pop()
			if !ok {
				break
			}
			o := m.due(j)
			if o == nil {
				continue
			}
			if o.Kind == agent.CallModel || o.Class == agent.Local {
				m.board(j.run, o, p, true)
				out = append(out, Command{Kind: Perform, Run: j.run.id, State: j.run.state, Do: *o})
				continue
			}
			m.board(j.run, o, p, false)
			out = append(out, Command{Kind: Prepare, Run: j.run.id, State: j.run.state, Do: *o})
		}
	}
	return out
}

// due is the command of a job, where the job still stands: the run is the one
// that was in memory then, and the try the one that was meant.
func (m *Machine) due(j job) *agent.Open {
	if m.runs[j.run.id] != j.run || j.run.state == nil {
		return nil
	}
	o := j.run.state.Find(j.command)
	if o == nil || o.Try != j.try || o.Doubt || o.Idle || m.flying[tryOf(o)] != nil {
		return nil
	}
	return o
}
