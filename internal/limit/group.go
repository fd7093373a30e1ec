package limit

import "time"

// Limits are the configured limits of a group; 0 means that none is known. They are
// hard caps: no 60 seconds hold more than this, by the estimates while calls run and
// by the actual numbers from their end on.
type Limits struct {
	Requests int64 // a minute
	Tokens   int64 // a minute
	InFlight int
}

// Group is what one quota group or committed capacity takes. What it knows comes from
// three sides, and all of them must have room:
//
//   - configured: [Limits], counted over a sliding minute;
//   - reported: the windows of the provider's headers, [Reported], counted down by
//     what was started since;
//   - learned: from refusals that neither of these explains, see [Group.TooMany].
//
// A refusal rests it, too, as a [Cooldown]. The zero value knows nothing and allows
// all; a nil one does so for ever. It never gets stuck: an hour after the last report
// or refusal only what is configured counts.
//
// The caller asks Room and calls Take under one lock; each Take is followed by one
// Done, or by one Cancel where nothing was sent, and by Clear or TooMany where the
// answer says so.
type Group struct {
	limits   Limits
	inFlight int
	counted  sliding
	rest     Cooldown
	reported [gauges]gauge
	reports  bool
	learned  learned
}

// The gauges of a group.
const (
	requests = iota
	tokens
	input
	output
	gauges
)

// Set sets the configured limits. What is counted stays.
func (g *Group) Set(l Limits) {
	g.limits = Limits{Requests: max(l.Requests, 0), Tokens: max(l.Tokens, 0), InFlight: max(l.InFlight, 0)}
}

// Room looks whether a call of so many tokens, as estimated, may be started now. Where
// it may not, until is when it may if nothing else is started meanwhile; it is zero
// where only the end of another call makes room ([Full]) or nothing does ([TooLarge]).
func (g *Group) Room(n int64, now time.Time) (ok bool, until time.Time, why Verdict) {
	if g == nil {
		return true, time.Time{}, Given
	}
	if n = max(n, 0); g.limits.Tokens > 0 && n > g.limits.Tokens {
		return false, time.Time{}, TooLarge
	}
	if until = g.rest.Until(now); !until.IsZero() {
		why = Resting
	}
	var learned Limits
	if g.learned.any() {
		learned = g.learned.at(now)
	}
	// What is told apart first needs no reckoning with times, and is mostly enough.
	if fits(&g.limits, &learned, &g.counted.sum, n) != 0 {
		if at, w := g.minute(n, &learned, now); at.After(until) {
			until, why = at, w
		}
	}
	if g.reports {
		for i := range g.reported {
			of, need := &g.reported[i], charge(i, n)
			if of.enough(need) {
				continue
			}
			if at := of.room(need, now); at.After(until) {
				until, why = at, OutOfTokens
				if i == requests {
					why = OutOfCalls
				}
			}
		}
	}
	switch {
	case why != 0:
		return false, until, why
	case g.limits.InFlight > 0 && g.inFlight >= g.limits.InFlight, learned.InFlight > 0 && g.inFlight >= learned.InFlight:
		return false, time.Time{}, Full
	}
	return true, time.Time{}, Given
}

// minute is when the sliding minute has room; zero if it has now.
func (g *Group) minute(n int64, learned *Limits, now time.Time) (time.Time, Verdict) {
	s := &g.counted
	sum, at := s.sum, s.at(now)
	// What is older than a minute is left out, and then what will be, until it fits.
	var why Verdict
	for k := s.last - perWindow; k <= s.last && !s.base.IsZero(); k++ {
		if k >= at-perWindow {
			v := fits(&g.limits, learned, &sum, n)
			if v == 0 {
				if k == at-perWindow {
					return time.Time{}, 0
				}
				return s.base.Add(time.Duration(k+perWindow) * slice), why
			}
			why = v
		}
		sum.take(s.slices[k%sliceCount])
	}
	if why == 0 { // all of it is older than a minute
		return time.Time{}, 0
	}
	return s.base.Add(time.Duration(s.last+sliceCount) * slice), why
}

// fits says which limit one more call would pass; 0 where none. One that is larger
// than a learned limit goes alone: the lesson may be wrong, and it must not get stuck.
func fits(configured, learned *Limits, sum *started, n int64) Verdict {
	switch {
	case configured.Requests > 0 && int64(sum.calls) >= configured.Requests,
		learned.Requests > 0 && sum.accepted() >= learned.Requests:
		return OutOfCalls
	case configured.Tokens > 0 && sum.tokens+n > configured.Tokens,
		learned.Tokens > 0 && sum.tokens+min(n, learned.Tokens) > learned.Tokens:
		return OutOfTokens
	}
	return 0
}

// charge is what a call of n tokens takes from a gauge.
func charge(gauge int, n int64) int64 {
	switch gauge {
	case requests:
		return 1
	case output:
		return n / outputPart
	}
	return n
}

// Take counts a call that is started now, with the estimate of its tokens.
func (g *Group) Take(n int64, now time.Time) {
	n = max(n, 0)
	g.inFlight++
	g.counted.add(started{tokens: n, calls: 1}, now)
	for i := range g.reported {
		g.reported[i].take(charge(i, n), now)
	}
}

// Done counts the end of a call whose Take was so long ago: actual replaces the
// estimate; -1 where it is not known. It counts where the estimate did, and nothing is
// given back that has left the window already.
func (g *Group) Done(took time.Duration, estimated, actual int64, now time.Time) {
	g.end()
	if actual >= 0 {
		g.counted.correct(actual-max(estimated, 0), now.Add(-max(took, 0)), now)
	}
}

// Cancel counts a call out that was never sent, and whose Take was so long ago, as if
// it had not been started.
func (g *Group) Cancel(took time.Duration, estimated int64, now time.Time) {
	g.end()
	n, began := max(estimated, 0), now.Add(-max(took, 0))
	g.counted.forget(n, began, now)
	for i := range g.reported {
		g.reported[i].giveBack(charge(i, n), began, now)
	}
}

func (g *Group) end() {
	if g.inFlight == 0 {
		panic("limit: a call of a group ended twice")
	}
	g.inFlight--
}

// Report takes in what an answer's headers told of the provider's windows. It is best
// called when they come; later, with [Reported.Age].
func (g *Group) Report(r Reported, now time.Time) {
	came := now.Add(-max(r.Age, 0))
	var after, maybe started
	if r.Age > 0 {
		after = g.counted.since(came, now)
	}
	if r.Took > 0 {
		maybe = g.counted.since(came.Add(-r.Took), now)
		maybe.take(after)
		if n := int64(maybe.calls); n > 0 { // without the call itself
			maybe.tokens -= maybe.tokens / n
			maybe.calls--
		}
	}
	for i, b := range [gauges]Bucket{requests: r.Requests, tokens: r.Tokens, input: r.Input, output: r.Output} {
		a, m := charge(i, after.tokens), charge(i, maybe.tokens)
		if i == requests {
			a, m = int64(after.calls), int64(maybe.calls)
		}
		g.reported[i].report(b, a, m, came, now)
		g.reports = g.reports || g.reported[i].limit > 0
	}
}

// Rest begins or prolongs a rest, as [Cooldown.Rest] does, and learns nothing.
func (g *Group) Rest(after time.Duration, now time.Time) { g.rest.Rest(after, now) }

// Until is when the rest is over; zero where there is none. A nil one never rests.
func (g *Group) Until(now time.Time) time.Time {
	if g == nil {
		return time.Time{}
	}
	return g.rest.Until(now)
}

// Clear says that a call was answered: the strikes end, and what was learned from
// refusals slowly rises.
func (g *Group) Clear() {
	g.rest.Clear()
	g.learned.worked()
}

// InFlight is how many calls are under way.
func (g *Group) InFlight() int { return g.inFlight }
