package group_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/store/group"
)

// TestScenarios reads testdata/*: arrivals against a writer whose sync takes a
// set time, and the groups that come of it.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s := sim{sync: 200 * time.Microsecond, linger: group.Linger{Max: 2 * time.Millisecond}}
			for _, a := range d.CmdArgs {
				switch v := a.Vals[0]; a.Key {
				case "rate":
					s.random(mustInt(t, v), 20_000)
				case "sync":
					s.sync = mustDuration(t, v)
				case "max":
					s.linger.Max = mustDuration(t, v)
				case "full":
					s.linger.Full = mustInt(t, v)
				case "writers":
					s.writers = mustInt(t, v)
				case "groups":
					s.limit = mustInt(t, v)
				}
			}
			for _, f := range strings.Fields(d.Input) {
				s.arrivals = append(s.arrivals, mustDuration(t, f))
			}
			if d.Cmd == "summary" {
				return s.summary()
			}
			return s.run()
		})
	})
}

func mustDuration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustInt(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sim is a writer over a virtual clock. Arrivals come at set times; or writers
// come back 5 µs one after the other as soon as their group is durable.
type sim struct {
	linger   group.Linger
	sync     time.Duration
	arrivals []time.Duration
	writers  int
	limit    int
}

// random makes n arrivals at a mean rate a second.
func (s *sim) random(rate, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	var at time.Duration
	for range n {
		at += time.Duration(r.ExpFloat64() * float64(time.Second) / float64(rate))
		s.arrivals = append(s.arrivals, at)
	}
}

// summary is the mean size of a group, and the longest wait for company.
func (s *sim) summary() string {
	groups := strings.Split(strings.TrimSpace(s.run()), "\n")
	var longest time.Duration
	for _, g := range groups {
		if d, err := time.ParseDuration(g[strings.LastIndexByte(g, ' ')+1:]); err == nil {
			longest = max(longest, d)
		}
	}
	return fmt.Sprintf("%.1f a group, none waited longer than %v\n", float64(len(s.arrivals))/float64(len(groups)), longest)
}

func (s *sim) run() string {
	var out strings.Builder
	var epoch, now time.Time
	epoch = epoch.AddDate(2026, 0, 0)
	now = epoch
	var future, queue []time.Time
	for _, a := range s.arrivals {
		future = append(future, epoch.Add(a))
	}
	back := func(n int) { // n writers come back
		for i := range n {
			future = append(future, now.Add(time.Duration(i+1)*5*time.Microsecond))
		}
	}
	back(s.writers)
	arrive := func() {
		for len(future) > 0 && !future[0].After(now) {
			queue, future = append(queue, future[0]), future[1:]
		}
	}
	for groups := 0; s.limit == 0 || groups < s.limit; {
		arrive()
		var oldest time.Time
		if len(queue) > 0 {
			oldest = queue[0]
		}
		d := s.linger.Queued(len(queue), oldest, now)
		if !d.Commit {
			// Wake at the time, or when enough are there, whichever is first.
			wake := d.At
			if n := d.Count - len(queue); n <= len(future) && (wake.IsZero() || future[n-1].Before(wake)) {
				wake = future[n-1]
			}
			if wake.IsZero() {
				break // nothing is queued and nothing comes
			}
			now = wake
			continue
		}
		k, taken := len(queue), now
		queue = nil
		now = now.Add(s.sync)
		if s.writers > 0 {
			back(k)
		}
		arrive()
		s.linger.Committed(k, len(queue))
		groups++
		fmt.Fprintf(&out, "%d after a wait of %v\n", k, taken.Sub(oldest))
	}
	return out.String()
}
