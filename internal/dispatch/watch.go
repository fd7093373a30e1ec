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
	case w.limits.Total.IsZero(): // no attempt is open: the caller's goroutine waits by itself
		return time.Time{}
	}
	due := earliest(w.state.Due(), w.limits.Total)
	if !w.state.Shown() {
		return earliest(due, w.limits.First)
	}
	if since := r.reading.Load(); since != 0 {
		return earliest(due, time.Unix(0, since).Add(w.limits.Idle))
	}
	return earliest(due, now.Add(w.limits.Idle))
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tick is the timer's: it finds which limit passed, and steps the machine.
func (r *run) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, now := &r.watched, r.d.now()
	w.armed = time.Time{}
	if w.closed {
		return
	}
	e := call.Event{Kind: call.Timer}
	switch {
	case !w.drain.IsZero():
		if !now.Before(w.drain) {
			r.cancel()
			return
		}
	case w.limits.Total.IsZero():
		return
	default:
		if err := r.passed(now); err != nil {
			e = call.Event{Kind: call.Stalled, Err: err}
		}
		w.side = call.Step(&w.state, e, now, w.side[:0])
		for i := range w.side {
			switch w.side[i].Do {
			case call.Cancel:
				r.cancel()
			case call.Announce:
				r.announce()
			case call.Heartbeat:
				r.heartbeat()
			}
		}
	}
	r.arm(now)
}

// passed is the limit of the open attempt that has passed, as an error; nil where
// none has. Time in which the client is waited for does not count: the upstream
// is not being read then.
func (r *run) passed(now time.Time) *llm.Error {
	w := &r.watched
	since := r.reading.Load()
	blame := llm.BlameDeployment
	var what string
	switch {
	case since == 0:
		return nil
	case !w.state.Shown() && !now.Before(w.limits.First):
		what = "sent no content"
		if now.Sub(r.at.rec.Started) < r.patience() {
			blame = llm.BlameSkein
		}
	case w.state.Shown() && now.Sub(time.Unix(0, since)) >= w.limits.Idle:
		what = fmt.Sprintf("fell silent for %s in the middle of its answer", w.limits.Idle)
	default:
		return nil
	}
	return &llm.Error{
		Class: llm.TimedOut, Blame: blame, Billed: llm.BilledMaybe, Status: http.StatusGatewayTimeout,
		Message: fmt.Sprintf("the deployment %s %s in time", r.name(), what),
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
	if !r.opened {
		r.opened = true
		r.receipt.Deployment = r.name()
		if r.c.Sink.Open(r.receipt) != nil {
			r.cancel()
		}
	}
}

// heartbeat is a sign of life in the client's format.
func (r *run) heartbeat() {
	if r.codec == nil {
		return
	}
	w := &r.watched
	w.beat = r.codec.Writer(r.as).Heartbeat(w.beat[:0])
	if len(w.beat) > 0 && r.c.Sink.Frame(w.beat, nil) != nil {
		r.cancel() // the client has gone; the reader will see it
	}
}

func (r *run) name() string {
	if r.at.dep == nil {
		return ""
	}
	return r.at.dep.name
}
