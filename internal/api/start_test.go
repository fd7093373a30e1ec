package api_test

import (
	"context"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// The name that one asker gives a request means nothing for another's, and tells
// nobody of a run that is not theirs.
func TestAnIdempotencyKeyIsItsAskersOwn(t *testing.T) {
	h := build(t)
	start := api.StartRun{Agent: "analyst", Input: map[string]string{"company": "ACME"}, Idempotency: "monday"}
	ids := map[string]string{}
	for who, n := range map[string]api.NewKey{
		"a team": {Name: "a", Team: "red"}, "another team": {Name: "b", Team: "blue"}, "a customer": {Name: "c", Team: "red", Customer: "x"},
		"a project": {Name: "d", Team: "red", Project: "p"},
	} {
		c := h.key(t, n)
		first, err := c.StartRun(t.Context(), start)
		if err != nil {
			t.Errorf("%s: %v", who, err)
			continue
		}
		if other := ids[first.ID]; other != "" {
			t.Errorf("%s got the run of %s", who, other)
		}
		ids[first.ID] = who
		if again, err := c.StartRun(t.Context(), start); err != nil || again.ID != first.ID {
			t.Errorf("%s, again: %+v, %v", who, again, err)
		}
	}
	if r, err := h.StartRun(asOwner(t), start); err != nil || ids[r.ID] != "" {
		t.Errorf("the owner: %+v, %v", r, err)
	}
}

func TestAnIdempotencyKeyNamesOneRequest(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, _ *house, s api.Service) {
		budget := usd("1")
		first := api.StartRun{Agent: "analyst", Input: map[string]string{"company": "ACME"}, Budget: &budget, Idempotency: "k"}
		if _, err := s.StartRun(ctx, first); err != nil {
			t.Fatal(err)
		}
		more, other := usd("2"), map[string]string{"company": "GLOBEX"}
		for what, change := range map[string]func(*api.StartRun){
			"input": func(r *api.StartRun) { r.Input = other }, "no input": func(r *api.StartRun) { r.Input = nil },
			"budget": func(r *api.StartRun) { r.Budget = &more }, "customer": func(r *api.StartRun) { r.Customer = "x" },
		} {
			r := first
			change(&r)
			if _, err := s.StartRun(ctx, r); status(err) != 422 || !strings.Contains(err.Error(), "Idempotency-Key") {
				t.Errorf("another %s: %v", what, err)
			}
		}
		if _, err := s.StartRun(ctx, first); err != nil {
			t.Errorf("the same: %v", err)
		}
	})
}

// hasty answers that a run is there before it is.
type hasty struct {
	*puppet
	request engine.StartRequest
	asked   chan struct{}
}

func (e *hasty) Start(_ context.Context, r engine.StartRequest) (string, bool, error) {
	e.request = r
	close(e.asked)
	return "run_1", true, nil
}

func TestARequestThatComesTwiceAtOnceGetsItsRunTwice(t *testing.T) {
	h := build(t)
	e := &hasty{puppet: h.engine, asked: make(chan struct{})}
	h.Engine = e
	type started struct {
		run *api.Run
		err error
	}
	got := make(chan started, 1)
	ctx := asOwner(t)
	go func() {
		r, err := h.StartRun(ctx, api.StartRun{Agent: "analyst", Idempotency: "k"})
		got <- started{r, err}
	}()
	<-e.asked
	if _, _, err := h.engine.Start(ctx, e.request); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s.err != nil || s.run.ID != "run_1" {
		t.Errorf("%+v, %v", s.run, s.err)
	}
}

// A limit in a currency that no price is in would hold nothing back.
func TestBudgetsAreInTheCurrencyOfPrices(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		eur := money.MustParse("5", mustCurrency(t, "EUR"))
		for what, err := range map[string]error{
			"run":    second(s.StartRun(ctx, api.StartRun{Agent: "analyst", Budget: &eur})),
			"resume": second(s.ResumeRun(ctx, "run_2", api.NewLimits{Budget: &eur})),
			"key":    second(s.CreateKey(ctx, api.NewKey{Name: "x", Budget: &auth.Budget{Limit: eur, Window: "day"}})),
		} {
			if status(err) != 422 || !strings.Contains(err.Error(), "USD") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if len(h.engine.seq) != 0 {
			t.Error("a run was started")
		}
	})
}

func mustCurrency(t *testing.T, code string) money.Currency {
	t.Helper()
	a, err := money.ParseWithCurrency("1 " + code)
	if err != nil {
		t.Fatal(err)
	}
	return a.Currency()
}

func TestWhatARunIsStartedWithIsBounded(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, _ *house, s api.Service) {
		many := map[string]string{}
		for i := range 100 {
			many[strings.Repeat("n", i+1)] = ""
		}
		for what, r := range map[string]api.StartRun{
			"long input":        {Input: map[string]string{"x": strings.Repeat("y", 100_000)}},
			"many inputs":       {Input: many},
			"a long name":       {Input: map[string]string{strings.Repeat("n", 1000): ""}},
			"a customer's name": {Customer: "a\nb"},
		} {
			r.Agent = "analyst"
			if _, err := s.StartRun(ctx, r); status(err) != 422 {
				t.Errorf("%s: %v", what, err)
			}
		}
		if r, err := s.StartRun(ctx, api.StartRun{Agent: "analyst", Input: map[string]string{"x": strings.Repeat("y", 60_000)}}); err != nil {
			t.Errorf("a long text that fits: %v", err)
		} else if what := r.Timeline[0].What; len(what) > 1000 || !strings.Contains(what, "…") {
			t.Errorf("its timeline has %d bytes", len(what))
		}
	})
}

// Quantities that no product with a price can hold must not take the process down.
func TestConfirmationsOfAnySizeAreSurvived(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		h.book(t, "call_1/1", "a", []price.Mark{price.MarkUnknown}, 500_000, "1")
		h.book(t, "call_2/1", "a", nil, math.MaxInt64, "1")
		most := price.Reading{Meter: "input", Quantity: math.MaxInt64}
		got, err := s.Confirm(ctx, []api.Confirmation{
			{ID: "call_1/1", Readings: []price.Reading{most, most, most}}, {ID: "call_2/1", Readings: []price.Reading{most, most, most}},
		})
		if err != nil && status(err) != 422 || err == nil && got.Booked != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A refusal comes before the body is read, and net/http waits for the rest of it.
func TestABodyThatIsTooLargeDoesNotHoldItsConnection(t *testing.T) {
	h := build(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err != nil || !strings.Contains(string(b[:n]), "413") {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// A stream may last for days; its key may not.
func TestAStreamOfEventsEndsWithItsKey(t *testing.T) {
	was := api.SetHeartbeat(20 * time.Millisecond)
	defer api.SetHeartbeat(was)
	h := build(t)
	k, err := h.CreateKey(asOwner(t), api.NewKey{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	c := api.Dial(h.server.URL, k.Text)
	defer c.Close()
	r, err := c.StartRun(t.Context(), api.StartRun{Agent: "analyst"})
	if err != nil {
		t.Fatal(err)
	}
	seen, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- c.FollowRun(t.Context(), r.ID, 0, func(api.Event) error { close(seen); return nil })
	}()
	<-seen
	if _, err := h.RevokeKey(asOwner(t), k.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if status(err) != 401 || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
