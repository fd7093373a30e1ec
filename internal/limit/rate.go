package limit

import "time"

// rate is how fast a queue is served: the mean of the last 32 times between two who
// are served while somebody waits. Time in which nobody waits says nothing of it.
type rate struct {
	gaps [32]time.Duration
	n    int // gaps ever; the last ones are kept
	sum  time.Duration
	last time.Time // when one was served, or the queue began to be
}

const (
	// A rate that is older than this says nothing any more. It is the longest wait
	// that a client is told, too.
	longestWait  = 5 * time.Minute
	shortestWait = time.Second
)

// begin says that somebody waits from now on.
func (r *rate) begin(now time.Time) {
	if now.Sub(r.last) > longestWait {
		*r = rate{}
	}
	r.last = now
}

func (r *rate) served(now time.Time) {
	gap := &r.gaps[r.n%len(r.gaps)]
	r.sum -= *gap
	*gap = min(max(now.Sub(r.last), 0), longestWait)
	r.sum += *gap
	r.n++
	r.last = now
}

// interval is the time between two who are served, where it is known. Where nobody
// has been served for longer than that, it grows as if one were served just now.
func (r *rate) interval(waiting bool, now time.Time) (time.Duration, bool) {
	if r.n == 0 {
		return 0, false
	}
	n := time.Duration(min(r.n, len(r.gaps)))
	mean := r.sum / n
	if gap := min(now.Sub(r.last), longestWait); waiting && gap > mean {
		mean = (r.sum + gap) / (n + 1)
	}
	return mean, true
}

// Served says that a waiter who was called got its slot.
func (q *Queue) Served(now time.Time) { q.rate.served(now) }

// Wait is how long one who joined now would wait until all who wait now have been
// served, by the observed rate: between a second and five minutes.
func (q *Queue) Wait(now time.Time) time.Duration { return q.wait(q.n+1, now) }

// WaitFor is Wait for a certain waiter: what is before it in its own priority and
// above, where the keys take turns. It is the Retry-After for one who was shed.
func (q *Queue) WaitFor(w Waiter, now time.Time) time.Duration {
	l := levelOf(w.Priority)
	ahead, mine := q.above(l), 0
	if k, ok := q.byKey[w.Key]; ok {
		mine = q.keys[k].flows[l].n
	}
	ahead += min(q.levels[l].atLeast.turns(mine+1, q.levels[l].n), q.levels[l].n)
	return q.wait(ahead+1, now)
}

func (q *Queue) wait(places int, now time.Time) time.Duration {
	each, ok := q.rate.interval(q.n > 0, now)
	if !ok {
		if q.n > 0 { // nobody was served yet since somebody waits
			each = now.Sub(q.rate.last)
		}
		return min(max(each, shortestWait), longestWait)
	}
	return min(max(time.Duration(places)*each, shortestWait), longestWait)
}

// least is the shortest time after which one of a key could be served: after the
// priorities above, and as many turns of each other key as the key itself has places
// before it; or, where its priority has waited long enough, in the turns of that.
func (q *Queue) least(key string, l int, now time.Time) time.Duration {
	each, ok := q.rate.interval(q.n > 0, now)
	if !ok {
		return 0
	}
	turns, above := 0, q.above(l)
	if k, ok := q.byKey[key]; ok {
		turns = q.levels[l].atLeast.turns(q.keys[k].flows[l].n, 0)
	}
	inOrder, aged := time.Duration(above+turns)*each, time.Duration(turns*turnsOf)*each
	if q.levels[l].n == 0 {
		aged = agedAfter
	}
	return min(inOrder, aged)
}

// above is how many wait in higher priorities.
func (q *Queue) above(l int) (n int) {
	for ; l+1 < levels; l++ {
		n += q.levels[l+1].n
	}
	return n
}

// tally counts how many keys of a level have at least so many waiting, in a Fenwick
// tree: the sum over the keys of min(waiting, m), which is how many are served before
// one who has m before it in its own key, is the sum of its first m.
type tally [256]int32

func (t *tally) add(i int, by int32) {
	for ; i > 0 && i < len(t); i += i & -i {
		t[i] += by
	}
}

// turns is the sum over the keys of min(waiting, m). It is not counted beyond 255:
// beyond is the answer there.
func (t *tally) turns(m, beyond int) (n int) {
	if m >= len(t) {
		if beyond > 0 {
			return beyond
		}
		m = len(t) - 1
	}
	for ; m > 0; m -= m & -m {
		n += int(t[m])
	}
	return n
}
