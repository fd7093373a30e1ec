package limit

// The parts that a queue is made of. Places and keys lie in slices that only grow, and
// refer to each other by index, so that joining and leaving allocates nothing.

// none is no place.
const none int32 = -1

// queued is one key in a queue: its waiters by priority. One that has nobody waiting
// is kept for its tags, until there are too many of these.
type queued struct {
	name  string
	n     int
	flows [levels]flow
	next  int32 // in the list of free ones
}

// flow is the waiters of one key in one level.
type flow struct {
	n       int
	tag     int64 // the start tag of the first waiter; where nobody waits, the last finish tag
	waiting list
	pos     [2]int32 // in the level's heaps
}

// list is a doubly linked list of places.
type list struct {
	n           int
	first, last int32
}

type links struct{ prev, next int32 }

type linksOf func(*place) *links

func inKey(p *place) *links   { return &p.inKey }
func inLevel(p *place) *links { return &p.inLevel }

func (l *list) push(places []place, p int32, of linksOf) {
	if l.n == 0 {
		l.first, l.last = none, none
	}
	*of(&places[p]) = links{prev: l.last, next: none}
	if l.last != none {
		of(&places[l.last]).next = p
	} else {
		l.first = p
	}
	l.last = p
	l.n++
}

func (l *list) remove(places []place, p int32, of linksOf) {
	at := *of(&places[p])
	if at.prev != none {
		of(&places[at.prev]).next = at.next
	} else {
		l.first = at.next
	}
	if at.next != none {
		of(&places[at.next]).prev = at.prev
	} else {
		l.last = at.prev
	}
	l.n--
}

// insert puts a place at the end of its key and level.
func (q *Queue) insert(p int32) {
	e := &q.places[p]
	l, k := &q.levels[e.level], &q.keys[e.key]
	f := &k.flows[e.level]
	if f.n == 0 {
		f.tag = max(f.tag, l.now)
	}
	f.waiting.push(q.places, p, inKey)
	l.waiting.push(q.places, p, inLevel)
	f.n++
	k.n++
	l.n++
	q.n++
	l.atLeast.add(f.n, 1)
	q.sift(int(e.level), e.key)
}

// remove takes a place out of all lists; its owner still has it.
func (q *Queue) remove(p int32) {
	e := &q.places[p]
	l, k := &q.levels[e.level], &q.keys[e.key]
	f := &k.flows[e.level]
	l.atLeast.add(f.n, -1)
	f.waiting.remove(q.places, p, inKey)
	l.waiting.remove(q.places, p, inLevel)
	f.n--
	k.n--
	l.n--
	q.n--
	e.waits = false
	q.sift(int(e.level), e.key)
	if l.n == 0 { // nobody has been kept waiting: all begin alike
		l.now = max(l.now, l.end)
	}
}

// newPlace is a place that nobody has.
func (q *Queue) newPlace() int32 {
	if q.free > 0 {
		p := q.free - 1
		q.free = q.places[p].inKey.next
		return p
	}
	q.places = append(q.places, place{})
	return int32(len(q.places) - 1)
}

// release gives a place back; its ticket is good for nothing from now on.
func (q *Queue) release(p int32) {
	q.places[p] = place{generation: q.places[p].generation + 1, inKey: links{next: q.free}}
	q.free = p + 1
}

// newKey is a record for a key that has none. Where there are several times as many
// as can wait, those of which nobody waits go first.
func (q *Queue) newKey(name string) int32 {
	if q.byKey == nil {
		q.byKey = map[string]int32{}
	}
	if len(q.byKey) >= 4*q.max() {
		for i := range q.keys {
			if k := &q.keys[i]; k.n == 0 && k.next == none {
				delete(q.byKey, k.name)
				*k = queued{next: q.freeKeys}
				q.freeKeys = int32(i) + 1
			}
		}
	}
	var k int32
	if q.freeKeys > 0 {
		k = q.freeKeys - 1
		q.freeKeys = q.keys[k].next
	} else {
		q.keys = append(q.keys, queued{})
		k = int32(len(q.keys) - 1)
	}
	q.keys[k] = queued{name: name, next: none}
	q.byKey[name] = k
	return k
}
