package call

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// The seam is where an answer that broke after its first content goes on. Whether it
// can is not for this machine to say, which never sees an answer: it asks ([Join]).

func (s *State) seam(i uint8, err *llm.Error, now time.Time, cmds []Command) []Command {
	l := &s.lanes[i]
	s.told = err
	if s.gone {
		s.told = errGone
	}
	if s.gone || s.Config.Resume == ResumeOff || s.seams >= s.Config.Seams || !s.streamed || !now.Add(s.Config.Least).Before(s.deadline) {
		return s.settleLast(i, err, cmds)
	}
	s.phase = joining
	return append(cmds, Command{Do: Join, Lane: i, Attempt: l.attempt, Err: err})
}

func (s *State) joined(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != joining {
		return cmds
	}
	i := s.winner - 1
	l := &s.lanes[i]
	switch {
	case s.gone:
		s.told = errGone
		return s.settleLast(i, s.broken, cmds)
	case e.Verdict == Conclude:
		return s.concluded(i, cmds)
	case e.Verdict != Go || s.made >= s.Config.Attempts:
		if e.Err != nil {
			s.told = e.Err
		}
		return s.settleLast(i, s.broken, cmds)
	}
	s.seams++
	s.resuming, s.avoid, s.winner, s.retry = true, l.candidate, 0, true
	s.round = max(min(s.round, s.Config.Rounds-2), 0) // there is time for choosing, and for once more
	s.announce = now.Add(s.Config.Heartbeat)
	l.step = idle
	cmds = append(cmds, Command{Do: Settle, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Err: s.broken})
	return s.choose(Command{}, cmds)
}

// concluded: the attempt broke, and the answer is whole all the same.
func (s *State) concluded(i uint8, cmds []Command) []Command {
	l := &s.lanes[i]
	s.phase, l.step, s.told = settling, idle, nil
	return append(cmds, Command{Do: Settle, Lane: i, Attempt: l.attempt, Candidate: l.candidate, Last: true, Err: s.broken})
}
