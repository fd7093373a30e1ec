package limit

import "time"

// Waiting is how many of a priority wait.
func (q *Queue) Waiting(p Priority) int {
	return q.levels[levelOf(p)].n
}

// Left is what is left of the windows that the provider reported, as far as any is
// known now, for whoever looks how it stands. Resets are not told.
func (g *Group) Left(now time.Time) (r Reported) {
	if g == nil || !g.reports {
		return r
	}
	for i, b := range [gauges]*Bucket{requests: &r.Requests, tokens: &r.Tokens, input: &r.Input, output: &r.Output} {
		if x := &g.reported[i]; x.known(now) {
			*b = Bucket{Limit: x.limit, Remaining: max(x.leftAt(now), 0), Known: true}
		}
	}
	return r
}
