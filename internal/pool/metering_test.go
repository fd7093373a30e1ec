package pool_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/pool/meter"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
)

func gpuTime(t *testing.T, of any) int64 {
	t.Helper()
	c, ok := of.(pool.Consumer)
	if !ok {
		t.Fatalf("%T does not say what it consumed", of)
	}
	rs := c.Consumed()
	if len(rs) != 1 || rs[0].Meter != price.MeterGPUTime || rs[0].Source != price.Counted {
		t.Fatalf("it consumed %+v", rs)
	}
	return rs[0].Quantity
}

func idleTime(all []pool.Idle) (sum int64) {
	for _, i := range all {
		for _, r := range i.Readings {
			sum += r.Quantity
		}
	}
	return sum
}

// What the requests had and what was idle is all of the GPUs' time, but for less than one
// grain that the next hour gets, whatever overlaps with whatever and however it ends; and
// what each of them costs adds up to what the time costs, to the last of the smallest
// amounts.
func TestEveryGPUNanosecondIsSomebodysAndEveryCentToo(t *testing.T) {
	a, b := serve(t), serve(t)
	gate := make(chan struct{})
	close(gate)
	for _, s := range []*server{a, b} {
		s.set(func(s *server) { s.gate = gate })
	}
	now := newClock()
	p := made(t, pool.Options{GPUs: 8, Price: "2.345679 USD"}, pool.Env{Now: now.Now}, a, b)
	card, err := pool.Options{Replicas: addresses([]*server{a, b}), Price: "2.345679 USD"}.Card("own", "book")
	if err != nil {
		t.Fatal(err)
	}
	var cost money.Amount
	book := func(readings []price.Reading) {
		cost = cost.Add(price.Total(card.Rate(readings, price.Options{})))
	}
	rest := func(all []pool.Idle) (sum int64) {
		for _, i := range all {
			book(i.Readings)
		}
		return idleTime(all)
	}
	chance := rand.New(rand.NewPCG(3, 4))
	var open []*provider.Answer
	var had, idle int64
	for range 300 {
		now.pass(time.Duration(chance.Int64N(90e9)))
		if len(open) > 0 && chance.IntN(2) == 0 {
			i := chance.IntN(len(open))
			ans := open[i]
			if chance.IntN(3) == 0 {
				_ = ans.Body.Close() // given up
			} else {
				whole(t, ans)
			}
			had += gpuTime(t, ans.Body)
			book(ans.Body.(pool.Consumer).Consumed())
			open = append(open[:i], open[i+1:]...)
		} else if len(open) < 12 {
			r := request(chance.Uint64())
			r.Stream = false // of a stream, so long a silence would be the replica's fault
			open = append(open, send(t, p, r))
		}
		if chance.IntN(20) == 0 {
			idle += rest(p.Idle())
		}
	}
	for _, ans := range open {
		whole(t, ans)
		had += gpuTime(t, ans.Body)
		book(ans.Body.(pool.Consumer).Consumed())
	}
	now.pass(17 * time.Minute)
	idle += rest(p.LastIdle())
	if wall := p.Wall(); had+idle > wall || wall-had-idle >= meter.Grain || had == 0 || idle == 0 {
		t.Errorf("requests had %d and %d were idle, of %d GPU-ns", had, idle, wall)
	}
	rate := money.New(2345679, -6, money.USD)
	exact := rate.MulDiv(had+idle, int64(time.Hour))
	if up := rate.MulDivUp(had+idle, int64(time.Hour)); exact.Cmp(up) != 0 || cost.Cmp(exact) != 0 {
		t.Errorf("the lines sum to %s, and the time costs %s to %s", cost, exact, up)
	}
}

func TestAnAttemptWithoutAnAnswerHadSomethingToo(t *testing.T) {
	a := serve(t)
	now := newClock()
	p := made(t, pool.Options{Price: "1 USD"}, pool.Env{Now: func() time.Time { now.pass(time.Millisecond); return now.Now() }}, a)
	a.Close()
	_, err := p.Send(t.Context(), request(0))
	asError(t, err)
	if had := gpuTime(t, err); had <= 0 {
		t.Errorf("it had %d", had)
	}
}

// Whoever has seen an answer's end need not wait for its last bytes to know what it took.
func TestWhatWasConsumedIsKnownAtTheAnswersOwnEnd(t *testing.T) {
	a := serve(t)
	gate := make(chan struct{})
	a.set(func(s *server) { s.gate = gate })
	now := newClock()
	p := made(t, pool.Options{Price: "1 USD"}, pool.Env{Now: now.Now}, a)
	ans := send(t, p, request(0))
	first(t, ans)
	now.pass(9 * time.Second)
	if had := gpuTime(t, ans.Body); had != 9e9 {
		t.Errorf("it had %d", had)
	}
	now.pass(9 * time.Second)
	close(gate)
	whole(t, ans)
	if had, idle := gpuTime(t, ans.Body), idleTime(p.LastIdle()); had != 9e9 || idle != 9e9 {
		t.Errorf("it had %d, and %d were idle", had, idle)
	}
	if r := p.Status().Replicas[0]; r.InFlight != 0 || r.State != "ready" {
		t.Errorf("the replica is %+v", r)
	}
}

func TestWithoutAPriceNothingIsMetered(t *testing.T) {
	a := serve(t)
	now := newClock()
	p := made(t, pool.Options{}, pool.Env{Now: now.Now}, a)
	ans := send(t, p, request(0))
	now.pass(time.Hour)
	whole(t, ans)
	now.pass(time.Hour)
	if rs := ans.Body.(pool.Consumer).Consumed(); rs != nil || p.Priced() || len(p.LastIdle()) > 0 || p.Most(time.Second) != nil || !p.Bound(time.Second).IsZero() {
		t.Errorf("it consumed %v", rs)
	}
	if card, err := (pool.Options{Kind: "pool", Replicas: []string{a.URL}}).Card("own", "book"); card != nil || err != nil {
		t.Errorf("its card is %v, %v", card, err)
	}
}

func TestIdleHoursAreCutAtTheHour(t *testing.T) {
	a := serve(t)
	now := newClock() // 03:59:00
	p := made(t, pool.Options{GPUs: 3, Price: "3 USD"}, pool.Env{Now: now.Now}, a)
	if got := p.Idle(); len(got) != 0 {
		t.Errorf("no hour is over: %+v", got)
	}
	now.pass(90 * time.Minute) // 05:29, in one step
	got := p.Idle()
	want := []struct {
		id       string
		from, to string
		gpu      time.Duration
	}{
		{"idle/own/2026-11-25T03:59:00Z", "03:59", "04:00", 3 * time.Minute},
		{"idle/own/2026-11-25T04:00:00Z", "04:00", "05:00", 3 * time.Hour},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, w := range want {
		g := got[i]
		if g.ID != w.id || g.From.Format("15:04") != w.from || g.To.Format("15:04") != w.to || g.Readings[0].Quantity != int64(w.gpu) || g.Readings[0].Meter != price.MeterGPUIdle {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
	if got := p.Idle(); len(got) != 0 {
		t.Errorf("they were taken, and come again: %+v", got)
	}
	last := p.LastIdle()
	if len(last) != 1 || last[0].Readings[0].Quantity != int64(3*29*time.Minute) {
		t.Errorf("the hour that is under way: %+v", last)
	}
	now.pass(time.Minute)
	if next := p.LastIdle(); len(next) != 1 || next[0].ID == last[0].ID {
		t.Errorf("what follows has an id of its own: %+v", next)
	}
}

func TestWhatLeavesIsIdleUntilThen(t *testing.T) {
	a, b := serve(t), serve(t)
	now := newClock()
	p := made(t, pool.Options{Price: "1 USD"}, pool.Env{Now: now.Now}, a, b)
	now.pass(9 * time.Second)
	p.Find(b.URL + "/v1")
	now.pass(9 * time.Second)
	if got := idleTime(p.LastIdle()); got != 27e9 {
		t.Errorf("two replicas for nine seconds and one for nine more were idle for %v", time.Duration(got))
	}
}

func TestThePriceOfAnAttemptIsBoundedByItsTime(t *testing.T) {
	a := serve(t)
	o := pool.Options{Kind: "pool", Replicas: []string{a.URL}, GPUs: 8, Price: "2.50 USD"}
	p := made(t, o, pool.Env{}, a)
	if got, want := p.Bound(90*time.Second), money.New(5, -1, money.USD); got.Cmp(want) != 0 { // 8 × 2.50 / 40
		t.Errorf("90 s of eight GPUs cost at most %s, want %s", got, want)
	}
	card, err := o.Card("own", "cfg_1")
	if err != nil {
		t.Fatal(err)
	}
	if err := card.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []time.Duration{1, time.Second, 7*time.Minute + 13, 1000 * time.Hour} {
		charges := card.Rate(p.Most(limit), price.Options{})
		if got, bound := price.Total(charges), p.Bound(limit); got.Cmp(bound) > 0 {
			t.Errorf("%v: rated %s, bound %s", limit, got, bound)
		}
	}
	readings := []price.Reading{{Meter: price.MeterCalls, Quantity: 1}, {Meter: "input", Quantity: 1000}, {Meter: "cache_read", Quantity: 10}, {Meter: "reasoning", Quantity: 5}}
	for _, ch := range card.Rate(readings, price.Options{}) {
		if !ch.Cost.IsZero() || len(ch.Marks) > 0 {
			t.Errorf("a pool's tokens cost nothing of their own: %+v", ch)
		}
	}
	hour := card.Rate([]price.Reading{{Meter: price.MeterGPUIdle, Quantity: int64(time.Hour)}}, price.Options{})
	if got := price.Total(hour); got.String() != "2.5 USD" && got.Cmp(money.New(25, -1, money.USD)) != 0 {
		t.Errorf("an idle GPU-hour costs %s", got)
	}
}
