// Package group decides who waits for whom: how long a writer lets committed work
// queue up before it pays for one sync for all of it. Pure: the time is an
// argument, and the writer drives it.
//
// A sync costs the same for one batch as for a hundred, so company saves time and
// processor; but a batch that waits for company that does not come has only lost
// time. The rule: expect as many as came last time, those that queued up
// meanwhile included.
//
//	one writer, again and again: the last group was 1, nobody queued   → expect 1, never wait
//	16 writers that wait for their commits: 9 in the group, 7 queued   → expect 16, and stop waiting when they are there
//	2,000 a second at random: groups of 4, fewer when the time is up   → expect about 4, for at most Max
//	the stream dries up: one batch waits Max in vain                   → expect 1 again
package group

import "time"

// Linger is the machine's state and setting. The zero value never waits.
type Linger struct {
	Max  time.Duration // the longest wait, from the oldest batch's arrival
	Full int           // so many are enough company for anybody; 0 is 128

	expect int
}

// Decision says what the writer does now.
type Decision struct {
	Commit bool
	// Where not: ask again when so many are queued, or at this time. A zero time
	// is never: nothing is queued.
	Count int
	At    time.Time
}

// Queued decides about n batches that are queued, the oldest of them since then.
func (l *Linger) Queued(n int, oldest, now time.Time) Decision {
	want := max(l.expect, 1)
	if n == 0 {
		return Decision{Count: 1}
	}
	until := oldest.Add(l.Max)
	if n >= want || !now.Before(until) || now.Before(oldest) { // a clock that went back ends the wait
		return Decision{Commit: true}
	}
	return Decision{Count: want, At: until}
}

// Committed says that a group of k is durable, and that n more had queued up by
// then.
func (l *Linger) Committed(k, n int) {
	full := l.Full
	if full == 0 {
		full = 128
	}
	l.expect = min(k+n, full)
}
