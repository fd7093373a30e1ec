package catalog_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/price"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

func load(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(s string) time.Time { return catalog.Date(s).Time() }

// rate is the price of a meter on a card: "3 / 1000000".
func rate(c *price.Card, m price.Meter, input int64) string {
	ch := c.Rate([]price.Reading{{Meter: m, Quantity: 1}}, price.Options{InputTokens: input})[0]
	if len(ch.Marks) > 0 {
		return string(ch.Marks[0])
	}
	return fmt.Sprintf("%s / %d", ch.Price.Decimal(), ch.Per)
}

func TestAnAliasMeansItsModel(t *testing.T) {
	c := load(t)
	for _, x := range []struct{ kind, asked, at, id string }{
		{"anthropic", "claude-sonnet-4-5", "", "claude-sonnet-4-5-20250929"},
		{"anthropic", "claude-sonnet-4-5-20250929", "", "claude-sonnet-4-5-20250929"},
		{"openai", "gpt-5.6", "", "gpt-5.6-sol"},
		{"openai", "gpt-4o", "2024-10-02", "gpt-4o-2024-08-06"},
		{"openai", "gpt-4o", "2024-10-01", ""}, // it meant a model that is not in the catalog
		{"anthropic", "gpt-4o", "", ""},
		{"openai", "gpt-99", "", ""},
	} {
		m, ok := c.ModelAt(x.kind, x.asked, day(x.at))
		if ok != (x.id != "") || ok && m.ID != x.id {
			t.Errorf("%s %s on %q is %+v, %v; want %q", x.kind, x.asked, x.at, m, ok, x.id)
		}
	}
}

func TestAPriceHoldsSinceItsDay(t *testing.T) {
	c := load(t)
	for _, x := range []struct{ kind, model, at, output string }{
		{"anthropic", "claude-sonnet-5", "2026-06-29", "unpriced"},
		{"anthropic", "claude-sonnet-5", "2026-09-01", "10 / 1000000"}, // the rise of that day was called off
		{"openai", "gpt-5.6-luna", "2026-07-29", "6 / 1000000"},
		{"openai", "gpt-5.6-luna", "2026-07-30", "1.2 / 1000000"},
		{"openai", "gpt-5.6-luna", "", "1.2 / 1000000"},
		{"gemini", "gemini-3.7-flash", "2026-12-31", "3.75 / 1000000"},
		{"gemini", "gemini-3.7-flash", "2027-01-01", "7.5 / 1000000"},
		{"openai", "o3", "2025-05-01", "40 / 1000000"},
		{"openai", "o3-2025-04-16", "2025-06-10", "8 / 1000000"},
	} {
		card, ok := c.Card(x.kind, x.model, day(x.at))
		if got := rate(card, "output", 0); got != x.output || ok != (got != "unpriced") {
			t.Errorf("output of %s on %q is %s, %v; want %s", x.model, x.at, got, ok, x.output)
		}
	}
}

func TestTheContextTierIsACliff(t *testing.T) {
	card, _ := load(t).Card("anthropic", "claude-sonnet-4-5", time.Time{})
	for input, want := range map[int64]string{200_000: "15 / 1000000", 200_001: "22.5 / 1000000"} {
		if got := rate(card, "output", input); got != want {
			t.Errorf("output behind %d tokens of input costs %s, want %s", input, got, want)
		}
	}
}

func TestWhatIsNotKnownIsUnpriced(t *testing.T) {
	c := load(t)
	card, ok := c.Card("openai", "my-own-model", time.Time{})
	if ok || rate(card, "input", 0) != "unpriced" || card.Service != "OpenAI API" || card.Book != c.Book() {
		t.Errorf("card of an unknown model: %+v, %v", card, ok)
	}
	card, ok = c.ServiceCard("aws/s3/mars-1", time.Time{})
	if ok || rate(card, price.MeterGet, 0) != "unpriced" {
		t.Errorf("card of an unknown service: %+v, %v", card, ok)
	}
	card, ok = c.ServiceCard("aws/s3/us-east-1", day("2020-01-01"))
	if ok || rate(card, price.MeterGet, 0) != "unpriced" || card.Service != "Amazon S3" {
		t.Errorf("card before the first known price: %+v, %v", card, ok)
	}
}

func TestPrefillIsKnownToBeGone(t *testing.T) {
	c := load(t)
	for name, want := range map[string]bool{"claude-sonnet-4-5": true, "claude-sonnet-4-6": false, "claude-opus-5": false} {
		if m, _ := c.Model("anthropic", name); m.Has(catalog.Prefill) != want {
			t.Errorf("prefill of %s is %v, want %v", name, !want, want)
		}
	}
}

func TestLimitsLeaveRoomForEachOther(t *testing.T) {
	m, _ := load(t).Model("openai", "gpt-5.1")
	if got := m.InputLimit(128_000); got != 272_000 {
		t.Errorf("input beside 128,000 of output: %d", got)
	}
	if got := m.OutputLimit(390_000); got != 10_000 {
		t.Errorf("output behind 390,000 of input: %d", got)
	}
}

// The golden has every price in the form in which it is used, a line for each card,
// so that a change of data is reviewed as a change of prices.
func TestPricesAreTheReviewedOnes(t *testing.T) {
	c, err := catalog.Read(os.DirFS("data"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	show := func(title, since string, card *price.Card) {
		fmt.Fprintf(&b, "%s since %s:", title, since)
		above := int64(0)
		for _, r := range card.Rates {
			if r.Meter == price.MeterCalls && r.Price.IsZero() {
				continue
			}
			switch {
			case r.Above > above:
				fmt.Fprintf(&b, " above %d:", r.Above)
			case r.Above < above:
				fmt.Fprint(&b, " always:")
			}
			above = r.Above
			fmt.Fprintf(&b, " %s %s", r.Meter, r.Price.Decimal())
			if r.Per != 1_000_000 {
				fmt.Fprintf(&b, " / %d", r.Per)
			}
			if !strings.HasPrefix(r.SKU, card.Key+"/") {
				fmt.Fprintf(&b, " (%s)", r.SKU)
			}
		}
		fmt.Fprintln(&b)
	}
	for _, m := range c.Models() {
		for _, p := range m.Prices {
			for _, place := range places(m) {
				card, _ := c.CardIn(m.Kind, m.ID, place, p.From.Time())
				show(strings.TrimSpace(m.Kind+" "+m.ID+" "+place), string(p.From), card)
			}
		}
	}
	for _, key := range c.Services() {
		s, _ := c.Service(key)
		for _, p := range s.Prices {
			card, _ := c.ServiceCard(key, p.From.Time())
			show(key, string(p.From), card)
		}
	}
	const path = "testdata/prices.golden"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("prices changed (-golden +now); if that is meant, run with -update and review it:\n%s", d)
	}
}

// places are regions of which each has prices of its own.
func places(m *catalog.Model) []string {
	if len(m.Places) == 0 {
		return []string{""}
	}
	all := []string{"global"}
	for _, p := range m.Places {
		if len(p.In) > 0 {
			all = append(all, p.In[0])
		} else {
			all = append(all, "anywhere")
		}
	}
	return all
}

func TestTheBookIsAHashOfItsData(t *testing.T) {
	a, b := load(t), load(t)
	if a.Book() != b.Book() || !strings.HasPrefix(a.Book(), "list:") {
		t.Errorf("books of the same data: %s and %s", a.Book(), b.Book())
	}
	other, err := catalog.Read(files(strings.Replace(good, `output: "2"`, `output: "3"`, 1)))
	if err != nil || other.Book() == a.Book() {
		t.Errorf("book of other data: %s, %v", other.Book(), err)
	}
}

func ExampleCatalog_Card() {
	c, err := catalog.Load()
	if err != nil {
		panic(err)
	}
	card, ok := c.Card("anthropic", "claude-haiku-4-5", time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	fmt.Println(card.Service, ok)
	for _, ch := range card.Rate([]price.Reading{
		{Meter: "input", Quantity: 1200, Source: price.Reported},
		{Meter: "cache_read", Quantity: 8000, Source: price.Reported},
		{Meter: "output", Quantity: 350, Source: price.Reported},
	}, price.Options{InputTokens: 9200}) {
		fmt.Println(ch.SKU, ch.Quantity, ch.Cost)
	}
	// Output:
	// Anthropic API true
	// anthropic/claude-haiku-4-5/input 1200 0.0012 USD
	// anthropic/claude-haiku-4-5/cache_read 8000 0.0008 USD
	// anthropic/claude-haiku-4-5/output 350 0.00175 USD
}

func ExampleCatalog_ServiceCard() {
	c, err := catalog.Load()
	if err != nil {
		panic(err)
	}
	card, _ := c.ServiceCardTo("aws/s3/us-east-1", "aws/us-east-1", time.Time{})
	here := card.AsNotional() // a local folder, priced as if it were there
	for _, ch := range here.Rate([]price.Reading{
		{Meter: price.MeterList, Quantity: 2, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: 48_211, Source: price.Counted},
	}, price.Options{}) {
		fmt.Println(ch.SKU, ch.Quantity, ch.Unit, ch.Cost, ch.Marks)
	}
	// Output:
	// s3-standard-put-copy-post-list 2 request 0.00001 USD [notional]
	// egress-us-east-1-same-region 48211 byte 0 USD [notional]
}

func TestWhatLeavesAServiceIsPricedByWhereItGoes(t *testing.T) {
	c := load(t)
	for _, w := range []struct{ key, location, sku, cost string }{
		{"aws/s3/us-east-1", "aws/us-east-1", "egress-us-east-1-same-region", "0 USD"},
		{"aws/s3/us-east-1", "aws/eu-west-1", "egress-us-east-1-outbound-data-transfer-to-other-regions", "0.02 USD"},
		{"aws/s3/us-east-1", "azure/westeurope", "egress-us-east-1-outbound-data-transfer-to-internet-first-10tb", "0.09 USD"},
		{"aws/dynamodb/us-east-1", "internet", "egress-us-east-1-outbound-data-transfer-to-internet-first-10tb", "0.09 USD"},
		{"azure/blob/westeurope", "azure/westeurope", "bandwidth-same-region", "0 USD"},
		{"gcp/storage/us-east1", "aws/us-east-1", "transfer-worldwide-first-1tb", "0.12 USD"},
		{"aws/s3/us-east-1", "aws/ap-south-1", "egress-us-east-1-outbound-data-transfer-to-other-regions", "0.02 USD"},
		{"azure/blob/westeurope", "azure/uksouth", "bandwidth-inter-region", "0.02 USD"},
		{"azure/blob/westus", "azure/eastus2", "bandwidth-inter-region", "0.02 USD"},
		{"gcp/storage/us-central1", "gcp/us-east1", "transfer-same-continent", "0.01 USD"},
		{"gcp/storage/eu", "gcp/europe-west1", "transfer-same-continent", "0.02 USD"},
		{"gcp/firestore/nam5", "gcp/us-central1", "transfer-same-continent", "0.01 USD"},
		{"aws/s3/us-east-1", "", "", ""}, // nobody knows
		// What the list has between regions is within a continent.
		{"gcp/storage/us-central1", "gcp/asia-east1", "", ""},
		{"gcp/storage/eu", "gcp/us-central1", "", ""},
		{"azure/blob/westeurope", "azure/eastus", "", ""},
		{"azure/blob/westeurope", "azure/australiaeast", "", ""},
		{"local/files", "internet", "files-bytes-read", "0 USD"},
	} {
		card, ok := c.ServiceCardTo(w.key, w.location, time.Time{})
		ch := card.Rate([]price.Reading{{Meter: price.MeterBytesRead, Quantity: 1 << 30, Source: price.Counted}}, price.Options{})[0]
		if w.sku == "" {
			if !ok || !slices.Contains(ch.Marks, price.Unpriced) {
				t.Errorf("%s to %q: %+v; wanted no price", w.key, w.location, ch)
			}
			continue
		}
		if !ok || ch.SKU != w.sku || ch.Cost.String() != w.cost {
			t.Errorf("%s to %s: %s %s; wanted %s %s", w.key, w.location, ch.SKU, ch.Cost, w.sku, w.cost)
		}
	}
}

func TestACardsOwnWordOnEgressComesFirst(t *testing.T) {
	c := load(t)
	rows := []catalog.Row{{Meter: price.MeterToInternet, SKU: "negotiated", Price: "0.05", Per: 1 << 30}}
	card, err := catalog.NewCard(catalog.Identity{Key: "aws/s3/us-east-1", Cloud: "aws", Region: "us-east-1"}, catalog.Prices{Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{"internet": "negotiated", "aws/us-east-1": "egress-us-east-1-same-region"} {
		ch := c.WithEgress(card, location, time.Time{}).Rate([]price.Reading{{Meter: price.MeterBytesRead, Quantity: 1, Source: price.Counted}}, price.Options{})[0]
		if ch.SKU != want {
			t.Errorf("to %s: %s, wanted %s", location, ch.SKU, want)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := catalog.Load(); err != nil {
			b.Fatal(err)
		}
	}
}
