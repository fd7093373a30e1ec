package pick

// Memory remembers which replicas served which beginnings of prompts, so that what
// their caches hold is used again. It is bounded: what was not asked for longest is
// forgotten first. What it says is a belief; the engine may have dropped the entry, and
// then the request is served all the same, only slower.
//
// The zero value remembers nothing; see [NewMemory].
type Memory struct {
	index   map[uint64]int32
	entries []entry // in use, linked from the one used last to the one used longest ago
	first   int32
	last    int32
}

// entry is one beginning of a prompt.
type entry struct {
	hash    uint64
	holders [holders]uint32 // replicas that served it, the last one first; 0 is none
	before  int32
	after   int32
}

// holders is how many replicas are remembered for one beginning: under load a prompt
// that everybody uses is in several caches.
const holders = 4

const none = int32(-1)

// NewMemory makes a memory of so many beginnings of prompts.
func NewMemory(size int) *Memory {
	return &Memory{index: make(map[uint64]int32, size), entries: make([]entry, 0, size), first: none, last: none}
}

// Len is how many beginnings are remembered.
func (m *Memory) Len() int { return len(m.entries) }

// Note remembers that a replica serves a prompt with these beginnings. Of a prompt
// with more of them than half the memory, the first are remembered.
func (m *Memory) Note(prefix []uint64, id uint32) {
	prefix = prefix[:min(len(prefix), cap(m.entries)/2)]
	for i := len(prefix) - 1; i >= 0; i-- { // so that the shortest, which is shared most, is forgotten last
		e := m.entry(prefix[i])
		at := holders - 1
		for j := range e.holders {
			if e.holders[j] == id {
				at = j
				break
			}
		}
		copy(e.holders[1:at+1], e.holders[:at])
		e.holders[0] = id
	}
}

// entry is that of a hash, now the one used last.
func (m *Memory) entry(hash uint64) *entry {
	i, ok := m.index[hash]
	switch {
	case ok:
		m.unlink(i)
	case len(m.entries) < cap(m.entries):
		i = int32(len(m.entries))
		m.entries = append(m.entries, entry{hash: hash})
		m.index[hash] = i
	default:
		i = m.last
		m.unlink(i)
		delete(m.index, m.entries[i].hash)
		m.entries[i] = entry{hash: hash}
		m.index[hash] = i
	}
	e := &m.entries[i]
	e.before, e.after = none, m.first
	if m.first != none {
		m.entries[m.first].before = i
	}
	m.first = i
	if m.last == none {
		m.last = i
	}
	return e
}

func (m *Memory) unlink(i int32) {
	e := &m.entries[i]
	if e.before != none {
		m.entries[e.before].after = e.after
	} else {
		m.first = e.after
	}
	if e.after != none {
		m.entries[e.after].before = e.before
	} else {
		m.last = e.before
	}
}

// match sets, for each replica, how many entries of the prefix it has served: of the
// longest beginning that is remembered with it.
func (m *Memory) match(prefix []uint64, rs []Replica) {
	if m == nil || len(m.index) == 0 {
		return
	}
	left := len(rs)
	for n := len(prefix); n > 0 && left > 0; n-- {
		i, ok := m.index[prefix[n-1]]
		if !ok {
			continue
		}
		for _, id := range m.entries[i].holders {
			if id == 0 {
				break
			}
			for j := range rs {
				if rs[j].ID == id {
					if rs[j].matched == 0 {
						rs[j].matched = n
						left--
					}
					break
				}
			}
		}
	}
}
