package call

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

func (s *State) open(now time.Time, cmds []Command) []Command {
	s.phase, s.why = opening, nil
	return append(cmds, Command{Do: Open, Attempt: s.attempt, Candidate: s.candidate, Limits: s.limits(now)})
}

// limits gives an attempt its time. Until there is content another candidate may
// have to take over, so while there is one, half of what is left is kept for it.
func (s *State) limits(now time.Time) Limits {
	first := s.deadline
	if s.following(s.next) >= 0 {
		first = now.Add(s.deadline.Sub(now) / 2)
	}
	if by := now.Add(s.Config.First); s.streamed && by.Before(first) {
		first = by
	}
	return Limits{Headers: first, First: first, Idle: s.Config.Idle, Total: s.deadline}
}

func (s *State) firstContent(cmds []Command) []Command {
	if s.phase != opening && s.phase != answering {
		return cmds
	}
	s.phase, s.shown, s.announced = streaming, true, true
	return append(cmds, Command{Do: Show, Attempt: s.attempt})
}

// cancel ends the open attempt for a reason of ours; its Broke follows.
func (s *State) cancel(why *llm.Error, cmds []Command) []Command {
	switch s.phase {
	case opening, answering, streaming:
		s.phase, s.why = cancelling, why
		return append(cmds, Command{Do: Cancel, Attempt: s.attempt, Err: why})
	}
	return cmds
}

func (s *State) isOpen() bool {
	switch s.phase {
	case opening, answering, streaming, cancelling:
		return true
	}
	return false
}

// ended: also where a cancel came too late, the answer is whole.
func (s *State) ended(cmds []Command) []Command {
	if !s.isOpen() {
		return cmds
	}
	s.phase, s.last, s.told = settling, true, nil
	return append(cmds,
		Command{Do: FreeSlot, Candidate: s.candidate},
		Command{Do: Settle, Attempt: s.attempt, Candidate: s.candidate, Last: true})
}

func (s *State) broke(e Event, now time.Time, cmds []Command) []Command {
	if !s.isOpen() {
		return cmds
	}
	err := e.Err
	if s.why != nil {
		err = s.why
	}
	cmds = append(cmds, Command{Do: FreeSlot, Candidate: s.candidate})
	if s.gone {
		s.told = errGone
		return s.settleLast(err, cmds)
	}
	if s.shown && !s.unseen {
		return s.seam(err, cmds)
	}
	s.shown = false
	s.tell(err)
	switch again := e.Again && s.why == nil; {
	case again: // with another credential
		s.next--
	case bars(err):
		s.bar(s.candidate)
	default:
		s.retry = true
	}
	settle := Command{Do: Settle, Attempt: s.attempt, Candidate: s.candidate, Err: err}
	switch {
	case final(err) || !now.Before(s.deadline) || s.attempt >= s.Config.Attempts:
		return s.settleLast(err, cmds)
	case err.Class == llm.ContextOverflow && s.round < s.Config.Rounds:
		return s.choose(Command{Longer: true, Candidate: s.candidate}, append(cmds, settle))
	case s.following(s.next) >= 0:
		return s.tryNext(now, append(cmds, settle))
	}
	if cmds = s.again(now, append(cmds, settle)); s.phase == settling { // nothing is left to try: this was the last
		cmds = cmds[:len(cmds)-2]
		return s.settleLast(err, cmds)
	}
	return cmds
}

// seam decides what follows a break after the first content. Joining another
// attempt's answer to what was shown is decided here, from the event's Progress;
// until that is built, every such call ends with an error in the client's format.
func (s *State) seam(err *llm.Error, cmds []Command) []Command {
	s.told = err
	return s.settleLast(err, cmds)
}

// settleLast books the attempt that just ended, with the call's record.
func (s *State) settleLast(err *llm.Error, cmds []Command) []Command {
	s.phase, s.last = settling, true
	if s.told == nil {
		s.told = err
	}
	return append(cmds, Command{Do: Settle, Attempt: s.attempt, Candidate: s.candidate, Last: true, Err: err, Told: s.told})
}

// conclude ends a call that has no attempt open: only its record is left to write.
func (s *State) conclude(cmds []Command) []Command {
	s.phase, s.last = settling, true
	if s.told == nil {
		s.told = errNothing
	}
	return append(cmds, Command{Do: Settle, Last: true, Told: s.told})
}

func (s *State) settled(cmds []Command) []Command {
	if s.phase != settling {
		return cmds
	}
	s.phase = done
	if s.told == nil {
		return append(cmds, Command{Do: Finish, Attempt: s.attempt})
	}
	return append(cmds, Command{Do: Fail, Told: s.told})
}

func (s *State) clientGone(cmds []Command) []Command {
	if s.gone || s.phase == settling || s.phase == done || s.phase == fresh {
		return cmds
	}
	s.gone = true
	if s.phase == waiting {
		s.told = errGone
		return s.conclude(cmds)
	}
	return s.cancel(errGone, cmds)
}

func (s *State) timer(now time.Time, cmds []Command) []Command {
	switch {
	case s.phase == waiting && !now.Before(s.until):
		return s.choose(Command{Retry: true}, cmds)
	case s.phase != opening && s.phase != answering && s.phase != streaming:
	case !now.Before(s.deadline):
		return s.cancel(errDeadline, cmds)
	case s.phase != streaming && s.streamed && !now.Before(s.announce):
		s.announce = now.Add(s.Config.Heartbeat)
		if s.announced {
			return append(cmds, Command{Do: Heartbeat})
		}
		s.announced = true
		return append(cmds, Command{Do: Announce, Candidate: s.candidate}, Command{Do: Heartbeat})
	}
	return cmds
}

func (s *State) bar(c uint16)           { s.barred[c/64] |= 1 << (c % 64) }
func (s *State) isBarred(c uint16) bool { return s.barred[c/64]&(1<<(c%64)) != 0 }
