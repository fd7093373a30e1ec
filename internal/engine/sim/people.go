package sim

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// people start runs, cancel some, resume what stopped, and answer what is in
// doubt: after a look at the services' logs, and mostly truthfully.
type people struct {
	w      *world
	plans  []*plan
	doubts map[string]time.Time // since when an effect has been in doubt
	lies   map[string]int       // by command: "not done" of what was done
}

// plan is what somebody wants of a run.
type plan struct {
	run      string
	agent    string
	start    time.Duration
	cancel   time.Duration // 0: never
	limits   agent.Limits
	resumes  int // how often it may be resumed
	leave    bool
	canceled bool
}

const round = 7 * time.Second

func newPeople(w *world) *people {
	p := &people{w: w, doubts: map[string]time.Time{}, lies: map[string]int{}}
	for i := range 3 + w.rng.IntN(5) {
		pl := &plan{run: fmt.Sprintf("run%d", i), agent: fmt.Sprintf("agent%d", i%2), start: w.between(0, 2*time.Minute), resumes: w.rng.IntN(3)}
		if w.chance(0.2) {
			pl.cancel = pl.start + w.between(0, 2*time.Minute)
		}
		if w.chance(0.4) {
			pl.limits.Budget = cent.Mul(int64(5 + w.rng.IntN(20)))
		}
		if w.chance(0.2) {
			pl.limits.Steps = 1 + w.rng.IntN(4)
		}
		if w.chance(0.3) {
			pl.limits.Time = w.between(10*time.Second, 5*time.Minute)
		}
		p.plans = append(p.plans, pl)
	}
	w.later(nil, 0, "people", p.look)
	return p
}

// look goes over all runs, as somebody does who has a list of them.
func (p *people) look() {
	w := p.w
	w.later(nil, round, "people", p.look)
	if w.node == nil || w.node.drained {
		return
	}
	for _, pl := range p.plans {
		if w.now.Sub(start) < pl.start {
			continue
		}
		st := w.store.state[pl.run]
		switch {
		case st == nil:
			l := pl.limits
			w.node.openBudget(pl.run, &l, cent.Mul(0))
			w.node.ask(pl.run, agent.Input{Kind: agent.Started, Start: &agent.Start{Run: pl.run, Agent: pl.agent, Goal: *ref("goal", "goal"), Limits: l}})
		case pl.cancel > 0 && !pl.canceled && w.now.Sub(start) > pl.cancel && !st.Status.Ended():
			pl.canceled = w.chance(0.7) // or asked once more
			w.node.ask(pl.run, agent.Input{Kind: agent.CancelAsked, By: "ann"})
		case w.node.aside[pl.run]:
			delete(w.node.aside, pl.run)
			w.node.ask(pl.run, agent.Input{Kind: agent.Resumed, By: "ann"})
		case st.Status == agent.InDoubt:
			p.answer(pl, st)
		case st.Status == agent.Stopped || st.Status == agent.Failed:
			p.resume(pl, st)
		}
	}
}

// answer says what became of effects in doubt, once nothing of them can be on its
// way any more.
func (p *people) answer(pl *plan, st *agent.State) {
	w := p.w
	for i := range st.Open {
		o := &st.Open[i]
		if !o.Doubt {
			continue
		}
		since, ok := p.doubts[o.Effect()]
		if !ok {
			p.doubts[o.Effect()] = w.now
			continue
		}
		if w.now.Sub(since) < maxTransit+patience {
			continue
		}
		r := &agent.Resolve{ID: o.Effect(), Answer: agent.AnswerNotDone, Told: *ref("told", "told"), By: "ann"}
		switch done := w.shop.did(o.ID); {
		case w.chance(0.1):
			r.Answer = agent.AnswerAbandon
		case done && o.Class == agent.Once && w.faulty(0.1):
			p.lies[o.ID]++
		case done:
			r.Answer = agent.AnswerDone
		}
		w.say("%s is %s", r.ID, r.Answer)
		w.report.Doubts++
		in := agent.Input{Kind: agent.Resolved, Command: o.ID, Resolve: r}
		w.node.ask(pl.run, in)
		if w.chance(0.2) { // said twice
			w.later(nil, w.between(0, time.Minute), "again", func() {
				if w.node != nil {
					w.node.ask(pl.run, in)
				}
			})
		}
		delete(p.doubts, o.Effect()) // asked again after another while, should it not have got through
	}
}

func (p *people) resume(pl *plan, st *agent.State) {
	if pl.resumes == 0 || pl.leave {
		pl.leave = true
		return
	}
	pl.resumes--
	l := st.Limits
	if !l.Budget.IsZero() && p.w.chance(0.7) {
		l.Budget = l.Budget.Add(cent.Mul(20))
	}
	if l.Steps > 0 {
		l.Steps += 2
	}
	p.w.node.openBudget(pl.run, &l, st.Spent)
	in := agent.Input{Kind: agent.Resumed, By: "ann", Limits: &l}
	p.w.node.ask(pl.run, in)
	if p.w.chance(0.2) {
		p.w.node.ask(pl.run, in)
	}
}

// idle reports whether nobody wants anything any more.
func (p *people) idle() bool {
	for _, pl := range p.plans {
		st := p.w.store.state[pl.run]
		if st == nil || !st.Status.Ended() {
			return false
		}
		if (st.Status == agent.Stopped || st.Status == agent.Failed) && !pl.leave {
			return false
		}
	}
	return true
}
