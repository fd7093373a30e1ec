package ledger_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

func TestAnEntryComesBackAsItWas(t *testing.T) {
	s := open(t)
	e := attempt("call_1/1")
	e.ConsumedFrom = e.ConsumedFrom.In(time.FixedZone("CET", 3600)).Add(1234567 * time.Nanosecond)
	book(t, s, e)
	got, err := ledger.Get(t.Context(), s.Reader(), "default", "call_1/1")
	if err != nil {
		t.Fatal(err)
	}
	want := *e
	want.ConsumedFrom = start.Add(1234 * time.Microsecond)
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %+v\nwant %+v", got, &want)
	}
	if _, err := ledger.Get(t.Context(), s.Reader(), "other", "call_1/1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another org sees it: %v", err)
	}
}

func TestWrittenTwiceCountedOnce(t *testing.T) {
	s := open(t)
	e := attempt("call_1/1")
	book(t, s, e, e)
	dear := attempt("call_1/1")
	dear.Charges = append(dear.Charges, charge("output", 1_000_000, "token", "10", 1_000_000))
	book(t, s, dear)
	opening(t, s, e) // late, as a retry may bring it
	wantTotal(t, bill(t, s, ledger.Query{}), "0.00441375")
	if got, want := spent(t, s), "key:k1/total 0.00441375 USD\nrun:run_1/run 0.00441375 USD\n"; got != want {
		t.Errorf("spent\n%swant\n%s", got, want)
	}
	for range ledger.Open(t.Context(), s.Reader(), "default") {
		t.Error("it is open again")
	}
	storetest.CheckRebuild(t, s, ledger.Views())
}

func TestPaidTwiceCountedTwice(t *testing.T) {
	s := open(t)
	book(t, s, attempt("call_1/1"), attempt("call_1/2"))
	wantTotal(t, bill(t, s, ledger.Query{}), "0.0088275")
}

func TestWhatCannotBeBilledIsRefused(t *testing.T) {
	for name, change := range map[string]func(*ledger.Entry){
		"without an id":     func(e *ledger.Entry) { e.ID = "" },
		"no org":            func(e *ledger.Entry) { e.Cause.Org = "" },
		"no booked_at":      func(e *ledger.Entry) { e.BookedAt = time.Time{} },
		"no consumed_from":  func(e *ledger.Entry) { e.ConsumedFrom = time.Time{} },
		"one currency":      func(e *ledger.Entry) { e.Charges[2].Cost = euro },
		"price in another":  func(e *ledger.Entry) { e.Charges[2].Price = euro },
		"hold in another":   func(e *ledger.Entry) { e.Held = euro },
		"corrects nothing?": func(e *ledger.Entry) { e.Kind = ledger.Confirm },
	} {
		e := attempt("call_1/1")
		change(e)
		if _, err := ledger.EntryRecord(e, ""); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestRecoverBooksTheBoundOnce(t *testing.T) {
	s := open(t)
	bound := attempt("call_1/1")
	bound.BookedAt = time.Time{}
	for i := range bound.Charges {
		bound.Charges[i].Source = price.Estimated
		bound.Charges[i].Marks = []price.Mark{price.MarkUnknown}
	}
	settled := attempt("call_2/1")
	other := attempt("call_3/1")
	other.Cause.Org = "other"
	opening(t, s, bound, settled, other)
	book(t, s, settled)

	now := start.Add(time.Hour)
	if n, err := ledger.Recover(t.Context(), s, now); err != nil || n != 2 {
		t.Fatalf("recovered %d, %v; want 2", n, err)
	}
	e, err := ledger.Get(t.Context(), s.Reader(), "default", "call_1/1")
	if err != nil {
		t.Fatal(err)
	}
	if e.Outcome != ledger.OutcomeUnknown || !e.BookedAt.Equal(now) || e.Total() != bound.Total() || !reflect.DeepEqual(e.Marks, []price.Mark{price.MarkUnknown}) {
		t.Errorf("it was booked as %+v", e)
	}
	if _, err := ledger.Get(t.Context(), s.Reader(), "other", "call_3/1"); err != nil {
		t.Error(err)
	}
	rs, err := s.Records(t.Context(), 0, store.Filter{Kinds: []string{ledger.KindEntry}}, -1)
	if err != nil || rs[len(rs)-1].Config != "cfg" {
		t.Errorf("the configuration of the opening is lost: %+v, %v", rs, err)
	}
	before := s.LSN()
	if n, err := ledger.Recover(t.Context(), s, now); err != nil || n != 0 || s.LSN() != before {
		t.Errorf("again: %d, %v", n, err)
	}
	storetest.CheckRebuild(t, s, ledger.Views())
}

func TestRecoverBooksMoreThanABatch(t *testing.T) {
	s := open(t)
	var b store.Batch
	for i := range 700 {
		r, err := ledger.OpenRecord(attempt("call_"+string(rune('a'+i%26))+strings.Repeat("x", i/26)+"/1"), "")
		if err != nil {
			t.Fatal(err)
		}
		b.Records = append(b.Records, r)
	}
	if _, err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n, err := ledger.Recover(t.Context(), s, start); err != nil || n != 700 {
		t.Errorf("recovered %d, %v", n, err)
	}
}

func TestConfirmReplacesABound(t *testing.T) {
	s := open(t)
	e := attempt("call_1/1")
	e.Charges[2] = charge("output", 4096, "token", "10", 1_000_000, price.MarkUnknown, price.MarkNotional)
	e.Marks = []price.Mark{price.MarkUnknown}
	book(t, s, e, attempt("call_2/1"))

	evidence := ledger.Evidence{
		Org: "default", Entry: "call_1/1", UpstreamID: "req_9", Outcome: "ok",
		Readings: []price.Reading{
			{Meter: price.MeterCalls, Quantity: 1, Source: price.Reported},
			{Meter: "input", Quantity: 1800, Source: price.Reported},
			{Meter: "cache_read", Quantity: 43, Source: price.Reported},
			{Meter: "output", Quantity: 300, Source: price.Reported},
		},
	}
	if _, err := ledger.ConfirmEntry(t.Context(), s, evidence, nil, start); err == nil || !strings.Contains(err.Error(), "no price for cache_read") {
		t.Errorf("a meter without a price: %v", err)
	}
	rate := func(_ *ledger.Entry, r price.Reading, _ int64) (price.Charge, error) {
		c := charge(r.Meter, r.Quantity, "token", "0.125", 1_000_000)
		c.Reading = r
		return c, nil
	}
	c, err := ledger.ConfirmEntry(t.Context(), s, evidence, rate, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "call_1/1/c" || c.Corrects != "call_1/1" || c.Kind != ledger.Confirm || c.UpstreamID != "req_9" ||
		!reflect.DeepEqual(c.Cause, e.Cause) || !reflect.DeepEqual(c.Windows, e.Windows) || c.Unsettled() || len(c.Marks) != 0 {
		t.Errorf("confirmed by %+v", c)
	}
	// 1800 × 1.25 + 43 × 0.125 + 300 × 10, per million; and the other call.
	want := usd("0.005255375").Add(usd("0.00441375"))
	b := bill(t, s, ledger.Query{})
	wantTotal(t, b, want.Decimal())
	if got := spent(t, s); got != "key:k1/total "+want.String()+"\nrun:run_1/run "+want.String()+"\n" {
		t.Errorf("spent\n%s", got)
	}
	rows, err := bill(t, s, ledger.Query{Call: "call_1"}).Group("meter")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, r := range rows {
		got[r.Keys["meter"]] = r.Quantities[0].Count()
	}
	if !reflect.DeepEqual(got, map[string]int64{"calls": 1, "input": 1800, "cache_read": 43, "output": 300}) {
		t.Errorf("the quantities come to %v", got)
	}
	for _, ch := range c.Charges {
		if ch.Meter == "output" {
			last := ch.Marks[len(ch.Marks)-1]
			if ch.Marks[0] != price.MarkNotional || len(ch.Marks) != 2 || last != price.MarkReversal && last != price.MarkConfirmed {
				t.Errorf("marks of a confirmed line: %v", ch.Marks)
			}
		}
	}
	storetest.CheckRebuild(t, s, ledger.Views())
}

func TestConfirmingAgainChangesNothing(t *testing.T) {
	s := open(t)
	e := attempt("call_1/1")
	e.Marks = []price.Mark{price.MarkEstimated}
	book(t, s, e)
	evidence := ledger.Evidence{Org: "default", Entry: "call_1/1", Readings: []price.Reading{{Meter: "input", Quantity: 1, Source: price.Reported}}}
	first, err := ledger.ConfirmEntry(t.Context(), s, evidence, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	lsn, money := s.LSN(), spent(t, s)
	evidence.Readings[0].Quantity = 99
	again, err := ledger.ConfirmEntry(t.Context(), s, evidence, nil, start.Add(time.Hour))
	if err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("the second time it gives %+v, %v\nwant %+v", again, err, first)
	}
	if s.LSN() != lsn || spent(t, s) != money {
		t.Error("something was written")
	}
}

// TestABoundAtTheDearestPriceIsConfirmedAtItsOwn: the price of a bound may be that of
// a tier which the request could have reached and did not.
func TestABoundAtTheDearestPriceIsConfirmedAtItsOwn(t *testing.T) {
	s := open(t)
	e := attempt("call_1/1")
	e.Charges[2] = charge("output", 4096, "token", "45", 1_000_000, price.MarkUnconfirmed)
	e.Marks = []price.Mark{price.MarkUnknown}
	book(t, s, e)
	ev := ledger.Evidence{Org: "default", Entry: "call_1/1", Readings: []price.Reading{
		{Meter: "input", Quantity: 1800, Source: price.Reported}, {Meter: "cache_read", Quantity: 200, Source: price.Reported}, {Meter: "output", Quantity: 300, Source: price.Reported},
	}}
	rate := func(_ *ledger.Entry, r price.Reading, input int64) (price.Charge, error) {
		if input != 2000 {
			t.Errorf("%d tokens were read in all", input)
		}
		c := charge(r.Meter, r.Quantity, "token", "10", 1_000_000)
		c.Reading = r
		return c, nil
	}
	c, err := ledger.ConfirmEntry(t.Context(), s, ev, rate, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	last := c.Charges[len(c.Charges)-1]
	if last.Meter != "output" || last.Cost.Cmp(usd("0.003")) != 0 || slices.Contains(last.Marks, price.MarkUnconfirmed) {
		t.Errorf("confirmed as %+v", last)
	}
}

func TestOnlyTheUnsettledIsConfirmed(t *testing.T) {
	s := open(t)
	book(t, s, attempt("call_1/1"))
	opening(t, s, attempt("call_2/1"))
	for id, want := range map[string]error{"call_1/1": ledger.ErrSettled, "call_2/1": store.ErrNotFound, "none": store.ErrNotFound} {
		_, err := ledger.ConfirmEntry(t.Context(), s, ledger.Evidence{Org: "default", Entry: id}, nil, start)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
}

func TestAnEntryOfANewerVersionIsKeptAndNamed(t *testing.T) {
	s := open(t)
	book(t, s, attempt("call_1/1"))
	r, err := ledger.EntryRecord(attempt("call_2/1"), "")
	if err != nil {
		t.Fatal(err)
	}
	r.Version, r.Body, r.Value = 9, []byte(`"in a form of its own"`), nil
	o := r
	o.Kind = ledger.KindOpen
	if _, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{o, r}}); err != nil {
		t.Fatal(err)
	}
	book(t, s, attempt("call_3/1"))
	_, err = ledger.ReadBill(t.Context(), s.Reader(), ledger.Query{Org: "default"})
	var version *ledger.VersionError
	if !errors.As(err, &version) || version.LSN != 3 || version.Version != 9 {
		t.Errorf("a bill with it: %v", err)
	}
	wantTotal(t, bill(t, s, ledger.Query{Entry: "call_3/1"}), "0.00441375") // one that it does not concern
	if n, err := ledger.Recover(t.Context(), s, start); n != 0 || err != nil {
		t.Errorf("recovery: %d, %v", n, err)
	}
	storetest.CheckRebuild(t, s, ledger.Views())
}

func FuzzDecode(f *testing.F) {
	for _, e := range []*ledger.Entry{attempt("call_1/1"), effect("run_1/4/1/1", "Amazon S3", charge("requests.get", 1, "request", "0.0004", 1000))} {
		r, err := ledger.EntryRecord(e, "")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.Body)
	}
	f.Add([]byte(`{"held":"1 USD","charges":[{"cost":"0.1 EUR"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := ledger.Decode(&store.Record{Kind: ledger.KindEntry, Version: 1, Body: body})
		if err != nil {
			return
		}
		r, err := ledger.EntryRecord(e, "")
		if err != nil {
			return // what was read need not be fit to be written
		}
		r.Value = nil
		again, err := ledger.Decode(&r)
		if err != nil {
			t.Fatalf("%s\nis not read again: %v", r.Body, err)
		}
		r2, err := ledger.EntryRecord(again, "")
		if err != nil || string(r2.Body) != string(r.Body) {
			t.Fatalf("%s\nbecomes\n%s (%v)", r.Body, r2.Body, err)
		}
		for i := range e.Charges {
			if _, err := json.Marshal(e.Line(i)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
