package limit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
)

func TestARestIsBounded(t *testing.T) {
	var c limit.Cooldown
	c.Rest(1000*time.Hour, epoch)
	if got := c.Until(epoch).Sub(epoch); got != time.Hour {
		t.Fatalf("rests %s, want an hour at most", got)
	}
	c = limit.Cooldown{}
	for range 20 { // calls that failed together are one strike
		c.Rest(0, epoch)
		if got := c.Until(epoch).Sub(epoch); got != time.Second {
			t.Fatalf("rests %s after one strike", got)
		}
	}
	now := epoch
	for _, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} { // seconds
		now = c.Until(now).Add(time.Minute)
		c.Rest(0, now)
		if got := c.Until(now).Sub(now); got != want*time.Second {
			t.Fatalf("rests %s, want %d s", got, want)
		}
	}
	c.Clear()
	c.Rest(0, now.Add(time.Hour))
	if got := c.Until(now.Add(time.Hour)); got != now.Add(time.Hour+time.Second) {
		t.Fatalf("after it worked it rests until %s", got)
	}
}

func TestRetriesAreATenthOfTraffic(t *testing.T) {
	s := limit.Share{Percent: 10, Burst: 20}
	n := 0
	for s.Take() {
		n++
	}
	if n != 20 {
		t.Fatalf("%d repetitions at once, want 20", n)
	}
	for range 100 {
		s.Count()
	}
	for n = 0; s.Take(); n++ {
	}
	if n != 10 {
		t.Fatalf("100 calls earned %d repetitions, want 10", n)
	}
}

// TestExtraAttemptsAreAShareOfTraffic: however calls and extra attempts are mixed.
func TestExtraAttemptsAreAShareOfTraffic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := limit.Share{Percent: rapid.IntRange(0, 100).Draw(t, "percent"), Burst: rapid.IntRange(0, 20).Draw(t, "burst")}
		calls, extra := 0, 0
		for _, call := range rapid.SliceOfN(rapid.Bool(), 1, 500).Draw(t, "calls") {
			switch {
			case call:
				calls++
				s.Count()
			case s.Take():
				extra++
			case extra < s.Burst:
				t.Fatalf("%d of a burst of %d were taken, and there is none left", extra, s.Burst)
			}
			if extra*100 > s.Burst*100+s.Percent*calls {
				t.Fatalf("%d extra attempts for %d calls at %d %%, burst %d", extra, calls, s.Percent, s.Burst)
			}
		}
	})
}

func TestAShareOfNothingAllowsNothing(t *testing.T) {
	var s limit.Share
	s.Count()
	if s.Take() {
		t.Fatal("an extra attempt was allowed")
	}
}
