package dispatch

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/route"
)

// ratesHold is how long prices are taken to hold for estimates.
const ratesHold = time.Minute

// ratesAt is what a token costs at a deployment, for estimates, under d.mu.
func (dep *deployment) ratesAt(d *Dispatcher, now time.Time) route.Rates {
	if now.Before(dep.ratesTo) {
		return dep.rates
	}
	dep.ratesTo, dep.rates = now.Add(ratesHold), route.Rates{}
	if d.o.Cards != nil {
		if card, ok := d.o.Cards.Card(dep.name, now); ok {
			dep.rates = ratesOf(card)
		}
	}
	return dep.rates
}

// million tokens are rated to find what one costs, in 10^-12 of the currency.
const million = 1_000_000

// ratesOf reads a card's plain prices.
func ratesOf(card *price.Card) (r route.Rates) {
	one := func(c llm.TokenClass) (int64, bool) {
		u := llm.Usage{}
		u.Tokens[c] = million
		charges := card.Rate(price.UsageReadings(u, price.Estimated), price.Options{})
		for i := range charges {
			if charges[i].Per == 0 {
				return 0, false
			}
		}
		total := price.Total(charges)
		r.Currency = total.Currency().String()
		return total.Quo(money.New(1, -6, total.Currency()), 1<<62), true // 10^-12 for each of a million is 10^-6 in all
	}
	var in, out bool
	r.Input, in = one(llm.TokInput)
	r.Output, out = one(llm.TokOutput)
	r.Known = in && out && r.Currency != ""
	r.CacheRead, r.CacheWrite = r.Input, r.Input
	if n, ok := one(llm.TokCacheRead); ok {
		r.CacheRead = n
	}
	if n, ok := one(llm.TokCacheWrite); ok {
		r.CacheWrite = n
	}
	return r
}
