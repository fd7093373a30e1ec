package engine

import (
	"context"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/telemetry"
)

// watched is what traces and times are told of a run in memory. It is the loop's.
type watched struct {
	trace   telemetry.Run
	agent   string
	model   string
	began   time.Time
	resumed int64 // the record after which it was resumed; 0: it was not
	step    int   // the one that commands are performed of; 0: none yet
	since   time.Time
}

// watch takes note of a run that comes into memory: by its start, or read from the store.
func (e *Engine) watch(ev *sched.Event) {
	switch {
	case ev.Kind == sched.Arrived && ev.Input.Kind == agent.Started && ev.Input.Start != nil:
		s := ev.Input.Start
		e.watched[ev.Run] = &watched{trace: e.traceOf(s), agent: s.Agent, model: s.Model, began: ev.Input.At}
	case ev.Kind == sched.Loaded && ev.State != nil && ev.State.Cause != nil:
		e.watched[ev.Run] = e.watchedAs(ev.State)
	}
}

// watchedAs is what there is to say of a run as its journal has it. One that had ended
// is read since somebody wants it to go on.
func (e *Engine) watchedAs(st *agent.State) *watched {
	w := &watched{trace: e.traceOf(st.Cause), agent: st.Agent, model: st.Model, began: st.Started}
	if st.Status.Ended() {
		w.began, w.resumed = e.o.Now(), st.Seq
	}
	return w
}

func (e *Engine) traceOf(s *agent.Start) telemetry.Run { return e.o.Trace.Run(s.Run, s.Agent, s.Trace) }

// stepOf is the trace of the run that a command is performed of. What was told of the
// step before is over.
func (e *Engine) stepOf(run string, st *agent.State, step int) telemetry.Run {
	w := e.watched[run]
	if w == nil { // it ended, and goes on before it has left the memory
		w = e.watchedAs(st)
		w.began, w.resumed = e.o.Now(), st.Seq
		e.watched[run] = w
	}
	if step != w.step {
		now := e.o.Now()
		w.endStep(now)
		w.step, w.since = step, now
	}
	return w.trace
}

func (w *watched) endStep(now time.Time) {
	if w.step != 0 {
		w.trace.StepEnded(w.step, w.since, now)
	}
}

// told says how a run ended, once that is durable.
func (e *Engine) told(w *watched, rec *agent.Record) {
	if w == nil {
		return
	}
	status, at := rec.Decision.Status, rec.Input.At
	w.endStep(at)
	w.trace.Ended(telemetry.RunEnd{
		Began: w.began, Ended: at, Status: string(status), Failed: status == agent.Failed,
		Model: w.model, Steps: w.step, Resumed: w.resumed,
	})
	if e.o.Metrics != nil {
		e.o.Metrics.RunEnded(w.agent, string(status), status == agent.Failed, at.Sub(w.began))
	}
}

// traced performs an effect as a span of its run, and says how long it took.
func (e *Engine) traced(ctx context.Context, s *snapshot, do func(ctx context.Context) (outcome string)) {
	began := e.o.Now()
	ctx, span := s.trace.Tool(ctx, telemetry.ToolStart{
		Command: s.do.ID, Try: s.do.Try, Step: s.cause.Step, Tool: s.do.Tool, Class: string(s.do.Class), Began: began,
	})
	outcome := do(ctx)
	now := e.o.Now()
	span.End(now, outcome)
	if e.o.Metrics != nil {
		e.o.Metrics.ToolEnded(s.do.Tool, outcome, now.Sub(began))
	}
}
