package sim

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

var start = time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC)

// world is the loop, the clock, chance, and who lives in it.
type world struct {
	o      Options
	rng    *rand.Rand
	hash   uint64
	now    time.Time
	agenda agenda
	order  int
	atOnce int // actions at this moment
	report Report

	plan      *plan
	upstreams []*upstream
	clients   *clients
	shell     *shell
	judge     *judge
}

func newWorld(o Options) *world {
	w := &world{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0xca11)), hash: 14695981039346656037, now: start}
	w.report.Errors = map[string]int{}
	w.plan = drawPlan(w)
	w.report.Story = string(w.plan.story)
	w.upstreams = openUpstreams(w)
	w.judge = newJudge(w)
	w.shell = newShell(w)
	w.clients = newClients(w)
	return w
}

func (w *world) open() {
	w.say("%s", w.plan)
	for _, u := range w.upstreams {
		u.open()
	}
	w.clients.open()
}

// action is something that happens at a time.
type action struct {
	at    time.Time
	order int
	do    func()
}

// later puts an action on the agenda.
func (w *world) later(wait time.Duration, do func()) { w.at(w.now.Add(max(wait, 0)), do) }

func (w *world) at(t time.Time, do func()) {
	w.order++
	heap.Push(&w.agenda, action{t, w.order, do})
}

// act does the next action; false is the end.
func (w *world) act() bool {
	if len(w.agenda) == 0 {
		return false
	}
	a := heap.Pop(&w.agenda).(action)
	if w.atOnce++; a.at.After(w.now) {
		w.now, w.atOnce = a.at, 0
	}
	if w.atOnce > mostAtOnce {
		w.judge.broken("time goes on", "%d things happen at once", w.atOnce)
	}
	if w.since() > endless {
		w.judge.broken("everything ends", "something goes on for ever")
	}
	w.report.Actions++
	a.do()
	return true
}

// mostAtOnce is far more than can happen at one moment.
const mostAtOnce = 10_000

// endless is far beyond the end of every story.
const endless = 3 * time.Hour

func (w *world) since() time.Duration { return w.now.Sub(start) }

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a time.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int64N(int64(b-a)+1))
}

// number draws one from a to b.
func (w *world) number(a, b int) int { return a + w.rng.IntN(b-a+1) }

// around draws a time that is like another one: its logarithm is normal.
func (w *world) around(median time.Duration, spread float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(spread*w.rng.NormFloat64()))
}

// note puts what happens into the hash of the story.
func (w *world) note(what int, of ...int) {
	h := w.hash
	for _, n := range append(of, what, int(w.now.Sub(start))) {
		h = (h ^ uint64(n)) * 1099511628211
	}
	w.hash = h
}

// tells reports whether somebody reads what happens: the words for it cost more than
// all the rest.
func (w *world) tells() bool { return w.o.Trace != nil }

// say tells what happens.
func (w *world) say(format string, args ...any) {
	if w.o.Trace != nil {
		_, _ = fmt.Fprintf(w.o.Trace, "%12s %s\n", w.since(), fmt.Sprintf(format, args...))
	}
}

func (w *world) violation(check, what string) *Violation {
	return &Violation{Seed: w.o.Seed, At: w.since(), Check: check, What: what}
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
	old[len(old)-1] = action{}
	*a = old[:len(old)-1]
	return x
}
