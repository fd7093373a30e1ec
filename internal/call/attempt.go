package call

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

func (s *State) open(i uint8, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	l.step, l.why = opening, nil
	s.hedgeAt = time.Time{}
	if l.expect.Hedge > 0 {
		s.hedgeAt = now.Add(l.expect.Hedge)
	}
	return append(cmds, Command{Do: Open, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Limits: s.limits(l, now)})
}

// leastFirst is how long a first content is waited for at least, however quick the
// deployment is otherwise.
const leastFirst = 5 * time.Second

// limits gives an attempt its time. Until there is content another candidate may
// have to take over, so while there is one, half of what is left is kept for it, and
// no more is waited than the deployment's usual pace suggests.
func (s *State) limits(l *lane, now time.Time) Limits {
	first := s.deadline
	if s.following(s.next) >= 0 {
		first = now.Add(s.deadline.Sub(now) / 2)
		if l.expect.First > 0 && s.streamed {
			first = earlier(first, now.Add(max(l.expect.First, leastFirst)))
		}
	}
	if s.streamed {
		first = earlier(first, now.Add(s.Config.First))
	}
	return Limits{Headers: first, First: first, Idle: s.Config.Idle, Total: s.deadline}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (s *State) firstContent(i uint8, cmds []Command) []Command {
	l := &s.lanes[i]
	if l.step != opening && l.step != answering || s.winner != 0 {
		return cmds
	}
	l.step, s.winner, s.announced = streaming, i+1, true
	s.shown = s.shown || !s.unseen
	cmds = append(cmds, Command{Do: Show, Lane: i, Attempt: l.attempt})
	return s.cancel(1-i, errLost, cmds)
}

// cancel ends an open attempt for a reason of ours; its Broke follows.
func (s *State) cancel(i uint8, why *llm.Error, cmds []Command) []Command {
	switch l := &s.lanes[i]; l.step {
	case opening, answering, streaming, draining:
		l.step, l.why = cancelling, why
		return append(cmds, Command{Do: Cancel, Lane: i, Attempt: l.attempt, Err: why})
	}
	return cmds
}

// ended: also where a cancel came too late, the answer is whole.
func (s *State) ended(i uint8, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	if !l.open() {
		return cmds
	}
	cmds = append(cmds, Command{Do: FreeSlot, Lane: i, Candidate: l.candidate})
	if s.winner == 2-i { // the other one's answer is the client's, and this one is paid for nothing
		cmds = append(cmds, Command{Do: Settle, Lane: i, Attempt: l.attempt, Candidate: l.candidate})
		l.step = idle
		return s.goOn(1-i, now, cmds)
	}
	s.told = nil
	if l.step == draining {
		s.told = errGone
	}
	l.step, s.winner = whole, i+1
	switch other := &s.lanes[1-i]; {
	case other.step == idle:
		return s.settleLast(i, nil, cmds)
	default:
		return s.cancel(1-i, errLost, cmds)
	}
}

// goOn does what waited in a lane for the other one to be idle.
func (s *State) goOn(i uint8, now time.Time, cmds []Command) []Command {
	switch s.lanes[i].step {
	case whole:
		return s.settleLast(i, nil, cmds)
	case broke:
		return s.seam(i, s.broken, now, cmds)
	}
	return cmds
}

func (s *State) attemptBroke(i uint8, e Event, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	if !l.open() {
		return cmds
	}
	err := e.Err
	if l.why != nil {
		err = l.why
	}
	cmds = append(cmds, Command{Do: FreeSlot, Lane: i, Candidate: l.candidate})
	settle := Command{Do: Settle, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Err: err}
	other := &s.lanes[1-i]
	won := s.winner == i+1
	switch {
	case s.winner != 0 && !won: // it lost to the other
		l.step = idle
		return s.goOn(1-i, now, append(cmds, settle))
	case s.gone:
		s.told, s.winner = errGone, 0
	case won && !s.unseen:
		s.broken, l.step = err, broke
		if other.step != idle {
			return cmds // what lost to this one ends first
		}
		return s.seam(i, err, now, cmds)
	default:
		s.winner = 0
		if s.tell(err); e.Heard {
			s.free, s.round = true, max(min(s.round, s.Config.Rounds-2), 0)
		}
	}
	again := e.Again && l.why == nil // with another credential
	switch {
	case again:
	case s.bars(err):
		s.bar(l.candidate)
	default:
		s.retry = true
	}
	over := s.gone || s.final(err) || !now.Before(s.deadline)
	if other.step != idle { // which goes on
		l.step = idle
		s.stop = s.stop || over
		if cmds = append(cmds, settle); s.stop {
			return s.cancel(1-i, err, cmds)
		}
		return cmds
	}
	switch {
	case over || s.stop || s.made >= s.Config.Attempts:
		return s.settleLast(i, err, cmds)
	case err.Class == llm.ContextOverflow && s.round < s.Config.Rounds:
		l.step = idle
		return s.choose(Command{Longer: true, Candidate: l.candidate}, append(cmds, settle))
	case again:
		c := l.candidate
		*l = lane{step: taking, candidate: c}
		return append(cmds, settle, Command{Do: TakeSlot, Lane: i, Candidate: c})
	case s.following(s.next) >= 0:
		return s.tryNext(i, now, append(cmds, settle))
	}
	if cmds = s.again(now, append(cmds, settle)); s.phase == settling { // nothing is left to try: this was the last
		cmds = cmds[:len(cmds)-2]
		return s.settleLast(i, err, cmds)
	}
	l.step = idle
	return cmds
}

// settleLast books the attempt that ended last, with the call's record. Where it was
// whole there is no err.
func (s *State) settleLast(i uint8, err *llm.Error, cmds []Command) []Command {
	l := &s.lanes[i]
	if s.told == nil {
		s.told = err
	}
	s.phase, l.step = settling, idle
	return append(cmds, Command{Do: Settle, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Last: true, Err: err, Told: s.told})
}

// conclude ends a call that has no attempt open: only its record is left to write.
func (s *State) conclude(cmds []Command) []Command {
	s.phase = settling
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
		return append(cmds, Command{Do: Finish, Lane: s.winner - 1})
	}
	return append(cmds, Command{Do: Fail, Told: s.told})
}

// clientGone: what is under way is ended, or read on where somebody has to pay for
// all of it anyway.
func (s *State) clientGone(e Event, now time.Time, cmds []Command) []Command {
	if s.gone || s.phase == settling || s.phase == done || s.phase == fresh {
		return cmds
	}
	s.gone = true
	if s.phase == waiting {
		s.told = errGone
		return s.conclude(cmds)
	}
	drain := s.Config.OnHangup == HangupDrain || s.Config.OnHangup == HangupAuto && (e.Bills || e.Near)
	for i := range s.lanes {
		l := &s.lanes[i]
		if drain && s.lanes[1-i].step == idle && l.open() && l.step != cancelling {
			l.step, s.drained = draining, earlier(s.deadline, now.Add(s.Config.Drain))
			return append(cmds, Command{Do: Drain, Lane: uint8(i), Attempt: l.attempt})
		}
		cmds = s.cancel(uint8(i), errGone, cmds)
	}
	return cmds
}

func (s *State) timer(now time.Time, cmds []Command) []Command {
	if s.phase == waiting {
		if !now.Before(s.until) {
			tried := s.made > s.asked
			free := s.free
			s.free = false
			return s.choose(Command{Retry: tried && !free}, cmds)
		}
		return s.signOfLife(now, cmds)
	}
	if s.phase != running {
		return cmds
	}
	if !now.Before(s.deadline) {
		return s.cancel(1, errDeadline, s.cancel(0, errDeadline, cmds))
	}
	waits := false
	for i := range s.lanes {
		switch s.lanes[i].step {
		case draining:
			if !now.Before(s.drained) {
				cmds = s.cancel(uint8(i), errGone, cmds)
			}
		case opening, answering:
			waits = true
		}
	}
	if waits && s.streamed {
		cmds = s.signOfLife(now, cmds)
	}
	return s.hedge(now, cmds)
}

// signOfLife tells a client that waits that its call is alive. Who was not told
// anything yet gets the headers first.
func (s *State) signOfLife(now time.Time, cmds []Command) []Command {
	if now.Before(s.announce) || s.phase == waiting && !s.announced {
		return cmds
	}
	s.announce = now.Add(s.Config.Heartbeat)
	if !s.announced {
		s.announced = true
		cmds = append(cmds, Command{Do: Announce})
	}
	return append(cmds, Command{Do: Heartbeat})
}
