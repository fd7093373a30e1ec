package sim

import (
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
)

// arm sets the call's timer, unless it fires early enough.
func (r *run) arm() {
	due := r.due()
	if due.IsZero() || r.closed || !r.armed.IsZero() && !due.Before(r.armed) || r.w.o.Variant == DeafClock {
		return
	}
	r.armed = due
	r.sleeps++
	n := r.sleeps
	r.w.at(due, func() {
		if n == r.sleeps {
			r.tick()
		}
	})
}

// due is the next time at which something may have to be done; zero where nothing is
// waited for.
func (r *run) due() time.Time {
	if r.state.Waiting() {
		return r.state.Due()
	}
	var due time.Time
	for i := range r.lanes {
		l := &r.lanes[i]
		if !l.live || l.cancelled {
			continue
		}
		due = earliest(due, l.limits.Total)
		if r.state.Shown(uint8(i)) {
			due = earliest(due, l.read.Add(l.limits.Idle))
		} else {
			due = earliest(due, l.limits.First)
		}
	}
	if due.IsZero() {
		return due
	}
	return earliest(due, r.state.Due())
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// What a dispatcher listens for where the timer or the client's going steps the
// machine beside its own goroutine.
var (
	atTick   = []call.Do{call.Cancel, call.TakeSlot, call.Announce, call.Heartbeat}
	atHangup = []call.Do{call.Cancel, call.Drain}
)

// tick finds which limit passed, and steps the machine.
func (r *run) tick() {
	r.armed = time.Time{}
	if r.closed {
		return
	}
	if r.state.Waiting() {
		if r.w.now.Before(r.state.Due()) {
			r.arm()
			return
		}
		r.feed(call.Event{Kind: call.Timer})
		return
	}
	open := false
	for i := range r.lanes {
		l := &r.lanes[i]
		if !l.live {
			continue
		}
		open = true
		if err := r.passed(l); err != nil {
			r.step(call.Event{Kind: call.Stalled, Lane: uint8(i), Err: err}, atTick)
		}
	}
	if open {
		r.step(call.Event{Kind: call.Timer}, atTick)
	}
}

// passed is the limit of an open attempt that has passed, as an error; nil where none
// has.
func (r *run) passed(l *lane) *llm.Error {
	now := r.w.now
	shown := r.state.Shown(l.n)
	blame := llm.BlameDeployment
	switch {
	case !shown && !now.Before(l.limits.First):
		if now.Sub(l.started) < r.patience() {
			blame = llm.BlameSkein
		}
	case shown && now.Sub(l.read) >= l.limits.Idle:
	default:
		return nil
	}
	return &llm.Error{Class: llm.TimedOut, Blame: blame, Billed: llm.BilledMaybe, Status: 504, Message: "not in time"}
}

// patience is how long an attempt must have waited for content before its silence is
// its deployment's fault.
func (r *run) patience() time.Duration {
	if r.call.streamed {
		return min(r.state.Config.First, 30*time.Second)
	}
	return r.state.Config.First
}

// hangup is the client's going.
func (r *run) hangup() {
	if r.state.Waiting() {
		r.feed(call.Event{Kind: call.Gone})
		return
	}
	r.gone()
	r.leaves(r.ticket, errLeft)
}

var errLeft = &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient, Billed: llm.BilledMaybe, Status: 499, Message: "the client went away"}

func (r *run) gone() {
	e := call.Event{Kind: call.Gone}
	for i := range r.lanes {
		if l := &r.lanes[i]; l.live {
			e.Bills = e.Bills || l.dep.n%3 == 0
			e.Near = e.Near || l.came > 3*r.call.output/4
		}
	}
	r.step(e, atHangup)
}
