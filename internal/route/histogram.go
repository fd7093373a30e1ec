package route

import (
	"math/bits"
	"time"
)

// histogram counts times in buckets, four to each doubling, so that a quantile is
// right within an eighth. All counts are halved when there are enough of them and as
// time passes, so that it tells of late.
type histogram struct {
	counts [80]uint16 // in sixteenths of a value
	total  uint32
	from   moment // when it was halved last for its age
}

const (
	sixteenth = 16
	enough    = 512 * sixteenth
	ages      = 5 * time.Minute
	grain     = 18 // bits: times are told apart in steps of 2^18 ns, a quarter of a millisecond
)

func (h *histogram) note(d time.Duration, now moment) {
	switch n := h.aged(now); {
	case h.total == 0:
		h.from = now
	case n > 0:
		h.halve(n)
		h.from = h.from.add(time.Duration(n) * ages)
	case h.total >= enough:
		h.halve(1)
	}
	h.counts[bucket(d)] += sixteenth
	h.total += sixteenth
}

// aged is how many times it ought to be halved for its age.
func (h *histogram) aged(now moment) uint { return halvings(now.since(h.from), ages) }

func (h *histogram) halve(n uint) {
	h.total = 0
	for i := range h.counts {
		h.counts[i] >>= n
		h.total += uint32(h.counts[i])
	}
}

func (h *histogram) samples(now moment) int { return int(h.total>>h.aged(now)) / sixteenth }

// quantile is what a share of the values stay below; 0 where there are none.
func (h *histogram) quantile(share float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rest := share * float64(h.total)
	for i, n := range h.counts {
		if n := float64(n); n > 0 && rest <= n {
			low, high := edge(i), edge(i+1)
			return low + time.Duration(float64(high-low)*rest/n)
		}
		rest -= float64(n)
	}
	return edge(len(h.counts))
}

// bucket is the place of a time: 0, 1, 2, 3 grains, then four for each doubling.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0)) >> grain
	if v < 4 {
		return int(v)
	}
	octave := bits.Len64(v) - 1 // at least 2
	return min(4*(octave-1)+int(v>>(octave-2)&3), len(histogram{}.counts)-1)
}

// edge is the least time of a bucket.
func edge(i int) time.Duration {
	if i < 4 {
		return time.Duration(i) << grain
	}
	return time.Duration(4+i%4) << (i/4 - 1) << grain
}
