package sim

import (
	"container/heap"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

var start = time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC)

// The times of a simulation.
const (
	faultsUntil = 8 * time.Minute // no fault is begun after it
	quietBy     = 6 * time.Hour   // by then every run must have come to its end
)

// world is the loop, the clock, chance, and who lives in it.
type world struct {
	o      Options
	rng    *rand.Rand
	hash   hash.Hash64
	now    time.Time
	agenda agenda
	order  int
	report Report

	store  *store
	shop   *shop
	people *people
	node   *node // the process; nil while it is down
	lives  int   // how many processes there have been

	// what the judge remembers
	given   map[string]int
	class   map[string]agent.Class
	denied  []string // effects of which the model was told that they failed
	claimed []string // and that they were done
}

func newWorld(o Options) *world {
	w := &world{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x5eed)), hash: fnv.New64a(), now: start,
		given: map[string]int{}, class: map[string]agent.Class{}}
	w.report.Ended = map[string]int{}
	w.store = newStore(w)
	w.shop = newShop(w)
	w.people = newPeople(w)
	return w
}

// action is something that happens at a time. One of a process happens only
// while that process lives.
type action struct {
	at    time.Time
	order int
	of    *node // nil: the world's
	what  string
	do    func()
}

// later puts an action on the agenda.
func (w *world) later(of *node, wait time.Duration, what string, do func()) {
	w.order++
	heap.Push(&w.agenda, action{w.now.Add(wait), w.order, of, what, do})
}

// act does the next action; false is the end.
func (w *world) act() bool {
	if len(w.agenda) == 0 {
		return false
	}
	a := heap.Pop(&w.agenda).(action)
	if a.of != nil && a.of != w.node {
		return true
	}
	w.now = a.at
	if w.now.Sub(start) > quietBy {
		return false
	}
	if w.faulty(0.006) {
		w.crash()
		if a.of != nil {
			return true
		}
	}
	w.report.Actions++
	w.say("%s", a.what)
	a.do()
	return !w.over()
}

// over reports whether nothing will happen any more.
func (w *world) over() bool {
	return w.now.Sub(start) > faultsUntil && w.people.idle() && w.node != nil && w.node.quiet() && w.shop.flying == 0
}

// faulty draws a fault, while there are any.
func (w *world) faulty(p float64) bool {
	return w.chance(p) && w.now.Sub(start) < faultsUntil
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a time.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int64N(int64(b-a)+1))
}

// say notes what happens in the trace.
func (w *world) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	_, _ = fmt.Fprintf(w.hash, "%d %s\n", w.now.UnixMicro(), line) // never fails
	if w.o.Trace != nil {
		_, _ = fmt.Fprintf(w.o.Trace, "%12s %s\n", w.now.Sub(start), line)
	}
}

func (w *world) violation(check, what string) *Violation {
	return &Violation{Seed: w.o.Seed, At: w.now.Sub(start), Check: check, What: what}
}

// broken ends the simulation.
func (w *world) broken(check, format string, args ...any) {
	panic(w.violation(check, fmt.Sprintf(format, args...)))
}

type agenda []action

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].order < a[j].order
	}
	return a[i].at.Before(a[j].at)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(action)) }
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}
