package budget

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// at is the account of the instance that holds a moment.
func (sr *series) at(now time.Time) *account {
	if sr.now != nil && sr.now.covers(now) {
		return sr.now
	}
	return sr.roll(now)
}

// roll goes on to another instance. A clock that goes back finds the instance
// that it left; one that goes back to where there is none stays where it is, since
// what was spent there is no longer known.
func (sr *series) roll(now time.Time) *account {
	sp := sr.window.at(now, sr.zone)
	if sr.index(sp.label) < 0 && sr.now != nil && sp.start.Before(sr.now.start) {
		return sr.now
	}
	last := sr.now
	sr.now = sr.open(sp.label)
	sr.now.span = sp
	sr.accounts = slices.DeleteFunc(sr.accounts, func(a *account) bool {
		return a != sr.now && a != last && a.holds == 0
	})
	return sr.now
}

// open finds or makes the account of an instance.
func (sr *series) open(label string) *account {
	if i := sr.index(label); i >= 0 {
		return sr.accounts[i]
	}
	a := &account{
		series: sr, span: span{label: label}, id: sr.scope.name + "/" + string(sr.window) + "/" + label,
		spent: money.Zero(sr.cur), used: money.Zero(sr.cur),
	}
	sr.accounts = append(sr.accounts, a)
	return a
}

func (sr *series) index(label string) int {
	return slices.IndexFunc(sr.accounts, func(a *account) bool { return a.label == label })
}

func (a *account) held() money.Amount { return a.used.Sub(a.spent) }

// fits says that so much more stays within the hard limit, where there is one.
func (a *account) fits(more money.Amount) bool {
	a.next = a.used.Add(more)
	return a.series.hard == nil || a.next.Cmp(a.series.hard.Amount) <= 0
}

// book spends, or takes back, what was not held.
func (a *account) book(amount money.Amount) {
	a.spent, a.used = a.spent.Add(amount), a.used.Add(amount)
}

// settle turns a hold into a cost, which is so much more than was held (or less),
// and appends the thresholds that it crosses.
func (a *account) settle(cost, more money.Amount, events []Event) []Event {
	before := a.spent
	a.spent, a.used, a.holds = before.Add(cost), a.used.Add(more), a.holds-1
	for _, l := range [...]*limit{a.series.hard, a.series.soft} {
		if l == nil {
			continue
		}
		for i, mark := range l.marks {
			if before.Cmp(mark) < 0 && a.spent.Cmp(mark) >= 0 {
				events = append(events, Event{l.Limit, a.id, l.Thresholds[i], a.spent})
			}
		}
	}
	return events
}

func (a *account) refuse(asked money.Amount, least int64, why string) *Refusal {
	r := &Refusal{
		Scope: a.series.scope.name, Window: a.id,
		Spent: a.spent, Held: a.held(), Asked: asked, Opens: a.end, MinUnits: least, Reason: why,
	}
	switch {
	case a.series.hard != nil:
		r.Limit = a.series.hard.Limit
	case a.series.soft != nil:
		r.Limit = a.series.soft.Limit
	}
	return r
}
