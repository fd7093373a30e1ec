package api_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
)

func TestABillAddsUp(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		h.book(t, "call_1/1", "a", nil, 500_000, "1")
		h.book(t, "call_2/1", "b", nil, 250_000, "0.5")
		b, err := s.Bill(ctx, api.BillQuery{By: "run,service", From: noon.Add(-time.Hour), To: noon.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Lines) != 2 || b.Totals[0].Cost != "1.5" || b.Totals[0].Currency != "USD" || b.Lines[0].UnitPrice != "0.000002" || b.Lines[0].Quantity != "500000" {
			t.Errorf("it is %+v", b)
		}
		if len(b.Rows) != 2 || b.Rows[0].Cost != "1" || b.Rows[0].Keys["run"] != "run_of_a" {
			t.Errorf("its rows are %+v", b.Rows)
		}
		if b, err := s.Bill(ctx, api.BillQuery{Run: "run_of_b"}); err != nil || len(b.Lines) != 1 || b.Totals[0].Cost != "0.5" {
			t.Errorf("one run's is %+v, %v", b, err)
		}
		if b, err := s.Bill(ctx, api.BillQuery{From: noon.Add(time.Hour)}); err != nil || len(b.Lines) != 0 || b.Totals == nil {
			t.Errorf("an empty one is %+v, %v", b, err)
		}
		if _, err := s.Bill(ctx, api.BillQuery{By: "colour"}); status(err) != 422 || !strings.Contains(err.Error(), "query.by") {
			t.Errorf("by colour: %v", err)
		}
		if _, err := s.Bill(ctx, api.BillQuery{From: noon, To: noon}); status(err) != 422 {
			t.Errorf("no time at all: %v", err)
		}
	})
}

func TestEntriesAreConfirmed(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		told := 0
		h.Corrected = func(*ledger.Entry) { told++ }
		h.book(t, "call_1/1", "a", []price.Mark{price.MarkUnknown}, 500_000, "1")
		h.book(t, "call_2/1", "a", nil, 250_000, "0.5")
		input := func(n int64) []price.Reading { return []price.Reading{{Meter: "input", Quantity: n}} }
		for i, want := range []api.Confirmed{
			{Booked: 1, Unchanged: 1, Refused: []api.Refused{{ID: "call_9/1", Reason: "no entry has this id"}}},
			{Unchanged: 2, Refused: []api.Refused{{ID: "call_9/1", Reason: "no entry has this id"}}},
		} {
			got, err := s.Confirm(ctx, []api.Confirmation{
				{ID: "call_1/1", Readings: input(100_000)}, {ID: "call_2/1", Readings: input(250_000)}, {ID: "call_9/1", Readings: input(1)},
			})
			if err != nil || fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
				t.Errorf("time %d: %+v, %v", i+1, got, err)
			}
		}
		if got, err := s.Confirm(ctx, []api.Confirmation{{ID: "call_2/1", Readings: input(3)}}); err != nil || len(got.Refused) != 1 {
			t.Errorf("a settled entry: %+v, %v", got, err)
		}
		if b, err := s.Bill(ctx, api.BillQuery{}); err != nil || b.Totals[0].Cost != "0.7" {
			t.Errorf("afterwards the bill is %+v, %v", b.Totals, err)
		}
		if told != 1 {
			t.Errorf("the budgets were told %d times", told)
		}
	})
}

// TestTheBudgetsHearOfAConfirmationOnce, however many bring it at the same time.
func TestTheBudgetsHearOfAConfirmationOnce(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		var told atomic.Int64
		h.Corrected = func(*ledger.Entry) { told.Add(1) }
		var wg sync.WaitGroup
		for i := range 20 {
			h.book(t, fmt.Sprintf("call_%d/1", i), "a", []price.Mark{price.MarkUnknown}, 500_000, "1")
		}
		for range 6 {
			wg.Go(func() {
				for i := range 20 {
					if _, err := s.Confirm(ctx, []api.Confirmation{{ID: fmt.Sprintf("call_%d/1", i), Readings: []price.Reading{{Meter: "input", Quantity: 7}}}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if told.Load() != 20 {
			t.Errorf("of 20 confirmations the budgets heard %d times", told.Load())
		}
	})
}

func TestBudgetsAndVersionAreShown(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, _ *house, s api.Service) {
		b, err := s.Budgets(ctx)
		if err != nil || len(b) != 2 || b[0].Left.Cmp(usd("5")) != 0 || b[0].Kind != "hard" {
			t.Errorf("the budgets are %+v, %v", b, err)
		}
		v, err := s.Version(ctx)
		if err != nil || v.Version != "test" || v.Go == "" {
			t.Errorf("the version is %+v, %v", v, err)
		}
	})
}

func TestAKeyThatMayNotSeeCostsIsNotToldThem(t *testing.T) {
	h := build(t)
	c := h.key(t, api.NewKey{Name: "blind", HideCost: true})
	ctx := t.Context()
	r, err := c.StartRun(ctx, api.StartRun{Agent: "analyst"})
	if err != nil {
		t.Fatal(err)
	}
	h.engine.goOn(r.ID)
	r = mustRun(t, ctx, c, r.ID)
	if r.Cost != nil || r.Timeline[1].Cost != nil {
		t.Errorf("the run says %v", r.Cost)
	}
	if _, err := c.Bill(ctx, api.BillQuery{}); status(err) != 403 {
		t.Errorf("the bill: %v", err)
	}
	if _, err := c.Budgets(ctx); status(err) != 403 {
		t.Errorf("the budgets: %v", err)
	}
}

func TestAServicesOwnExportIsTakenAsItIs(t *testing.T) {
	got, err := api.ReadConfirmations([]byte(`{"id":"call_1/1","service":"openai","readings":{"output":3,"input":12}}
{"id":"run_1/2/1/1","readings":[{"meter":"requests.get","quantity":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Confirmation{
		{ID: "call_1/1", Readings: []price.Reading{
			{Meter: "input", Quantity: 12, Source: price.Reported}, {Meter: "output", Quantity: 3, Source: price.Reported},
		}},
		{ID: "run_1/2/1/1", Readings: []price.Reading{{Meter: "requests.get", Quantity: 1}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v", got)
	}
	if _, err := api.ReadConfirmations([]byte(`{"id":"call_1/1","reading":{}}`)); err == nil {
		t.Error("a misspelt member was let pass")
	}
}
