package budget_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/price"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// keys are three scopes for each of n keys, all with limits.
func keys(tb testing.TB, n int) (*budget.State, [][]string) {
	s := budget.New()
	scopes := make([][]string, n)
	for i := range scopes {
		scopes[i] = []string{"org:default", fmt.Sprint("team:", i/10), fmt.Sprint("key:", i)}
		for _, scope := range scopes[i] {
			if err := s.Define(budget.Limit{Scope: scope, Amount: usd("1000000"), Window: budget.Month, Kind: budget.Hard}); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return s, scopes
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("call_0190a6c41c7e7b52a1f0%012x/1", i)
	}
	return out
}

var perToken = price.PerUnit{Price: usd("15"), Per: 1_000_000}

func TestHoldingAllocatesNothing(t *testing.T) {
	s, scopes := keys(t, 100)
	ask := budget.Ask{Fixed: usd("0.01"), PerUnit: perToken, Want: 4096, Min: 256, Windows: make([]string, 0, 8)}
	names, cost, i := ids(1000), usd("0.03"), 0
	n := testing.AllocsPerRun(1000, func() {
		ask.ID, ask.Scopes = names[i%1000], scopes[i%100]
		if v := s.Hold(&ask, noon); !v.OK {
			t.Fatal(v.Refusal)
		}
		s.Settle(ask.ID, cost)
		i++
	})
	if n != 0 {
		t.Errorf("hold and settle allocate %v times", n)
	}
}

func BenchmarkHoldSettle(b *testing.B) {
	s, scopes := keys(b, 1000)
	ask := budget.Ask{Fixed: usd("0.01"), PerUnit: perToken, Want: 4096, Min: 256, Windows: make([]string, 0, 8)}
	names, cost := ids(4096), usd("0.0000001")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ask.ID, ask.Scopes = names[i%len(names)], scopes[i%len(scopes)]
		if v := s.Hold(&ask, noon); !v.OK {
			b.Fatal(v.Refusal)
		}
		s.Settle(ask.ID, cost)
	}
}

// The same by 64 goroutines under one lock, with 64 holds open at a time.
func BenchmarkHoldSettle64Goroutines(b *testing.B) {
	s, scopes := keys(b, 1000)
	names, cost := ids(4096), usd("0.0000001")
	var mu sync.Mutex
	var next atomic.Int64
	var group sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for g := range 64 {
		group.Go(func() {
			ask := budget.Ask{Fixed: usd("0.01"), PerUnit: perToken, Want: 4096, Min: 256, Windows: make([]string, 0, 8)}
			for i := g; next.Add(1) <= int64(b.N); i += 64 {
				ask.ID, ask.Scopes = names[i%len(names)], scopes[i%len(scopes)]
				mu.Lock()
				v := s.Hold(&ask, noon)
				mu.Unlock()
				if !v.OK {
					b.Error(v.Refusal)
					return
				}
				mu.Lock()
				s.Settle(ask.ID, cost)
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

// Near the limit the cap is searched for.
func BenchmarkHoldNearTheLimit(b *testing.B) {
	s := budget.New()
	for _, scope := range []string{"org:default", "team:x", "key:k"} {
		if err := s.Define(budget.Limit{Scope: scope, Amount: usd("0.05"), Window: budget.Month, Kind: budget.Hard}); err != nil {
			b.Fatal(err)
		}
	}
	ask := budget.Ask{ID: "a", Scopes: []string{"org:default", "team:x", "key:k"}, Fixed: usd("0.01"), PerUnit: perToken, Want: 4096, Min: 256, Windows: make([]string, 0, 8)}
	b.ReportAllocs()
	for b.Loop() {
		if v := s.Hold(&ask, noon); !v.OK || v.Cap == 4096 {
			b.Fatal(v)
		}
		s.Return("a")
	}
}
