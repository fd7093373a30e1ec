package sched

import (
	"cmp"
	"container/heap"
	"time"
)

// job is one try of a command that may be performed.
type job struct {
	run     *run
	command string
	try     int
}

// queue is fair over agents: each in turn gives its oldest job.
type queue struct {
	jobs map[string][]job
	turn []string // agents that have jobs, the next one first
}

func (q *queue) init() { q.jobs = map[string][]job{} }

func (q *queue) push(agent string, j job) {
	if len(q.jobs[agent]) == 0 {
		q.turn = append(q.turn, agent)
	}
	q.jobs[agent] = append(q.jobs[agent], j)
}

func (q *queue) pop() (job, bool) {
	if len(q.turn) == 0 {
		return job{}, false
	}
	agent := q.turn[0]
	q.turn = q.turn[1:]
	jobs := q.jobs[agent]
	j := jobs[0]
	if len(jobs) == 1 {
		delete(q.jobs, agent)
	} else {
		q.jobs[agent] = jobs[1:]
		q.turn = append(q.turn, agent)
	}
	return j, true
}

// timer is a command of a run that waits for its time; with no command, the run
// itself waits to be read again.
type timer struct {
	at           time.Time
	run, command string
}

// timers is a heap by time, and by run and command where times are equal, so that
// the same events always fire in the same order.
type timers struct{ h timerHeap }

func (t *timers) push(x timer) { heap.Push(&t.h, x) }

func (t *timers) next() (time.Time, bool) {
	if len(t.h) == 0 {
		return time.Time{}, false
	}
	return t.h[0].at, true
}

func (t *timers) pop(now time.Time) (timer, bool) {
	if len(t.h) == 0 || t.h[0].at.After(now) {
		return timer{}, false
	}
	return heap.Pop(&t.h).(timer), true
}

type timerHeap []timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	a, b := &h[i], &h[j]
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.run, b.run), cmp.Compare(a.command, b.command)) < 0
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
