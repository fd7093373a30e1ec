package route

import "time"

// Health is what a deployment's recent attempts say of it: a breaker. After some
// failures in a row it rests; after the rest one attempt probes it; if that fails
// it rests twice as long. The zero value is healthy.
type Health struct {
	failures int // in a row
	trips    int // rests in a row
	until    time.Time
	half     bool // the rest is over, and nothing has succeeded since
	probing  bool // an attempt is finding out
}

// The breaker's numbers.
const (
	tripsAt     = 5 // failures in a row
	firstRest   = 5 * time.Second
	longestRest = time.Minute
	probeWait   = 250 * time.Millisecond // when to look again at one that is being probed
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
func (h *Health) Begin(now time.Time) (ok, probe bool) {
	switch {
	case now.Before(h.until):
		return false, false
	case !h.half:
		return true, false
	case h.probing:
		return false, false
	}
	h.probing = true
	return true, true
}

// End takes an attempt's outcome. Each Begin that was true has one End. What was
// under way when the rest began says nothing new: then only a probe counts.
func (h *Health) End(o Outcome, probe bool, now time.Time) {
	if probe {
		h.probing = false
	}
	switch {
	case o == Neutral || h.half && !probe:
	case o == Worked:
		*h = Health{}
	default:
		h.failures++
		if h.half || h.failures >= tripsAt {
			h.until = now.Add(min(firstRest<<min(h.trips, 10), longestRest))
			h.trips++
			h.half = true
		}
	}
}

// Until is when the rest is over; zero where it does not rest.
func (h *Health) Until(now time.Time) time.Time {
	if h != nil && now.Before(h.until) {
		return h.until
	}
	return time.Time{}
}

// Probing reports whether one attempt is finding out if it works again.
func (h *Health) Probing() bool { return h != nil && h.half && h.probing }
