package dispatch

import (
	"errors"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// traffic is what is known of the calls for one name of a model. It outlives a
// reload. Under Dispatcher.mu, but for output.
type traffic struct {
	queue   limit.Queue
	waiting map[limit.Ticket]*waiter
	few     int // of those, who may not go everywhere, and do not hold up others
	called  int // of those that waited, who have not taken a slot yet
	m       *model
	output  average // tokens of an answer
}

// waiter is a call that waits for room.
type waiter struct {
	r      *run // stands still meanwhile
	called chan error
}

// room reports whether one of the deployments that the call may go to has room for it,
// under d.mu: also one that only rested when it was looked at.
func (w *waiter) room(now time.Time) bool {
	r := w.r
	for i := range r.choices {
		ch := &r.choices[i]
		if ch.Reason.Lasting() {
			continue
		}
		dep := r.m.deployments[ch.Candidate]
		if why, _ := dep.Stands(max(dep.pick(r.c.Cause.Team, now), 0), r.input+r.output, now); why == 0 && !dep.full() {
			return true
		}
	}
	return false
}

// narrow reports whether something keeps the call for good from a deployment that
// would do for others.
func (w *waiter) narrow() bool {
	return slices.ContainsFunc(w.r.choices, func(c route.Choice) bool { return c.Reason.Lasting() })
}

// enters and leaves keep count of who waits; under d.mu.
func (t *traffic) enters(ticket limit.Ticket, w *waiter) {
	t.waiting[ticket] = w
	if w.narrow() {
		t.few++
	}
}

func (t *traffic) leaves(ticket limit.Ticket) {
	if w := t.waiting[ticket]; w != nil {
		delete(t.waiting, ticket)
		if w.narrow() {
			t.few--
		}
	}
}

// usualOutput is expected of an answer before any was seen.
const usualOutput = 512

// expected is how many tokens an answer is expected to have.
func (t *traffic) expected(most int64) int64 {
	n := t.output.value()
	if n == 0 {
		n = usualOutput
	}
	if most > 0 {
		n = min(n, most)
	}
	return n
}

// turnAway tells a waiter that there is no room for it.
func (t *traffic) turnAway(ticket limit.Ticket, err *llm.Error) {
	if w := t.waiting[ticket]; w != nil {
		t.leaves(ticket)
		w.called <- err
	}
}

// behindOthers reports whether others wait who came before, under d.mu.
func (r *run) behindOthers() bool {
	t := r.m.traffic
	return !r.called && len(t.waiting)-t.few+t.called > 0
}

// uncall ends the claim of one who was called, under d.mu.
func (r *run) uncall() {
	if r.called {
		r.called = false
		r.m.traffic.called--
	}
}

// letGo ends the claim of one who does not need it any more: then there may be room for
// the next one.
func (r *run) letGo() {
	r.d.mu.Lock()
	defer r.d.mu.Unlock()
	if r.called {
		r.uncall()
		r.d.pump(r.m.traffic, r.d.now())
	}
}

// pump calls the next of those who wait for a model, where there is room for it,
// under d.mu. Who has taken a slot pumps again.
func (d *Dispatcher) pump(t *traffic, now time.Time) {
	for range mostPassed {
		if t.called > 0 || t.queue.Len() == 0 {
			return
		}
		ticket, ok := t.queue.Peek(now)
		if !ok {
			return
		}
		w := t.waiting[ticket]
		fits := w.room(now)
		if !fits && !w.narrow() {
			return // it is its turn: nobody who needs less goes before it
		}
		t.queue.Next(now)
		t.leaves(ticket)
		if fits {
			t.called++
			t.queue.Served(now)
			w.called <- nil
			return
		}
		w.called <- errPassed // it must not hold up those who may go elsewhere
	}
}

// mostPassed are passed over at a time.
const mostPassed = 8

// errPassed tells one who waits that others went before it.
var errPassed = errors.New("it joins the queue again")

// freed looks who may go on now that a deployment has room, under d.mu.
func (d *Dispatcher) freed(now time.Time) {
	for t := range d.queues {
		if t.queue.Len() == 0 {
			delete(d.queues, t)
			continue
		}
		d.pump(t, now)
	}
}
