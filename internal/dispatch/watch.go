package dispatch

import (
	"fmt"
	"net/http"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
)

// The timer fires at the earliest limit known when it was set. Limits that move on
// with each read are not set again each time: when it fires too early it is set to
// what holds by then.

// arm sets the timer, unless it fires early enough. Under r.mu.
func (r *run) arm(now time.Time) {
	due := r.due(now)
	w := &r.watched
	if due.IsZero() || !w.armed.IsZero() && !due.Before(w.armed) {
		return
	}
	w.armed = due
	r.timer.Reset(max(due.Sub(now), 0))
}

// due is the next time at which something may have to be done; zero where nothing
// is waited for. Under r.mu.
func (r *run) due(now time.Time) time.Time {
	w := &r.watched
	switch {
	case w.closed:
		return time.Time{}
	case !w.drain.IsZero():
		return w.drain
	}
	var due time.Time
	for i := range w.lanes {
		l := &w.lanes[i]
		if !l.watched() {
			continue
		}
		due = earliest(due, l.limits.Total)
		switch since := r.lanes[i].reading.Load(); {
		case !w.state.Shown(uint8(i)) && !r.lanes[i].heard.Load():
			due = earliest(due, l.limits.First)
		case since != 0:
			due = earliest(due, time.Unix(0, since).Add(l.limits.Idle))
		default:
			due = earliest(due, now.Add(l.limits.Idle))
		}
		due = earliest(due, l.pace.due())
	}
	if due.IsZero() { // no attempt is open: the caller's goroutine waits by itself
		return due
	}
	return earliest(due, w.state.Due())
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tick is the timer's: it finds which limit passed, and steps the machine.
func (r *run) tick() {
	var buf [8]call.Command
	r.mu.Lock()
	w, now := &r.watched, r.d.now()
	w.armed = time.Time{}
	if w.closed {
		r.mu.Unlock()
		return
	}
	if !w.drain.IsZero() {
		if !now.Before(w.drain) {
			r.cancel(uint8(w.drains))
		} else {
			r.arm(now)
		}
		r.mu.Unlock()
		return
	}
	r.others++
	defer r.other()
	cmds := buf[:0]
	for i := range w.lanes {
		if !w.lanes[i].watched() {
			continue
		}
		if err := r.passed(uint8(i), now); err != nil {
			cmds = call.Step(&w.state, call.Event{Kind: call.Stalled, Lane: uint8(i), Err: err}, now, cmds)
		}
	}
	if !w.lanes[0].watched() && !w.lanes[1].watched() {
		r.mu.Unlock()
		return
	}
	cmds = call.Step(&w.state, call.Event{Kind: call.Timer}, now, cmds)
	for i := range cmds {
		switch c := &cmds[i]; c.Do {
		case call.Cancel:
			r.cancel(c.Lane)
		case call.TakeSlot: // beside the open one
			r.others++
			go r.beside(*c)
		}
	}
	r.arm(now)
	r.mu.Unlock()
	for i := range cmds { // what may wait for the client
		switch cmds[i].Do {
		case call.Announce:
			r.announce()
		case call.Heartbeat:
			r.heartbeat()
		}
	}
}

// passed is the limit of the open attempt that has passed, as an error; nil where
// none has. Time in which the client is waited for does not count: the upstream
// is not being read then. Under r.mu.
func (r *run) passed(lane uint8, now time.Time) *llm.Error {
	w, l := &r.watched.lanes[lane], &r.lanes[lane]
	since := l.reading.Load()
	shown := r.watched.state.Shown(lane)
	blame := llm.BlameDeployment
	var what string
	switch {
	case since == 0:
		return nil
	case !shown && !l.heard.Load() && !now.Before(w.limits.First):
		what = "sent no content"
		if now.Sub(l.at.rec.Started) < r.patience() {
			blame = llm.BlameSkein
		}
	case (shown || l.heard.Load()) && now.Sub(time.Unix(0, since)) >= w.limits.Idle:
		what = fmt.Sprintf("fell silent for %s in the middle of its answer", w.limits.Idle)
	case w.pace.slow(l, now):
		what = fmt.Sprintf("sent less than %s in the middle of its answer, which it usually does not,", w.pace.least)
	default:
		return nil
	}
	return &llm.Error{
		Class: llm.TimedOut, Blame: blame, Billed: llm.BilledMaybe, Status: http.StatusGatewayTimeout,
		Message: fmt.Sprintf("the deployment %s %s in time", l.name(), what),
	}
}

// patience is how long an attempt must have waited for content before its silence
// is its deployment's fault. Less may be all that the caller allowed, and callers
// in a hurry must not take a deployment away from everybody.
func (r *run) patience() time.Duration {
	if r.facts.Stream { // the first words of a stream do not wait for the last
		return min(r.m.config.First, streamPatience)
	}
	return r.m.config.First
}

const streamPatience = 30 * time.Second

// announce lets the headers out.
func (r *run) announce() {
	r.sink.Lock()
	defer r.sink.Unlock()
	for i := range r.lanes {
		if l := &r.lanes[i]; l.live.Load() {
			r.announced(l)
			return
		}
	}
}

// announced lets the headers out with what is known of a lane's attempt, under r.sink.
func (r *run) announced(l *lane) {
	if r.opened {
		return
	}
	r.opened = true
	r.receipt.Deployment = l.name()
	r.told(l)
	if r.c.Sink.Open(r.receipt) != nil {
		r.clientGone()
	}
}

// told puts on what terms a lane's attempt is made into the receipt.
func (r *run) told(l *lane) {
	a := &l.at
	r.receipt.Lossy, r.receipt.OutputCap, r.receipt.Model = a.losses, 0, a.dep.fallback(r.m, a.candidate)
	if a.lower {
		r.receipt.OutputCap = a.cap
	}
}

// heartbeat is a sign of life in the client's format.
func (r *run) heartbeat() {
	if r.codec == nil {
		return
	}
	r.sink.Lock()
	defer r.sink.Unlock()
	if r.beat = r.codec.Writer(r.as).Heartbeat(r.beat[:0]); len(r.beat) > 0 {
		_ = r.c.Sink.Frame(r.beat, nil) // a client that has gone is noticed by whoever writes next
	}
	if m := r.d.o.Signs; m != nil {
		m.Heartbeat(r.m.name)
	}
}

func (l *lane) name() string {
	if l.at.dep == nil {
		return ""
	}
	return l.at.dep.name
}
