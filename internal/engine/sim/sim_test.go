package sim

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Int("seeds", 0, "how many seeds to simulate; default $SKEIN_SIM_SEEDS, or 300, or 60 with -short")
	seed  = flag.Uint64("seed", 0, "the one seed to replay, with its trace")
)

func count(t *testing.T) int {
	n := *seeds
	if v := os.Getenv("SKEIN_SIM_SEEDS"); n == 0 && v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatalf("SKEIN_SIM_SEEDS: %v", err)
		}
	}
	switch {
	case n == 0 && testing.Short():
		return 60
	case n == 0:
		return 300
	}
	return n
}

// each simulates seeds 1 to n, a few at a time; each has a loop of its own.
func each(n int, do func(seed uint64)) {
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for s := next.Add(1); s <= uint64(n); s = next.Add(1) {
				do(s)
			}
		})
	}
	wg.Wait()
}

func replay(s uint64) string {
	return fmt.Sprintf("replay it with: go test ./internal/engine/sim -run TestSimulation -seed %d", s)
}

// TestSimulation is the whole promise: whatever fails and whenever the process
// dies, nothing is done twice, nothing is lost, and every run comes to its end.
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		r, err := Run(Options{Seed: *seed, Trace: os.Stdout})
		t.Logf("%+v", r)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var mu sync.Mutex
	var sum Report
	sum.Ended = map[string]int{}
	n := count(t)
	each(n, func(s uint64) {
		r, err := Run(Options{Seed: s})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Errorf("%v\n%s", err, replay(s))
		}
		sum.Actions += r.Actions
		sum.Crashes += r.Crashes
		sum.Refusals += r.Refusals
		sum.Records += r.Records
		sum.Effects += r.Effects
		sum.Repeats += r.Repeats
		sum.Doubts += r.Doubts
		for k, v := range r.Ended {
			sum.Ended[k] += v
		}
	})
	t.Logf("%d seeds: %d actions, %d crashes, %d refusals, %d records, %d effects (%d repeats), %d doubts, runs %v",
		n, sum.Actions, sum.Crashes, sum.Refusals, sum.Records, sum.Effects, sum.Repeats, sum.Doubts, sum.Ended)
	if sum.Crashes < n || sum.Repeats == 0 || sum.Doubts == 0 || sum.Refusals == 0 {
		t.Error("the simulation does not reach what it is there for")
	}
}

func TestTheSameSeedIsTheSameStory(t *testing.T) {
	for s := uint64(1); s <= 10; s++ {
		a, errA := Run(Options{Seed: s})
		b, errB := Run(Options{Seed: s})
		if a.Trace != b.Trace || a.Actions != b.Actions || fmt.Sprint(errA) != fmt.Sprint(errB) {
			t.Errorf("seed %d: %x after %d actions, then %x after %d", s, a.Trace, a.Actions, b.Trace, b.Actions)
		}
	}
}

// TestEveryBrokenVariantIsFound checks the checks.
func TestEveryBrokenVariantIsFound(t *testing.T) {
	const within = 60
	for _, v := range Variants {
		for _, logsOnly := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by logs only %v", v, logsOnly), func(t *testing.T) {
				for s := uint64(1); s <= within; s++ {
					_, err := Run(Options{Seed: s, Variant: v, LogsOnly: logsOnly})
					var found *Violation
					if errors.As(err, &found) {
						t.Logf("seed %d: %s", s, found.Check)
						return
					}
				}
				t.Errorf("not found within %d seeds", within)
			})
		}
	}
}
