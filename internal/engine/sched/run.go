package sched

import (
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// maxRefusals is how often a run is read again after the store refused what it
// wrote, before it is set aside.
const maxRefusals = 5

// run is one run that is in memory.
type run struct {
	id      string
	state   *agent.State // nil while it is being read
	epoch   int64
	waiting []Event // for the state
	commits int     // batches on their way
	flying  int     // tries that have a slot
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

// leave forgets a run that has ended and of which nothing is on its way.
func (m *Machine) leave(r *run) {
	if m.runs[r.id] != r || r.state == nil || !r.state.Status.Ended() || r.commits+r.flying+len(r.waiting) > 0 {
		return
	}
	delete(m.runs, r.id)
	delete(m.refusals, r.id)
}
