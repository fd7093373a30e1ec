package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func usd(s string) money.Amount { return money.MustParse(s, money.USD) }

func charge(meter price.Meter, n int64, unit, amount string, per int64, marks ...price.Mark) price.Charge {
	p := usd(amount)
	return price.Charge{
		Reading: price.Reading{Meter: meter, Quantity: n, Source: price.Reported},
		SKU:     "acme/" + string(meter), Unit: unit, Price: p, Per: per, Cost: p.MulDiv(n, per), Marks: marks,
	}
}

// attempt is a model call's entry: 1,843 tokens in, 211 out, for 0.004414 USD.
func attempt(id string) *ledger.Entry {
	return &ledger.Entry{
		ID: id, Kind: ledger.Attempt,
		Cause: ledger.Cause{Org: "default", Team: "research", Project: "p1", Key: "k1", Agent: "analyst",
			Run: "run_1", RootRun: "run_1", Step: 3, Command: "run_1/3/1", Call: "call_1"},
		Cloud: "anthropic", Service: "Anthropic API", Region: "us", Deployment: "anthropic/claude-sonnet-4-5", Model: "smart",
		ConsumedFrom: start, ConsumedTo: start.Add(time.Second), BookedAt: start.Add(2 * time.Second),
		Charges: []price.Charge{
			charge(price.MeterCalls, 1, "request", "0", 1),
			charge("input", 1843, "token", "1.25", 1_000_000),
			charge("output", 211, "token", "10", 1_000_000),
		},
		Held: usd("0.05"), Windows: []string{"key:k1/total", "run:run_1/run"}, Outcome: "ok",
	}
}

func effect(id, service string, c ...price.Charge) *ledger.Entry {
	return &ledger.Entry{
		ID: id, Kind: ledger.Effect, Cause: ledger.Cause{Org: "default", Agent: "analyst", Run: "run_1", RootRun: "run_1", Command: "run_1/4/1"},
		Cloud: "aws", Service: service, Region: "us-east-1", Resource: "reports.read",
		ConsumedFrom: start.Add(time.Minute), ConsumedTo: start.Add(time.Minute), BookedAt: start.Add(time.Minute),
		Charges: c, Windows: []string{"run:run_1/run"}, Outcome: "ok",
	}
}

func open(t *testing.T) *store.Store {
	t.Helper()
	return storetest.New(t, ledger.Views()...)
}

func book(t testing.TB, s ledger.Store, entries ...*ledger.Entry) {
	t.Helper()
	var b store.Batch
	for _, e := range entries {
		r, err := ledger.EntryRecord(e, "cfg")
		if err != nil {
			t.Fatal(err)
		}
		b.Records = append(b.Records, r)
	}
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func opening(t testing.TB, s ledger.Store, entries ...*ledger.Entry) {
	t.Helper()
	for _, e := range entries {
		r, err := ledger.OpenRecord(e, "cfg")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{r}}); err != nil {
			t.Fatal(err)
		}
	}
}

func bill(t testing.TB, s ledger.Store, q ledger.Query) *ledger.Bill {
	t.Helper()
	if q.Org == "" {
		q.Org = "default"
	}
	b, err := ledger.ReadBill(t.Context(), s.Reader(), q)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantTotal(t testing.TB, b *ledger.Bill, cost string) {
	t.Helper()
	if len(b.Totals) != 1 || b.Totals[0].Cost != cost || b.Totals[0].Currency != "USD" {
		t.Errorf("totals %+v, want %s USD", b.Totals, cost)
	}
}

// spent is what the windows have spent, as text.
func spent(t testing.TB, s ledger.Store) string {
	t.Helper()
	ws, err := ledger.Spent(t.Context(), s.Reader(), "default")
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, w := range ws {
		out += fmt.Sprintf("%s %s\n", w.Name, w.Spent)
	}
	return out
}

var euro, _ = money.ParseWithCurrency("1 EUR")
