package dispatch

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/telemetry"
)

// meters are the numbers that [Signs] may have beside its own.
type meters interface {
	Upstream(u telemetry.Upstream)
	Served(op llm.Operation, model, outcome string, took, first time.Duration)
	Warm(deployment string, tokens int64)
}

// measureAttempt counts an attempt that has ended, as OpenTelemetry's conventions have
// it, and what its prompt's cache was thought to hold; under r.books.
func (r *run) measureAttempt(a *attempt) {
	m, ok := r.d.o.Signs.(meters)
	if !ok || !a.sent {
		return
	}
	u := telemetry.Upstream{
		Operation: r.op, Provider: a.dep.info.Kind, Model: a.dep.upstream, Deployment: a.dep.name, Outcome: a.rec.Outcome,
		Took: a.rec.Ended.Sub(a.rec.Started), Usage: &a.progress.Usage,
	}
	if !a.rec.FirstContent.IsZero() {
		u.First = a.rec.FirstContent.Sub(a.rec.Started)
	}
	m.Upstream(u)
	for i := range r.rec.Choice {
		if c := &r.rec.Choice[i]; c.Deployment == a.dep.name && c.Warm > 0 {
			m.Warm(a.dep.name, c.Warm)
		}
	}
}

// overCapacity is the code of an error that says that there was no room for a call.
const overCapacity = "over_capacity"

// measureCall counts a call that has ended, and its wait for room.
func (r *run) measureCall(told *llm.Error) {
	rec := r.rec
	if m, ok := r.d.o.Signs.(meters); ok {
		var first time.Duration
		if at := rec.firstContent(); !at.IsZero() {
			first = at.Sub(rec.Arrived)
		}
		m.Served(r.op, r.m.name, rec.Outcome, rec.Ended.Sub(rec.Arrived), first)
	}
	if m := r.d.o.Signs; m != nil && rec.Queued > 0 {
		outcome := "served"
		switch {
		case told == nil || len(rec.Attempts) > 0:
		case told.Class == llm.Canceled:
			outcome = "gone"
		case told.Code == overCapacity && rec.Queued >= r.m.config.Queue:
			outcome = "expired"
		default:
			outcome = "shed"
		}
		m.Queued(r.m.name, priorityName(r.c.Priority), outcome, rec.Queued)
	}
}

// drained counts what was read of an upstream whose client has gone.
func (r *run) drained(l *lane, bytes int) {
	if m := r.d.o.Signs; m != nil {
		m.Drained(l.at.dep.name, int64(bytes))
	}
}
