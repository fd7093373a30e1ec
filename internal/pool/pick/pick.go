// Package pick chooses which replica of a pool serves a request, as the endpoint
// picker of the Gateway API inference extension does: first the replicas that may not
// be taken are left out, each for a [Reason]; then of the others the one with the
// least [Replica.Load] is taken, where having served the beginning of the prompt
// before ([Memory]), and having the adapter loaded, count for as much as [Gap] of
// load and never for more. [Health] says when a replica counts as alive.
//
// Pure: what is known of the replicas, the time and chance are arguments, so that the
// same code runs in production, in tests and in plans. It sends nothing and measures
// nothing; package pool does.
package pick

import "slices"

// State is where a replica stands.
type State uint8

// The states of a replica.
const (
	New      State = iota // it has not been asked yet whether it is ready
	Ready                 // it answers
	Down                  // it does not
	Draining              // it left the pool, and ends what it has
)

// Replica is what is known of one replica at the moment of a choice.
type Replica struct {
	// ID names the replica, and what is in its cache, to the [Memory]: one that was
	// started anew has another.
	ID       uint32
	State    State
	InFlight int  // our own requests that are under way at it
	Tried    bool // it refused this very request before
	Doubtful bool // it failed at a request a moment ago; see [Health.Doubtful]

	// What it says of itself, where it says anything.
	Scraped bool
	Running int
	Waiting int
	KV      int // percent of its cache that is in use
	// What we know beyond it: our requests that began since that was measured, and
	// those that ended. So nobody herds onto a replica that looked idle a second ago.
	Began int
	Ended int

	Adapters    []string // that are loaded
	MaxAdapters int      // that can be, at the same time; 0: not known

	// Of the choice that is under way.
	matched int // entries of the prompt's prefix that it has served
	rank    Reason
	load    int
}

// Now is how many requests run and wait at the replica by now: what it said, corrected
// by what we sent to it and saw end since, and never less than what we have there.
func (r *Replica) Now() (running, waiting, kv int) {
	if !r.Scraped {
		return r.InFlight, 0, 0
	}
	running, waiting, kv = r.Running, r.Waiting, r.KV
	switch more := r.Began - r.Ended; {
	case more > 0:
		if running > 0 { // each takes as much of the cache as those that are there, on average
			kv = min(100, kv+more*kv/running)
		}
		if waiting > 0 {
			waiting += more
		} else {
			running += more
		}
	case more < 0:
		served := min(waiting, -more)
		waiting -= served
		running = max(0, running+more+served)
	}
	return max(running, r.InFlight-waiting), waiting, kv
}

// What counts as load, in hundredths of a running request. One that waits says that
// there is no place for another, and a cache that fills up that there soon will be none.
const (
	perRunning = 100
	perWaiting = 300
	perKV      = 8 // a percent
)

// Load is how busy the replica is by now, in hundredths of a running request.
func (r *Replica) Load() int {
	running, waiting, kv := r.Now()
	return perRunning*running + perWaiting*waiting + perKV*kv
}

// Gap is how much more load than the least loaded replica another may have and still
// be taken for what is in its cache: four requests, or a quarter where there are many.
func Gap(least int) int { return max(4*perRunning, least/4) }

// band is the difference of load that is none: chance decides.
const band = perRunning / 4

// Limits are the thresholds above which a replica has no room. Zero is no limit.
type Limits struct {
	Waiting  int // requests in its queue: with so many it is full
	KV       int // percent of its cache in use: with so much it is full
	InFlight int // our own requests at it: with so many it is full
}

// Reason is why a replica is taken or left out.
type Reason uint8

// The reasons, in the order in which replicas are fallen back to.
const (
	Fits     Reason = iota
	Shaky           // it failed at a request a moment ago
	Busy            // it has as many of our requests as it may
	Queue           // its queue is too long
	Cache           // its cache is too full
	NoSlot          // the adapter is not loaded, and there is no place for it
	Joining         // nobody knows yet whether it is ready
	Unwell          // it does not answer, or badly
	Leaving         // it left the pool
	Refused         // it refused this very request
	NoReason        // there is no replica
)

var reasons = [...]string{
	"has room", "it failed a moment ago", "as many requests as it may have", "its queue is full", "its cache is full", "no place for the adapter",
	"not heard from yet", "down", "draining", "refused this request", "no replica",
}

func (r Reason) String() string { return reasons[r] }

// Full says that the replica is well, and has no room.
func (r Reason) Full() bool { return r >= Busy && r <= NoSlot }

// Judge says whether a replica fits a request for the adapter; "" is none.
func (l *Limits) Judge(r *Replica, adapter string) Reason {
	switch r.State {
	case New:
		if r.Tried {
			return Refused
		}
		return Joining
	case Down:
		return Unwell
	case Draining:
		return Leaving
	}
	_, waiting, kv := r.Now()
	switch {
	case r.Tried:
		return Refused
	case l.InFlight > 0 && r.InFlight >= l.InFlight:
		return Busy
	case l.Waiting > 0 && waiting >= l.Waiting:
		return Queue
	case l.KV > 0 && kv >= l.KV:
		return Cache
	case adapter != "" && r.MaxAdapters > 0 && len(r.Adapters) >= r.MaxAdapters && !slices.Contains(r.Adapters, adapter):
		return NoSlot
	case r.Doubtful:
		return Shaky
	}
	return Fits
}

// Room says that the replicas are not full: false where the best of them is well and
// has no room. Where none is well that is no lack of room: who asks then is told so at
// once, and does not wait in a queue for what may never come.
func (l *Limits) Room(rs []Replica, adapter string) bool {
	best := NoReason
	for i := range rs {
		best = min(best, l.Judge(&rs[i], adapter))
	}
	return !best.Full()
}

// Ask is what a request wants.
type Ask struct {
	Prefix  []uint64 // hashes of ever longer beginnings of its prompt, the shortest first
	Adapter string   // that it needs; "" is none
	Chance  uint64   // decides between equals
}

// Choice is the replica that was chosen.
type Choice struct {
	Index int // -1: there is none
	// Reason is Fits; or, where no replica fits, why the one that is taken all the same
	// does not: the caller wanted this pool although it is full. Where there is none to
	// take, it is the reason of the best of them.
	Reason  Reason
	Matched int // entries of the prefix that it has served
}

// Choose picks a replica: of those that fit; else of those that have room and failed a
// moment ago, so that what failed at one is tried at another; else of those that are
// full; else of those that were not heard from yet. It allocates nothing.
func Choose(m *Memory, l *Limits, a *Ask, rs []Replica) Choice {
	best, least := NoReason, 0
	for i := range rs {
		r := &rs[i]
		r.matched, r.rank, r.load = 0, rank(l.Judge(r, a.Adapter)), r.Load()
		if r.rank < best || r.rank == best && r.load < least {
			best, least = r.rank, r.load
		}
	}
	if best > Joining {
		return Choice{Index: -1, Reason: best}
	}
	m.match(a.Prefix, rs)
	gap := Gap(least)
	lowest, equals := 0, 0
	for i := range rs {
		score, ok := score(a, &rs[i], best, least, gap)
		switch {
		case !ok:
		case equals == 0 || score < lowest:
			lowest, equals = score, 1
		}
	}
	equals = 0
	for i := range rs {
		if s, ok := score(a, &rs[i], best, least, gap); ok && s <= lowest+band {
			equals++
		}
	}
	nth := int(a.Chance % uint64(equals))
	for i := range rs {
		s, ok := score(a, &rs[i], best, least, gap)
		if !ok || s > lowest+band {
			continue
		}
		if nth == 0 {
			return Choice{Index: i, Reason: l.Judge(&rs[i], a.Adapter), Matched: rs[i].matched}
		}
		nth--
	}
	return Choice{Index: -1, Reason: NoReason} // not reached: equals is at least one
}

// rank puts those that are full on one step: among them, too, load decides.
func rank(why Reason) Reason {
	if why.Full() {
		return Busy
	}
	return why
}

// score is a replica's load less what its cache is worth; the lowest is best. Whatever
// its cache holds, one that has more than gap above the least load is not taken.
func score(a *Ask, r *Replica, best Reason, least, gap int) (int, bool) {
	if r.rank != best || r.load > least+gap {
		return 0, false
	}
	worth := 0
	if n := len(a.Prefix); n > 0 {
		worth = gap * r.matched / max(n, shortPrompt)
	}
	if a.Adapter != "" && slices.Contains(r.Adapters, a.Adapter) {
		worth += gap / 2
	}
	return r.load - min(worth, gap), true
}

// shortPrompt is how many entries a prefix has at least for which the whole gap is
// worth it: of a short prompt there is little to save.
const shortPrompt = 4
