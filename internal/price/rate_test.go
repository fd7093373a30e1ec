package price_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

func usd(s string) money.Amount { return money.MustParse(s, money.USD) }

// card is a model's card with everything on it: a context tier, a service tier,
// cache writes, and a fee.
func card() *price.Card {
	row := func(m price.Meter, p string, above int64, tier string) price.Rate {
		sku := "maker/m/" + string(m)
		if above > 0 {
			sku += fmt.Sprintf(".above_%d", above)
		}
		if tier != "" {
			sku += "." + tier
		}
		return price.Rate{Meter: m, SKU: sku, Unit: m.Unit(), Price: usd(p), Per: 1_000_000, Above: above, Tier: tier}
	}
	return &price.Card{
		Key: "maker/m", Book: "list:1", Cloud: "maker", Service: "Maker API",
		Rates: []price.Rate{
			row("input", "3", 0, ""), row("input", "6", 200_000, ""), row("input", "5.25", 0, "priority"),
			row("cache_read", "0.3", 0, ""), row("cache_read", "0.6", 200_000, ""),
			row("cache_write", "3.75", 0, ""), row("cache_write", "7.5", 200_000, ""),
			row("output", "15", 0, ""), row("output", "22.5", 200_000, ""), row("output", "26", 0, "priority"),
			{Meter: price.MeterCalls, SKU: "maker/m/calls", Unit: "request", Price: usd("0"), Per: 1},
			{Meter: price.MeterSearches, SKU: "maker/m/searches", Unit: "search", Price: usd("10"), Per: 1000},
		},
	}
}

func TestARowIsChosenByContextAndTier(t *testing.T) {
	for _, x := range []struct {
		meter price.Meter
		input int64
		tier  string
		want  string // SKU, price and marks
	}{
		{"input", 200_000, "", "maker/m/input 3"},
		{"input", 200_001, "", "maker/m/input.above_200000 6"},
		{"cache_read", 200_001, "", "maker/m/cache_read.above_200000 0.6"},
		{"input", 10, "default", "maker/m/input 3"},
		{"input", 10, "standard", "maker/m/input 3"},
		{"input", 10, "auto", "maker/m/input 3"},
		{"input", 10, "priority", "maker/m/input.priority 5.25"},
		// A fee does not depend on the tier.
		{"searches", 10, "priority", "maker/m/searches 10"},
		// A class that has no price in a known tier, or an unknown tier, settles at the
		// dearest row that the request reached.
		{"cache_write", 10, "priority", "maker/m/cache_write 3.75 price_unconfirmed"},
		{"output", 10, "scale", "maker/m/output.priority 26 price_unconfirmed"},
		{"input", 200_001, "scale", "maker/m/input.above_200000 6 price_unconfirmed"},
		// Thinking is output where the card has no row for it.
		{"reasoning", 10, "", "maker/m/output 15"},
		{"reasoning", 200_001, "", "maker/m/output.above_200000 22.5"},
		{"reasoning", 10, "priority", "maker/m/output.priority 26"},
		// So are images input; no class is free because the card says nothing of it.
		{"image_input", 10, "", "maker/m/input 3"},
		{"image_input", 200_001, "", "maker/m/input.above_200000 6"},
		{"image_input", 10, "priority", "maker/m/input.priority 5.25"},
		{"cache_write_1h", 10, "", "maker/m/input 3 price_unconfirmed"},
		{"audio_input", 10, "", "maker/m/input 3 price_unconfirmed"},
		{"audio_output", 10, "scale", "maker/m/output.priority 26 price_unconfirmed"},
		// Nothing else becomes another meter.
		{"bytes.read", 10, "", "maker/m/bytes.read 0 unpriced"},
	} {
		got := card().Rate([]price.Reading{{Meter: x.meter, Quantity: 1000, Source: price.Reported}}, price.Options{InputTokens: x.input, Tier: x.tier})[0]
		s := got.SKU + " 0"
		if !got.Price.IsZero() {
			s = got.SKU + " " + got.Price.Decimal()
		}
		for _, m := range got.Marks {
			s += " " + string(m)
		}
		if s != x.want {
			t.Errorf("%s behind %d tokens in tier %q: %s, want %s", x.meter, x.input, x.tier, s, x.want)
		}
		if got.Meter != x.meter || got.Quantity != 1000 {
			t.Errorf("%s: the reading came back as %+v", x.meter, got.Reading)
		}
		if unpriced := slices.Contains(got.Marks, price.Unpriced); unpriced != got.Cost.IsZero() {
			t.Errorf("%s costs %s, with marks %v", x.meter, got.Cost, got.Marks)
		}
	}
}

func TestAPriceOfZeroIsNoUnknownPrice(t *testing.T) {
	got := card().Rate([]price.Reading{{Meter: price.MeterCalls, Quantity: 3}}, price.Options{})[0]
	if len(got.Marks) != 0 || !got.Cost.IsZero() || got.Per != 1 || got.SKU != "maker/m/calls" {
		t.Errorf("three calls are %+v", got)
	}
}

func TestWithoutACardAllIsUnpriced(t *testing.T) {
	var none *price.Card
	got := none.Rate([]price.Reading{{Meter: "input", Quantity: 5}}, price.Options{})[0]
	if !slices.Equal(got.Marks, []price.Mark{price.Unpriced}) || got.Unit != "token" || got.SKU != "input" {
		t.Errorf("without a card: %+v", got)
	}
	if b := none.AppendBound(nil, price.Ask{InputTokens: 5}); b.Unbounded == "" {
		t.Errorf("without a card there is a bound: %+v", b)
	}
}

func TestMarksComeWithTheirReasons(t *testing.T) {
	c := card().AsNotional()
	got := c.Rate([]price.Reading{{Meter: "input", Quantity: 1, Source: price.Estimated}, {Meter: "bytes.read", Quantity: 1}},
		price.Options{Marks: []price.Mark{price.MarkUnknown}})
	if want := []price.Mark{price.MarkUnknown, price.MarkEstimated, price.MarkNotional}; !slices.Equal(got[0].Marks, want) {
		t.Errorf("estimated and notional: %v, want %v", got[0].Marks, want)
	}
	if want := []price.Mark{price.MarkUnknown, price.MarkNotional, price.Unpriced}; !slices.Equal(got[1].Marks, want) {
		t.Errorf("unpriced: %v, want %v", got[1].Marks, want)
	}
	if card().Notional {
		t.Error("AsNotional changed the card that it was asked of")
	}
}

func TestMarksAreNotSharedByAccident(t *testing.T) {
	own := make([]price.Mark, 1, 8)
	own[0] = price.MarkUnknown
	a := price.Marks(own, price.MarkEstimated)
	b := price.Marks(own, price.MarkOverrun)
	if a[1] != price.MarkEstimated || b[1] != price.MarkOverrun {
		t.Errorf("%v and %v share their room", a, b)
	}
	c := price.Marks(price.Marks(nil, price.Unpriced), price.MarkNotional)
	if d := price.Marks(nil, price.Unpriced); len(d) != 1 || len(c) != 2 {
		t.Errorf("%v and %v", c, d)
	}
}

func TestChargesSumToTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, u := cards().Draw(t, "card"), usages().Draw(t, "usage")
		charges := c.Rate(price.UsageReadings(u, price.Reported), price.UsageOptions(u))
		sum := money.Zero(money.USD)
		for _, ch := range charges {
			if got := ch.Price.MulDiv(ch.Quantity, ch.Per); got.Cmp(ch.Cost) != 0 {
				t.Fatalf("%s × %d ÷ %d is %s, and the charge says %s", ch.Price, ch.Quantity, ch.Per, got, ch.Cost)
			}
			sum = sum.Add(ch.Cost)
		}
		if total := price.Total(charges); total.Cmp(sum) != 0 {
			t.Fatalf("charges sum to %s, total is %s", sum, total)
		}
		var tokens int64
		for _, ch := range charges {
			if ch.Meter.IsToken() {
				tokens += ch.Quantity
			}
		}
		if tokens != u.InputTokens()+u.OutputTokens() {
			t.Fatalf("%d tokens are charged, %d were used", tokens, u.InputTokens()+u.OutputTokens())
		}
	})
}

func TestACardSaysWhatIsWrongWithIt(t *testing.T) {
	if err := card().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*price.Rate){
		"unknown meter":                        func(r *price.Rate) { r.Meter = "inputs" },
		"a second row for the same tier":       func(r *price.Rate) { r.Meter, r.Above = "cache_read", 0 },
		"sku and unit must be stated":          func(r *price.Rate) { r.SKU = "" },
		"per is 0; want 1 to":                  func(r *price.Rate) { r.Per = 0 },
		"above is -1":                          func(r *price.Rate) { r.Above = -1 },
		`tier "standard" is the standard one`:  func(r *price.Rate) { r.Tier = "standard" },
		"a card is in one currency":            func(r *price.Rate) { r.Price = money.MustParse("1", money.EUR) },
		"price -1 USD: want 0 to 1000000":      func(r *price.Rate) { r.Price = usd("-1") },
		"price 1000001 USD: want 0 to 1000000": func(r *price.Rate) { r.Price = usd("1000001") },
		"above 5 input tokens and none below":  func(r *price.Rate) { r.Above = 5; r.Tier = "flex" },
	} {
		c := card()
		spoil(&c.Rates[1])
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestEveryTokenClassIsAMeter(t *testing.T) {
	for class := range llm.NumTokenClasses {
		if !price.Meter(class.String()).IsToken() {
			t.Errorf("the meter %s is not known to be a token class", class)
		}
	}
}

func TestEveryMeterHasAUnit(t *testing.T) {
	for _, m := range []price.Meter{
		price.MeterCalls, price.MeterSearches, price.MeterList, price.MeterGet, price.MeterPut, price.MeterBytesRead,
		price.MeterBytesSent, price.MeterQueries, price.MeterRows, price.MeterReadUnits, price.MeterWriteUnits,
		price.MeterReads, price.MeterWrites, price.MeterPublishes, price.MeterEvals, "cache_read", "reasoning",
	} {
		if !m.Known() {
			t.Errorf("%s is not known, and so has no unit", m)
		}
	}
	if price.Meter("widgets").Known() {
		t.Error("widgets are known")
	}
}

func ExampleCard_Rate() {
	u := llm.Usage{Reported: true}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokCacheRead], u.Tokens[llm.TokOutput] = 1_843, 20_480, 412
	charges := card().Rate(price.UsageReadings(u, price.Reported), price.UsageOptions(u))
	for _, c := range charges {
		fmt.Printf("%-18s %6d %s\n", c.SKU, c.Quantity, c.Cost)
	}
	fmt.Println(price.Total(charges))
	// Output:
	// maker/m/calls           1 0 USD
	// maker/m/input        1843 0.005529 USD
	// maker/m/cache_read  20480 0.006144 USD
	// maker/m/output        412 0.00618 USD
	// 0.017853 USD
}

func TestRatingAllocatesNothing(t *testing.T) {
	c := card()
	u := llm.Usage{Reported: true}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokCacheWrite1h], u.Tokens[llm.TokOutput], u.Tokens[llm.TokReasoning] = 1843, 7, 412, 99
	readings, charges := make([]price.Reading, 0, 8), make([]price.Charge, 0, 8)
	ask := price.Ask{InputTokens: 250_000, OutputTokens: 4096, Never: price.ClassSet(llm.TokCacheWrite1h)}
	n := testing.AllocsPerRun(100, func() {
		b := c.AppendBound(charges[:0], ask)
		if b.Unbounded != "" {
			t.Fatal(b.Unbounded)
		}
		readings = price.AppendUsage(readings[:0], u, price.Reported)
		charges = c.AppendRate(charges[:0], readings, price.UsageOptions(u))
	})
	if n > 1 { // the SKU of the one class that is unpriced
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRate(b *testing.B) {
	c := card()
	u := llm.Usage{Reported: true}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokCacheRead], u.Tokens[llm.TokOutput] = 1843, 20_480, 412
	readings, charges := make([]price.Reading, 0, 8), make([]price.Charge, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		readings = price.AppendUsage(readings[:0], u, price.Reported)
		charges = c.AppendRate(charges[:0], readings, price.UsageOptions(u))
	}
}
