package call

import "time"

// Between a choice and an attempt stand a slot, a hold and its record; each may be
// denied, and then what was taken before is given back.

func (s *State) slotGiven(now time.Time, cmds []Command) []Command {
	if s.phase != taking {
		return cmds
	}
	if s.gone || !now.Before(s.deadline) {
		return s.tryNext(now, append(cmds, Command{Do: FreeSlot, Candidate: s.candidate}))
	}
	s.attempt++
	s.phase = holding
	return append(cmds, Command{Do: Hold, Attempt: s.attempt, Candidate: s.candidate, Until: s.deadline})
}

func (s *State) slotDenied(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != taking {
		return cmds
	}
	s.tell(e.Err)
	s.retry = true // a full house empties
	return s.tryNext(now, cmds)
}

func (s *State) held(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != holding {
		return cmds
	}
	if s.gone {
		cmds = append(cmds, Command{Do: Return, Attempt: s.attempt}, Command{Do: FreeSlot, Candidate: s.candidate})
		s.attempt--
		return s.tryNext(now, cmds)
	}
	s.phase = recording
	cmds = append(cmds, Command{Do: Record, Attempt: s.attempt, Candidate: s.candidate, Wait: e.Hard})
	if e.Hard {
		return cmds
	}
	return s.open(now, cmds)
}

func (s *State) refused(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != holding {
		return cmds
	}
	s.attempt-- // its number was never used
	cmds = append(cmds, Command{Do: FreeSlot, Candidate: s.candidate})
	if e.Again && s.round < s.Config.Rounds && !s.gone {
		return s.choose(Command{}, cmds)
	}
	s.tell(e.Err)
	s.bar(s.candidate)
	if final(e.Err) {
		return s.conclude(cmds)
	}
	return s.tryNext(now, cmds)
}

func (s *State) recorded(now time.Time, cmds []Command) []Command {
	if s.phase != recording {
		return cmds
	}
	return s.open(now, cmds)
}

// unrecorded: what was held can not be explained after a crash, so nothing is
// sent, here or elsewhere.
func (s *State) unrecorded(e Event, cmds []Command) []Command {
	if s.phase != recording {
		return cmds
	}
	s.told = e.Err
	cmds = append(cmds, Command{Do: Return, Attempt: s.attempt}, Command{Do: FreeSlot, Candidate: s.candidate})
	s.attempt--
	return s.conclude(cmds)
}
