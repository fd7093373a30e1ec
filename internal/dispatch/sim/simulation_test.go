package sim

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Int("seeds", 0, "how many seeds to simulate; default $SKEIN_SIM_SEEDS, or 250, or 50 with -short or -race")
	seed  = flag.Uint64("seed", 0, "the one seed to replay, with its trace")
	calls = flag.Int("calls", 0, "with -seed: the clients make no more calls than this")
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
	case n == 0 && (testing.Short() || racing):
		return 50
	case n == 0:
		return 250
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

// failure is a violation with the end of its story and how to replay it.
func failure(s uint64, err error) string {
	story, calls, short := Story(Options{Seed: s}, 40)
	return fmt.Sprintf("%v\nwith as few calls as still show one:\n%s%v\nreplay it with: go test ./internal/dispatch/sim -run TestSimulation -seed %d -calls %d", err, story, short, s, calls)
}

// TestSimulation is the whole promise: whatever providers and clients do, every call
// has one outcome in time, budgets and limits hold, nobody starves, and what comes
// back gets its traffic back.
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		r, err := Run(Options{Seed: *seed, Calls: *calls, Trace: os.Stdout})
		t.Logf("%+v", r)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var mu sync.Mutex
	sum := Report{Errors: map[string]int{}}
	n, shown := count(t), 0
	each(n, func(s uint64) {
		r, err := Run(Options{Seed: s})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			text := err.Error()
			if shown++; shown <= 3 {
				text = failure(s, err)
			}
			t.Error(text)
		}
		sum.add(&r)
	})
	t.Logf("%d seeds: %s", n, &sum)
	if sum.Hedges < n || sum.Repeats < n || sum.Seams < n || sum.Queued < n || sum.Shed < n || sum.Rests < n || sum.Refused < n || sum.Hangups < n || sum.Denied == 0 {
		t.Error("the simulation does not reach what it is there for")
	}
}

func (r *Report) add(o *Report) {
	r.Actions += o.Actions
	r.Calls += o.Calls
	r.Attempts += o.Attempts
	r.Answers += o.Answers
	r.Hangups += o.Hangups
	r.Repeats += o.Repeats
	r.Denied += o.Denied
	r.Hedges += o.Hedges
	r.Seams += o.Seams
	r.Queued += o.Queued
	r.Shed += o.Shed
	r.Rests += o.Rests
	r.Refused += o.Refused
	r.Repaired += o.Repaired
	for k, v := range o.Errors {
		r.Errors[k] += v
	}
}

func (r *Report) String() string {
	return fmt.Sprintf("%d calls, %d attempts (%d repetitions, %d denied; %d hedges), %d answers (%d by more than one attempt), %d breaks gone on from, %d waited, %d shed, %d hang-ups, %d rests, %d refusals; errors %v; %d actions",
		r.Calls, r.Attempts, r.Repeats, r.Denied, r.Hedges, r.Answers, r.Repaired, r.Seams, r.Queued, r.Shed, r.Hangups, r.Rests, r.Refused, r.Errors, r.Actions)
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

func TestAFailureTellsItsStory(t *testing.T) {
	o := Options{Seed: 1, Variant: LoseHold}
	whole, err := Run(o)
	if err == nil {
		t.Fatal("nothing fails")
	}
	story, calls, short := Story(o, 30)
	if lines := strings.Count(story, "\n"); lines == 0 || lines > 30 {
		t.Errorf("the story has %d lines, and may have 30", lines)
	}
	var found *Violation
	if !errors.As(short, &found) || calls >= whole.Calls {
		t.Errorf("with %d calls instead of %d: %v", calls, whole.Calls, short)
	}
}

// TestEveryBrokenVariantIsFound checks the checks.
func TestEveryBrokenVariantIsFound(t *testing.T) {
	const within = 100
	for _, v := range Variants {
		t.Run(string(v), func(t *testing.T) {
			for s := uint64(1); s <= within; s++ {
				_, err := Run(Options{Seed: s, Variant: v})
				var found *Violation
				if errors.As(err, &found) {
					t.Logf("seed %d: %s: %s", s, found.Check, found.What)
					return
				}
			}
			t.Errorf("not found within %d seeds", within)
		})
	}
}
