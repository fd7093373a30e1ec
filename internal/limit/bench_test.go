package limit_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// BenchmarkRoom asks a group of which everything is known: configured limits, reported
// windows, and what refusals taught.
func BenchmarkRoom(b *testing.B) {
	bucket := func(n int64) limit.Bucket {
		return limit.Bucket{Limit: n, Remaining: n / 2, Reset: 30 * time.Second, Known: true}
	}
	known := func(g *limit.Group) { g.Set(limit.Limits{Requests: 1000, Tokens: 1_000_000, InFlight: 100}) }
	reported := func(g *limit.Group) {
		g.Report(limit.Reported{Requests: bucket(1000), Tokens: bucket(1_000_000), Input: bucket(1_000_000), Output: bucket(1_000_000)}, epoch)
	}
	for _, c := range []struct {
		name string
		do   []func(*limit.Group)
		idle time.Duration
		n    int64
		want bool
	}{
		{"nothing known", nil, 0, 1000, true},
		{"configured", []func(*limit.Group){known}, 0, 1000, true},
		{"reported", []func(*limit.Group){reported}, 0, 1000, true},
		{"both", []func(*limit.Group){known, reported}, 0, 1000, true},
		{"both, idle for 20 s", []func(*limit.Group){known, reported}, 20 * time.Second, 1000, true},
		{"no room", []func(*limit.Group){known, reported}, 0, 999_000, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			var g limit.Group
			for _, do := range c.do {
				do(&g)
			}
			now := epoch
			for range 60 { // one a second
				g.Take(1000, now)
				g.Done(0, 1000, 1000, now)
				now = now.Add(time.Second)
			}
			for _, do := range c.do { // the reports are of now
				do(&g)
			}
			now = now.Add(c.idle)
			if ok, _, _ := g.Room(c.n, now); ok != c.want {
				b.Fatalf("room: %v", ok)
			}
			b.ReportAllocs()
			for b.Loop() {
				g.Room(c.n, now)
			}
		})
	}
}

// BenchmarkTakeDone is what a call costs in a group.
func BenchmarkTakeDone(b *testing.B) {
	var g limit.Group
	g.Set(limit.Limits{Requests: 1 << 30, Tokens: 1 << 40, InFlight: 100})
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		g.Take(1000, now)
		g.Done(500*time.Microsecond, 1000, 700, now)
	}
}

// BenchmarkQueue is one who joins and one who is called, in a queue of 900 that wait,
// of 300 keys.
func BenchmarkQueue(b *testing.B) {
	var q limit.Queue
	keys := make([]string, 300)
	for i := range keys {
		keys[i] = "key" + strconv.Itoa(i)
	}
	now := epoch
	join := func(i int) {
		w := limit.Waiter{Key: keys[i%len(keys)], Priority: limit.Priority(i%3 - 1), Until: now.Add(time.Hour), Cost: int64(i*7919%5000 + 1)}
		if _, _, ok := q.Join(w, now); !ok {
			b.Fatal("turned away")
		}
	}
	for i := range 900 {
		join(i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		join(i)
		i++
		if _, ok := q.Next(now); !ok {
			b.Fatal("nobody is called")
		}
		q.Served(now)
	}
}
