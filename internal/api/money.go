package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// BillQuery picks what a bill is about; zero members match everything.
type BillQuery struct {
	By   string // what to add up by, such as "run" or "cloud,service"; "" does not
	From time.Time
	To   time.Time
	Run  string
	Call string
	Key  string
}

// Bill is an itemised bill. The lines add up to the totals exactly.
type Bill struct {
	Lines  []ledger.Line  `json:"lines"`
	Totals []ledger.Total `json:"totals"`
	By     string         `json:"by,omitempty"`
	Rows   []ledger.Row   `json:"rows,omitempty" doc:"The lines, added up by what was asked for."`
}

// Bill implements [Service].
func (l *Local) Bill(ctx context.Context, q BillQuery) (*Bill, error) {
	p, err := who(ctx)
	switch {
	case err != nil:
		return nil, err
	case p.HideCost:
		return nil, &Error{Status: http.StatusForbidden, Message: "this key may not see what things cost", Mend: "use another key"}
	case !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To):
		return nil, &Error{Status: http.StatusUnprocessableEntity, Field: "query.to", Message: "the end is not after the beginning", Mend: "give a to that is later than from"}
	}
	var by []ledger.Dimension
	if q.By != "" {
		if by, err = ledger.ParseDimensions(q.By); err != nil {
			return nil, &Error{Status: http.StatusUnprocessableEntity, Field: "query.by", Message: err.Error()}
		}
	}
	found, err := l.visible(ctx, p, ledger.Query{Org: p.Org, From: q.From, To: q.To, Run: q.Run, Call: q.Call, Key: q.Key})
	if err != nil {
		return nil, asError(err)
	}
	b := &Bill{Lines: found.Lines, Totals: found.Totals, By: q.By}
	if len(by) > 0 {
		if b.Rows, err = found.Group(by...); err != nil {
			return nil, asError(err)
		}
	}
	return b, nil
}

// visible is the bill of what p may see of what q picks.
func (l *Local) visible(ctx context.Context, p *auth.Principal, q ledger.Query) (*ledger.Bill, error) {
	if p.Admin() {
		return ledger.ReadBill(ctx, l.Store.Reader(), q)
	}
	q.Project, q.Team, q.Customer = p.Project, p.Team, p.Customer // what is empty there picks all, hence Sees
	b := &ledger.Bill{Lines: []ledger.Line{}, Totals: []ledger.Total{}}
	sums := map[string]money.Amount{}
	for e, err := range ledger.Entries(ctx, l.Store.Reader(), q) {
		if err != nil {
			return nil, err
		}
		if !p.Sees(&e.Cause) {
			continue
		}
		for i := range e.Charges {
			line := e.Line(i)
			sums[line.Currency] = sums[line.Currency].Add(line.Amount())
			b.Lines = append(b.Lines, line)
		}
	}
	for _, cur := range slices.Sorted(maps.Keys(sums)) {
		b.Totals = append(b.Totals, ledger.Total{Currency: cur, Cost: sums[cur].Decimal()})
	}
	return b, nil
}

// Confirmation is what the provider says that an attempt or effect consumed.
type Confirmation struct {
	ID         string          `json:"id"`
	Readings   []price.Reading `json:"readings"`
	UpstreamID string          `json:"upstream_id,omitempty"`
}

// Confirmed says what became of confirmations.
type Confirmed struct {
	Booked    int       `json:"booked" doc:"Entries that were replaced by what they really were."`
	Unchanged int       `json:"unchanged" doc:"Entries that already said so."`
	Refused   []Refused `json:"refused,omitempty"`
}

// Refused is a confirmation that could not be booked.
type Refused struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// MaxConfirmations is how many confirmations one request may hold.
const MaxConfirmations = 10_000

// Confirm implements [Service].
func (l *Local) Confirm(ctx context.Context, all []Confirmation) (*Confirmed, error) {
	p, err := admin(ctx)
	switch {
	case err != nil:
		return nil, err
	case l.Ledger == nil:
		return nil, absent("ledger that it may write")
	case len(all) > MaxConfirmations:
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Field: "body", Message: fmt.Sprintf("it holds %d confirmations", len(all)), Mend: fmt.Sprintf("send at most %d at a time", MaxConfirmations)}
	}
	if err := checkConfirmations(all); err != nil {
		return nil, err
	}
	done := &Confirmed{}
	for i := range all {
		if err := l.confirm(ctx, p.Org, &all[i], done); err != nil {
			return nil, asError(err)
		}
	}
	return done, nil
}

// confirm books one confirmation; its error is one after which to stop.
func (l *Local) confirm(ctx context.Context, org string, c *Confirmation, done *Confirmed) error {
	l.confirms.Lock()
	defer l.confirms.Unlock()
	refuse := func(reason string) { done.Refused = append(done.Refused, Refused{c.ID, reason}) }
	r := l.Store.Reader()
	entry, err := ledger.Get(ctx, r, org, c.ID)
	if errors.Is(err, store.ErrNotFound) {
		refuse("no entry has this id")
		return nil
	}
	if err != nil {
		return err
	}
	booked := entry
	if earlier, err := ledger.Get(ctx, r, org, ledger.ConfirmID(c.ID)); err == nil {
		booked = earlier
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if booked != entry || !entry.Unsettled() {
		if says(booked, c.Readings) {
			done.Unchanged++
		} else {
			refuse("it is settled at other quantities")
		}
		return nil
	}
	ev := ledger.Evidence{Org: org, Entry: c.ID, Readings: reported(c.Readings), UpstreamID: c.UpstreamID}
	confirmed, err := ledger.ConfirmEntry(ctx, l.Ledger, ev, l.Rate, l.now())
	switch {
	case err == nil:
		done.Booked++
		if l.Corrected != nil {
			l.Corrected(confirmed)
		}
		return nil
	case unwritable(err):
		return err
	}
	refuse(err.Error())
	return nil
}

// says reports whether what e books, its reversals left out, is readings.
func says(e *ledger.Entry, readings []price.Reading) bool {
	left := map[price.Meter]int64{}
	for _, r := range readings {
		left[r.Meter] += r.Quantity
	}
	for i := range e.Charges {
		if c := &e.Charges[i]; !slices.Contains(c.Marks, price.MarkReversal) {
			left[c.Meter] -= c.Quantity
		}
	}
	for _, n := range left {
		if n != 0 {
			return false
		}
	}
	return true
}

// reported fills in where quantities come from: the provider says so.
func reported(readings []price.Reading) []price.Reading {
	out := slices.Clone(readings)
	for i := range out {
		out[i].Source = cmp.Or(out[i].Source, price.Reported)
	}
	return out
}

// unwritable reports whether an error is the store's, not the confirmation's.
func unwritable(err error) bool {
	for _, e := range []error{
		store.ErrNoRoom, store.ErrClosed, store.ErrReadOnly, store.ErrBroken, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Budget is a limit in money and how it stands.
type Budget struct {
	Scope  string       `json:"scope"`
	Kind   string       `json:"kind" doc:"hard: never passed. soft: reported when passed."`
	Window string       `json:"window" doc:"The present instance, such as team:research/month/2026-11."`
	Limit  money.Amount `json:"limit"`
	Spent  money.Amount `json:"spent"`
	Held   money.Amount `json:"held" doc:"Set aside for what is under way."`
	Left   money.Amount `json:"left"`
	Opens  time.Time    `json:"opens,omitzero" doc:"When the next instance begins."`
}

// Budgets implements [Service]. A key that may not administer sees those of its
// own scopes.
func (l *Local) Budgets(ctx context.Context) ([]Budget, error) {
	p, err := who(ctx)
	switch {
	case err != nil:
		return nil, err
	case p.HideCost:
		return nil, &Error{Status: http.StatusForbidden, Message: "this key may not see what things cost", Mend: "use another key"}
	case l.Standing == nil:
		return nil, absent("budgets")
	}
	found := []Budget{}
	for _, s := range l.Standing() {
		if s.Limit.Org != p.Org || !p.Admin() && !slices.Contains(p.Scopes(), s.Limit.Scope) {
			continue
		}
		found = append(found, Budget{
			Scope: s.Limit.Scope, Kind: string(s.Limit.Kind), Window: s.Window,
			Limit: s.Limit.Amount, Spent: s.Spent, Held: s.Held, Left: s.Limit.Amount.Sub(s.Spent).Sub(s.Held), Opens: s.Opens,
		})
	}
	return found, nil
}
