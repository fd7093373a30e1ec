package sim

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// shell is what calls share: it does as a dispatcher does.
type shell struct {
	w           *world
	deployments []*deployment
	accounts    []*account
	quotas      []*limit.Group
	credentials []*limit.Cooldown
	facts       []route.Facts
	tiers       []route.Tier
	retries     limit.Share
	hedges      limit.Share
	warmth      route.Warmth

	queue   limit.Queue
	waiting map[limit.Ticket]*run
	called  int // of those that waited, who have not taken a slot yet
	looks   bool
	output  int64 // tokens of an answer, as learned

	candidates []route.Candidate
	choices    []route.Choice
}

// deployment is how one stands, and who is behind it.
type deployment struct {
	route.Standing
	n        int
	upstream *upstream
	plan     *deploymentPlan
	cache    uint64
	rates    route.Rates
}

func newShell(w *world) *shell {
	d := &shell{w: w, waiting: map[limit.Ticket]*run{}, retries: retryBudget, hedges: hedgeBudget}
	d.queue.Max = w.plan.bounded
	for i := range w.plan.accounts {
		p := &w.plan.accounts[i]
		d.accounts = append(d.accounts, &account{plan: p})
		g := &limit.Group{}
		g.Set(p.config)
		d.quotas = append(d.quotas, g)
		d.credentials = append(d.credentials, &limit.Cooldown{})
	}
	for i, u := range w.upstreams {
		p := u.plan
		dep := &deployment{n: i, upstream: u, plan: p, cache: route.WarmID(fmt.Sprint(i))}
		dep.rates = route.Rates{Known: true, Input: p.price, CacheRead: p.price / 10, CacheWrite: p.price * 5 / 4, Output: 4 * p.price}
		dep.Slots.Max = p.most
		for _, a := range p.accounts {
			dep.Keys = append(dep.Keys, route.Key{Quota: d.quotas[a], Credential: d.credentials[a]})
		}
		if p.committed > 0 {
			dep.Committed, dep.Spills = &limit.Group{}, p.spills
			dep.Committed.Set(limit.Limits{InFlight: p.committed})
		}
		d.deployments = append(d.deployments, dep)
		f := route.Facts{Name: fmt.Sprintf("d%d", i), Weight: p.weight, Same: p.same}
		if p.told {
			f.Context = p.context
		}
		d.facts = append(d.facts, f)
	}
	if n := w.plan.split; n > 0 {
		d.tiers = append(d.tiers, route.Tier{Policy: w.plan.policy, First: 0, End: n})
	}
	d.tiers = append(d.tiers, route.Tier{Policy: w.plan.policy, First: w.plan.split, End: len(d.deployments)})
	return d
}

// The budgets of extra attempts, as a dispatcher has them.
var (
	retryBudget = limit.Share{Percent: 10, Burst: 20}
	hedgeBudget = limit.Share{Percent: 5, Burst: 5}
)

// expected is how many tokens an answer is expected to have.
func (d *shell) expected() int64 {
	if d.output == 0 {
		return 512
	}
	return d.output
}

// pick is the credential that would be used: the first that does not rest, else the
// one that rests for the shortest time.
func (d *shell) pick(dep *deployment) int {
	best, least := 0, time.Duration(1<<62)
	for i := range dep.Keys {
		rest := d.rest(&dep.Keys[i])
		if rest == 0 {
			return i
		}
		if rest < least {
			best, least = i, rest
		}
	}
	return best
}

func (d *shell) rest(k *route.Key) time.Duration {
	now := d.w.now
	return max(k.Quota.Until(now).Sub(now), k.Credential.Until(now).Sub(now), 0)
}

// another reports whether a credential besides the one that failed does not rest.
func (d *shell) another(dep *deployment, key int) bool {
	for i := range dep.Keys {
		if i != key && d.rest(&dep.Keys[i]) == 0 {
			return true
		}
	}
	return false
}

// nothing says why no deployment could be chosen.
func (d *shell) nothing(until time.Time) *llm.Error {
	e := &llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 503, Message: "no deployment can take this call now"}
	quota, long := true, true
	for _, c := range d.choices {
		quota = quota && (c.Reason.Lasting() || c.Reason == route.QuotaRests || c.Reason == route.QuotaFull || c.Reason == route.CommittedFull)
		long = long && c.Reason == route.TooShort
	}
	switch {
	case long:
		e.Class, e.Blame, e.Status = llm.ContextOverflow, llm.BlameRequest, 400
	case quota:
		e.Class, e.Blame, e.Status = llm.RateLimited, llm.BlameQuota, 429
	}
	if until.After(d.w.now) {
		e.RetryAfter = until.Sub(d.w.now)
	}
	return e
}
