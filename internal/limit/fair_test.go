package limit_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
)

func mustJoin(t *testing.T, q *limit.Queue, w limit.Waiter) limit.Ticket {
	t.Helper()
	ticket, shed, ok := q.Join(w, epoch)
	if !ok || shed != 0 {
		t.Fatalf("%+v: joined %v, shed %x", w, ok, shed)
	}
	return ticket
}

// TestKeysShareByCost: two keys that wait all the time are never further apart, in
// tokens served, than the largest request of each.
func TestKeysShareByCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := limit.Queue{Max: 1000, MaxPerKey: 1000}
		keys := rapid.IntRange(2, 6).Draw(t, "keys")
		type waiter struct {
			key  int
			cost int64
		}
		who := map[limit.Ticket]waiter{}
		served, largest := make([]int64, keys), make([]int64, keys)
		join := func(k int) {
			cost := rapid.Int64Range(1000, 1_000_000*int64(k*k+1)).Draw(t, "cost")
			ticket, _, ok := q.Join(limit.Waiter{Key: fmt.Sprint(k), Cost: cost}, epoch)
			if !ok {
				t.Fatal("did not join")
			}
			who[ticket], largest[k] = waiter{k, cost}, max(largest[k], cost)
		}
		for k := range keys {
			for range rapid.IntRange(1, 5).Draw(t, "backlog") {
				join(k)
			}
		}
		for range rapid.IntRange(1, 100).Draw(t, "turns") {
			ticket, ok := q.Next(epoch)
			if !ok {
				t.Fatal("nobody is called")
			}
			w := who[ticket]
			join(w.key) // it keeps waiting
			served[w.key] += w.cost
			for a := range keys {
				for b := range a {
					if apart := served[a] - served[b]; max(apart, -apart) > largest[a]+largest[b] {
						t.Fatalf("keys %d and %d were served %d and %d tokens; their largest are %d and %d", a, b, served[a], served[b], largest[a], largest[b])
					}
				}
			}
		}
	})
}

// TestLowPrioritiesGetTheirTurns: while high ones never end, one of eight goes to who
// has waited ten seconds below them, and to both lower priorities.
func TestLowPrioritiesGetTheirTurns(t *testing.T) {
	q := limit.Queue{MaxPerKey: 1000}
	priority := map[limit.Ticket]limit.Priority{}
	join := func(p limit.Priority, now time.Time) {
		ticket, _, ok := q.Join(limit.Waiter{Key: "k", Priority: p}, now)
		if !ok {
			t.Fatal("did not join")
		}
		priority[ticket] = p
	}
	for range 20 {
		join(limit.Low, epoch)
		join(limit.Normal, epoch)
		join(limit.High, epoch)
	}
	served := map[limit.Priority]int{}
	now := epoch
	for i := range 400 {
		now = now.Add(100 * time.Millisecond)
		ticket, _ := q.Next(now)
		served[priority[ticket]]++
		join(priority[ticket], now) // none of them ever ends
		if now.Sub(epoch) < 10*time.Second && served[limit.High] != i+1 {
			t.Fatalf("after %s: %v", now.Sub(epoch), served)
		}
	}
	if served[limit.High] < 350 || served[limit.Low] < 15 || served[limit.Normal] < 15 {
		t.Errorf("served by priority: %v", served)
	}
}

// TestAFullQueueShedsTheLeastImportant: in order of priority, then of the key that has
// most waiting, then the newest; and nobody for one who is less important.
func TestAFullQueueShedsTheLeastImportant(t *testing.T) {
	q := limit.Queue{Max: 5, MaxPerKey: 5}
	low := mustJoin(t, &q, limit.Waiter{Key: "a", Priority: limit.Low})
	mustJoin(t, &q, limit.Waiter{Key: "b"})
	b2 := mustJoin(t, &q, limit.Waiter{Key: "b"})
	mustJoin(t, &q, limit.Waiter{Key: "c"})
	c2 := mustJoin(t, &q, limit.Waiter{Key: "c"})
	for _, step := range []struct {
		w    limit.Waiter
		shed limit.Ticket
		ok   bool
		why  string
	}{
		{limit.Waiter{Key: "d", Priority: limit.Low}, 0, false, "it has as many as any other of its priority, and is newer"},
		{limit.Waiter{Key: "c"}, low, true, "a lower priority goes first, though its key has fewest"},
		{limit.Waiter{Key: "c"}, 0, false, "nobody has more than its own key"},
		{limit.Waiter{Key: "d"}, 0, true, "the newest of c, which has most"},
		{limit.Waiter{Key: "e", Priority: limit.High}, c2, true, "of b and c, with two each, the newest"},
		{limit.Waiter{Key: "e", Priority: limit.High}, b2, true, "now b alone has two"},
	} {
		_, shed, ok := q.Join(step.w, epoch)
		if ok != step.ok || step.shed != 0 && shed != step.shed || ok != (shed != 0) {
			t.Fatalf("%+v joined %v and shed %x, want %x: %s", step.w, ok, shed, step.shed, step.why)
		}
	}
}

// TestOneKeyHasAQuarterOfThePlaces by default, and makes room for itself where it has
// something more important.
func TestOneKeyHasAQuarterOfThePlaces(t *testing.T) {
	q := limit.Queue{Max: 8}
	mustJoin(t, &q, limit.Waiter{Key: "a"})
	second := mustJoin(t, &q, limit.Waiter{Key: "a"})
	if _, _, ok := q.Join(limit.Waiter{Key: "a"}, epoch); ok {
		t.Fatal("a third of eight places for one key")
	}
	if _, shed, ok := q.Join(limit.Waiter{Key: "a", Priority: limit.High}, epoch); !ok || shed != second {
		t.Fatalf("joined %v, shed %x, want %x", ok, shed, second)
	}
	mustJoin(t, &q, limit.Waiter{Key: "b"})
}

// TestWaitIsTrue: whoever joins a queue that is served at an even rate waits about as
// long as it was told; and the promise follows when the rate changes.
func TestWaitIsTrue(t *testing.T) {
	for _, each := range []time.Duration{50 * time.Millisecond, time.Second, 4 * time.Second} {
		t.Run(each.String(), func(t *testing.T) {
			var q limit.Queue
			now := epoch
			if got := q.Wait(now); got != time.Second {
				t.Errorf("%s where nothing is known", got)
			}
			serve := func(each time.Duration) limit.Ticket {
				now = now.Add(each)
				ticket, _ := q.Next(now)
				q.Served(now)
				return ticket
			}
			for _, each := range []time.Duration{each, 2 * each, each / 2} {
				for range 40 {
					q.Join(limit.Waiter{Key: "k", Cost: 100}, now)
				}
				for range 32 {
					serve(each)
					q.Join(limit.Waiter{Key: "k", Cost: 100}, now)
				}
				told, from := q.Wait(now), now
				if same := q.WaitFor(limit.Waiter{Key: "k"}, now); same != told {
					t.Errorf("one key: %s in all, %s for the key", told, same)
				}
				if quiet := q.WaitFor(limit.Waiter{Key: "quiet"}, now); quiet > told/10 && quiet > time.Second {
					t.Errorf("a quiet key waits %s, all of the others %s", quiet, told)
				}
				last, _, _ := q.Join(limit.Waiter{Key: "k"}, now)
				for serve(each) != last {
				}
				if took := min(max(now.Sub(from), time.Second), 5*time.Minute); told < took*8/10 || told > took*12/10 {
					t.Errorf("told %s, and it took %s", told, took)
				}
			}
		})
	}
}

// TestAStandstillIsSeen: where nobody is served any more the wait grows.
func TestAStandstillIsSeen(t *testing.T) {
	var q limit.Queue
	for range 100 {
		q.Join(limit.Waiter{Key: "k"}, epoch)
	}
	if a, b := q.Wait(epoch.Add(time.Second)), q.Wait(epoch.Add(40*time.Second)); a != time.Second || b != 40*time.Second {
		t.Errorf("nobody was served yet: %s, then %s", a, b)
	}
	now := epoch
	for range 20 {
		now = now.Add(100 * time.Millisecond)
		q.Next(now)
		q.Served(now)
	}
	before := q.Wait(now)
	if after := q.Wait(now.Add(30 * time.Second)); after < 2*before || after > 5*time.Minute {
		t.Errorf("a wait of %s became %s after 30 s of standstill", before, after)
	}
}

// TestWhoWouldWaitInVainIsToldAtOnce, and only those: a quiet key does not pay for the
// backlog of a noisy one.
func TestWhoWouldWaitInVainIsToldAtOnce(t *testing.T) {
	var q limit.Queue
	now := epoch
	for range 120 {
		mustJoin(t, &q, limit.Waiter{Key: "noisy"})
	}
	for range 20 { // one a second
		now = now.Add(time.Second)
		q.Next(now)
		q.Served(now)
	}
	for _, c := range []struct {
		key      string
		priority limit.Priority
		patience time.Duration
		ok       bool
	}{
		{"noisy", limit.Normal, 90 * time.Second, false},
		{"noisy", limit.Normal, 110 * time.Second, true},
		{"noisy", limit.High, 2 * time.Second, true},
		{"quiet", limit.Normal, 2 * time.Second, true},
		{"low", limit.Low, 5 * time.Second, false},
		{"low", limit.Low, 30 * time.Second, true}, // it ages
		{"late", limit.High, 0, false},
	} {
		ticket, _, ok := q.Join(limit.Waiter{Key: c.key, Priority: c.priority, Until: now.Add(c.patience)}, now)
		if ok != c.ok {
			t.Errorf("%s at priority %d with %s: joined %v", c.key, c.priority, c.patience, ok)
		}
		q.Leave(ticket)
	}
}

// TestManyKeysAreForgotten: keys that come once do not stay for ever.
func TestManyKeysAreForgotten(t *testing.T) {
	q := limit.Queue{Max: 10}
	stay := mustJoin(t, &q, limit.Waiter{Key: "stays", Priority: limit.Low})
	for i := range 10_000 {
		mustJoin(t, &q, limit.Waiter{Key: fmt.Sprint(i)})
		if _, ok := q.Next(epoch); !ok {
			t.Fatal("nobody is called")
		}
	}
	if !q.Leave(stay) {
		t.Fatal("the one who stayed was lost")
	}
	if n := limit.Remembered(&q); n > 4*q.Max {
		t.Errorf("%d keys are remembered for %d places", n, q.Max)
	}
}

func ExampleQueue() {
	var q limit.Queue
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	whose := map[limit.Ticket]string{}
	for _, key := range []string{"batch", "batch", "batch", "chat"} {
		t, _, _ := q.Join(limit.Waiter{Key: key, Cost: 1000}, now)
		whose[t] = key
	}
	for t, ok := q.Next(now); ok; t, ok = q.Next(now) {
		fmt.Println(whose[t])
	}
	// Output:
	// batch
	// chat
	// batch
	// batch
}
