package sim

import (
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// account is what a provider lets one customer have, over its deployments.
type account struct {
	plan     *accountPlan
	log      []used // of the last minute
	inFlight int
}

type used struct {
	at     time.Time
	tokens int64
}

// takes reports whether the account's limits let a request through, and else how long
// until they may.
func (a *account) takes(tokens int64, now time.Time) (ok bool, after time.Duration) {
	from := now.Add(-time.Minute)
	if a.plan.aligned {
		from = now.Truncate(time.Minute)
	}
	for len(a.log) > 0 && a.log[0].at.Before(from) {
		a.log = a.log[1:]
	}
	var sum int64
	for _, u := range a.log {
		sum += u.tokens
	}
	l := a.plan.allows
	switch {
	case l.InFlight > 0 && a.inFlight > l.InFlight:
		return false, time.Second
	case l.Requests > 0 && int64(len(a.log)) >= l.Requests, l.Tokens > 0 && len(a.log) > 0 && sum+tokens > l.Tokens:
		return false, a.log[0].at.Add(time.Minute).Sub(now)
	}
	return true, 0
}

// reports is what the account's headers say.
func (a *account) reports(now time.Time) (r limit.Reported, ok bool) {
	if a.plan.headless || a.plan.allows == (limit.Limits{}) {
		return r, false
	}
	a.takes(0, now)
	var sum int64
	for _, u := range a.log {
		sum += u.tokens
	}
	reset := now.Truncate(time.Minute).Add(time.Minute).Sub(now)
	of := func(most, used int64) limit.Bucket {
		return limit.Bucket{Limit: most, Remaining: max(most-used, 0), Reset: reset, Known: most > 0}
	}
	r.Requests, r.Tokens = of(a.plan.allows.Requests, int64(len(a.log))), of(a.plan.allows.Tokens, sum)
	return r, r.Requests.Known || r.Tokens.Known
}
