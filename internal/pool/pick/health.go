package pick

import "time"

// Health follows whether one replica is alive, by what it answers to probes and by
// how requests end at it. The zero value is a replica that nobody has heard from.
//
// A connection that is refused is sure: the replica is down at once, and up again with
// the next good probe. All else may be chance, so it takes several in a row; and then
// the replica rests for a while, longer each time, whatever its probes say: an engine
// can answer to those and fail at every request.
type Health struct {
	State   State // New, Ready or Down
	probes  int   // bad in a row
	fails   int   // of requests, in a row
	rests   int   // since a request ended well
	until   time.Time
	shaky   time.Time // until when it is doubtful
	proving bool      // back again, and no request has ended well yet
}

const (
	badProbes = 2
	badServed = 3
	shortRest = 5 * time.Second
	longRest  = time.Minute

	// shortDoubt is for what the next probes will explain, longDoubt for what they may
	// not see.
	shortDoubt = 2 * time.Second
	longDoubt  = 10 * time.Second
)

// Good is a probe that was answered well. It says whether the replica became ready
// by it.
func (h *Health) Good(now time.Time) (joined bool) {
	h.probes = 0
	if h.State == Ready || now.Before(h.until) {
		return false
	}
	h.proving = h.State == Down
	h.State, h.fails, h.shaky = Ready, 0, time.Time{}
	return true
}

// Bad is a probe that was not. It says whether the replica went down by it.
func (h *Health) Bad(sure bool) (left bool) {
	h.probes++
	if h.State == Down || h.State == Ready && !sure && h.probes < badProbes {
		return false
	}
	h.State = Down
	return true
}

// Served is a request that ended well.
func (h *Health) Served() {
	if h.State == Ready {
		h.fails, h.rests, h.proving, h.shaky = 0, 0, false, time.Time{}
	}
}

// TurnedAway is a request that the replica did not take because it has too much to do.
func (h *Health) TurnedAway(now time.Time) { h.doubt(now.Add(shortDoubt)) }

// Doubtful says that the replica failed at a request, or turned one away, a moment ago,
// and no request ended well since: the same request, tried again, had better go elsewhere.
func (h *Health) Doubtful(now time.Time) bool { return now.Before(h.shaky) }

func (h *Health) doubt(until time.Time) {
	if until.After(h.shaky) {
		h.shaky = until
	}
}

// Failed is a request that the replica failed at: it refused the connection, which is
// sure, answered with a fault of its own, broke off or fell silent. It says whether
// the replica went down by it.
func (h *Health) Failed(sure bool, now time.Time) (left bool) {
	h.fails++
	h.doubt(now.Add(longDoubt))
	switch {
	case h.State == Down:
		return false
	case sure:
		h.State = Down
		return true
	case h.fails < badServed && !h.proving:
		return false
	}
	h.State = Down
	h.until = now.Add(min(longRest, shortRest<<min(h.rests, 8)))
	h.rests++
	return true
}

// Until is when a replica that is down may come back at the earliest.
func (h *Health) Until() time.Time { return h.until }
