package price_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// cards are valid ones, with prices that do not divide, context tiers and service
// tiers, and always a price for plain input and output.
func cards() *rapid.Generator[*price.Card] {
	return rapid.Custom(func(t *rapid.T) *price.Card {
		c := &price.Card{Key: "maker/m", Service: "Maker API"}
		for class := range llm.NumTokenClasses {
			for _, tier := range []string{"", "priority", "flex"} {
				must := tier == "" && (class == llm.TokInput || class == llm.TokOutput)
				if !must && rapid.Bool().Draw(t, "leave out") {
					continue
				}
				for _, above := range []int64{0, 128_000, 200_000} {
					if above > 0 && rapid.Bool().Draw(t, "no tier above") {
						continue
					}
					m := price.Meter(class.String())
					c.Rates = append(c.Rates, price.Rate{
						Meter: m, SKU: fmt.Sprint(m, tier, above), Unit: "token", Above: above, Tier: tier,
						Price: money.New(rapid.Int64Range(0, 1e11).Draw(t, "price"), -9, money.USD),
						Per:   rapid.SampledFrom([]int64{1, 3, 1000, 1_000_000, 999_983}).Draw(t, "per"),
					})
				}
			}
		}
		c.Rates = append(c.Rates,
			price.Rate{Meter: price.MeterCalls, SKU: "calls", Unit: "request", Price: usd("0.0001"), Per: 7},
			price.Rate{Meter: price.MeterSearches, SKU: "searches", Unit: "search", Price: usd("10"), Per: 1000})
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		return c
	})
}

func usages() *rapid.Generator[llm.Usage] {
	return rapid.Custom(func(t *rapid.T) llm.Usage {
		u := llm.Usage{Reported: true}
		for class := range llm.NumTokenClasses {
			u.Tokens[class] = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 100_000)).Draw(t, class.String())
		}
		u.Searches = rapid.Int64Range(0, 5).Draw(t, "searches")
		u.Tier = rapid.SampledFrom([]string{"", "default", "standard", "priority", "flex", "new"}).Draw(t, "tier")
		return u
	})
}

// Whatever comes back within the tokens that were asked for costs at most what
// was held.
func TestTheBoundHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, u := cards().Draw(t, "card"), usages().Draw(t, "usage")
		ask := price.Ask{
			InputTokens:  u.InputTokens() + rapid.Int64Range(0, 150_000).Draw(t, "more input"),
			OutputTokens: u.OutputTokens() + rapid.Int64Range(0, 1000).Draw(t, "more output"),
			Searches:     u.Searches + rapid.Int64Range(0, 2).Draw(t, "more searches"),
		}
		for class := range llm.NumTokenClasses {
			if u.Tokens[class] == 0 && rapid.Bool().Draw(t, "never") {
				ask.Never |= price.ClassSet(class)
			}
		}
		if tier := price.Tier(u.Tier); tier != "new" && rapid.Bool().Draw(t, "tiers are stated") {
			ask.Tiers = []string{tier}
		}
		b := c.AppendBound(nil, ask)
		held := b.Fixed.Add(b.PerOutput.Cost(ask.OutputTokens))
		settled := price.Total(c.Rate(price.UsageReadings(u, price.Reported), price.UsageOptions(u)))
		if b.Unbounded == "" && settled.Cmp(held) > 0 {
			t.Fatalf("%+v costs %s, and %s was held for %+v", u, settled, held, ask)
		}
		if booked := price.Total(b.Charges); booked.Cmp(held) > 0 {
			t.Fatalf("the charges of the bound sum to %s, and %s was held", booked, held)
		}
	})
}

func TestTheBoundIsTight(t *testing.T) {
	charges, fixed, per := card().Bound(1000, 100)
	if fixed.Decimal() != "0.00525" || per.Price.Decimal() != "26" || per.Per != 1_000_000 {
		t.Errorf("bound of 1000 and 100 tokens: %s and %+v", fixed, per)
	}
	if got := price.Total(charges).Decimal(); got != "0.00785" {
		t.Errorf("its charges sum to %s", got)
	}
	b := card().AppendBound(nil, price.Ask{InputTokens: 1000, Never: price.ClassSet(llm.TokCacheWrite), Tiers: []string{}})
	if b.Fixed.Decimal() != "0.003" || b.PerOutput.Price.Decimal() != "15" {
		t.Errorf("bound of 1000 plain tokens at the standard tier: %s and %+v", b.Fixed, b.PerOutput)
	}
	b = card().AppendBound(nil, price.Ask{InputTokens: 250_000, Tiers: []string{}})
	if b.Fixed.Decimal() != "1.875" || b.PerOutput.Price.Decimal() != "22.5" {
		t.Errorf("bound above the context tier: %s and %+v", b.Fixed, b.PerOutput)
	}
	b = card().AppendBound(nil, price.Ask{InputTokens: 1000, Tiers: []string{}, Searches: 5, Never: price.ClassSet(llm.TokCacheWrite)})
	if b.Fixed.Decimal() != "0.053" {
		t.Errorf("bound with five searches: %s", b.Fixed)
	}
}

func TestWhatHasNoPriceHasNoBound(t *testing.T) {
	without := func(m price.Meter) *price.Card {
		c := card()
		c.Rates = nil
		for _, r := range card().Rates {
			if r.Meter != m {
				c.Rates = append(c.Rates, r)
			}
		}
		return c
	}
	for want, b := range map[string]price.Bounded{
		"no price is known for maker/m/output":                           without("output").AppendBound(nil, price.Ask{InputTokens: 1}),
		"no price is known for maker/m/input":                            without("input").AppendBound(nil, price.Ask{InputTokens: 1}),
		"no price is known for maker/m/searches":                         without("searches").AppendBound(nil, price.Ask{InputTokens: 1, Searches: 1}),
		"no price is known for the service tier scale of maker/m/output": card().AppendBound(nil, price.Ask{InputTokens: 1, Tiers: []string{"scale"}}),
	} {
		if b.Unbounded != want {
			t.Errorf("%q, want %q", b.Unbounded, want)
		}
	}
	if b := without("searches").AppendBound(nil, price.Ask{InputTokens: 1}); b.Unbounded != "" {
		t.Errorf("a request that does not search: %q", b.Unbounded)
	}
}

func TestAffordsIsTheMostThatFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := price.PerUnit{
			Price: money.New(rapid.Int64Range(0, 1e12).Draw(t, "price"), -12, money.USD),
			Per:   rapid.SampledFrom([]int64{1, 1000, 1_000_000, 999_983}).Draw(t, "per"),
		}
		a := money.New(rapid.Int64Range(-1e6, 1e12).Draw(t, "money"), -12, money.USD)
		want := rapid.Int64Range(0, 1e6).Draw(t, "want")
		n := p.Affords(a, want)
		if n < 0 || n > want {
			t.Fatalf("%d of %d", n, want)
		}
		if n > 0 && p.Cost(n).Cmp(a) > 0 {
			t.Fatalf("%d cost %s, and there is %s", n, p.Cost(n), a)
		}
		if a.Sign() >= 0 && n < want && p.Cost(n+1).Cmp(a) <= 0 {
			t.Fatalf("%d fit into %s as well as %d", n+1, a, n)
		}
	})
	// An amount as large as they come does not overflow.
	most := usd("99999999999999999999")
	if n := (price.PerUnit{Price: usd("1000000"), Per: 1}).Affords(most, 1e6); n != 1e6 {
		t.Errorf("%s affords %d tokens at a million each", most, n)
	}
	if (price.PerUnit{}).Affords(usd("1"), 7) != 7 {
		t.Error("nothing is not affordable")
	}
}

func ExampleCard_AppendBound() {
	// A request of at most 12,000 tokens, without cache marks, at the standard tier.
	b := card().AppendBound(nil, price.Ask{
		InputTokens: 12_000,
		Never:       price.ClassSet(llm.TokCacheWrite, llm.TokCacheWrite1h),
		Tiers:       []string{},
	})
	budget := money.MustParse("0.05", money.USD)
	limit := b.PerOutput.Affords(budget.Sub(b.Fixed), 4096)
	fmt.Println("input at most", b.Fixed)
	fmt.Println("output cap", limit)
	fmt.Println("held", b.Fixed.Add(b.PerOutput.Cost(limit)))
	// Output:
	// input at most 0.036 USD
	// output cap 933
	// held 0.049995 USD
}

func BenchmarkBound(b *testing.B) {
	c := card()
	charges := make([]price.Charge, 0, 8)
	ask := price.Ask{InputTokens: 250_000, OutputTokens: 4096}
	b.ReportAllocs()
	for b.Loop() {
		if bd := c.AppendBound(charges[:0], ask); strings.HasPrefix(bd.Unbounded, "no") {
			b.Fatal(bd.Unbounded)
		}
	}
}
