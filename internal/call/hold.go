package call

import "time"

// Between a choice and an attempt stand a slot, a hold and its record; each may be
// denied, and then what was taken before is given back.

// unwanted reports whether an attempt that is being prepared is not needed any more.
func (s *State) unwanted(now time.Time) bool {
	return s.gone || s.stop || s.winner != 0 || !now.Before(s.deadline)
}

func (s *State) slotGiven(i uint8, e Event, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	if l.step != taking {
		return cmds
	}
	if s.unwanted(now) {
		return s.freed(i, now, append(cmds, Command{Do: FreeSlot, Lane: i, Candidate: l.candidate}))
	}
	s.made++
	s.patient = time.Time{}
	l.step, l.attempt, l.expect = holding, s.made, e.Expect
	return append(cmds, Command{Do: Hold, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Until: s.deadline})
}

func (s *State) slotDenied(i uint8, e Event, now time.Time, cmds []Command) []Command {
	if s.lanes[i].step != taking {
		return cmds
	}
	s.tell(e.Err)
	s.retry = true // a full house empties
	return s.freed(i, now, cmds)
}

func (s *State) held(i uint8, e Event, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	if l.step != holding {
		return cmds
	}
	if s.unwanted(now) {
		return s.freed(i, now, s.undo(i, cmds))
	}
	l.step = recording
	cmds = append(cmds, Command{Do: Record, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Wait: e.Hard})
	if e.Hard {
		return cmds
	}
	return s.open(i, now, cmds)
}

// undo gives back what was taken for an attempt that was not sent, and its number.
func (s *State) undo(i uint8, cmds []Command) []Command {
	l := &s.lanes[i]
	cmds = append(cmds, Command{Do: Return, Lane: i, Attempt: l.attempt}, Command{Do: FreeSlot, Lane: i, Candidate: l.candidate})
	s.unmake(l)
	return cmds
}

// unmake gives an attempt's number back, unless a later one was given out.
func (s *State) unmake(l *lane) {
	if l.attempt == s.made {
		s.made--
	}
}

func (s *State) refused(i uint8, e Event, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	if l.step != holding {
		return cmds
	}
	s.unmake(l)
	cmds = append(cmds, Command{Do: FreeSlot, Lane: i, Candidate: l.candidate})
	alone := s.lanes[1-i].step == idle
	if e.Again && alone && s.round < s.Config.Rounds && !s.gone {
		l.step = idle
		return s.choose(Command{}, cmds)
	}
	s.tell(e.Err)
	s.bar(l.candidate)
	if s.final(e.Err) && alone {
		s.stop = true
	}
	return s.freed(i, now, cmds)
}

func (s *State) recorded(i uint8, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	if l.step != recording {
		return cmds
	}
	if s.unwanted(now) { // its record stands, so it is booked: at nothing
		cmds = append(cmds, Command{Do: FreeSlot, Lane: i, Candidate: l.candidate})
		return s.freed(i, now, append(cmds, Command{Do: Settle, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Err: errUnsent}))
	}
	return s.open(i, now, cmds)
}

// unrecorded: what was held can not be explained after a crash, so nothing is
// sent, here or elsewhere.
func (s *State) unrecorded(i uint8, e Event, now time.Time, cmds []Command) []Command {
	if s.lanes[i].step != recording {
		return cmds
	}
	if s.winner == 0 {
		s.told, s.stop = e.Err, true
	}
	return s.freed(i, now, s.undo(i, cmds))
}

// freed goes on where a lane has no attempt any more, and none was sent.
func (s *State) freed(i uint8, now time.Time, cmds []Command) []Command {
	s.lanes[i].step = idle
	switch {
	case s.lanes[1-i].step == idle:
		return s.tryNext(i, now, cmds)
	case s.stop:
		return s.cancel(1-i, s.told, cmds)
	}
	return s.goOn(1-i, now, cmds)
}
