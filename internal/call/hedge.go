package call

import "time"

// A hedge is a second attempt beside one whose first content is late, at the next
// candidate. The one that brings content first is the client's; the other is ended,
// and both are booked. There is one for each call, and the shell says whether the
// traffic as a whole has one left.

// mayHedge reports whether another attempt may be made beside the open one.
func (s *State) mayHedge() bool {
	if s.Config.NoHedge || s.hedged || s.hedgeAt.IsZero() || s.winner != 0 || s.resuming || s.gone || s.stop {
		return false
	}
	a, b := s.lanes[0].step, s.lanes[1].step
	alone := a == idle && (b == opening || b == answering) || b == idle && (a == opening || a == answering)
	return alone && s.following(s.next) >= 0
}

func (s *State) hedge(now time.Time, cmds []Command) []Command {
	if !s.mayHedge() || now.Before(s.hedgeAt) {
		return cmds
	}
	s.hedged = true
	var i uint8
	if s.lanes[0].step != idle {
		i = 1
	}
	cmds = s.take(i, s.following(s.next), cmds)
	cmds[len(cmds)-1].Hedge = true
	return cmds
}
