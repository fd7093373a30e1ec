package dispatch

import (
	"context"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/telemetry"
)

// beginSpan begins the trace's part of an attempt; without a trace it is nothing but
// the context that attempts have.
func (r *run) beginSpan(l *lane, number int) context.Context {
	if !r.span.Sampled() {
		return r.work
	}
	a := &l.at
	ctx, span := r.span.Attempt(r.work, telemetry.AttemptStart{
		ID: a.id, Deployment: a.dep.name, Provider: a.dep.info.Kind, Upstream: a.dep.upstream,
		Address: a.dep.info.Address, Operation: r.op, Stream: r.facts.Stream, Started: a.rec.Started,
		Number: number, Hedge: a.hedge, Seam: a.seam, Fallback: a.dep.fallback(r.m, a.candidate),
	})
	l.span = span
	return ctx
}

// endSpan tells how an attempt ended, under r.books.
func (r *run) endSpan(l *lane, err *llm.Error, cost money.Amount) {
	a := &l.at
	r.measureAttempt(a)
	end := telemetry.AttemptEnd{
		Ended: a.rec.Ended, FirstContent: a.rec.FirstContent, Usage: a.progress.Usage, Outcome: a.rec.Outcome,
		Status: a.rec.Status, UpstreamID: a.rec.UpstreamID, Err: err, Cost: costText(cost),
	}
	if l.whole != nil {
		end.ResponseModel, end.Stop = l.whole.Model, l.whole.Stop
	}
	l.span.End(end)
	l.span = telemetry.AttemptSpan{}
}

// noteSeam puts what was decided about a break into the trace.
func (r *run) noteSeam(s SeamRecord) {
	if r.span.Sampled() {
		r.span.Event(r.d.now(), telemetry.EventSeam, telemetry.Text("skein.seam.verdict", s.Verdict), telemetry.Int("skein.seam.shown", s.Shown))
	}
}

func (r *run) endCallSpan(told *llm.Error) {
	r.measureCall(told)
	if !r.span.Sampled() {
		return
	}
	rec := r.rec
	r.retell(told)
	end := telemetry.CallEnd{
		Ended: rec.Ended, FirstContent: rec.firstContent(), Outcome: rec.Outcome, Deployment: r.receipt.Deployment, Usage: r.receipt.Usage,
		Attempts: len(rec.Attempts), Err: told, Cost: rec.Cost,
	}
	r.span.End(end)
}

// firstContent is when the first content came that any attempt brought, which is what
// the client saw first; zero where there was none.
func (rec *CallRecord) firstContent() (first time.Time) {
	for i := range rec.Attempts {
		if at := rec.Attempts[i].FirstContent; !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// retell puts what the record tells into the trace, each at its own time.
func (r *run) retell(told *llm.Error) {
	rec := r.rec
	rounds := rec.Rounds
	if len(rounds) == 0 && rec.Choice != nil {
		rounds = []Round{{At: rec.Arrived, Queued: rec.Queued, Choice: rec.Choice}}
	}
	for i := range rounds {
		x := &rounds[i]
		attrs := []telemetry.Attr{telemetry.Int("skein.choice.candidates", int64(len(x.Choice)))}
		if len(x.Choice) > 0 {
			attrs = append(attrs, telemetry.Text("skein.deployment", x.Choice[0].Deployment), telemetry.Text("skein.choice.reason", x.Choice[0].Reason))
		}
		if x.After != "" {
			attrs = append(attrs, telemetry.Text("skein.choice.after", x.After))
		}
		r.span.Event(x.At, telemetry.EventChosen, attrs...)
		if x.Queued > 0 {
			r.span.Event(x.At, telemetry.EventQueued, telemetry.Seconds("skein.queue.waited", x.Queued), telemetry.Text("skein.queue.priority", priorityName(r.c.Priority)))
		}
	}
	for i := range rec.Attempts {
		if a := &rec.Attempts[i]; a.Hedge {
			r.span.Event(a.Started, telemetry.EventHedge, telemetry.Text("skein.attempt.id", a.ID), telemetry.Text("skein.deployment", a.Deployment))
		}
	}
	switch {
	case told == nil:
	case told.Code == overCapacity:
		r.span.Event(rec.Ended, telemetry.EventShed, telemetry.Text("skein.queue.priority", priorityName(r.c.Priority)))
	case told.Class == llm.Canceled:
		r.span.Event(rec.Ended, telemetry.EventHangup)
	}
}
