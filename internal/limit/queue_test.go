package limit_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
)

// modelQueue is a queue without any structure: what is promised, by looking at
// everybody.
type modelQueue struct {
	max, perKey int
	waiting     []modelWaiter // in order of joining
	tags        map[modelFlow]int64
	now, end    map[limit.Priority]int64
	passed      int
}

type modelFlow struct {
	key      string
	priority limit.Priority
}

type modelWaiter struct {
	modelFlow
	ticket limit.Ticket
	cost   int64
	since  time.Time
	until  time.Time
}

func (m *modelQueue) count(f modelFlow) (n int) {
	for _, w := range m.waiting {
		if w.modelFlow == f {
			n++
		}
	}
	return n
}

// shed is the least important of those who wait and a newcomer; -1 is the newcomer,
// -2 that nobody has to go.
func (m *modelQueue) shed(n modelWaiter) int {
	all := append(slices.Clone(m.waiting), n)
	ofKey := 0
	for _, w := range m.waiting {
		if w.key == n.key {
			ofKey++
		}
	}
	switch {
	case ofKey >= m.perKey: // one of the key has to go
		for i := range all {
			if all[i].key != n.key {
				all[i].ticket = 0 // out of the question
			}
		}
		all[len(all)-1].ticket = 1
	case len(m.waiting) < m.max:
		return -2
	}
	counts := map[modelFlow]int{}
	for _, w := range all {
		counts[w.modelFlow]++
	}
	least := -1
	for i, w := range all {
		if w.ticket == 0 && i != len(all)-1 {
			continue
		}
		if least < 0 || cmp.Or(
			cmp.Compare(all[least].priority, w.priority),
			cmp.Compare(counts[w.modelFlow], counts[all[least].modelFlow]),
			1) > 0 {
			least = i
		}
	}
	if least == len(all)-1 {
		return -1
	}
	return least
}

func (m *modelQueue) join(w modelWaiter) {
	if m.count(w.modelFlow) == 0 {
		m.tags[w.modelFlow] = max(m.tags[w.modelFlow], m.now[w.priority])
	}
	m.waiting = append(m.waiting, w)
}

func (m *modelQueue) remove(i int) {
	p := m.waiting[i].priority
	m.waiting = slices.Delete(m.waiting, i, i+1)
	if !slices.ContainsFunc(m.waiting, func(w modelWaiter) bool { return w.priority == p }) {
		m.now[p] = max(m.now[p], m.end[p])
	}
}

// next is who is served next; -1 where nobody waits.
func (m *modelQueue) next(now time.Time) int {
	if len(m.waiting) == 0 {
		return -1
	}
	top := slices.MaxFunc(m.waiting, func(a, b modelWaiter) int { return cmp.Compare(a.priority, b.priority) }).priority
	turn := top
	var oldest time.Time
	for _, w := range m.waiting { // in order of joining
		if w.priority < top && now.Sub(w.since) >= 10*time.Second && (oldest.IsZero() || w.since.Before(oldest) || w.since.Equal(oldest) && w.priority > turn) {
			turn, oldest = w.priority, w.since
		}
	}
	if turn != top && m.passed < 7 {
		m.passed++
		turn = top
	} else if turn != top {
		m.passed = 0
	}
	best := -1
	first := map[modelFlow]bool{}
	for i, w := range m.waiting {
		if w.priority != turn || first[w.modelFlow] {
			continue
		}
		first[w.modelFlow] = true
		if best < 0 || m.tags[w.modelFlow] < m.tags[m.waiting[best].modelFlow] {
			best = i
		}
	}
	f := m.waiting[best].modelFlow
	m.now[turn] = max(m.now[turn], m.tags[f])
	m.tags[f] += m.waiting[best].cost
	m.end[turn] = max(m.end[turn], m.tags[f])
	return best
}

// TestQueueDoesWhatTheModelDoes: who is served, who is shed, in what order, for any
// mix of joining, leaving and serving. Owners leave when their time is over.
func TestQueueDoesWhatTheModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := limit.Queue{Max: rapid.IntRange(1, 12).Draw(t, "max"), MaxPerKey: rapid.IntRange(1, 12).Draw(t, "per key")}
		m := &modelQueue{max: q.Max, perKey: q.MaxPerKey, tags: map[modelFlow]int64{}, now: map[limit.Priority]int64{}, end: map[limit.Priority]int64{}}
		now := epoch
		joined, ended := map[limit.Ticket]bool{}, map[limit.Ticket]bool{}
		end := func(t *rapid.T, ticket limit.Ticket) {
			if !joined[ticket] || ended[ticket] {
				t.Fatalf("ticket %x: joined %v, ended %v", ticket, joined[ticket], ended[ticket])
			}
			ended[ticket] = true
			if q.Leave(ticket) {
				t.Fatalf("ticket %x has left twice", ticket)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				w := modelWaiter{
					modelFlow: modelFlow{rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key"), limit.Priority(rapid.IntRange(-1, 1).Draw(t, "priority"))},
					cost:      1000 * int64(rapid.IntRange(1, 9).Draw(t, "cost")), since: now,
					until: now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "patience")) * time.Second),
				}
				want := m.shed(w)
				ticket, shed, ok := q.Join(limit.Waiter{Key: w.key, Priority: w.priority, Until: w.until, Cost: w.cost}, now)
				if ok != (want != -1) || (shed != 0) != (want >= 0) {
					t.Fatalf("joined %v, shed %x; the model sheds %d of %v", ok, shed, want, m.waiting)
				}
				if want >= 0 {
					if m.waiting[want].ticket != shed {
						t.Fatalf("shed %x, want %x", shed, m.waiting[want].ticket)
					}
					m.remove(want)
					end(t, shed)
				}
				if ok {
					w.ticket, joined[ticket] = ticket, true
					m.join(w)
				}
			},
			"next": func(t *rapid.T) {
				ticket, ok := q.Next(now)
				want := m.next(now)
				if ok != (want >= 0) || ok && ticket != m.waiting[want].ticket {
					t.Fatalf("called %x, %v; the model calls %d of %v", ticket, ok, want, m.waiting)
				}
				if ok {
					m.remove(want)
					end(t, ticket)
				}
			},
			"leave": func(t *rapid.T) {
				if len(m.waiting) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(m.waiting)-1).Draw(t, "who")
				ticket := m.waiting[i].ticket
				if !q.Leave(ticket) {
					t.Fatalf("ticket %x waits and could not leave", ticket)
				}
				m.remove(i)
				end(t, ticket)
			},
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "s")) * time.Second)
				for i := len(m.waiting) - 1; i >= 0; i-- {
					if w := m.waiting[i]; !now.Before(w.until) {
						if !q.Leave(w.ticket) {
							t.Fatalf("ticket %x ran out of time and could not leave", w.ticket)
						}
						m.remove(i)
						end(t, w.ticket)
					}
				}
			},
			"": func(t *rapid.T) {
				if q.Len() != len(m.waiting) || q.Len() > q.Max {
					t.Fatalf("%d wait, want %d of at most %d", q.Len(), len(m.waiting), q.Max)
				}
			},
		})
	})
}

// TestEveryWaiterEndsOnce: also where owners are late to leave and the queue's bounds
// change under them; and nobody is called after their time.
func TestEveryWaiterEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := limit.Queue{Max: 8}
		now := epoch
		until := map[limit.Ticket]time.Time{} // those that have not ended
		end := func(t *rapid.T, ticket limit.Ticket, why string) {
			if _, waits := until[ticket]; !waits {
				t.Fatalf("ticket %x was %s and does not wait", ticket, why)
			}
			delete(until, ticket)
		}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				w := limit.Waiter{
					Key: fmt.Sprint(rapid.IntRange(0, 50).Draw(t, "key")), Priority: limit.Priority(rapid.IntRange(-3, 3).Draw(t, "priority")),
					Until: now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "patience")) * time.Second), Cost: rapid.Int64().Draw(t, "cost"),
				}
				ticket, shed, ok := q.Join(w, now)
				if shed != 0 {
					end(t, shed, "shed")
				}
				if ok {
					if _, twice := until[ticket]; twice || ticket == 0 {
						t.Fatalf("ticket %x was given twice", ticket)
					}
					until[ticket] = w.Until
				}
			},
			"next": func(t *rapid.T) {
				ticket, ok := q.Next(now)
				if !ok {
					for ticket, u := range until {
						if now.Before(u) {
							t.Fatalf("ticket %x waits, and nobody is called", ticket)
						}
					}
					return
				}
				if !now.Before(until[ticket]) {
					t.Fatalf("ticket %x was called after its time", ticket)
				}
				end(t, ticket, "called")
				q.Served(now)
			},
			"leave": func(t *rapid.T) {
				if len(until) == 0 {
					t.Skip()
				}
				var all []limit.Ticket
				for ticket := range until {
					all = append(all, ticket)
				}
				slices.Sort(all)
				ticket := rapid.SampledFrom(all).Draw(t, "who")
				if !q.Leave(ticket) || q.Leave(ticket) {
					t.Fatalf("ticket %x did not leave once", ticket)
				}
				end(t, ticket, "gone")
			},
			"bounds": func(t *rapid.T) {
				q.Max, q.MaxPerKey = rapid.IntRange(1, 10).Draw(t, "max"), rapid.IntRange(0, 10).Draw(t, "per key")
			},
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "s")) * time.Second)
			},
			"": func(t *rapid.T) {
				if q.Len() > len(until) || q.Len() > 10 {
					t.Fatalf("%d wait of %d", q.Len(), len(until))
				}
				if w := q.Wait(now); w < time.Second || w > 5*time.Minute {
					t.Fatalf("a wait of %s", w)
				}
			},
		})
	})
}
