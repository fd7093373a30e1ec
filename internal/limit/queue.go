package limit

import "time"

// Queue holds those who wait for capacity. It is bounded, and says who is next:
//
//   - the highest priority first; but of eight who are served one is of a lower
//     priority, where somebody has waited ten seconds there;
//   - within a priority, keys in turns by what they cost (start-time fair queueing):
//     two keys that both wait all the time get the same number of tokens, but for the
//     largest request of each, and a small request counts as one of 1,000. A key that comes back waits for nobody's backlog, only
//     for one request of each other key at most;
//   - within a key, first come, first served.
//
// Each waiter ends once: Next calls it, Join sheds it for somebody more important, or
// its owner gives up and says so with Leave. A waiter whose time is over is not called.
//
// Join, Next and Leave take O(log n) and allocate nothing once the queue has been as
// long before. The zero value is an empty queue of 1,000 places.
type Queue struct {
	Max       int // 0: 1,000
	MaxPerKey int // 0: a quarter of Max

	places   []place
	free     int32 // the first free place + 1; the others follow by next
	keys     []queued
	freeKeys int32
	byKey    map[string]int32
	levels   [levels]level
	n        int
	seq      uint64
	passedBy int // served in a row while a lower priority had waited long enough
	rate     rate
}

// Waiter is one who wants to wait.
type Waiter struct {
	Key      string // whom it belongs to; keys are treated alike
	Priority Priority
	Until    time.Time // when it gives up; zero: never
	Cost     int64     // tokens; at least 1,000 are counted, for a small call takes a slot all the same
}

const (
	defaultMax = 1000
	levels     = int(High-Low) + 1
	// agedAfter so long a wait gives a lower priority its turns: one in turnsOf.
	agedAfter = 10 * time.Second
	turnsOf   = 8
	// leastCost keeps a key of many small calls from taking all turns.
	leastCost = 1000
	// mostCost keeps the virtual time far from overflow.
	mostCost = 1 << 32
)

// place is one waiter in the queue.
type place struct {
	generation uint32 // of the place: a ticket is good for one waiter
	waits      bool   // is in the lists; false: its time was over, and its owner has yet to leave
	level      int8
	key        int32
	seq        uint64
	cost       int64
	since      time.Time
	until      time.Time
	inKey      links // the waiters of its key and level, in order
	inLevel    links // the waiters of its level, in order
}

// level holds the waiters of one priority.
type level struct {
	n       int
	now     int64 // virtual time: the start tag of the one served last
	end     int64 // the largest finish tag
	waiting list  // all, in order of joining
	next    heap  // keys by the start tag of their first waiter
	most    heap  // keys by how many wait, and then by the newest
	atLeast tally // how many keys have so many waiting
}

// Join adds a waiter. Where it must wait in vain it is not ok: the queue is full of
// nobody less important, its key has all the places that one key gets, or by the
// observed rate those before it take longer than it waits. Where it is ok and shed is
// not 0, the shed waiter has left the queue for it, and must be told so.
//
// The least important is of the lowest priority; there, of the key that has most
// waiting; of these, the newest.
func (q *Queue) Join(w Waiter, now time.Time) (t, shed Ticket, ok bool) {
	l := levelOf(w.Priority)
	if !w.Until.IsZero() && (!now.Before(w.Until) || !now.Add(q.least(w.Key, l, now)).Before(w.Until)) {
		return 0, 0, false
	}
	k, known := q.byKey[w.Key]
	if victim, full := q.victim(k, known, l); full {
		if victim == none {
			return 0, 0, false
		}
		shed = q.ticket(victim)
		q.remove(victim)
		q.release(victim)
		k, known = q.byKey[w.Key]
	}
	if !known {
		k = q.newKey(w.Key)
	}
	if q.n == 0 {
		q.rate.begin(now)
	}
	p := q.newPlace()
	q.seq++
	e := &q.places[p]
	e.waits, e.level, e.key, e.seq, e.since, e.until = true, int8(l), k, q.seq, now, w.Until
	e.cost = min(max(w.Cost, leastCost), mostCost)
	q.insert(p)
	return q.ticket(p), shed, true
}

// victim is who leaves for a newcomer; none where that is the newcomer itself. It is
// not full where nobody has to leave.
func (q *Queue) victim(k int32, known bool, l int) (victim int32, full bool) {
	if known && q.keys[k].n >= q.maxPerKey() {
		for low := range l {
			if f := &q.keys[k].flows[low]; f.n > 0 {
				return f.waiting.last, true
			}
		}
		return none, true
	}
	if q.n < q.max() {
		return none, false
	}
	low := 0
	for q.levels[low].n == 0 {
		low++
	}
	if low > l {
		return none, true
	}
	top := q.levels[low].most.keys[0]
	f := &q.keys[top].flows[low]
	if low == l { // the newcomer would be the newest of its key
		mine := 1
		if known {
			mine += q.keys[k].flows[l].n
		}
		if mine >= f.n {
			return none, true
		}
	}
	return f.waiting.last, true
}

// Peek is the waiter whom Next would call.
func (q *Queue) Peek(now time.Time) (Ticket, bool) {
	_, p, ok := q.first(now)
	if !ok {
		return 0, false
	}
	return q.ticket(p), true
}

// first is the place of who is served next, and its level. Those whose time is over
// are taken out on the way.
func (q *Queue) first(now time.Time) (l int, p int32, ok bool) {
	for {
		l, ok := q.turn(now)
		if !ok {
			return 0, none, false
		}
		p := q.keys[q.levels[l].next.keys[0]].flows[l].waiting.first
		if !q.places[p].late(now) {
			return l, p, true
		}
		q.remove(p)
	}
}

// Next calls the waiter who is served next: it has left the queue.
func (q *Queue) Next(now time.Time) (Ticket, bool) {
	l, p, ok := q.first(now)
	if !ok {
		return 0, false
	}
	e := &q.places[p]
	k := q.levels[l].next.keys[0]
	q.levels[l].now = max(q.levels[l].now, q.keys[k].flows[l].tag)
	q.keys[k].flows[l].tag += e.cost
	q.levels[l].end = max(q.levels[l].end, q.keys[k].flows[l].tag)
	q.pass(l, now)
	t := q.ticket(p)
	q.remove(p)
	q.release(p)
	return t, true
}

// turn is the priority whose turn it is.
func (q *Queue) turn(now time.Time) (int, bool) {
	for l := range q.levels { // those whose time is over age nobody
		for w := &q.levels[l].waiting; w.first != none && w.n > 0 && q.places[w.first].late(now); {
			q.remove(w.first)
		}
	}
	top := levels - 1
	for q.levels[top].n == 0 {
		if top--; top < 0 {
			return 0, false
		}
	}
	if aged := q.aged(top, now); aged >= 0 && q.passedBy >= turnsOf-1 {
		return aged, true
	}
	return top, true
}

// aged is the priority below top whose first has waited longest, if that is long
// enough; else -1.
func (q *Queue) aged(top int, now time.Time) int {
	aged, since := -1, now.Add(-agedAfter)
	for l := range top {
		if q.levels[l].n > 0 {
			if s := q.places[q.levels[l].waiting.first].since; !s.After(since) {
				aged, since = l, s
			}
		}
	}
	return aged
}

// pass counts a turn of a priority before others that have waited long enough.
func (q *Queue) pass(l int, now time.Time) {
	top := levels - 1
	for q.levels[top].n == 0 {
		top--
	}
	switch {
	case l < top:
		q.passedBy = 0
	case q.aged(top, now) >= 0:
		q.passedBy = min(q.passedBy+1, turnsOf-1)
	}
}

// Leave gives a place up. It is false where the waiter has been called or shed before:
// then its owner has been told, or is about to be.
func (q *Queue) Leave(t Ticket) bool {
	p := int32(uint32(t)) - 1
	if p < 0 || int(p) >= len(q.places) || q.places[p].generation != uint32(t>>32) {
		return false
	}
	if q.places[p].waits {
		q.remove(p)
	}
	q.release(p)
	return true
}

// Len is how many wait.
func (q *Queue) Len() int { return q.n }

func (e *place) late(now time.Time) bool { return !e.until.IsZero() && !now.Before(e.until) }

func (q *Queue) ticket(p int32) Ticket {
	return Ticket(q.places[p].generation)<<32 | Ticket(uint32(p+1))
}

func (q *Queue) max() int {
	if q.Max > 0 {
		return q.Max
	}
	return defaultMax
}

func (q *Queue) maxPerKey() int {
	if q.MaxPerKey > 0 {
		return q.MaxPerKey
	}
	return max(q.max()/4, 1)
}

func levelOf(p Priority) int { return int(min(max(p, Low), High) - Low) }
