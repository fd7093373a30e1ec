package route

import (
	"math/bits"
	"time"
)

// ordering is one choice while it is made.
//
// The order is a number for each candidate, the least first, so that sorting costs
// little. From its highest bit on it says:
//
//	skipped           1
//	loses meaning     1  what keeps it comes first
//	fallback model    1  after all of the model's own
//	held back         2  coming back, then ejected
//	tier              8
//	on demand         1  committed capacity comes first within its tier
//	policy's value   34
//	place in cs      16  among equals the order listed holds
//
// Candidates alike in all that stands before the policy's value are a run. Chance and
// warm caches bring one to the front of its run, by giving it a lesser value, so that
// neither ever goes over health.
type ordering struct {
	tiers  []Tier
	r      *Request
	cs     []Candidate
	now    time.Time
	at     moment
	tokens int64    // that the call is expected to take
	got    []Choice // by place in cs, until they are placed

	suspects bool // some have failed enough to be ejected
}

const (
	keySkipped  = 1 << 63
	keyLoses    = 1 << 62
	keyFallback = 1 << 61
	keyEjected  = 2 << 59
	keyComing   = 1 << 59
	tierShift   = 51
	mostTiers   = 1<<8 - 1 // what lies beyond is one tier
	keyOnDemand = 1 << 50
	runShift    = 50
	valueShift  = 16
	mostValue   = 1<<34 - 1
	keyPlace    = 1<<16 - 1

	noRun      = 1<<64 - 1
	promoted   = 1 // the value of one that is brought to the front
	leastValue = 2 // of others; 0 is for those that have none yet
)

// rank completes the keys of those that are to be tried: with their tier, and with the
// value that the tier's policy gives them.
func (o *ordering) rank(keys []uint64) {
	covered := 0
	for n := range o.tiers {
		first, end := max(o.tiers[n].First, 0), min(o.tiers[n].End, len(o.cs))
		o.rankTier(keys, n, first, end)
		if first <= covered {
			covered = max(covered, end)
		}
	}
	if covered < len(o.cs) {
		o.rankTier(keys, len(o.tiers), 0, len(o.cs))
	}
}

// policy is that of a tier: the caller's, its own, or the order listed where
// candidates are of no tier.
func (o *ordering) policy(tier int) Policy {
	switch {
	case o.r.Policy != nil:
		return *o.r.Policy
	case tier < len(o.tiers):
		return o.tiers[tier].Policy
	}
	return Priority
}

// rankTier does so for the candidates from first up to end that are of no tier yet.
func (o *ordering) rankTier(keys []uint64, n, first, end int) {
	v := valuer{o: o, policy: o.policy(n)}
	n = min(n, mostTiers)
	front, ready := uint64(noRun), false
	for i := first; i < end; i++ {
		key := keys[i]
		if key >= keySkipped || key&(mostValue<<valueShift) != 0 {
			continue
		}
		key |= uint64(n) << tierShift
		front = min(front, key>>runShift)
		c := &o.got[i]
		if v.policy == Priority {
			key |= leastValue << valueShift
		} else {
			if !ready {
				v.look(first, end)
				ready = true
			}
			key |= v.value(c, &o.cs[i]) << valueShift
		}
		keys[i] = key
		c.Tier, c.Reason = uint8(n), why(v.policy, key, c.Reason)
	}
	if front != noRun {
		o.promote(v.policy, run{keys: keys[first:end], first: first, is: front})
	}
}

// run is those of some candidates, from the first on, that are in one run.
type run struct {
	keys  []uint64
	first int
	is    uint64
}

// has reports whether the one at i is in the run.
func (r *run) has(i int) bool { return r.keys[i]>>runShift == r.is }

// promote brings one to the front of the first run of a tier, by chance or for its
// warm cache.
func (o *ordering) promote(p Policy, r run) {
	i, why := o.warmest(p, &r), CacheWarm
	if i < 0 {
		i, why = o.draw(p, &r)
	}
	if i < 0 {
		return
	}
	r.keys[i] = r.keys[i]&^(mostValue<<valueShift) | promoted<<valueShift
	if c := &o.got[r.first+i]; c.Reason == following[p] || c.Reason == Unmeasured {
		c.Reason = why
	}
}

// class is the key of one that is to be tried as far as chance and policy have no part
// in it, but for what holds it back.
func (o *ordering) class(i int) uint64 {
	key := uint64(i)
	if !o.got[i].paid {
		key |= keyOnDemand
	}
	if o.cs[i].Loses {
		key |= keyLoses
	}
	if o.cs[i].Fallback != "" {
		key |= keyFallback
	}
	return key
}

// compact keeps the order of numbers in 34 bits, from leastValue on: those below 2^29 are
// exact, larger ones are so within four in a billion.
func compact(v uint64) uint64 {
	e := uint(max(bits.Len64(v)-29, 0)) & 63
	return uint64(e)<<28 + v>>e + leastValue
}

// tell says of the first ones to be tried which of them lead, and what is expected of
// each.
func (o *ordering) tell(keys []uint64) {
	for i, key := range keys[:min(len(keys), closely)] {
		c, x := &o.got[key&keyPlace], &o.cs[key&keyPlace]
		if i == 0 || key>>runShift != keys[i-1]>>runShift {
			if p := o.policy(int(c.Tier)); c.Reason == following[p] && (i == 0 || p != Priority) {
				c.Reason = leading[p]
			}
		}
		c.Cost = x.Rates.expected(o.r, c.Warm)
		if s := x.Standing; s != nil {
			c.InFlight = int32(s.Slots.InFlight())
			c.First, c.Whole, _ = s.Stats.time(o.r.Output, o.at)
		}
	}
}

// place puts the choices into the order of their keys, in their own room: each cycle
// of the permutation is followed once.
func (o *ordering) place(keys []uint64) {
	for start := range keys {
		if keys[start]&keyPlace == uint64(start) {
			continue
		}
		kept, to := o.got[start], start
		for {
			from := int(keys[to] & keyPlace)
			keys[to] = uint64(to)
			if from == start {
				o.got[to] = kept
				break
			}
			o.got[to], to = o.got[from], from
		}
	}
}
