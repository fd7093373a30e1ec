package meter_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/pool/meter"
)

func ExampleMeter() {
	at := func(s int) time.Time { return time.Unix(9*int64(s), 0) }
	var m meter.Meter
	m.Start(4, at(0))
	first, second := m.Begin(at(0)), m.Begin(at(0))
	fmt.Println("second:", time.Duration(m.End(second, at(1))))
	fmt.Println("first:", time.Duration(m.End(first, at(2))))
	fmt.Println("idle:", time.Duration(m.TakeIdle(at(3))))
	fmt.Println("all:", time.Duration(m.Wall()))
	// Output:
	// second: 18s
	// first: 54s
	// idle: 36s
	// all: 1m48s
}

// Whatever comes and goes when, what the requests had and what was idle is all of the
// time of all GPUs, to the nanosecond.
func TestNothingIsLostAndNothingMadeUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gpus := rapid.Int64Range(1, 16).Draw(t, "gpus")
		start := time.Unix(1_700_000_000, 0)
		now := start
		var m meter.Meter
		m.Start(gpus, now)
		var running []meter.Share
		var had, idle int64
		for range rapid.IntRange(0, 80).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 7_000_000_003).Draw(t, "after")))
			switch n := len(running); rapid.IntRange(0, 3).Draw(t, "event") {
			case 0, 1:
				running = append(running, m.Begin(now))
			case 2:
				if n > 0 {
					i := rapid.IntRange(0, n-1).Draw(t, "which")
					one := m.End(running[i], now)
					if had += one; one%meter.Grain != 0 {
						t.Fatalf("a request had %d, which is no multiple of %d", one, meter.Grain)
					}
					running = append(running[:i], running[i+1:]...)
				}
			case 3:
				idle += m.TakeIdle(now)
			}
			whole := gpus * int64(now.Sub(start))
			sum := had + idle + m.TakeIdle(now)
			idle = sum - had
			for _, s := range running {
				sum += m.Had(s, now)
			}
			if left := whole - sum; left < 0 || left >= max(1, int64(len(running))) {
				t.Fatalf("of %d GPU-ns %d are accounted for, with %d running", whole, sum, len(running))
			}
			if m.Wall() != whole {
				t.Fatalf("the account goes to %d of %d", m.Wall(), whole)
			}
		}
		for _, s := range running {
			had += m.End(s, now)
		}
		idle += m.TakeIdle(now)
		if whole := gpus * int64(now.Sub(start)); had+idle != whole {
			t.Fatalf("requests had %d and %d were idle, of %d", had, idle, whole)
		}
	})
}

func TestRequestsThatRunTogetherHaveTheSame(t *testing.T) {
	var m meter.Meter
	now := time.Unix(0, 0)
	m.Start(1, now)
	a, b, c := m.Begin(now), m.Begin(now), m.Begin(now)
	now = now.Add(3*54 + 3*5 + 1) // nanoseconds: 59 each, of which 54 are counted
	x, y, z := m.End(a, now), m.End(b, now), m.End(c, now)
	if x != y || y != z || x != 54 || m.TakeIdle(now) != 3*5+1 {
		t.Errorf("they had %d, %d and %d", x, y, z)
	}
}

func TestAClockThatGoesBackStandsStill(t *testing.T) {
	var m meter.Meter
	now := time.Unix(100, 0)
	m.Start(1, now)
	s := m.Begin(now)
	m.Advance(now.Add(-time.Hour))
	if had := m.End(s, now.Add(9*time.Second)); had != int64(9*time.Second) {
		t.Errorf("it had %v", time.Duration(had))
	}
}
