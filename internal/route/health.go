package route

import "time"

// Health is what a deployment's recent attempts say of it: a breaker. After some
// failures in a row, or when most of its recent attempts failed, it rests; after the
// rest one attempt probes it. If that fails it rests twice as long; if it works,
// traffic comes back little by little, for those who wait would otherwise all come
// at once and take it down again. The zero value is healthy.
//
//	healthy ──5 in a row, or half of its recent attempts──▶ resting 5 s, 10 s … 1 m
//	   ▲                                                      │        ▲
//	   └──10 s──coming back ◀──it works── probed ◀────────────┘        │
//	                 │                      └──────it fails────────────┤
//	                 └──2 in a row, or half──────────────────────────────┘
type Health struct {
	recent  window
	failed  int    // in a row
	trips   int    // rests, without a time of quiet in between
	tripped moment // when the latest rest began
	until   moment // when it is over
	half    bool   // it has rested, and nothing has succeeded since
	probes  int    // attempts that are finding out
	probed  moment // when the latest of them began
	healthy moment // since when it works again; meant only where it has tripped
}

// The breaker's numbers.
const (
	tripsAt     = 5 // failures in a row
	tripsSoon   = 2 // the same, while it is coming back
	sharedOf    = 10
	firstRest   = 5 * time.Second
	longestRest = time.Minute
	probeWait   = 250 * time.Millisecond // when to look again at one that is being probed
	probeLasts  = 30 * time.Second       // after which another attempt may find out
	ramps       = 10 * time.Second
	rampFrom    = 0.1
	quiet       = time.Minute // after which former rests are forgotten
)

// Outcome is what an attempt says of its deployment.
type Outcome uint8

// The outcomes.
const (
	Neutral Outcome = iota // nothing: the request's or the client's fault, or another's quota
	Worked
	Failed
)

// Begin counts an attempt that is about to be made. It is false where another one
// is probing, or it rests: then the attempt must not be made. A probe says so, and
// its End has to say so too.
func (h *Health) Begin(now time.Time) (probe, ok bool) {
	switch {
	case !h.half:
		return false, true
	case h.resting(momentOf(now)) > 0 && !h.spare(momentOf(now)) || h.Probing(now):
		return false, false
	}
	h.probes++
	h.probed = momentOf(now)
	return true, true
}

// End takes an attempt's outcome. Each Begin that was true has one End. What was
// under way when the rest began says nothing new: then only a probe counts.
func (h *Health) End(o Outcome, probe bool, now time.Time) {
	if probe {
		h.probes = max(h.probes-1, 0)
	}
	switch {
	case o == Neutral || h.half && !probe:
	case o == Worked:
		h.worked(momentOf(now))
	default:
		h.fail(momentOf(now))
	}
}

// Alive tells that a probe has brought content, before its end: an answer may take
// minutes, and the others need not wait for it.
func (h *Health) Alive(now time.Time) {
	if h.half {
		h.worked(momentOf(now))
	}
}

func (h *Health) worked(now moment) {
	h.failed = 0
	if h.half {
		h.half, h.healthy = false, now
	}
	h.recent.note(false, now)
}

func (h *Health) fail(now moment) {
	h.failed++
	h.recent.note(true, now)
	if h.half || h.failed >= h.tripsAt(now) || h.flaps(now) {
		h.trip(now)
	}
}

// trippedSince reports whether a rest began after an attempt did, of which the attempt
// then says nothing.
func (h *Health) trippedSince(began time.Time) bool { return h.tripped > momentOf(began) }

func (h *Health) tripsAt(now moment) int {
	if h.ramp(now) < 1 {
		return tripsSoon
	}
	return tripsAt
}

// flaps reports whether most of what was tried of late failed, never mind what
// worked in between.
func (h *Health) flaps(now moment) bool {
	share, of := h.recent.share(now)
	return of >= sharedOf && share >= 0.5
}

func (h *Health) trip(now moment) {
	if !h.half && now.since(h.healthy) >= quiet {
		h.trips = 0
	}
	h.until, h.tripped = now.add(min(firstRest<<min(h.trips, 10), longestRest)), now
	h.trips++
	h.half, h.failed, h.recent = true, 0, window{}
}

// spare reports whether one that rests may be probed before its time, as nobody else
// is left: not at once after it failed, and by one attempt at a time.
func (h *Health) spare(now moment) bool {
	return h.half && now.since(h.tripped) >= probeWait && now.since(h.probed) >= probeWait && !(h.probes > 0 && now.since(h.probed) < probeLasts)
}

// resting is how long it still rests; 0 where it does not.
func (h *Health) resting(now moment) time.Duration {
	if !h.half {
		return 0
	}
	// No rest is longer than the longest one, also where the clock was set back.
	if rest := h.until.since(now); rest <= longestRest {
		return rest
	}
	return 0
}

// workedSince reports whether it has come back from a rest after an attempt began.
func (h *Health) workedSince(began time.Time) bool {
	return h.trips > 0 && !h.half && momentOf(began) < h.healthy
}

// Until is when the rest is over; zero where it does not rest.
func (h *Health) Until(now time.Time) time.Time {
	if rest := h.resting(momentOf(now)); rest > 0 {
		return now.Add(rest)
	}
	return time.Time{}
}

// Probing reports whether one attempt is finding out if it works again. One that
// takes long is joined by another, so that a probe whose end is not in sight keeps
// nobody away.
func (h *Health) Probing(now time.Time) bool {
	return h.half && h.probes > 0 && momentOf(now) >= h.probed && momentOf(now).since(h.probed) < probeLasts
}

// Ramp is the share of its traffic that it may take: less than 1 for a time after it
// has failed repeatedly and works again.
func (h *Health) Ramp(now time.Time) float32 { return h.ramp(momentOf(now)) }

func (h *Health) ramp(now moment) float32 {
	if h.trips == 0 || h.half || now < h.healthy {
		return 1
	}
	since := now.since(h.healthy)
	if since >= ramps {
		return 1
	}
	return rampFrom + (1-rampFrom)*float32(since)/float32(ramps)
}

// Share is the share of its recent attempts that failed, and of how many.
func (h *Health) Share(now time.Time) (share float32, of int) { return h.recent.share(momentOf(now)) }
