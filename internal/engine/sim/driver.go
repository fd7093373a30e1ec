package sim

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

// commit hands a record, and what belongs to it, to the store.
func (n *node) commit(c *sched.Command) {
	b := batch{id: c.Batch, from: n, run: c.Run, opens: n.attach[c.Attach].opens, entries: n.attach[c.Attach].entries}
	delete(n.attach, c.Attach)
	if c.Record != nil {
		body, err := c.Record.Encode()
		if err != nil {
			n.w.broken("records can be written", "%v", err)
		}
		b.seq, b.row = c.Record.Seq, row{epoch: c.Epoch, body: body}
	}
	if n.w.o.Variant == PerformEarly {
		n.committed(b.id, false)
		b.id = 0
	}
	n.w.store.submit(b)
}

func (n *node) committed(batch int64, refused bool) {
	kind := sched.Committed
	if refused && n.w.o.Variant != MissRefusal {
		kind = sched.Refused
	}
	n.post(sched.Event{Kind: kind, Batch: batch})
}

// load reads a run, which takes a while.
func (n *node) load(run string) {
	n.loads++
	n.w.later(n, n.w.between(100*time.Microsecond, 3*time.Millisecond), "load "+run, func() {
		st, epoch := n.w.store.load(run)
		n.w.later(n, n.w.between(0, 2*time.Millisecond), "loaded "+run, func() {
			n.loads--
			if st != nil && !st.Status.Ended() {
				n.openBudget(run, &st.Limits, st.Spent)
			}
			n.post(sched.Event{Kind: sched.Loaded, Run: run, State: st, Epoch: epoch})
		})
	})
}

func (n *node) openBudget(run string, l *agent.Limits, spent money.Amount) {
	if l.Budget.IsZero() {
		return
	}
	b := n.budgets[run]
	if b == nil {
		b = &budget{}
		n.budgets[run] = b
	}
	b.limit, b.spent = cents(l.Budget), cents(spent)
}

func cents(a money.Amount) int64 { return a.Quo(cent, 1<<40) }

var cent = money.New(1, -2, money.USD)

// hold sets money aside; false is a refusal.
func (n *node) hold(f *flight, cost int64) bool {
	b := n.budgets[f.run]
	if b == nil {
		return true
	}
	if b.spent+b.held+cost > b.limit {
		return false
	}
	b.held += cost
	f.held = cost
	return true
}

func (n *node) settle(f *flight, cost int64) {
	if b := n.budgets[f.run]; b != nil {
		b.held -= f.held
		b.spent += cost
	}
	f.held = 0
}

// board notes that a try is under way; there are never more than there are slots.
func (n *node) board(c *sched.Command) *flight {
	f := &flight{id: c.Do.Effect(), run: c.Run, do: c.Do}
	if n.flights[f.id] != nil {
		n.w.broken("a try is made once", "%s", f.id)
	}
	n.flights[f.id] = f
	count := [2]int{}
	for _, f := range n.flights {
		if f.do.Kind == agent.CallModel {
			count[0]++
		} else {
			count[1]++
		}
	}
	if count[0] > n.slots.Models || count[1] > n.slots.Tools {
		n.w.broken("slots are not exceeded", "%d calls and %d effects", count[0], count[1])
	}
	return f
}

// prepare holds money for an effect.
func (n *node) prepare(c *sched.Command) {
	n.w.say("prepare %s", c.Do.Effect())
	if n.ends {
		n.w.broken("drained starts nothing", "%s", c.Do.Effect())
	}
	f := n.board(c)
	switch {
	case n.w.faulty(0.01):
		n.fail(f, agent.Failure{Outcome: agent.NotDone, Message: "the tool is not configured any more", Told: ref("gone", "gone")})
	case !n.hold(f, effectCost):
		n.fail(f, agent.Failure{Class: llm.OverBudget, Outcome: agent.NotDone, Message: "the run has no more"})
	default:
		var a attachment
		if n.w.chance(0.7) { // what costs nothing is not opened
			a.opens, f.opens = []string{f.id}, true
		}
		n.postWith(sched.Event{Kind: sched.Prepared, Run: c.Run, Command: c.Do.ID}, a)
	}
}

// perform sends a call or an effect on its way.
func (n *node) perform(c *sched.Command) {
	n.w.say("perform %s", c.Do.Effect())
	n.w.judgePerform(c)
	f := n.flights[c.Do.Effect()]
	if f == nil {
		f = n.board(c)
	}
	f.performing = true
	if f.opens && n.w.store.opens[f.id] == 0 && !n.w.o.LogsOnly {
		n.w.broken("opened before it leaves", "%s leaves, and what it may cost is not durable", f.id)
	}
	if n.ends && c.Do.Kind == agent.CallModel {
		n.w.broken("drained starts nothing", "%s", f.id)
	}
	if n.w.o.Variant == BookTwice {
		n.w.store.submit(batch{from: n, entries: []string{f.id}})
	}
	switch {
	case c.Do.Kind != agent.CallModel:
		n.w.shop.effect(n, f)
	case !n.hold(f, callCost):
		n.outcome(f, agent.Input{Kind: agent.ModelFailed, Failure: &agent.Failure{Class: llm.OverBudget, Message: "the run has no more"}}, "")
	default:
		n.w.shop.call(n, f, agent.Context(c.State))
	}
}

// callOff ends what is being performed, sooner or later, or gives back what was
// held for it.
func (n *node) callOff(do *agent.Open) {
	n.w.say("call off %s", do.Effect())
	f := n.flights[do.Effect()]
	if f == nil && n.over[do.Effect()] { // its outcome is on its way to the scheduler
		return
	}
	if f == nil || f.off {
		n.w.broken("what is called off was under way", "%s", do.Effect())
	}
	f.off = true
	if !f.performing {
		n.settle(f, 0)
		delete(n.flights, f.id)
		n.w.store.submit(batch{from: n, entries: []string{f.id}})
		return
	}
	if n.w.chance(0.5) {
		n.w.later(n, n.w.between(0, 100*time.Millisecond), "cut "+f.id, func() {
			if f.do.Kind == agent.CallModel {
				n.outcome(f, agent.Input{Kind: agent.ModelFailed, Failure: &agent.Failure{Class: llm.Canceled}}, f.id)
				return
			}
			n.outcome(f, agent.Input{Kind: agent.ToolFailed, Failure: &agent.Failure{Outcome: agent.Unknown}}, f.id)
		})
	}
}

func (n *node) fail(f *flight, why agent.Failure) {
	n.outcome(f, agent.Input{Kind: agent.ToolFailed, Failure: &why}, "")
}

// outcome hands in what became of a try, once.
func (n *node) outcome(f *flight, in agent.Input, entry string) {
	if n.w.node != n || f.over {
		return
	}
	f.over = true
	if f.off && n.w.o.Variant == LoseOutcome {
		return
	}
	delete(n.flights, f.id)
	n.over[f.id] = true
	in.Command, in.Try, in.At = f.do.ID, f.do.Try, n.w.now
	var a attachment
	cost := int64(0)
	if entry != "" {
		if cost = effectCost; f.do.Kind == agent.CallModel {
			cost = callCost
		}
		in.Cost = cent.Mul(cost)
		a.entries = []string{entry}
	}
	n.settle(f, cost)
	n.w.say("outcome %s of %s", in.Kind, f.id)
	n.postWith(sched.Event{Kind: sched.Arrived, Run: f.run, Input: in}, a)
	if n.w.faulty(0.03) { // said twice, the second time much later perhaps
		in.Cost = money.Amount{}
		n.w.later(n, n.w.between(0, 10*time.Second), fmt.Sprintf("again %s of %s", in.Kind, f.id), func() {
			n.post(sched.Event{Kind: sched.Arrived, Run: f.run, Input: in})
		})
	}
}

// ask hands in what a person wants.
func (n *node) ask(run string, in agent.Input) {
	in.At = n.w.now
	n.post(sched.Event{Kind: sched.Arrived, Run: run, Input: in})
}
