// Package call is one model call as a machine: which attempts are made, how long
// each may take, when the next one takes over, and when money that was held for
// one is settled or given back.
//
// [Step] takes what happened and gives what to do about it; a [State] is one call.
// It sees the events of a call's life and never its bytes, and it decides nothing
// that other calls share: it emits [Choose], [TakeSlot] and [Hold], and the shell
// asks route, limit and budget and feeds their answers back.
//
// The rules, whatever happens: an attempt that was opened ends exactly once; a
// hold is settled or returned exactly once; no two attempts are open at a time;
// once the client was shown content no other attempt is made.
package call

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// MaxCandidates is how many deployments a model can have.
const MaxCandidates = 256

// State is one call. Its zero value with a Config awaits [Admitted].
type State struct {
	Config Config

	phase    phase
	streamed bool
	unseen   bool
	deadline time.Time // of the call
	announce time.Time // when the client gets its next sign of life
	until    time.Time // waiting: when to choose again

	order  []uint16 // the candidates as chosen, best first; the shell's
	queue  bool     // they are all full: wait for a slot
	next   int      // the place in order to go on from
	round  int      // how often was chosen
	chance uint64
	barred [MaxCandidates / 64]uint64 // candidates that would fail this request again

	attempt   int    // its number, from 1
	candidate uint16 // where it is
	gone      bool   // the client has
	shown     bool   // content was
	announced bool   // headers were
	retry     bool   // one of the failures may pass
	last      bool   // the settlement under way is the call's last

	why  *llm.Error // why the open attempt was cancelled
	told *llm.Error // the most telling error so far
}

type phase uint8

const (
	fresh      phase = iota
	choosing         // Choose was emitted
	taking           // TakeSlot
	holding          // Hold
	recording        // Record, and its durability matters
	opening          // Open: no answer yet
	answering        // headers are there, content is not
	streaming        // content goes to the client
	cancelling       // Cancel: the attempt's end is awaited
	waiting          // until choosing again
	settling         // Settle of the last
	done
)

// Step takes an event and appends what to do to cmds. An event that does not fit
// the phase, such as a timer that comes too late, changes nothing.
func Step(s *State, e Event, now time.Time, cmds []Command) []Command {
	switch e.Kind {
	case Admitted:
		return s.admitted(e, now, cmds)
	case Chosen:
		return s.chosen(e, now, cmds)
	case SlotGiven:
		return s.slotGiven(now, cmds)
	case SlotDenied:
		return s.slotDenied(e, now, cmds)
	case Held:
		return s.held(e, now, cmds)
	case Refused:
		return s.refused(e, now, cmds)
	case Recorded:
		return s.recorded(now, cmds)
	case Unrecorded:
		return s.unrecorded(e, cmds)
	case Answered:
		if s.phase == opening {
			s.phase = answering
		}
	case FirstContent:
		return s.firstContent(cmds)
	case Stalled:
		return s.cancel(e.Err, cmds)
	case Broke:
		return s.broke(e, now, cmds)
	case Ended:
		return s.ended(cmds)
	case Gone:
		return s.clientGone(cmds)
	case Settled:
		return s.settled(cmds)
	case Timer:
		return s.timer(now, cmds)
	}
	return cmds
}

// Done reports whether the call is over.
func (s *State) Done() bool { return s.phase == done }

// Shown reports whether the client was shown content.
func (s *State) Shown() bool { return s.shown }

// Deadline is when the call has to be over.
func (s *State) Deadline() time.Time { return s.deadline }

// Due is when the machine wants a [Timer] event; zero where it wants none.
func (s *State) Due() time.Time {
	switch s.phase {
	case waiting:
		return s.until
	case opening, answering:
		if s.streamed && s.announce.Before(s.deadline) {
			return s.announce
		}
		return s.deadline
	case streaming:
		return s.deadline
	}
	return time.Time{}
}

func (s *State) admitted(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != fresh {
		return cmds
	}
	s.Config = s.Config.WithDefaults()
	s.streamed, s.unseen = e.Streamed, e.Unseen
	s.deadline = now.Add(s.Config.Deadline)
	if !e.Until.IsZero() && e.Until.Before(s.deadline) {
		s.deadline = e.Until
	}
	s.announce = now.Add(s.Config.PreludeWait)
	return s.choose(Command{}, cmds)
}

func (s *State) choose(c Command, cmds []Command) []Command {
	s.phase = choosing
	s.round++
	c.Do = Choose
	return append(cmds, c)
}

func (s *State) chosen(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != choosing {
		return cmds
	}
	s.order, s.queue, s.next, s.chance = e.Order, e.Queue, 0, e.Chance
	if len(e.Order) > 0 {
		return s.tryNext(now, cmds)
	}
	s.tell(e.Err)
	if s.mayWait(e.Until, now) {
		s.phase, s.until = waiting, e.Until
		return cmds
	}
	return s.conclude(cmds)
}

// tryNext goes to the next candidate of the order, or does what is left to do
// where there is none. No attempt is open, nothing is held.
func (s *State) tryNext(now time.Time, cmds []Command) []Command {
	switch {
	case s.gone:
		s.told = errGone
		return s.conclude(cmds)
	case !now.Before(s.deadline):
		s.tell(errDeadline)
		return s.conclude(cmds)
	}
	i := s.following(s.next)
	if i < 0 {
		return s.again(now, cmds)
	}
	s.next = i + 1
	s.candidate = s.order[i]
	s.phase = taking
	return append(cmds, Command{Do: TakeSlot, Candidate: s.candidate, Queue: s.queue, Until: s.deadline})
}

// following is the place of the first candidate from i on that is worth a try, or -1.
func (s *State) following(i int) int {
	if s.attempt >= s.Config.Attempts {
		return -1
	}
	for ; i < len(s.order); i++ {
		if !s.isBarred(s.order[i]) {
			return i
		}
	}
	return -1
}

// again waits a little and chooses anew, where that can help; else the call ends.
func (s *State) again(now time.Time, cmds []Command) []Command {
	until := now.Add(s.backoff())
	if s.gone || !s.retry || !s.mayWait(until, now) {
		return s.conclude(cmds)
	}
	s.phase, s.until = waiting, until
	return cmds
}

// mayWait reports whether waiting until then leaves time for another attempt.
func (s *State) mayWait(until, now time.Time) bool {
	return !until.IsZero() && s.attempt < s.Config.Attempts && s.round < s.Config.Rounds &&
		until.Sub(now) <= s.Config.Patience && until.Add(s.Config.Least).Before(s.deadline)
}

// backoff grows with each round, with full jitter, so that callers who failed
// together do not come back together.
func (s *State) backoff() time.Duration {
	most := s.Config.Backoff << min(s.round-1, 6)
	return most/16 + time.Duration(s.chance%uint64(most))
}
