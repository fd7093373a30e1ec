package limit

// heap orders the keys of a level. Each level has two, and a flow knows its position
// in both.
type heap struct{ keys []int32 }

const (
	byTag  = iota // the lowest start tag first; the one who joined first among equals
	byMost        // the most waiting first; the one with the newest waiter among equals
)

// before is the order of two keys in a heap of a level.
func (q *Queue) before(l, which int, a, b int32) bool {
	f, g := &q.keys[a].flows[l], &q.keys[b].flows[l]
	if which == byTag {
		if f.tag != g.tag {
			return f.tag < g.tag
		}
		return q.places[f.waiting.first].seq < q.places[g.waiting.first].seq
	}
	if f.n != g.n {
		return f.n > g.n
	}
	return q.places[f.waiting.last].seq > q.places[g.waiting.last].seq
}

func (q *Queue) heap(l, which int) *heap {
	if which == byTag {
		return &q.levels[l].next
	}
	return &q.levels[l].most
}

// sift puts a key where it belongs in both heaps of a level after its flow changed:
// one that has nobody waiting is in neither.
func (q *Queue) sift(l int, k int32) {
	f := &q.keys[k].flows[l]
	for which := byTag; which <= byMost; which++ {
		h := q.heap(l, which)
		at := f.pos[which] // counted from 1; 0 is outside
		switch {
		case f.n == 0 && at > 0:
			last := h.keys[len(h.keys)-1]
			h.keys = h.keys[:len(h.keys)-1]
			f.pos[which] = 0
			if last != k {
				h.keys[at-1] = last
				q.keys[last].flows[l].pos[which] = at
				q.settle(l, which, int(at-1))
			}
		case f.n > 0 && at == 0:
			h.keys = append(h.keys, k)
			f.pos[which] = int32(len(h.keys))
			q.settle(l, which, len(h.keys)-1)
		case f.n > 0:
			q.settle(l, which, int(at-1))
		}
	}
}

// settle moves what is at i up or down until the order holds.
func (q *Queue) settle(l, which, i int) {
	h := q.heap(l, which).keys
	for i > 0 && q.before(l, which, h[i], h[(i-1)/2]) {
		q.swap(l, which, i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		best := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if q.before(l, which, h[c], h[best]) {
				best = c
			}
		}
		if best == i {
			return
		}
		q.swap(l, which, i, best)
		i = best
	}
}

func (q *Queue) swap(l, which, i, j int) {
	h := q.heap(l, which).keys
	h[i], h[j] = h[j], h[i]
	q.keys[h[i]].flows[l].pos[which] = int32(i + 1)
	q.keys[h[j]].flows[l].pos[which] = int32(j + 1)
}
