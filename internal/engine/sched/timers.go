package sched

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

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

// fire handles the timers whose time has come.
func (m *Machine) fire(now time.Time, out []Command) []Command {
	for {
		t, ok := m.timers.pop(now)
		if !ok {
			return out
		}
		r := m.runs[t.run]
		switch {
		case t.command == "" && r == nil:
			m.runs[t.run] = &run{id: t.run}
			out = append(out, Command{Kind: Load, Run: t.run})
		case r == nil || r.state == nil || r.state.Status.Ended() || r.state.Find(t.command) == nil:
		default:
			out = m.fold(r, agent.Input{Kind: agent.TimerFired, At: now, Command: t.command}, 0, out)
		}
	}
}

// alarm asks for a tick at the next timer, once.
func (m *Machine) alarm(out []Command) []Command {
	next, ok := m.timers.next()
	if !ok || next.Equal(m.wake) {
		return out
	}
	m.wake = next
	return append(out, Command{Kind: Wake, At: next})
}
