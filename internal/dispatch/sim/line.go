package sim

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
)

// queue waits for room.
func (r *run) queue(c *call.Command) call.Event { return r.line(c.Until) }

// line is one stand in the queue; its event is for who is not let into it.
func (r *run) line(until time.Time) call.Event {
	w, d := r.w, r.w.shell
	d.uncall(r) // nothing became free by that
	if w.o.Variant == CallInCircles {
		d.pump()
	}
	waiter := limit.Waiter{Key: r.call.key.name, Priority: r.call.key.priority, Until: until, Cost: r.call.input + r.output}
	if w.o.Variant == FIFO {
		waiter.Key = "all"
		d.queue.MaxPerKey = d.queue.Max
	}
	ticket, shed, ok := d.queue.Join(waiter, w.now)
	wait := d.queue.WaitFor(waiter, w.now)
	if victim := d.waiting[shed]; shed != 0 && victim != nil {
		delete(d.waiting, shed)
		victim.ticket = 0
		w.judge.leaves(victim)
		w.later(0, func() { victim.feed(call.Event{Kind: call.Shed, Err: d.shed(wait)}) })
	}
	w.judge.queue()
	if !ok {
		return call.Event{Kind: call.Shed, Err: d.shed(wait)}
	}
	w.report.Queued++
	r.ticket, r.until = ticket, until
	d.waiting[ticket] = r
	w.judge.joins(r, waiter.Cost)
	w.at(until, func() { r.leaves(ticket, nil) })
	d.look()
	return call.Event{}
}

// wakes is how long one takes who is called.
const wakes = time.Millisecond

// wasCalled: there may be room now.
func (r *run) wasCalled() {
	r.called = true
	r.feed(call.Event{Kind: call.Called})
}

// wasPassed: others went before it, so it joins the queue again.
func (r *run) wasPassed() {
	e := call.Event{Kind: call.Shed, Err: errLeft}
	if !r.call.gone {
		e = r.line(r.until)
	}
	r.feed(e)
}

// leaves gives the place in the queue up: its time is over, or its client has gone.
func (r *run) leaves(t limit.Ticket, err *llm.Error) {
	d := r.w.shell
	if r.ticket == 0 || r.ticket != t || !d.queue.Leave(t) {
		return // it was called just now
	}
	delete(d.waiting, t)
	r.ticket = 0
	r.w.judge.leaves(r)
	if err == nil {
		err = d.shed(d.queue.Wait(r.w.now))
	}
	r.feed(call.Event{Kind: call.Shed, Err: err})
}

// behindOthers reports whether others wait who came before, but for those that may go
// to few deployments, which are full: there may be room at others.
func (d *shell) behindOthers(r *run) bool {
	waiting := 0
	for _, o := range d.waiting {
		if !o.narrow() {
			waiting++
		}
	}
	return !r.called && waiting+d.called > 0
}

// narrow reports whether some deployments would not do for a call, whatever room they
// have.
func (r *run) narrow() bool {
	return r.w.o.Variant != HoldUp && r.may != 1<<len(r.w.shell.deployments)-1
}

// uncall ends the claim of one who was called.
func (d *shell) uncall(r *run) {
	if r.called {
		r.called = false
		d.called--
	}
}

// letGo ends the claim of one who does not need it any more: then there may be room
// for the next one.
func (d *shell) letGo(r *run) {
	if r.called {
		d.uncall(r)
		d.pump()
	}
}

// pump calls the next of those who wait, where there is room for it. One that may go to
// few is passed over where those are full.
func (d *shell) pump() {
	w := d.w
	for range mostPassed {
		if d.called > 0 || d.queue.Len() == 0 || w.o.Variant == WakeNobody {
			return
		}
		ticket, ok := d.queue.Peek(w.now)
		if !ok {
			return
		}
		r := d.waiting[ticket]
		fits := d.room(r) || w.o.Variant == CallInCircles
		if !fits && !r.narrow() {
			return // it is its turn: nobody who needs less goes before it
		}
		d.queue.Next(w.now)
		w.judge.served(r)
		delete(d.waiting, ticket)
		r.ticket = 0
		if fits {
			d.called++
			d.queue.Served(w.now)
			w.later(w.between(0, wakes), r.wasCalled)
			return
		}
		w.later(w.between(0, wakes), r.wasPassed)
	}
}

// mostPassed are passed over at a time.
const mostPassed = 8

// room reports whether one of the deployments that a call may go to has room for it,
// also one that rested when it began to wait.
func (d *shell) room(r *run) bool {
	if d.w.o.Variant == OnlyFull {
		return slices.ContainsFunc(r.order, func(c uint16) bool { return d.stands(r, int(c)) })
	}
	for i := range d.deployments {
		if r.may&(1<<i) != 0 && d.stands(r, i) {
			return true
		}
	}
	return false
}

// stands reports whether a deployment would take a call now.
func (d *shell) stands(r *run, n int) bool {
	dep := d.deployments[n]
	why, _ := dep.Stands(d.pick(dep), r.call.input+r.output, d.w.now)
	return why == 0
}

// lookAgain is how often those who wait look whether there is room: windows fill
// again without anybody saying so.
const lookAgain = 250 * time.Millisecond

func (d *shell) look() {
	if d.looks || len(d.waiting) == 0 {
		return
	}
	d.looks = true
	d.w.later(lookAgain, func() {
		d.looks = false
		d.pump()
		d.w.judge.idle()
		d.look()
	})
}

// shed tells one who wanted to wait that there is no room.
func (d *shell) shed(wait time.Duration) *llm.Error {
	d.w.report.Shed++
	return &llm.Error{Class: llm.RateLimited, Blame: llm.BlameQuota, Billed: llm.BilledNo, Status: 429, RetryAfter: wait, Message: "over capacity"}
}
