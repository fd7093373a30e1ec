package dispatch

import (
	"net/http"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// Purse is budgets under one lock, as calls and effects use them. It is a [Budget].
type Purse struct {
	mu    sync.Mutex
	state *budget.State
	event func(budget.Event)
}

// NewPurse takes charge of a state. event hears of thresholds that are crossed,
// outside the lock; nil: nobody does.
func NewPurse(s *budget.State, event func(budget.Event)) *Purse {
	return &Purse{state: s, event: event}
}

// With does something else with the state, under the lock.
func (p *Purse) With(f func(*budget.State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.state)
}

// Hold implements [Budget].
func (p *Purse) Hold(now time.Time, a *Ask) (Grant, *llm.Error) {
	var scopes [8]string
	ask := budget.Ask{
		ID: a.ID, Org: a.Cause.Org, Scopes: appendScopes(scopes[:0], a.Cause),
		Fixed: a.Fixed, PerUnit: price.PerUnit{Price: a.Price, Per: a.Per},
		Want: a.Most, Min: a.Least, Choices: a.Choices, Unbounded: a.Unbounded,
	}
	if a.Unpriced && ask.Unbounded == "" {
		ask.Unbounded = "it has no known price; add one to the price book"
	}
	p.mu.Lock()
	v := p.state.Hold(&ask, now)
	p.mu.Unlock()
	if !v.OK {
		return Grant{}, refusal(v.Refusal, now)
	}
	return Grant{ID: a.ID, Tokens: v.Cap, Held: v.Held, Hard: v.Hard, Windows: v.Windows}, nil
}

func refusal(r *budget.Refusal, now time.Time) *llm.Error {
	e := &llm.Error{
		Class: llm.OverBudget, Blame: llm.BlameKey, Billed: llm.BilledNo,
		Status: http.StatusPaymentRequired, Code: "budget_exceeded", Message: r.Error(),
	}
	if r.Opens.After(now) {
		e.RetryAfter = r.Opens.Sub(now)
	}
	return e
}

// Settle implements [Budget].
func (p *Purse) Settle(_ time.Time, g *Grant, spent money.Amount) {
	p.mu.Lock()
	s := p.state.Settle(g.ID, spent)
	p.mu.Unlock()
	if p.event != nil {
		for _, e := range s.Events {
			p.event(e)
		}
	}
}

// Return implements [Budget].
func (p *Purse) Return(now time.Time, g *Grant) { p.Settle(now, g, money.Amount{}) }

// appendScopes appends the scopes that a cause counts in.
func appendScopes(to []string, c *ledger.Cause) []string {
	to = append(to, "org:"+orDefault(c.Org))
	for _, s := range [...]struct{ kind, name string }{
		{"team:", c.Team}, {"project:", c.Project}, {"key:", c.Key},
		{"customer:", c.Customer}, {"agent:", c.Agent}, {"run:", c.Run},
	} {
		if s.name != "" {
			to = append(to, s.kind+s.name)
		}
	}
	if c.RootRun != "" && c.RootRun != c.Run {
		to = append(to, "run:"+c.RootRun)
	}
	return to
}

func orDefault(org string) string {
	if org == "" {
		return budget.DefaultOrg
	}
	return org
}
