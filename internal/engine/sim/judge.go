package sim

import (
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine/sched"
)

// judgeRecord checks what must hold of a run after each durable record.
func (w *world) judgeRecord(st *agent.State, r *agent.Record) {
	in, d := &r.Input, &r.Decision
	if d.Ignored != "" {
		return
	}
	for i := range d.Commands {
		id := d.Commands[i].ID
		w.given[id]++
		w.class[id] = d.Commands[i].Class
		w.once("a command is given once", id, w.given[id])
	}
	if in.Kind == agent.ToolFailed && st.Find(in.Command) == nil {
		w.denied = append(w.denied, in.Command)
	}
	if in.Kind == agent.ToolReturned {
		w.claimed = append(w.claimed, in.Command)
	}
	asleep := false
	for i := range st.Open {
		asleep = asleep || st.Open[i].Kind == agent.Sleep
	}
	acting, doubts := st.Acting() > 0, st.Doubts() > 0
	ok := false
	switch st.Status {
	case agent.Running:
		ok = acting && !doubts
	case agent.Sleeping:
		ok = asleep && !acting && !doubts
	case agent.InDoubt:
		ok = doubts && st.Reason != ""
	default:
		ok = st.Status.Ended() && !acting && !doubts && !strings.HasPrefix(st.Reason, "internal")
	}
	if !ok {
		w.broken("no run is running for ever", "%s after record %d (%s): %s %q, open %+v", st.Run, r.Seq, in.Kind, st.Status, st.Reason, st.Open)
	}
}

// judgePerform checks that what leaves was decided durably, and that an effect
// that must not be repeated has durably begun.
func (w *world) judgePerform(c *sched.Command) {
	if w.o.LogsOnly {
		return
	}
	durable := w.store.state[c.Run]
	if durable == nil {
		w.broken("durable first", "%s leaves, and its run is not durable", c.Do.Effect())
	}
	o := durable.Find(c.Do.ID)
	switch {
	case o == nil || o.Try != c.Do.Try:
		w.broken("durable first", "%s leaves, and was not durably decided", c.Do.Effect())
	case o.Class.Started() && !o.Started:
		w.broken("started before it leaves", "%s leaves, and has not durably begun", c.Do.Effect())
	}
	if c.State.Status.Ended() {
		w.broken("ended runs do nothing", "%s leaves, and the run is %s", c.Do.Effect(), c.State.Status)
	}
	if c.State.Seq == durable.Seq && w.chance(0.2) && !same(c.State, durable) {
		w.broken("the fold is the live state", "%s at %d", c.Run, durable.Seq)
	}
}

// final judges the end by what the services logged.
func (w *world) final() {
	w.people.judge()
	if w.node == nil || !w.node.quiet() {
		w.broken("everything comes to its end", "the process is not quiet")
	}
	if len(w.node.flights) > 0 || len(w.node.attach) > 0 {
		w.broken("everything comes to its end", "%d flights and %d attachments are left", len(w.node.flights), len(w.node.attach))
	}
	for _, pl := range w.people.plans {
		if b := w.node.budgets[pl.run]; b != nil && b.held != 0 {
			w.broken("what is held is given back", "%s: %d", pl.run, b.held)
		}
	}
	for _, id := range w.denied {
		if w.shop.did(id) && w.people.lies[id] == 0 {
			w.broken("the model is told the truth", "%s was done, and the model was told that it failed", id)
		}
	}
	for _, id := range w.claimed {
		if o := w.class[id]; (o == agent.Keyed || o == agent.Once) && !w.shop.did(id) {
			w.broken("the model is told the truth", "%s was not done, and the model was told that it was", id)
		}
	}
	w.store.recover() // at the next start
	for _, id := range w.store.order {
		if w.store.entries[id] != 1 {
			w.broken("an entry is booked once", "%s: %d times", id, w.store.entries[id])
		}
	}
}

// judge finds runs that have not come to their end.
func (p *people) judge() {
	for _, pl := range p.plans {
		st := p.w.store.state[pl.run]
		if st == nil {
			p.w.broken("everything comes to its end", "%s has not started", pl.run)
		}
		p.w.report.Ended[string(st.Status)]++
		if !st.Status.Ended() {
			p.w.broken("everything comes to its end", "%s is %s (%s), open %+v", pl.run, st.Status, st.Reason, st.Open)
		}
	}
}
