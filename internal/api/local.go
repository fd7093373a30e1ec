package api

import (
	"cmp"
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/store"
)

// Store is what records and views are read from; *[store.Store] is one.
type Store interface {
	Reader() store.Reader
	Records(ctx context.Context, after int64, f store.Filter, limit int) ([]store.Record, error)
	LSN() int64
	// Wait returns when a record after the given lsn is committed.
	Wait(ctx context.Context, after int64) error
}

// Engine is what moves runs; *[engine.Engine] is one.
type Engine interface {
	Start(ctx context.Context, r engine.StartRequest) (run string, again bool, err error)
	Cancel(ctx context.Context, run, by, why string) error
	Resume(ctx context.Context, run string, r engine.ResumeRequest) error
	Resolve(ctx context.Context, run, command, answer, by, told string) error
}

// Local is the [Service] of the process that has the data. Members that are nil
// are not to be had: a store opened beside its owner has no engine, for one.
type Local struct {
	Store  Store
	Engine Engine
	Auth   *auth.Keys
	// Standing says how all budgets stand.
	Standing func() []budget.Standing

	Ledger    ledger.Store          // what confirmations are written to
	Rate      ledger.Rate           // prices what a confirmed entry had no price for
	Corrected func(e *ledger.Entry) // is told of each confirmation that was booked
	Now       func() time.Time      // nil: time.Now
	Build     Version

	confirms sync.Mutex // one confirmation at a time, so that Corrected hears of each once
}

var _ Service = (*Local)(nil)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

func who(ctx context.Context) (*auth.Principal, error) {
	if p := auth.From(ctx); p != nil {
		return p, nil
	}
	return nil, &Error{Status: http.StatusUnauthorized, Message: "nobody is asking", Mend: "send a key"}
}

func admin(ctx context.Context) (*auth.Principal, error) {
	p, err := who(ctx)
	if err == nil && !p.Admin() {
		err = &Error{Status: http.StatusForbidden, Message: "this key may not administer its org", Mend: "use a key with the role admin, or the command line beside the data"}
	}
	return p, err
}

// name is how records name a principal.
func name(p *auth.Principal) string {
	if p.Key == "" {
		return "owner"
	}
	return "key:" + p.Key
}

func (l *Local) now() time.Time {
	if l.Now == nil {
		return time.Now()
	}
	return l.Now()
}

func absent(what string) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Message: "this process has no " + what,
		Mend: "ask the one that owns the data directory (skein serve)",
	}
}

// Call implements [Service].
func (l *Local) Call(ctx context.Context, id string) (*dispatch.CallRecord, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	rec, err := dispatch.Get(ctx, l.Store.Reader(), p.Org, id)
	if err != nil {
		return nil, asError(err)
	}
	if rec == nil || !p.Sees(&rec.Cause) {
		return nil, notFound("call", id, "a call is there once it has ended")
	}
	return hideCosts(p, rec), nil
}

// Calls implements [Service].
func (l *Local) Calls(ctx context.Context, q CallQuery) ([]dispatch.Listed, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	limit := min(cmp.Or(q.Limit, defaultLimit), maxLimit)
	dq := dispatch.Query{Org: p.Org, Key: q.Key, Run: q.Run, Model: q.Model, Outcome: q.Outcome, Limit: limit, BeforeLSN: q.Before}
	if !p.Admin() {
		dq.Project = p.Project
	}
	found := []dispatch.Listed{}
	for { // what p may not see leaves gaps, so more is read until the page is full
		page, err := dispatch.List(ctx, l.Store.Reader(), dq)
		if err != nil {
			return nil, asError(err)
		}
		for i := range page {
			if len(found) < limit && p.Sees(&page[i].Cause) {
				found = append(found, dispatch.Listed{LSN: page[i].LSN, CallRecord: *hideCosts(p, &page[i].CallRecord)})
			}
		}
		if len(page) < limit || len(found) == limit {
			return found, nil
		}
		dq.BeforeLSN = page[len(page)-1].LSN
	}
}

// hideCosts takes the money out of a record for those who may not see it.
func hideCosts(p *auth.Principal, rec *dispatch.CallRecord) *dispatch.CallRecord {
	if !p.HideCost {
		return rec
	}
	c := *rec
	c.Cost = ""
	c.Attempts = slices.Clone(rec.Attempts)
	for i := range c.Attempts {
		c.Attempts[i].Cost = ""
	}
	c.Choice = unpriced(rec.Choice)
	c.Rounds = slices.Clone(rec.Rounds)
	for i := range c.Rounds {
		c.Rounds[i].Choice = unpriced(c.Rounds[i].Choice)
	}
	return &c
}

// unpriced are choices without what they were expected to cost.
func unpriced(choices []dispatch.Choice) []dispatch.Choice {
	out := slices.Clone(choices)
	for i := range out {
		out[i].Cost = ""
	}
	return out
}

// CreateKey implements [Service].
func (l *Local) CreateKey(ctx context.Context, n NewKey) (*KeyText, error) {
	p, err := admin(ctx)
	if err != nil {
		return nil, err
	}
	k, t, err := l.Auth.Create(ctx, p, auth.New{
		Name: n.Name, Org: p.Org, Team: n.Team, Project: n.Project, Customer: n.Customer, Role: n.Role, Models: n.Models,
		Budget: n.Budget, HideCost: n.HideCost, Priority: n.Priority, Require: n.Require, Expires: n.Expires, Idempotency: n.Idempotency,
	})
	if err != nil {
		return nil, asError(err)
	}
	return &KeyText{Key: k, Text: t.Text()}, nil
}

// Keys implements [Service]. A key that may not administer sees itself.
func (l *Local) Keys(ctx context.Context) ([]auth.Key, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	found := []auth.Key{}
	for _, k := range l.Auth.List(p.Org) {
		if p.Admin() || k.ID == p.Key {
			found = append(found, k)
		}
	}
	return found, nil
}

// RevokeKey implements [Service].
func (l *Local) RevokeKey(ctx context.Context, id string, at time.Time) (*auth.Key, error) {
	p, err := admin(ctx)
	if err != nil {
		return nil, err
	}
	k, err := l.Auth.Revoke(ctx, p, p.Org, id, at)
	if err != nil {
		return nil, asError(err)
	}
	return &k, nil
}

// Version implements [Service].
func (l *Local) Version(ctx context.Context) (*Version, error) {
	if _, err := who(ctx); err != nil {
		return nil, err
	}
	v := l.Build
	v.Go = cmp.Or(v.Go, runtime.Version())
	return &v, nil
}
