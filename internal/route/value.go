package route

import (
	"math"
	"math/bits"
	"time"
)

// valuer is a policy in a tier: it gives each candidate a value, the least for the
// one to be tried first.
type valuer struct {
	o        *ordering
	policy   Policy
	currency string // of the first one with a price
	first    int    // the tier's candidates
	end      int
	latency  time.Duration // the least one known, which stands for those that are not; 0: not looked for yet
}

// look sees what the values of the candidates of a tier depend on in common.
func (v *valuer) look(first, end int) {
	v.first, v.end = first, end
	if v.policy != Cheapest {
		return
	}
	for i := first; i < end; i++ {
		if v.o.got[i].Taken && v.o.cs[i].Rates.Known {
			v.currency = v.o.cs[i].Rates.Currency
			return
		}
	}
}

// least is the least latency that is known in the tier; any where none is.
func (v *valuer) least() time.Duration {
	if v.latency > 0 {
		return v.latency
	}
	v.latency = math.MaxInt64
	for i := v.first; i < v.end; i++ {
		if l := v.o.cs[i].latency(v.o.at); l > 0 && v.o.got[i].Taken {
			v.latency = min(v.latency, l)
		}
	}
	if v.latency == math.MaxInt64 {
		v.latency = time.Millisecond
	}
	return v.latency
}

// latency is the time until the first content, or the end where only that is known;
// 0 where neither is.
func (x *Candidate) latency(now moment) time.Duration {
	if x.Standing == nil {
		return 0
	}
	return x.Standing.Stats.latency(now)
}

func (x *Candidate) inFlight() int64 {
	if x.Standing == nil {
		return 0
	}
	return int64(x.Standing.Slots.InFlight())
}

// The values of what has none: after all others.
const (
	unknown  = mostValue
	notAlike = mostValue - 1 // a price in another currency
)

func (v *valuer) value(c *Choice, x *Candidate) uint64 {
	switch v.policy {
	case Cheapest:
		switch {
		case !x.Rates.Known:
			return unknown
		case x.Rates.Currency != v.currency:
			return notAlike
		}
		return compact(uint64(x.Rates.expected(v.o.r, c.Warm)))
	case Fastest:
		if x.Standing != nil {
			if _, whole, known := x.Standing.Stats.time(v.o.r.Output, v.o.at); known {
				return compact(uint64(whole))
			}
		}
		return unknown
	case Balanced:
		each := x.latency(v.o.at)
		if each == 0 {
			each = v.least()
		}
		return compact(uint64(int64(float64(x.inFlight()+1) * float64(each) / float64(weight(x)))))
	case Weighted:
		// Whoever's exponential clock rings first: with the weight as its rate each is
		// first in proportion to its weight, and so on among the rest (Efraimidis and
		// Spirakis, Weighted random sampling with a reservoir, 2006).
		return compact(uint64(int64(exponential(v.o.chance(uint64(c.Candidate))) / float64(weight(x)) * (1 << 50))))
	}
	return 0
}

func weight(x *Candidate) int64 { return int64(max(x.Weight, 1)) }

// chance is a number that depends on the request's and on what it is for.
func (o *ordering) chance(of uint64) uint64 {
	return mix(o.r.Chance + (of+1)*0x9e3779b97f4a7c15)
}

// mix spreads each bit over all (SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// What chance is for, besides a candidate's own, which is its place.
const (
	forRamp = 1<<16 + iota<<16
	forExploring
	forOne
	forAnother
)

// exploresOne in so many choices of the fastest goes to one that is not known.
const exploresOne = 16

// draw is the one in a run that chance brings to its front, and the reason; -1 where
// it is the one with the least value.
func (o *ordering) draw(p Policy, r *run) (int, Reason) {
	switch p {
	case Balanced:
		n := r.count(0)
		if n < 2 {
			return -1, 0
		}
		one, another := int(o.chance(forOne)%uint64(n)), int(o.chance(forAnother)%uint64(n-1))
		if another >= one {
			another++
		}
		i, j := r.nth(one, 0), r.nth(another, 0)
		if r.keys[j] < r.keys[i] {
			i = j
		}
		return i, ByLoad
	case Fastest:
		if o.chance(forExploring)%exploresOne != 0 {
			return -1, 0
		}
		n := r.count(unknown << valueShift)
		if n == 0 || n == r.count(0) {
			return -1, 0
		}
		return r.nth(int(o.chance(forOne)%uint64(n)), unknown<<valueShift), Explored
	}
	return -1, 0
}

// count is how many in the run have all of some bits set in their keys.
func (r *run) count(bits uint64) (n int) {
	for i, key := range r.keys {
		if r.has(i) && key&bits == bits {
			n++
		}
	}
	return n
}

// nth is the place of one of these, from 0 on.
func (r *run) nth(n int, bits uint64) int {
	for i, key := range r.keys {
		if r.has(i) && key&bits == bits {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return -1
}

// why is the reason of one that is to be tried for its place, unless it leads; had is
// what is known of it before.
func why(p Policy, key uint64, had Reason) Reason {
	switch value := key >> valueShift & mostValue; {
	case had == Queue:
		return had
	case key&keyLoses != 0:
		return Lossy
	case had != 0: // it is held back
		return had
	case key&keyFallback != 0:
		return Fallback
	case key&keyOnDemand == 0:
		return CommittedFirst
	case p == Cheapest && value == unknown:
		return Unpriced
	case p == Cheapest && value == notAlike:
		return OtherCurrency
	case p == Fastest && value == unknown:
		return Unmeasured
	}
	return following[p]
}

// The reasons of those that lead by their policy, and of those that follow.
var (
	leading   = [...]Reason{Priority: First, Cheapest: ByPrice, Fastest: BySpeed, Balanced: ByLoad, Weighted: ByWeight}
	following = [...]Reason{Priority: Next, Cheapest: NextByPrice, Fastest: NextBySpeed, Balanced: NextByLoad, Weighted: NextByWeight}
)

// exponential turns a number by chance into one of an exponential distribution: the
// negative logarithm of x/2^64. With x = m × 2^(63-n), m from 1 to 2, that is
// (n+1)·ln 2 - ln m, and ln m is read from a table, between two of its values.
func exponential(x uint64) float64 {
	x |= 1
	n := uint(bits.LeadingZeros64(x)) & 63
	m := x << n << 1 // what of m is more than 1
	i := m >> (64 - logBits)
	low, high := logs[i], logs[i+1]
	return float64(n+1)*math.Ln2 - (low + (high-low)*float64(m<<logBits>>12)*(1.0/(1<<52)))
}

const logBits = 8

// logs are the logarithms of 1 to 2, in even steps. What lies between two of them is
// right within two in a million.
var logs = func() (t [1<<logBits + 1]float64) {
	for i := range t {
		t[i] = math.Log1p(float64(i) / (1 << logBits))
	}
	return t
}()
