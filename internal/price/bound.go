package price

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

// PerUnit is a price for so many units.
type PerUnit struct {
	Price money.Amount
	Per   int64
}

// Cost is the bound of n units: rounded up.
func (p PerUnit) Cost(n int64) money.Amount {
	if p.Per == 0 {
		return money.Amount{}
	}
	return p.Price.MulDivUp(n, p.Per)
}

// Affords is the most units, up to want, whose cost is within a.
func (p PerUnit) Affords(a money.Amount, want int64) int64 {
	switch {
	case a.Sign() < 0 || want <= 0:
		return 0
	case p.Cost(want).Cmp(a) <= 0:
		return want
	}
	// a × per < price × want here, so the product fits where that one does.
	return a.Mul(p.Per).Quo(p.Price, want)
}

// Ask is what is known of a model request before it is sent, from above. What it
// leaves out is taken to be possible: the zero members never make a bound lower.
type Ask struct {
	InputTokens  int64
	OutputTokens int64 // the cap that is sent, times the answers asked for; 0 where it is not known yet
	Searches     int64 // server-side searches, at most
	// Never holds the classes that this request cannot have: a request
	// without cache marks writes no cache where the provider needs them.
	Never Classes
	// Tiers are the service tiers besides the standard one that can serve this
	// request; nil is every tier of the card. One that the card does not know leaves
	// the request without a bound.
	Tiers []string
}

// Classes is a set of token classes.
type Classes uint16

// ClassSet is the set of these classes.
func ClassSet(classes ...llm.TokenClass) (s Classes) {
	for _, c := range classes {
		s |= 1 << c
	}
	return s
}

// Bounded is the most that a request can cost: Fixed, and PerOutput for each
// token of output. What it is held for with a cap of n is Fixed + PerOutput.Cost(n).
type Bounded struct {
	Charges   []Charge // calls, input, output up to the ask's OutputTokens, searches; each at its dearest row
	Fixed     money.Amount
	PerOutput PerUnit
	// Unbounded says what the request can reach and that has no price, so that there
	// is no bound. Empty where there is one.
	Unbounded string
}

// Bound is the most that a request of so many tokens can cost, whatever cache
// classes and service tiers it meets.
func (c *Card) Bound(inputTokens, outputTokens int64) ([]Charge, money.Amount, PerUnit) {
	b := c.AppendBound(nil, Ask{InputTokens: inputTokens, OutputTokens: outputTokens})
	return b.Charges, b.Fixed, b.PerOutput
}

// AppendBound is the most that a request can cost, with the charges appended to
// the caller's buffer.
func (c *Card) AppendBound(dst []Charge, a Ask) Bounded {
	in, out, call, search := c.dearest(a)
	b := Bounded{Charges: dst}
	b.add(c, MeterCalls, 1, call)
	b.add(c, meterInput, a.InputTokens, in)
	if a.Searches > 0 {
		b.add(c, MeterSearches, a.Searches, search)
	}
	if out == nil {
		b.missing(c, meterOutput)
	} else {
		b.PerOutput = PerUnit{out.Price, out.Per}
	}
	if a.OutputTokens > 0 {
		fixed := b.Fixed
		b.add(c, meterOutput, a.OutputTokens, out)
		b.Fixed = fixed // output is not part of it
	}
	for _, t := range a.Tiers {
		if t = Tier(t); t != "" && (c == nil || !c.hasTier(t)) && b.Unbounded == "" {
			b.Unbounded = "no price is known for the service tier " + t + " of " + c.sku(meterOutput)
		}
	}
	if !exact(in) || !exact(out) {
		// A settlement rounds each class by itself, half to even: together they can
		// pass the exact sum by half a smallest unit a class.
		b.Fixed = b.Fixed.Add(money.New(int64(llm.NumTokenClasses), -money.Places, b.Fixed.Currency()))
	}
	return b
}

func (b *Bounded) add(c *Card, m Meter, n int64, row *Rate) {
	ch := Charge{Reading: Reading{m, n, Derived}}
	if row == nil {
		ch.SKU, ch.Unit, ch.Per = c.sku(m), m.Unit(), 1
		ch.Marks = Marks(nil, Unpriced)
		b.missing(c, m)
	} else {
		ch.Meter, ch.SKU, ch.Unit, ch.Price, ch.Per = row.Meter, row.SKU, row.Unit, row.Price, row.Per
		ch.Cost = row.Price.MulDiv(n, row.Per)
		b.Fixed = b.Fixed.Add(row.Price.MulDivUp(n, row.Per))
	}
	if c != nil && c.Notional {
		ch.Marks = Marks(ch.Marks, MarkNotional)
	}
	b.Charges = append(b.Charges, ch)
}

func (b *Bounded) missing(c *Card, m Meter) {
	if b.Unbounded == "" {
		b.Unbounded = "no price is known for " + c.sku(m)
	}
}

// dearest finds the dearest rows that the ask can reach: of all classes of input
// and of output together, of calls and of searches. Where plain input or output
// has no row, there is none.
func (c *Card) dearest(a Ask) (in, out, call, search *Rate) {
	if c == nil {
		return
	}
	if a.Never&(1<<llm.TokReasoning) == 0 {
		a.Never &^= 1 << llm.TokOutput // thinking may be billed as output
	}
	if plain := ClassSet(llm.TokInput, llm.TokOutput); a.Never&plain != 0 {
		for class := range llm.NumTokenClasses { // what the card says nothing of is billed at the plain price
			side := ClassSet(llm.TokOutput)
			if inputClasses&(1<<class) != 0 {
				side = ClassSet(llm.TokInput)
			}
			if a.Never&(1<<class) == 0 && !c.has(Meter(class.String())) {
				a.Never &^= side
			}
		}
	}
	var plain Classes
	for i := range c.Rates {
		r := &c.Rates[i]
		if !r.reached(a.InputTokens) || !a.reaches(r.Tier) {
			continue
		}
		class, token := classOf(r.Meter)
		set := Classes(1) << class
		switch {
		case token && set&a.Never != 0:
		case token && set&inputClasses != 0:
			in, plain = dearest(in, r), plain|set
		case token:
			out, plain = dearest(out, r), plain|set
		case r.Meter == MeterCalls:
			call = dearest(call, r)
		case r.Meter == MeterSearches:
			search = dearest(search, r)
		}
	}
	if plain&(1<<llm.TokInput) == 0 && a.Never&(1<<llm.TokInput) == 0 {
		in = nil
	}
	if plain&(1<<llm.TokOutput) == 0 && a.Never&(1<<llm.TokOutput) == 0 {
		out = nil
	}
	return in, out, call, search
}

func dearest(a, b *Rate) *Rate {
	if a == nil || dearer(b, a) {
		return b
	}
	return a
}

func (a *Ask) reaches(tier string) bool {
	if tier == "" || a.Tiers == nil {
		return true
	}
	for _, t := range a.Tiers {
		if Tier(t) == tier {
			return true
		}
	}
	return false
}

// dearer compares unit prices exactly; [Card.Validate] keeps the products small.
func dearer(a, b *Rate) bool {
	if a.Per == b.Per {
		return a.Price.Cmp(b.Price) > 0
	}
	return a.Price.Mul(b.Per).Cmp(b.Price.Mul(a.Per)) > 0
}

// exact says that the price of one unit has no more than 18 places, so that no
// charge at it is ever rounded.
func exact(r *Rate) bool {
	return r == nil || r.Price.MulDiv(1, r.Per).Mul(r.Per) == r.Price
}
