package limit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// TestSlotsAreServedInOrder: never more in flight than allowed, never more waiting
// than there is room, the first who waits and has time left is next, and nothing is
// free while somebody could use it.
func TestSlotsAreServedInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := limit.Slots{Max: rapid.IntRange(1, 4).Draw(t, "max"), MaxQueue: rapid.IntRange(1, 5).Draw(t, "queue")}
		now := epoch
		type waiter struct {
			ticket limit.Ticket
			until  time.Time
		}
		var queue []waiter
		inFlight := 0
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				until := now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "patience")) * time.Second)
				wait := rapid.Bool().Draw(t, "wait")
				v, ticket := s.Take(wait, until, now)
				switch {
				case inFlight < s.Max:
					if v != limit.Given {
						t.Fatalf("%d of %d in flight, and the verdict is %d", inFlight, s.Max, v)
					}
					inFlight++
				case wait && len(queue) < s.MaxQueue:
					if v != limit.Queued {
						t.Fatalf("there is room to wait, and the verdict is %d", v)
					}
					queue = append(queue, waiter{ticket, until})
				case v != limit.Full:
					t.Fatalf("no room, and the verdict is %d", v)
				}
			},
			"free": func(t *rapid.T) {
				if inFlight == 0 {
					t.Skip()
				}
				next := slices.IndexFunc(queue, func(w waiter) bool { return now.Before(w.until) })
				ticket, ok := s.Free(now)
				if ok != (next >= 0) || ok && ticket != queue[next].ticket {
					t.Fatalf("called %d, %v; waiting: %v", ticket, ok, queue)
				}
				if ok {
					queue = slices.Delete(queue, next, next+1)
				} else {
					inFlight--
				}
			},
			"leave": func(t *rapid.T) {
				if len(queue) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(queue)-1).Draw(t, "who")
				if !s.Leave(queue[i].ticket) {
					t.Fatalf("ticket %d waits and could not leave", queue[i].ticket)
				}
				queue = append(queue[:i:i], queue[i+1:]...)
			},
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "s")) * time.Second)
			},
			"": func(t *rapid.T) {
				if s.InFlight() != inFlight || inFlight > s.Max {
					t.Fatalf("in flight: %d, want %d of at most %d", s.InFlight(), inFlight, s.Max)
				}
				if s.Waiting() != len(queue) {
					t.Fatalf("waiting: %d, want %d", s.Waiting(), len(queue))
				}
			},
		})
	})
}

// TestWhoRanOutOfTimeWasNotCalled: a slot that comes free after a waiter's time, and
// before the waiter has looked, is not the waiter's.
func TestWhoRanOutOfTimeWasNotCalled(t *testing.T) {
	s := limit.Slots{Max: 1}
	s.Take(false, epoch, epoch)
	_, ticket := s.Take(true, epoch.Add(time.Second), epoch)
	if _, ok := s.Free(epoch.Add(time.Second)); ok {
		t.Fatal("called somebody who has no time left")
	}
	if !s.Leave(ticket) {
		t.Fatal("the waiter was told that the slot is theirs")
	}
	if s.InFlight() != 0 || s.Waiting() != 0 {
		t.Fatalf("%d in flight, %d waiting", s.InFlight(), s.Waiting())
	}
}

func TestALowerLimitHoldsAtOnce(t *testing.T) {
	s := limit.Slots{Max: 3}
	for range 3 {
		s.Take(false, epoch, epoch)
	}
	_, ticket := s.Take(true, epoch.Add(time.Minute), epoch)
	s.Max = 1
	for range 2 {
		if _, ok := s.Free(epoch); ok {
			t.Fatal("called somebody while more are in flight than allowed")
		}
	}
	if got, ok := s.Free(epoch); !ok || got != ticket {
		t.Fatalf("called %d, %v; want %d", got, ok, ticket)
	}
}

func TestUnlimitedNeverWaits(t *testing.T) {
	var s limit.Slots
	for range 1000 {
		if v, _ := s.Take(true, epoch, epoch); v != limit.Given {
			t.Fatal(v)
		}
	}
}

func TestARestIsBounded(t *testing.T) {
	var c limit.Cooldown
	c.Rest(1000*time.Hour, epoch)
	if got := c.Until(epoch).Sub(epoch); got != time.Hour {
		t.Fatalf("rests %s, want an hour at most", got)
	}
	for range 20 { // calls that failed together are one strike
		c = limit.Cooldown{}
		c.Rest(0, epoch)
		c.Rest(0, epoch)
		if got := c.Until(epoch).Sub(epoch); got > 2*time.Second {
			t.Fatalf("rests %s after one strike", got)
		}
	}
}

func TestRetriesAreAShareOfTraffic(t *testing.T) {
	var r limit.Retries
	n := 0
	for r.Take() {
		n++
	}
	if n != 20 {
		t.Fatalf("%d repetitions at once, want 20", n)
	}
	for range 100 {
		r.Call()
	}
	for n = 0; r.Take(); n++ {
	}
	if n != 10 {
		t.Fatalf("100 calls earned %d repetitions, want 10", n)
	}
}

func ExampleSlots() {
	s := limit.Slots{Max: 1}
	now := time.Now()
	s.Take(false, now, now)
	verdict, ticket := s.Take(true, now.Add(time.Minute), now)
	fmt.Println(verdict == limit.Queued)
	next, _ := s.Free(now)
	fmt.Println(next == ticket)
	// Output:
	// true
	// true
}
