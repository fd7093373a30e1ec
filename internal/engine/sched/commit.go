package sched

import (
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// batch is a commit on its way.
type batch struct {
	run  *run
	free []job    // what may be performed when it is durable
	drop []string // what is called off then
	then *flight  // what leaves then, prepared before
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
