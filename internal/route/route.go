// Package route orders the deployments that could serve a call, with the reason
// for each: [Choose] takes a [Request] and the [Candidate]s of its model in their
// [Tier]s, and gives one [Choice] for each of them, those to be tried first.
//
// What does not change with traffic is a candidate's [Facts]. What does is its
// [Standing]: the breaker and the share of failures ([Health]), what was learned of
// its speed ([Stats]), its slots, quotas and credentials. Every attempt begins and
// ends there. [Warmth] remembers which prompts' prefixes a deployment has seen.
//
// Pure: time and chance are arguments, and the caller has the lock.
package route

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// Tier is candidates that are tried before those of later tiers, whatever the
// policies say: those from First up to End, without it.
type Tier struct {
	Policy     Policy
	First, End int
}

// Request is what a choice depends on.
type Request struct {
	Bindings   []llm.Maker // whose own state it carries
	Input      int64       // tokens of input, as estimated
	Marked     int64       // of these, tokens that it asks the provider to write to its prompt cache
	Output     int64       // tokens of output, as expected
	LongerThan int64       // only a context longer than this will do; 0: any
	LossyOK    bool        // a loss of meaning is allowed
	Streamed   bool
	Needs      Needs
	Require    []string // tags, all of which must be there, in lower case
	Only       []string // the deployments or providers that are allowed, by name; empty: all
	SameAs     uint32   // the model that has begun the answer, as in Facts.Same
	SameOnly   bool     // only that model will do
	Policy     *Policy  // the caller's, in place of every tier's own; nil: none
	Chance     uint64   // any number; another one for each choice
}

// Candidate is one deployment of the model, as it stands now.
type Candidate struct {
	*Facts
	Rates     Rates
	Standing  *Standing
	Key       int           // the credential that would be used, as in Standing.Keys; -1: none is for the caller
	Loses     bool          // it cannot carry all that the request means
	Lacks     llm.Operation // it has no API for the request's operation, which is this; "" where it has one
	Elsewhere bool          // what the request goes on from is kept by another deployment
	Barred    bool          // it has failed this request in a way that it would fail again
	Full      bool          // the pool behind it has no room
	Warm      int64         // tokens of the prompt that its cache is thought to hold
}

// Choice is the verdict on one candidate.
type Choice struct {
	Candidate uint16 // its index
	Taken     bool   // worth a try, in the order of the choices
	Reason    Reason
	Tier      uint8 // of those taken; from 0
	InFlight  int32
	// Until is when a skipped one may be different; zero where time does not mend it,
	// or nobody can say. For one that waits for its quota ([Queue]) it is when that has
	// room.
	Until time.Time
	Cost  int64         // expected for this request, in 10^-12 of the currency; 0 where the price is not known
	Warm  int64         // tokens of the prompt that its cache is thought to hold
	First time.Duration // expected until the first content; 0 where it is not known
	Whole time.Duration // expected until the end; 0 where it is not known
	Share float32       // of its recent attempts that failed; or, coming back, of the traffic that it takes
	Peer  float32       // the least share of failures among its peers, where it was ejected

	paid bool // its committed capacity has room
}

// most is how many candidates are chosen from without an allocation; closely is how
// many of those to try are looked at closely.
const (
	most    = 256
	closely = 8
)

// Choose appends a choice for every candidate to out: those to try, in order, then
// the skipped ones in theirs. Where nothing but capacity stands in the way of some
// and no other can serve, these are given as taken with the reason [Queue]: the
// caller waits for room. Candidates of no tier come after the last one, in order;
// without any tier all are in order.
//
// Only the first 8 to try are sure to be in the policy's order and to have room in
// their quota, and have their expectations told: nobody tries more, and
// [Standing.Begin] looks again anyway. It allocates only where out has no room or
// there are more than 256 candidates.
func Choose(tiers []Tier, r *Request, cs []Candidate, now time.Time, out []Choice) []Choice {
	from := len(out)
	out = slices.Grow(out, len(cs))[:from+len(cs)]
	var few [most]uint64
	keys := few[:]
	if len(cs) > most {
		keys = make([]uint64, len(cs))
	}
	keys = keys[:len(cs)]
	o := ordering{tiers: tiers, r: r, cs: cs, now: now, at: momentOf(now), tokens: r.Input + r.Output, got: out[from:]}
	o.judge(keys)
	o.eject(keys)
	o.rank(keys)
	taken := o.settle(keys)
	if taken == 0 && o.queue(keys) {
		o.rank(keys)
		slices.Sort(keys)
		for taken < len(keys) && keys[taken] < keySkipped {
			taken++
		}
	}
	if taken == 0 && o.spare(keys) {
		o.rank(keys)
		slices.Sort(keys)
		for taken < len(keys) && keys[taken] < keySkipped {
			taken++
		}
	}
	o.tell(keys[:taken])
	o.place(keys)
	return out
}

// judge says of each candidate whether it can be tried, all but its quota, and begins
// its key.
func (o *ordering) judge(keys []uint64) {
	for i := range o.cs {
		c, x := &o.got[i], &o.cs[i]
		*c = Choice{Candidate: uint16(i)}
		keys[i] = keySkipped | uint64(i)
		if c.Reason = lasting(o.r, x); c.Reason != 0 {
			continue
		}
		c.Warm = min(max(x.Warm, 0), max(o.r.Input, 0))
		s := x.Standing
		if s == nil {
			s = &unknownStanding
		}
		if !s.well(x.Key) {
			c.Reason, c.Until = s.present(x.Key, o.tokens, o.now, o.at)
			c.paid = s.committed(o.tokens, o.now)
		}
		if c.Reason == 0 && x.Full {
			c.Reason = PoolFull
		}
		if c.Reason != 0 {
			if s.never(x.Key, o.tokens, o.now) {
				c.Reason, c.Until = TooLarge, time.Time{}
			}
			continue
		}
		c.Taken = true
		keys[i] = o.class(i)
		if s.Health.trips > 0 && o.comesBack(c, s) {
			c.Reason = ComingBack
			keys[i] |= keyComing
		}
		o.suspects = o.suspects || s.suspect()
	}
}

// settle brings the keys into order, those to be tried first, takes out of these what
// has no room in its quota, and is how many are left. It stops where enough have room.
func (o *ordering) settle(keys []uint64) (taken int) {
	i, sorted := 0, 0
	for ; i < len(keys) && taken < closely; i++ {
		if i == sorted {
			sorted += least(keys[i:])
		}
		if keys[i] >= keySkipped {
			break
		}
		c, x := &o.got[keys[i]&keyPlace], &o.cs[keys[i]&keyPlace]
		if x.Standing != nil && keys[i]&keyOnDemand != 0 {
			if why, until := x.Standing.quota(x.Key, o.tokens, o.now); why != 0 {
				c.Taken, c.Reason, c.Until, c.Tier, c.Share, c.Peer = false, why, until, 0, 0, 0
				keys[i] = keySkipped | keys[i]&keyPlace
				continue
			}
		}
		keys[taken], keys[i] = keys[i], keys[taken]
		taken++
	}
	for ; i < len(keys); i++ {
		if keys[i] < keySkipped {
			keys[taken], keys[i] = keys[i], keys[taken]
			taken++
		}
	}
	slices.Sort(keys[taken:])
	return taken
}

// least brings the least keys to the front, in order, and is how many of them. All of
// a hundred in order would take as long as everything else does.
func least(keys []uint64) int {
	if len(keys) <= 2*closely {
		slices.Sort(keys)
		return len(keys)
	}
	slices.Sort(keys[:closely])
	for i := closely; i < len(keys); i++ {
		key, j := keys[i], closely-1
		if key >= keys[j] {
			continue
		}
		keys[i] = keys[j]
		for ; j > 0 && key < keys[j-1]; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = key
	}
	return closely
}

// spare takes those that rest and may be probed before their time, as nobody else can
// serve.
func (o *ordering) spare(keys []uint64) (any bool) {
	for i := range o.got {
		c, s := &o.got[i], o.cs[i].Standing
		keys[i] = keySkipped | uint64(i)
		if s == nil || c.Reason != Resting && c.Reason != Probed {
			continue
		}
		if c.Reason == Resting && s.Health.spare(o.at) {
			c.Taken, c.Reason, c.Until = true, ComingBack, time.Time{}
			keys[i], any = o.class(i), true
		} else {
			c.Until = o.now.Add(probeWait)
		}
	}
	return any
}

// queue takes those that only capacity stands in the way of, as nobody else can
// serve, and reports whether there are any. One that is full and whose quota rests is
// not waited for: a slot would not be enough.
func (o *ordering) queue(keys []uint64) (any bool) {
	for i := range o.got {
		c, s := &o.got[i], o.cs[i].Standing
		if (c.Reason == AtCapacity || c.Reason == PoolFull) && s != nil && !c.paid {
			why, until := s.quota(o.cs[i].Key, o.tokens, o.now)
			if c.Until = until; why == QuotaRests {
				c.Reason = why
			}
		}
		keys[i] = keySkipped | uint64(i)
		if c.Reason.Capacity() {
			c.Taken, c.Reason = true, Queue
			keys[i], any = o.class(i), true
		}
	}
	return any
}
