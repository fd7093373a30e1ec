package sim

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// choose asks route which deployments could serve the call, best first.
func (r *run) choose(c *call.Command) call.Event {
	w, d := r.w, r.w.shell
	e := call.Event{Kind: call.Chosen, Chance: w.rng.Uint64()}
	req := route.Request{Input: r.call.input, Output: r.output, Streamed: r.call.streamed, Chance: w.rng.Uint64()}
	if c.Longer {
		req.LongerThan = d.facts[c.Candidate].Context
	}
	if c.Resume {
		req.SameOnly = r.state.Config.Resume == call.ResumeSame
		req.SameAs = d.facts[c.Candidate].Same
	}
	if c.Retry {
		if w.o.Variant != IgnoreRetries && !d.retries.Take() {
			w.report.Denied++
			return call.Event{Kind: call.Chosen, Err: &llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 503, RetryAfter: time.Second, Message: "enough calls are trying again already"}}
		}
		w.report.Repeats++
		w.judge.repeated()
	}
	d.candidates, d.choices = d.candidates[:0], d.choices[:0]
	for i, dep := range d.deployments {
		x := route.Candidate{Facts: &d.facts[i], Rates: dep.rates, Standing: &dep.Standing, Key: d.pick(dep)}
		if len(r.call.prefix) > 0 {
			x.Warm = d.warmth.Look(dep.cache, r.call.prefix, w.now)
		}
		d.candidates = append(d.candidates, x)
	}
	d.choices = route.Choose(d.tiers, &req, d.candidates, w.now, d.choices)
	if w.o.Variant == NoRamp {
		comesFirst(d.choices)
	}
	waits := d.behindOthers(r)
	r.order, r.may = r.order[:0], 0
	for i := range d.choices {
		if ch := &d.choices[i]; !ch.Reason.Lasting() {
			r.may |= 1 << ch.Candidate
		}
		switch ch := &d.choices[i]; {
		case ch.Taken:
			r.order = append(r.order, ch.Candidate)
			e.Queue = e.Queue || ch.Reason == route.Queue || waits
		case !ch.Until.IsZero() && (e.Until.IsZero() || ch.Until.Before(e.Until)):
			e.Until = ch.Until
		}
	}
	w.judge.chosen(r, c, e.Queue)
	if c.Resume { // what broke is asked last
		if i := slices.Index(r.order, c.Candidate); i >= 0 {
			r.order = append(slices.Delete(r.order, i, i+1), c.Candidate)
		}
	}
	if w.o.Variant == NoFailover {
		r.order = r.order[:min(len(r.order), 1)]
	}
	e.Order = r.order
	if len(e.Order) == 0 {
		e.Err = d.nothing(e.Until)
		if !e.Until.IsZero() {
			e.Until = e.Until.Add(time.Duration(e.Chance % uint64(100*time.Millisecond)))
		}
	}
	if w.tells() {
		var s []string
		for _, ch := range d.choices {
			s = append(s, d.facts[ch.Candidate].Name+": "+ch.Reason.String())
		}
		w.say("call %d chooses: %q, queue %v", r.call.n, s, e.Queue)
	}
	return e
}

// comesFirst breaks a choice: who comes back is tried first, by all.
func comesFirst(cs []route.Choice) {
	for i := range cs {
		if cs[i].Taken && cs[i].Reason == route.ComingBack {
			c := cs[i]
			copy(cs[1:i+1], cs[:i])
			cs[0] = c
		}
	}
}
