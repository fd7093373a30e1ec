package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/tool"
)

// flight is a command that is prepared or being performed.
type flight struct {
	cancel context.CancelFunc
	grant  *dispatch.Grant // money held for an effect; nil: none
	card   *price.Card
	tool   tool.Tool
	op     *tool.Operation
	entry  ledger.Entry // what it is booked under
}

// snap takes what performing a command needs of its run.
func (e *Engine) snap(run string, st *agent.State, do agent.Open) *snapshot {
	s := &snapshot{
		do: do, model: st.Model, definition: st.Definition, outputCap: st.OutputCap, deadline: st.Deadline,
		cause: ledger.Cause{
			Org: e.o.Org, Agent: st.Agent, Run: run, RootRun: run, Step: st.Steps, Command: do.ID,
		},
	}
	if c := st.Cause; c != nil {
		s.cause.Team, s.cause.Project, s.cause.Customer, s.cause.Key = c.Team, c.Project, c.Customer, c.APIKey
	}
	if a := e.o.Agents[st.Agent]; a != nil {
		s.set = a.Set
	}
	if do.Kind == agent.CallModel {
		s.cause.Step++
		s.context = agent.Context(st)
	}
	return s
}

// prepare holds money for an effect, and makes the record of what it may cost.
func (e *Engine) prepare(c *sched.Command) {
	s := e.snap(c.Run, c.State, c.Do)
	f := &flight{}
	var ok bool
	if s.set != nil {
		f.tool, f.op, ok = s.set.Lookup(c.Do.Tool)
	}
	if !ok {
		e.gone(c.Run, s)
		return
	}
	now := e.o.Now()
	e.meter(f, s, now)
	bound := f.card.Rate(f.op.Bound, price.Options{})
	ask := dispatch.Ask{ID: f.entry.ID, Cause: &s.cause, Fixed: price.Total(bound), Until: now.Add(f.op.Timeout + time.Minute),
		Unpriced: f.op.Bound == nil || unpriced(bound)}
	grant, refusal := e.o.Budgets.Hold(now, &ask)
	if refusal != nil {
		e.fail(c.Run, s, agent.ToolFailed, &agent.Failure{Class: llm.OverBudget, Outcome: string(tool.NotDone), Message: refusal.Message})
		return
	}
	f.grant = &grant
	f.entry.Held, f.entry.Windows = grant.Held, grant.Windows
	e.flights[c.Do.Effect()] = f
	var a *attachment
	if len(f.op.Bound) > 0 {
		open := f.entry
		open.Charges, open.Marks, open.BookedAt = bound, []price.Mark{price.MarkUnknown}, now
		rec, err := ledger.OpenRecord(&open, e.o.Revision)
		if err != nil {
			e.halt(fmt.Errorf("encode the open record of %s: %w", open.ID, err))
			return
		}
		a = &attachment{records: []store.Record{rec}}
	}
	e.post(sched.Event{Kind: sched.Prepared, Run: c.Run, Command: c.Do.ID}, a)
}

// meter finds what an effect is booked under, and at which prices.
func (e *Engine) meter(f *flight, s *snapshot, now time.Time) {
	r := f.tool.Resource()
	f.entry = ledger.Entry{
		ID: s.do.Effect(), Kind: ledger.Effect, Cause: s.cause, Cloud: r.Cloud, Service: r.Kind,
		Resource: s.do.Tool, ConsumedFrom: now, Outcome: "unknown",
	}
	if card, ok := e.o.Cards(r, now); ok {
		f.card = card
		f.entry.Cloud, f.entry.Service, f.entry.Region, f.entry.Book = card.Cloud, card.Service, card.Region, card.Book
		return
	}
	f.card = &price.Card{Cloud: r.Cloud, Service: r.Kind}
}

// unpriced reports whether there is a charge for which no price is known.
func unpriced(cs []price.Charge) bool {
	for i := range cs {
		if slices.Contains(cs[i].Marks, price.Unpriced) {
			return true
		}
	}
	return false
}

// perform does a command in a goroutine of its own; its outcome is an input.
func (e *Engine) perform(c *sched.Command) {
	s := e.snap(c.Run, c.State, c.Do)
	id := c.Do.Effect()
	f := e.flights[id]
	if f == nil {
		f = &flight{}
		e.flights[id] = f
		if c.Do.Kind == agent.CallTool && s.set != nil {
			f.tool, f.op, _ = s.set.Lookup(c.Do.Tool)
			if f.op != nil && len(f.op.Bound) > 0 { // what is computed here costs nothing, and is a line all the same
				e.meter(f, s, e.o.Now())
			}
		}
	}
	ctx, cancel := context.WithCancel(e.ctx)
	f.cancel = cancel
	run := c.Run
	s.trace = e.stepOf(run, c.State, s.cause.Step)
	ctx = s.trace.Step(ctx, s.cause.Step)
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		defer cancel()
		if s.do.Kind == agent.CallModel {
			e.callModel(ctx, run, s)
		} else {
			e.callTool(ctx, run, s, f)
		}
		e.inbox.put(message{call: func() {
			delete(e.flights, id)
		}})
	}()
}

// callOff ends what is being performed, or gives back what was held for it.
func (e *Engine) callOff(c *sched.Command) {
	f := e.flights[c.Do.Effect()]
	if f == nil {
		return
	}
	if f.cancel != nil {
		f.cancel()
		return
	}
	delete(e.flights, c.Do.Effect())
	e.book(f, nil, "canceled", e.o.Now(), func(b store.Batch, durable func()) {
		e.o.Store.Submit(b, func(int64, error) { durable() })
	})
}

// callTool executes one operation and hands in its outcome with its entry.
func (e *Engine) callTool(ctx context.Context, run string, s *snapshot, f *flight) {
	var meter tool.Meter
	if f.tool == nil {
		e.gone(run, s)
		return
	}
	f.entry.ConsumedFrom = e.o.Now()
	var result tool.Result
	var err error
	e.traced(ctx, s, func(ctx context.Context) string {
		if result, err = e.execute(tool.WithMeter(ctx, &meter), run, s, f); err != nil {
			return toolFailure(err).Outcome
		}
		return "ok"
	})
	in := agent.Input{At: e.o.Now(), Command: s.do.ID, Try: s.do.Try}
	a := &attachment{}
	outcome := "ok"
	if err == nil {
		if result.Whole != nil {
			_, whole := e.keep(run, s.do.Effect()+wholeSuffix, result.Whole)
			a.payloads = append(a.payloads, whole)
			result.Content = append(result.Content, tool.RestNote(s.do.Effect(), len(result.Content), len(result.Whole))...)
		}
		ref, p := e.keep(run, s.do.Effect()+"/result", result.Content)
		a.payloads = append(a.payloads, p)
		in.Kind, in.Result = agent.ToolReturned, &agent.Result{Ref: ref, Repeat: result.Repeat}
	} else {
		fail := toolFailure(err)
		outcome = fail.Outcome
		ref, p := e.keep(run, s.do.Effect()+"/failure", []byte(fail.Message))
		a.payloads = []store.Payload{p}
		if fail.Outcome != string(tool.Unknown) || s.do.Class == agent.Read || s.do.Class == agent.Local {
			fail.Told = &ref
		}
		in.Kind, in.Failure = agent.ToolFailed, fail
	}
	e.book(f, meter.Readings(), outcome, in.At, func(b store.Batch, durable func()) {
		a.records, a.durable = b.Records, durable
		in.Cost = f.entry.Total()
	})
	e.post(sched.Event{Kind: sched.Arrived, Run: run, Input: in}, a)
}

// execute finds the call's arguments and runs the operation within its time.
func (e *Engine) execute(ctx context.Context, run string, s *snapshot, f *flight) (tool.Result, error) {
	data, err := e.read(ctx, s.do.Message)
	if err != nil {
		return tool.Result{}, &tool.Error{Outcome: tool.NotDone, Retry: true, Message: err.Error()}
	}
	var msg llm.Message
	if err := json.Unmarshal(data, &msg); err != nil || s.do.Part >= len(msg.Parts) {
		return tool.Result{}, &tool.Error{Outcome: tool.NotDone, Message: fmt.Sprintf("the answer %s cannot be read", s.do.Message.Ref)}
	}
	if f.op.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.op.Timeout)
		defer cancel()
	}
	args := msg.Parts[s.do.Part].Arguments
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	now := e.o.Now()
	again := s.do.MayRepeat(now)
	if again && !s.do.Resend { // it was protected when it was decided, and has had to wait since
		return tool.Result{}, &tool.Error{Outcome: tool.NotDone, Retry: true, Message: "it came too late to be known again by its key, and was not sent once more"}
	}
	call := tool.Call{ID: s.do.ID, Try: s.do.Try, Op: s.do.Tool, Args: args, Again: again, Protected: s.do.Protected(now)}
	return f.tool.Do(tool.WithRest(ctx, e.restOf(run)), call)
}

// wholeSuffix ends the names of results that are kept whole beside the beginning that
// the model was shown.
const wholeSuffix = "/whole"

// restOf finds whole results of a run, and of no other.
func (e *Engine) restOf(run string) tool.Rest {
	return func(ctx context.Context, name string) ([]byte, error) {
		if !strings.HasPrefix(name, run+"/") {
			return nil, nil
		}
		p, err := e.o.Store.Payload(ctx, e.o.Org, name+wholeSuffix)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return p.Data, err
	}
}

// toolFailure says what a run should know of an effect that failed.
func toolFailure(err error) *agent.Failure {
	var te *tool.Error
	if errors.As(err, &te) {
		return &agent.Failure{Outcome: string(te.Outcome), Message: te.Message, Again: te.Retry, After: te.After}
	}
	// Whatever is not classified may have happened.
	return &agent.Failure{Outcome: string(tool.Unknown), Message: err.Error()}
}

// book makes an effect's entry of what was counted, and hands it over with what is to
// be called when it is durable: that gives back what is left of the effect's hold.
func (e *Engine) book(f *flight, readings []price.Reading, outcome string, now time.Time, put func(b store.Batch, durable func())) {
	if f.entry.ID == "" { // nothing of it is metered
		put(store.Batch{}, func() {})
		return
	}
	f.entry.ConsumedTo, f.entry.BookedAt, f.entry.Outcome = now, now, outcome
	f.entry.Charges = f.card.Rate(readings, price.Options{})
	cost := f.entry.Total()
	grant := f.grant
	f.grant = nil
	if grant != nil && cost.Cmp(grant.Held) > 0 {
		f.entry.Marks = price.Marks(f.entry.Marks, price.MarkOverrun)
	}
	rec, err := ledger.EntryRecord(&f.entry, e.o.Revision)
	if err != nil {
		e.halt(fmt.Errorf("encode the entry of %s: %w", f.entry.ID, err))
		return
	}
	put(store.Batch{Records: []store.Record{rec}}, func() {
		if grant != nil {
			e.o.Budgets.Settle(now, grant, cost)
		}
	})
}

// gone tells a run, and its model, that a tool is not there any more.
func (e *Engine) gone(run string, s *snapshot) {
	ref, p := e.keep(run, s.do.Effect()+"/failure", fmt.Appendf(nil, "The tool %q is not available any more.", s.do.Tool))
	e.post(sched.Event{Kind: sched.Arrived, Run: run, Input: agent.Input{
		Kind: agent.ToolFailed, At: e.o.Now(), Command: s.do.ID, Try: s.do.Try,
		Failure: &agent.Failure{Outcome: string(tool.NotDone), Message: "the tool is not configured any more", Told: &ref},
	}}, &attachment{payloads: []store.Payload{p}})
}
