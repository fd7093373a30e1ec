package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

// StartRun implements [Service].
func (l *Local) StartRun(ctx context.Context, s StartRun) (*Run, error) {
	p, err := who(ctx)
	switch {
	case err != nil:
		return nil, err
	case l.Engine == nil:
		return nil, absent("engine")
	}
	if err := checkStart(&s); err != nil {
		return nil, err
	}
	s.Customer = cmp.Or(p.Customer, s.Customer)
	id, again, err := l.Engine.Start(ctx, engine.StartRequest{
		Agent: s.Agent, Input: s.Input, Key: scoped(p, s.Idempotency), Budget: amount(s.Budget), By: name(p),
		Project: p.Project, Team: p.Team, Customer: s.Customer, APIKey: p.Key,
	})
	if err != nil {
		return nil, runError(err, "")
	}
	if again {
		if err := l.startedBy(ctx, p, id, &s); err != nil {
			return nil, err
		}
	}
	return l.Run(ctx, id)
}

// Run implements [Service].
func (l *Local) Run(ctx context.Context, id string) (*Run, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	row, st, err := l.find(ctx, p, id)
	if err != nil {
		return nil, err
	}
	journal, err := engine.ReadJournal(ctx, l.Store, p.Org, id)
	if err != nil {
		return nil, runError(err, id)
	}
	r := listed(row)
	r.Cause, r.Model, r.Definition, r.Answer = causeOf(st), st.Model, st.Definition, st.Answer.Ref
	r.Limits = &Limits{Budget: stated(st.Limits.Budget), Steps: st.Limits.Steps, Deadline: st.Deadline}
	r.Cost = &st.Spent
	for i := range st.Open {
		if o := &st.Open[i]; o.Doubt {
			r.Doubts = append(r.Doubts, Doubt{Effect: o.Effect(), Tool: o.Tool, Class: o.Class, Digest: o.Digest})
		}
	}
	var t Timeline
	for i := range journal {
		r.Timeline = append(r.Timeline, *hideCost(p, t.Add(&journal[i])))
	}
	if p.HideCost {
		r.Cost = nil
	}
	return &r, nil
}

// find reads a run that p may see.
func (l *Local) find(ctx context.Context, p *auth.Principal, id string) (engine.Run, *agent.State, error) {
	row, err := engine.Get(ctx, l.Store.Reader(), p.Org, id)
	if err != nil {
		return row, nil, runError(err, id)
	}
	st, _, err := engine.ReadRun(ctx, l.Store, p.Org, id)
	if err != nil {
		return row, nil, runError(err, id)
	}
	if !p.Sees(causeOf(st)) {
		return row, nil, runError(engine.ErrNoRun, id)
	}
	return row, st, nil
}

func causeOf(st *agent.State) *ledger.Cause {
	c := &ledger.Cause{Org: st.Org, Agent: st.Agent, Run: st.Run, RootRun: st.Run}
	if s := st.Cause; s != nil {
		c.Project, c.Team, c.Customer, c.Key = s.Project, s.Team, s.Customer, s.APIKey
	}
	return c
}

func listed(row engine.Run) Run {
	return Run{
		ID: row.Run, Agent: row.Agent, Status: row.Status, Reason: row.Reason, Input: row.Input,
		Started: row.Started, Updated: row.Updated, Ended: row.Ended, Steps: row.Steps, LSN: row.LSN, Project: row.Project,
	}
}

// Runs implements [Service].
func (l *Local) Runs(ctx context.Context, q RunQuery) ([]Run, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	limit := min(cmp.Or(q.Limit, defaultLimit), maxLimit)
	eq := engine.Query{Org: p.Org, Agent: q.Agent, Status: q.Status, Limit: limit}
	if !p.Admin() {
		eq.Project = p.Project
	}
	for { // what p may not see leaves gaps, so more is read until the page is full
		rows, err := engine.List(ctx, l.Store.Reader(), eq)
		if err != nil {
			return nil, asError(err)
		}
		found := []Run{}
		for i := range rows {
			if len(found) == limit {
				break
			}
			sees, err := l.sees(ctx, p, rows[i].Run)
			if err != nil {
				return nil, asError(err)
			}
			if sees {
				found = append(found, listed(rows[i]))
			}
		}
		if len(found) == limit || len(rows) < eq.Limit {
			return found, nil
		}
		eq.Limit *= 4
	}
}

// sees looks into a run's first record, which says whom it is for.
func (l *Local) sees(ctx context.Context, p *auth.Principal, id string) (bool, error) {
	if p.Admin() {
		return true, nil
	}
	first, err := l.Store.Records(ctx, 0, store.Filter{Org: p.Org, Kinds: []string{agent.Kind}, Stream: id, Ordered: true}, 1)
	if err != nil || len(first) == 0 {
		return false, err
	}
	rec, err := agent.Decode(first[0].Version, first[0].Body)
	if err != nil || rec.Input.Start == nil {
		return false, err
	}
	s := rec.Input.Start
	return p.Sees(&ledger.Cause{Org: p.Org, Team: s.Team, Project: s.Project, Customer: s.Customer}), nil
}

// followEvery is the least time between two looks at the journal: a busy store
// commits thousands of times a second, mostly for others.
const followEvery = 25 * time.Millisecond

// FollowRun implements [Service].
func (l *Local) FollowRun(ctx context.Context, id string, after int64, each func(Event) error) error {
	p, err := who(ctx)
	if err != nil {
		return err
	}
	if _, _, err := l.find(ctx, p, id); err != nil {
		return err
	}
	var t Timeline
	var read int64
	for {
		seen := l.Store.LSN()
		records, err := l.Store.Records(ctx, read, store.Filter{Org: p.Org, Kinds: []string{agent.Kind}, Stream: id, Ordered: true}, -1)
		if err != nil {
			return asError(err)
		}
		ended := false
		for i := range records {
			r := &records[i]
			rec, err := agent.Decode(r.Version, r.Body)
			if err != nil {
				return asError(err)
			}
			e := t.Add(&engine.Entry{LSN: r.LSN, Epoch: r.Epoch, Record: rec})
			read, ended = r.LSN, e.Status.Ended()
			if r.LSN <= after {
				continue
			}
			if err := each(*hideCost(p, e)); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
		if err := pause(ctx, followEvery); err != nil {
			return err
		}
		if err := l.Store.Wait(ctx, seen); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func hideCost(p *auth.Principal, e Event) *Event {
	if p.HideCost {
		e.Cost = nil
	}
	return &e
}

// CancelRun implements [Service].
func (l *Local) CancelRun(ctx context.Context, id, reason string) (*Run, error) {
	return l.move(ctx, id, func(p *auth.Principal) error {
		return l.Engine.Cancel(ctx, id, name(p), reason)
	})
}

// ResumeRun implements [Service].
func (l *Local) ResumeRun(ctx context.Context, id string, n NewLimits) (*Run, error) {
	var more time.Duration
	if n.Time != "" {
		d, err := time.ParseDuration(n.Time)
		if err != nil || d <= 0 {
			return nil, &Error{Status: http.StatusUnprocessableEntity, Field: "body.time", Message: fmt.Sprintf("%q is not a time", n.Time), Mend: "write it as 90m or 2h"}
		}
		more = d
	}
	if err := checkBudget(n.Budget); err != nil {
		return nil, err
	}
	return l.move(ctx, id, func(p *auth.Principal) error {
		return l.Engine.Resume(ctx, id, engine.ResumeRequest{By: name(p), Budget: amount(n.Budget), Steps: n.Steps, Time: more})
	})
}

// ResolveEffect implements [Service].
func (l *Local) ResolveEffect(ctx context.Context, id, effect string, a Answer) (*Run, error) {
	return l.move(ctx, id, func(p *auth.Principal) error {
		return l.Engine.Resolve(ctx, id, effect, a.Answer, name(p), a.Result)
	})
}

// move does something to a run that the principal may see.
func (l *Local) move(ctx context.Context, id string, do func(p *auth.Principal) error) (*Run, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	if l.Engine == nil {
		return nil, absent("engine")
	}
	if _, _, err := l.find(ctx, p, id); err != nil {
		return nil, err
	}
	if err := do(p); err != nil {
		return nil, runError(err, id)
	}
	return l.Run(ctx, id)
}

func runError(err error, id string) *Error {
	switch {
	case errors.Is(err, engine.ErrNoRun):
		return notFound("run", id, "list them (skein runs)")
	case errors.Is(err, engine.ErrNoAgent):
		return &Error{Status: http.StatusUnprocessableEntity, Field: "body.agent", Message: err.Error()}
	case errors.Is(err, engine.ErrBadInput):
		return &Error{Status: http.StatusUnprocessableEntity, Field: "body", Message: err.Error()}
	case errors.Is(err, engine.ErrNotFit):
		return &Error{Status: http.StatusConflict, Message: err.Error()}
	case errors.Is(err, engine.ErrHalted):
		return &Error{Status: http.StatusServiceUnavailable, Message: err.Error(), Mend: "start Skein again once the cause is mended"}
	}
	return asError(err)
}

func amount(a *money.Amount) money.Amount {
	if a == nil {
		return money.Amount{}
	}
	return *a
}

func stated(a money.Amount) *money.Amount {
	if a.IsZero() {
		return nil
	}
	return &a
}
