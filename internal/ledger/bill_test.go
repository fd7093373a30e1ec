package ledger_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the goldens anew")

var someDimensions = []ledger.Dimension{"run", "key", "cloud", "service", "sku", "agent", "customer", "model", "call", "day", "kind"}

func entries() *rapid.Generator[*ledger.Entry] {
	one := func(names ...string) *rapid.Generator[string] { return rapid.SampledFrom(names) }
	aCharge := rapid.Custom(func(t *rapid.T) price.Charge {
		p := money.New(rapid.Int64Range(0, 1e9).Draw(t, "price"), rapid.IntRange(-18, -6).Draw(t, "exp"), money.USD)
		c := price.Charge{
			Reading: price.Reading{Meter: price.Meter(one("input", "output", "requests.get").Draw(t, "meter")), Quantity: rapid.Int64Range(0, 1e7).Draw(t, "quantity"), Source: price.Reported},
			SKU:     one("a", "b").Draw(t, "sku"), Unit: one("token", "request").Draw(t, "unit"),
			Price: p, Per: rapid.SampledFrom([]int64{1, 3, 1000, 1_000_000}).Draw(t, "per"),
		}
		c.Cost = p.MulDiv(c.Quantity, c.Per)
		return c
	})
	return rapid.Custom(func(t *rapid.T) *ledger.Entry {
		e := &ledger.Entry{
			ID:   fmt.Sprintf("call_%d/%d", rapid.IntRange(1, 9).Draw(t, "call"), rapid.IntRange(1, 3).Draw(t, "n")),
			Kind: ledger.Attempt,
			Cause: ledger.Cause{Org: "default", Key: one("", "k1", "k2").Draw(t, "key"), Run: one("", "run_1", "run_2").Draw(t, "run"),
				Customer: one("", "c1").Draw(t, "customer"), Agent: one("", "analyst").Draw(t, "agent")},
			Cloud: one("aws", "gcp").Draw(t, "cloud"), Service: one("S3", "API").Draw(t, "service"),
			ConsumedFrom: start.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "hour")) * time.Hour),
			BookedAt:     start,
			Charges:      rapid.SliceOfN(aCharge, 0, 4).Draw(t, "charges"),
			Windows:      rapid.SliceOfNDistinct(one("w1", "w2", "w3"), 0, 3, rapid.ID).Draw(t, "windows"),
			Outcome:      "ok",
		}
		if rapid.Bool().Draw(t, "estimated") {
			e.Marks = []price.Mark{price.MarkEstimated}
		}
		return e
	})
}

// TestEverySumIsTheSame books random entries, some of them twice, opens others,
// confirms some, and adds up in every way there is.
func TestEverySumIsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := storetest.NewMemory(t, ledger.Views()...)
		first := map[string]*ledger.Entry{}
		for _, e := range rapid.SliceOfN(entries(), 1, 15).Draw(rt, "entries") {
			if rapid.IntRange(0, 3).Draw(rt, "opened") == 0 {
				opening(t, s, e)
			}
			if rapid.IntRange(0, 5).Draw(rt, "booked") > 0 {
				book(t, s, e)
				if first[e.ID] == nil {
					first[e.ID] = e
				}
			}
		}
		if _, err := ledger.Recover(t.Context(), s, start); err != nil {
			rt.Fatal(err)
		}
		for e, err := range ledger.Entries(t.Context(), s.Reader(), ledger.Query{Org: "default"}) {
			if err != nil {
				rt.Fatal(err)
			}
			if f := first[e.ID]; f != nil && f.Total() != e.Total() {
				rt.Fatalf("%s: the second one counts", e.ID)
			}
			if e.Unsettled() && rapid.Bool().Draw(rt, "confirm") {
				ev := ledger.Evidence{Org: "default", Entry: e.ID}
				for _, c := range e.Charges {
					ev.Readings = append(ev.Readings, price.Reading{Meter: c.Meter, Quantity: c.Quantity / 2, Source: price.Reported})
				}
				if _, err := ledger.ConfirmEntry(t.Context(), s, ev, nil, start); err != nil {
					rt.Fatal(err)
				}
			}
		}
		checkSums(rt, t, s)
		storetest.CheckRebuild(t, s, ledger.Views())
	})
}

func checkSums(rt *rapid.T, t *testing.T, s ledger.Store) {
	b := bill(t, s, ledger.Query{})
	total := money.Zero(money.USD)
	windows := map[string]money.Amount{}
	for e, err := range ledger.Entries(t.Context(), s.Reader(), ledger.Query{Org: "default"}) {
		if err != nil {
			rt.Fatal(err)
		}
		total = total.Add(e.Total())
		for _, w := range e.Windows {
			windows[w] = windows[w].Add(e.Total())
		}
	}
	lines := money.Zero(money.USD)
	for i := range b.Lines {
		lines = lines.Add(money.MustParse(b.Lines[i].Cost, money.USD))
	}
	if lines != total || len(b.Lines) > 0 && b.Totals[0].Cost != total.Decimal() {
		rt.Fatalf("entries %s, lines %s, totals %+v", total, lines, b.Totals)
	}
	for i := range someDimensions {
		by := []ledger.Dimension{someDimensions[i], someDimensions[(i*7+3)%len(someDimensions)]}
		rows, err := b.Group(by...)
		if err != nil {
			rt.Fatal(err)
		}
		sum, n := money.Zero(money.USD), 0
		for _, r := range rows {
			sum = sum.Add(r.Amount())
			n += r.Lines
		}
		if sum != total || n != len(b.Lines) {
			rt.Fatalf("by %v: %s in %d lines, want %s in %d", by, sum, n, total, len(b.Lines))
		}
	}
	ws, err := ledger.Spent(t.Context(), s.Reader(), "default")
	if err != nil {
		rt.Fatal(err)
	}
	for _, w := range ws {
		if w.Spent.Cmp(windows[w.Name]) != 0 {
			rt.Fatalf("window %s has spent %s, its entries come to %s", w.Name, w.Spent, windows[w.Name])
		}
		delete(windows, w.Name)
	}
	for name, a := range windows {
		if !a.IsZero() {
			rt.Fatalf("window %s is missing %s", name, a)
		}
	}
}

// sampleBill is one of everything.
func sampleBill(t *testing.T) *store.Store {
	s := open(t)
	unpriced := price.Charge{Reading: price.Reading{Meter: "units.write", Quantity: 2, Source: price.Counted}, SKU: "new/thing", Unit: "unit", Marks: []price.Mark{price.Unpriced}}
	unknown := attempt("call_2/1")
	unknown.Cause.Call, unknown.Marks, unknown.Outcome = "call_2", []price.Mark{price.MarkUnknown}, "unknown"
	book(t, s, attempt("call_1/1"), unknown,
		effect("run_1/4/1/1", "Amazon S3",
			charge(price.MeterGet, 12, "request", "0.0004", 1000, price.MarkNotional),
			charge(price.MeterBytesRead, 1234567, "byte", "0.01", 3, price.MarkNotional)),
		effect("run_1/5/1/1", "New thing", unpriced))
	if _, err := ledger.ConfirmEntry(t.Context(), s, ledger.Evidence{Org: "default", Entry: "call_2/1", Readings: []price.Reading{
		{Meter: "input", Quantity: 1843, Source: price.Reported}, {Meter: "output", Quantity: 20, Source: price.Reported},
	}}, nil, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBillIsShownAsPromised(t *testing.T) {
	b := bill(t, sampleBill(t), ledger.Query{})
	var buf bytes.Buffer
	if err := b.WriteJSON(&buf); err != nil {
		t.Fatal(err)
	}
	golden(t, "bill.json", buf.Bytes())
	for name, by := range map[string][]ledger.Dimension{"lines.txt": nil, "by_service.txt": {"cloud", "service", "sku"}, "by_customer.txt": {"customer"}} {
		buf.Reset()
		if err := b.WriteTable(&buf, by...); err != nil {
			t.Fatal(err)
		}
		golden(t, name, buf.Bytes())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-update writes it anew):\n%s\nwant:\n%s", path, got, want)
	}
}

func TestAnEmptyBillIsOne(t *testing.T) {
	b := bill(t, open(t), ledger.Query{})
	got, err := json.Marshal(b)
	if err != nil || string(got) != `{"lines":[],"totals":[]}` {
		t.Errorf("%s, %v", got, err)
	}
	var buf bytes.Buffer
	if err := b.WriteTable(&buf, "run"); err != nil || buf.String() != "nothing was booked\n" {
		t.Errorf("%q, %v", buf.String(), err)
	}
}

func TestUnitPriceIsExact(t *testing.T) {
	for _, c := range []struct {
		price string
		per   int64
		want  string
	}{
		{"1.25", 1_000_000, "0.00000125"},
		{"0.0004", 1000, "0.0000004"},
		{"3", 1, "3"},
		{"0", 1000, "0"},
		{"1", 3, "1/3"},
		{"0.000000000000000001", 2, "0.000000000000000001/2"},
	} {
		ch := charge("x", 1, "unit", c.price, c.per)
		if got := ledger.UnitPrice(&ch); got != c.want {
			t.Errorf("%s for %d: %q, want %q", c.price, c.per, got, c.want)
		}
	}
	if got := ledger.UnitPrice(&price.Charge{}); got != "" {
		t.Errorf("no price: %q", got)
	}
}

func TestQueriesPick(t *testing.T) {
	s := sampleBill(t)
	far := attempt("call_9/1")
	far.Cause.Call, far.Cause.Run, far.Cause.Key = "call_9", "", "k9"
	far.ConsumedFrom = start.AddDate(0, 1, 0)
	far.Cause.Customer = "c9"
	book(t, s, far)
	for _, c := range []struct {
		q    ledger.Query
		want int // lines
	}{
		{ledger.Query{}, 17},
		{ledger.Query{Run: "run_1"}, 14},
		{ledger.Query{RootRun: "run_1"}, 17},
		{ledger.Query{Call: "call_2"}, 8},
		{ledger.Query{Call: "call_"}, 0},
		{ledger.Query{Entry: "call_2/1"}, 3},
		{ledger.Query{Key: "k9"}, 3},
		{ledger.Query{Customer: "c9", Model: "smart", Team: "research", Project: "p1", Deployment: "anthropic/claude-sonnet-4-5"}, 3},
		{ledger.Query{Cloud: "aws"}, 3},
		{ledger.Query{Service: "Amazon S3", Agent: "analyst"}, 2},
		{ledger.Query{Period: "2026-12"}, 3},
		{ledger.Query{From: start.Add(time.Minute)}, 6},
		{ledger.Query{To: start.Add(time.Minute)}, 11},
		{ledger.Query{From: start, To: start}, 0},
		{ledger.Query{Org: "other"}, 0},
	} {
		if got := len(bill(t, s, c.q).Lines); got != c.want {
			t.Errorf("%+v picks %d lines, want %d", c.q, got, c.want)
		}
	}
	if _, err := ledger.ReadBill(t.Context(), s.Reader(), ledger.Query{}); err == nil {
		t.Error("a query without an org is answered")
	}
}

func TestParseDimensions(t *testing.T) {
	ds, err := ledger.ParseDimensions("run, service")
	if err != nil || len(ds) != 2 || ds[1] != "service" {
		t.Errorf("%v, %v", ds, err)
	}
	if _, err := ledger.ParseDimensions("runs"); err == nil || !bytes.Contains([]byte(err.Error()), []byte("cloud, customer")) {
		t.Errorf("got %v", err)
	}
}
