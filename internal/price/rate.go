package price

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

// Options say under which conditions readings are rated.
type Options struct {
	// InputTokens is everything that the request read, cached or not: it chooses
	// the context tier, for the whole request. Zero is right for services.
	InputTokens int64
	// Tier is the service tier that answered, as the provider names it.
	Tier string
	// Marks go on every charge, before the charge's own: MarkUnknown for a bound.
	Marks []Mark
}

// UsageOptions are the options under which a usage is rated.
func UsageOptions(u llm.Usage) Options {
	return Options{InputTokens: u.InputTokens(), Tier: u.Tier}
}

// Rate gives the charge of each reading, in their order. A meter without a row is
// a charge marked [Unpriced], with its quantity and no cost; a service that does
// not charge for a meter says so with a row of price 0. On a nil card everything
// is unpriced.
func (c *Card) Rate(readings []Reading, o Options) []Charge {
	return c.AppendRate(make([]Charge, 0, len(readings)), readings, o)
}

// AppendRate is [Card.Rate] into the caller's buffer; it allocates only for what
// does not fit there, and for marks that come together.
func (c *Card) AppendRate(dst []Charge, readings []Reading, o Options) []Charge {
	for _, r := range readings {
		dst = append(dst, c.rate(r, o))
	}
	return dst
}

func (c *Card) rate(r Reading, o Options) Charge {
	row, sure := c.row(r.Meter, o.InputTokens, o.Tier)
	ch := Charge{Reading: r, Marks: o.Marks[:len(o.Marks):len(o.Marks)]}
	if r.Source == Estimated {
		ch.Marks = Marks(ch.Marks, MarkEstimated)
	}
	if c != nil && c.Notional {
		ch.Marks = Marks(ch.Marks, MarkNotional)
	}
	if row == nil {
		ch.SKU, ch.Unit, ch.Per = c.sku(r.Meter), r.Meter.Unit(), 1
		ch.Marks = Marks(ch.Marks, Unpriced)
		return ch
	}
	if !sure {
		ch.Marks = Marks(ch.Marks, MarkUnconfirmed)
	}
	ch.SKU, ch.Unit, ch.Price, ch.Per = row.SKU, row.Unit, row.Price, row.Per
	ch.Cost = row.Price.MulDiv(r.Quantity, row.Per)
	return ch
}

// Total is the sum of the charges' costs.
func Total(charges []Charge) money.Amount {
	var sum money.Amount
	for i := range charges {
		sum = sum.Add(charges[i].Cost)
	}
	return sum
}

// row finds the row of a meter. It is not sure where the card does not know the
// tier that answered (then it is the dearest of all tiers), or does not say what
// this class of token costs there (then it is the dearest of the standard one):
// no more than what was held.
func (c *Card) row(m Meter, input int64, tier string) (row *Rate, sure bool) {
	if c == nil {
		return nil, false
	}
	tier = Tier(tier)
	if row = c.at(m, input, tier); row != nil {
		return row, true
	}
	if class, token := classOf(m); token && class != llm.TokInput && class != llm.TokOutput && !c.has(m) {
		// A class that the card says nothing of is never free: it is read, or written, at
		// the plain price. Of thinking and of images that is certain: every provider that
		// lists no price of their own bills them so.
		plain := meterOutput
		if inputClasses&(1<<class) != 0 {
			plain = meterInput
		}
		row, sure = c.row(plain, input, tier)
		return row, sure && (class == llm.TokReasoning || class == llm.TokImageInput)
	}
	if tier == "" {
		return nil, false
	}
	known := c.hasTier(tier)
	if known && !m.IsToken() {
		return c.at(m, input, ""), true // fees per request do not depend on the tier
	}
	for i := range c.Rates {
		r := &c.Rates[i]
		if r.Meter == m && r.reached(input) && (r.Tier == "" || !known) && (row == nil || dearer(r, row)) {
			row = r
		}
	}
	return row, false
}

// at is the row of a meter at exactly this tier, with the highest context tier
// that the input is above.
func (c *Card) at(m Meter, input int64, tier string) (row *Rate) {
	for i := range c.Rates {
		r := &c.Rates[i]
		if r.Meter == m && r.Tier == tier && r.reached(input) && (row == nil || r.Above > row.Above) {
			row = r
		}
	}
	return row
}

// reached says that a request with so much input is in the row's context tier.
func (r *Rate) reached(input int64) bool { return r.Above == 0 || input > r.Above }

func (c *Card) has(m Meter) bool {
	for i := range c.Rates {
		if c.Rates[i].Meter == m {
			return true
		}
	}
	return false
}

func (c *Card) hasTier(tier string) bool {
	for i := range c.Rates {
		if c.Rates[i].Tier == tier {
			return true
		}
	}
	return false
}

func (c *Card) sku(m Meter) string {
	if c == nil || c.Key == "" {
		return string(m)
	}
	return c.Key + "/" + string(m)
}

// Tier is a service tier as cards name it: what providers call default, standard
// or auto is "", and so is Vertex AI's traffic on demand.
func Tier(s string) string {
	switch s {
	case "default", "standard", "auto", "on_demand", "ON_DEMAND":
		return ""
	}
	return s
}
