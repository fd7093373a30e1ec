package route

import (
	"math/bits"
	"time"
)

// Warmth remembers which prompts' prefixes a deployment has seen of late, and so
// what its prompt cache is thought to hold. It is bounded: the newest of 65,536
// prefixes are kept. It takes its room, a megabyte, with the first of them. The zero
// value is cold.
//
// A prefix is told by a chain of numbers, one for each of its blocks in turn, where
// each depends on all blocks before it; blocks are of about the same size. A prompt
// that goes on from another one begins with the same numbers.
//
// Of a long prompt not every length is kept: up to 16 blocks each is, then eight for
// each doubling, so that what is found is at most a ninth too little.
type Warmth struct {
	sets  [][warmWays]warmPrefix
	begun moment
}

// warmPrefix is a prefix seen at a deployment. A zero key is nobody's.
type warmPrefix struct {
	key    uint64
	tokens uint32
	at     uint32 // tenths of a second since Warmth.begun, from 1 on
}

const (
	warmWays  = 8 // prefixes that compete for a place; the oldest of them goes
	warmSets  = 1 << 13
	warmKeeps = 5 * time.Minute
	warmTick  = time.Second / 10
)

// WarmID is the number of a cache, out of what tells it from others: a deployment's
// name, and its credential's where caches are the account's.
func WarmID(names ...string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, n := range names {
		for i := range len(n) {
			h = (h ^ uint64(n[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // no byte of a name
	}
	return h
}

// Note tells that a cache has seen a prompt of so many tokens.
func (w *Warmth) Note(cache uint64, prefix []uint64, tokens int64, now time.Time) {
	if len(prefix) == 0 || tokens <= 0 {
		return
	}
	if w.sets == nil {
		w.sets, w.begun = make([][warmWays]warmPrefix, warmSets), momentOf(now)
	}
	at := w.tick(now)
	for k := kept(len(prefix)); k > 0; k-- {
		n := blocks(k)
		part := int64(float64(tokens) * float64(n) / float64(len(prefix)))
		w.put(warmKey(cache, prefix[n-1]), uint32(min(part, 1<<32-1)), at)
	}
}

// blocks is the k-th length that is kept, from 1 on; kept is the last one of them
// that so long a prompt has.
func blocks(k int) int {
	if k < 16 {
		return k
	}
	return (8 + k%8) << (k/8 - 1)
}

func kept(n int) int {
	if n < 16 {
		return n
	}
	e := bits.Len(uint(n)) - 4
	return 8*e + n>>e
}

func (w *Warmth) put(key uint64, tokens, at uint32) {
	set := &w.sets[key%warmSets]
	oldest := 0
	for i := range set {
		if set[i].key == key {
			oldest = i
			break
		}
		if set[i].at < set[oldest].at {
			oldest = i
		}
	}
	set[oldest] = warmPrefix{key, tokens, at}
}

// Look is how many tokens of a prompt a cache is thought to hold: those of the
// longest prefix that it has seen in the last five minutes.
func (w *Warmth) Look(cache uint64, prefix []uint64, now time.Time) int64 {
	if w.sets == nil || len(prefix) == 0 {
		return 0
	}
	at := w.tick(now)
	look := func(k int) uint32 { return w.get(warmKey(cache, prefix[blocks(k)-1]), at) }
	// What begins otherwise is cold, which is the usual case, and needs one look.
	found := look(1)
	if found == 0 {
		return 0
	}
	warm, cold := 1, kept(len(prefix))+1
	for warm+1 < cold {
		k := (warm + cold) / 2
		if n := look(k); n > 0 {
			warm, found = k, n
		} else {
			cold = k
		}
	}
	return int64(found)
}

func (w *Warmth) get(key uint64, at uint32) uint32 {
	for i := range w.sets[key%warmSets] {
		if p := &w.sets[key%warmSets][i]; p.key == key {
			if at > p.at && at-p.at > uint32(warmKeeps/warmTick) {
				return 0
			}
			return p.tokens
		}
	}
	return 0
}

func (w *Warmth) tick(now time.Time) uint32 {
	return uint32(min(momentOf(now).since(w.begun)/warmTick+1, 1<<32-1))
}

func warmKey(cache, prefix uint64) uint64 { return max(mix(cache^mix(prefix)), 1) }
