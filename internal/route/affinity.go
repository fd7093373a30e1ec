package route

import (
	"math"
	"time"
)

// Affinity: the deployment whose prompt cache is warm goes first where that saves
// enough. It does so within a run only, that is among those that are as healthy, of
// the same tier, and have room; and never where it would make the call much slower
// or pile work on one while others are idle.
const (
	warmTokens  = 1000 // least tokens of the prompt that the cache holds
	warmPercent = 10   // least saving, of what the request would cost there without

	slowerThan = 2 // times as slow as the fastest one, and
	slowerBy   = 500 * time.Millisecond
	busierThan = 2 // times as much in flight for its weight as the idlest one, and
	busierBy   = 4
)

// warmest is the one in a run whose cache saves most; -1 where none saves enough. The
// cheapest needs no such rule: its price counts the cache already.
func (o *ordering) warmest(p Policy, r *run) int {
	best, saves := -1, int64(0)
	if p == Cheapest || o.r.Input < warmTokens {
		return best
	}
	byWork := p == Balanced || p == Weighted // the others pile work up by intention
	var limits *peers
	var its peers
	for i := range r.keys {
		if o.got[r.first+i].Warm < warmTokens || !r.has(i) {
			continue
		}
		c, x := &o.got[r.first+i], &o.cs[r.first+i]
		s := x.Rates.saves(c.Warm)
		if best >= 0 && !(s > saves || s == saves && c.Warm > o.got[r.first+best].Warm) || !x.Rates.worth(o.r, c.Warm, s) {
			continue
		}
		if limits == nil {
			its = o.peers(r, byWork)
			limits = &its
		}
		if limits.slower(x.latency(o.at)) || byWork && limits.busier(x) {
			continue
		}
		best, saves = i, s
	}
	return best
}

func (p *Rates) saves(warm int64) int64 {
	if !p.Known {
		return 0
	}
	return times(warm, p.Input-p.CacheRead)
}

// worth reports whether what the cache saves is enough. Where the price is not known
// it saves time at least, if it holds half of the prompt.
func (p *Rates) worth(r *Request, warm, saves int64) bool {
	if !p.Known {
		return warm >= r.Input-warm
	}
	return saves > 0 && saves >= add(p.expected(r, warm), saves)/100*warmPercent
}

// peers are the fastest and the idlest of a run.
type peers struct {
	fastest time.Duration // 0: none is known
	work    float64       // in flight for its weight
}

func (o *ordering) peers(r *run, byWork bool) peers {
	p := peers{work: math.MaxFloat64}
	for i := range r.keys {
		if !r.has(i) {
			continue
		}
		x := &o.cs[r.first+i]
		if l := x.latency(o.at); l > 0 && (p.fastest == 0 || l < p.fastest) {
			p.fastest = l
		}
		if byWork {
			p.work = min(p.work, x.work())
		}
	}
	return p
}

func (x *Candidate) work() float64 { return float64(x.inFlight()) / float64(weight(x)) }

func (p *peers) slower(l time.Duration) bool {
	return p.fastest > 0 && l > slowerThan*p.fastest && l-p.fastest > slowerBy
}

func (p *peers) busier(x *Candidate) bool {
	return x.work() > busierThan*p.work+busierBy/float64(weight(x))
}
