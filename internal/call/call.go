// Package call is one model call as a machine: which attempts are made, how long
// each may take, when the next one takes over or is tried beside it, what follows a
// break in the middle of an answer, and when money that was held is settled or given
// back.
//
// [Step] takes what happened and gives what to do about it; a [State] is one call.
// It sees the events of a call's life and never its bytes, and it decides nothing
// that other calls share: it emits [Choose], [TakeSlot] and [Hold], and the shell
// asks route, limit and budget and feeds their answers back.
//
// An attempt lives in a lane, of which there are two: the second one is for a hedge,
// an attempt beside one that is slow to begin.
//
// The rules, whatever happens: an attempt that was opened ends exactly once; a
// hold is settled or returned exactly once; no two attempts are open at a time but
// before the first content, when one of them may be a hedge; what the client was
// shown comes from one attempt at a time, and after a break from another one only
// when that is said to go on from there.
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
	patient  time.Time // how long to wait without trying, at most
	free     bool      // what broke last had brought content
	asked    int       // attempts made when was chosen last
	queued   time.Time // how long to wait for room, at most
	hedgeAt  time.Time // when another attempt may be made beside the open one
	drained  time.Time // how long an answer is read on without a client

	order  []uint16 // the candidates as chosen, best first; the shell's
	next   int      // the place in order to go on from
	round  int      // how often was chosen
	chance uint64
	barred [MaxCandidates / 64]uint64 // candidates that would fail this request again

	lanes  [2]lane
	made   int   // attempts so far, which are numbered from 1
	winner uint8 // 1 + the lane whose answer is the client's; 0: none yet
	seams  int   // breaks that were mended
	avoid  uint16

	gone      bool // the client has
	shown     bool // content was
	resuming  bool // what was shown is to be gone on from
	announced bool // headers were
	hedged    bool // a second attempt was made beside one
	retry     bool // one of the failures may pass
	stop      bool // no other attempt is to be made
	told      *llm.Error
	broken    *llm.Error // what the answer broke with
}

// lane is one attempt on its way.
type lane struct {
	step      step
	candidate uint16
	attempt   int // its number
	expect    Expect
	why       *llm.Error // why it was cancelled
}

// phase is where the call is while no attempt is on its way.
type phase uint8

const (
	fresh    phase = iota
	choosing       // Choose was emitted
	queueing       // Queue
	running        // some lane is taken
	joining        // Join
	waiting        // until choosing again
	settling       // Settle of the last
	done
)

// step is where an attempt is.
type step uint8

const (
	idle       step = iota
	taking          // TakeSlot was emitted
	holding         // Hold
	recording       // Record, and its durability matters
	opening         // Open: no answer yet
	answering       // headers are there, content is not
	streaming       // content goes to the client
	draining        // the client has gone
	cancelling      // Cancel: the attempt's end is awaited
	broke           // after content: Join is awaited
	whole           // the answer is; the other lane's end is awaited
)

func (l *lane) open() bool { return l.step >= opening && l.step <= cancelling }

// Step takes an event and appends what to do to cmds. An event that does not fit,
// such as a timer that comes too late, changes nothing.
func Step(s *State, e Event, now time.Time, cmds []Command) []Command {
	i := e.Lane & 1
	l := &s.lanes[i]
	switch e.Kind {
	case Admitted:
		return s.admitted(e, now, cmds)
	case Chosen:
		return s.chosen(e, now, cmds)
	case Called:
		return s.called(now, cmds)
	case Shed:
		return s.shed(e, cmds)
	case SlotGiven:
		return s.slotGiven(i, e, now, cmds)
	case SlotDenied:
		return s.slotDenied(i, e, now, cmds)
	case Held:
		return s.held(i, e, now, cmds)
	case Refused:
		return s.refused(i, e, now, cmds)
	case Recorded:
		return s.recorded(i, now, cmds)
	case Unrecorded:
		return s.unrecorded(i, e, now, cmds)
	case Answered:
		if l.step == opening {
			l.step = answering
		}
	case FirstContent:
		return s.firstContent(i, cmds)
	case Stalled:
		return s.cancel(i, e.Err, cmds)
	case Broke:
		return s.attemptBroke(i, e, now, cmds)
	case Ended:
		return s.ended(i, now, cmds)
	case Joined:
		return s.joined(e, now, cmds)
	case Gone:
		return s.clientGone(e, now, cmds)
	case Settled:
		return s.settled(cmds)
	case Timer:
		return s.timer(now, cmds)
	}
	return cmds
}

// Done reports whether the call is over.
func (s *State) Done() bool { return s.phase == done }

// Shown reports whether content of the attempt in a lane is the client's.
func (s *State) Shown(lane uint8) bool { return s.winner == lane+1 }

// Deadline is when the call has to be over.
func (s *State) Deadline() time.Time { return s.deadline }

// Waiting reports whether nothing is under way and the call waits for a time.
func (s *State) Waiting() bool { return s.phase == waiting }

// Due is when the machine wants a [Timer] event; zero where it wants none.
func (s *State) Due() time.Time {
	switch s.phase {
	case waiting:
		if s.announced && s.announce.Before(s.until) {
			return s.announce
		}
		return s.until
	case running:
	default:
		return time.Time{}
	}
	var due time.Time
	for i := range s.lanes {
		switch s.lanes[i].step {
		case opening, answering:
			due = s.deadline
			if s.streamed && s.announce.Before(due) {
				due = s.announce
			}
			if s.mayHedge() && s.hedgeAt.Before(due) {
				due = s.hedgeAt
			}
		case streaming:
			due = s.deadline
		case draining:
			due = s.drained
		}
	}
	return due
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
	s.asked = s.made
	c.Do, c.Resume = Choose, s.resuming
	if s.resuming {
		c.Candidate = s.avoid
	}
	return append(cmds, c)
}

func (s *State) chosen(e Event, now time.Time, cmds []Command) []Command {
	if s.phase != choosing {
		return cmds
	}
	s.order, s.next, s.chance = e.Order, 0, e.Chance
	switch {
	case s.gone:
		s.told = errGone
		return s.conclude(cmds)
	case e.Queue && len(e.Order) > 0:
		return s.enqueue(now, cmds)
	case len(e.Order) > 0:
		return s.tryNext(0, now, cmds)
	}
	s.tell(e.Err)
	s.round-- // nothing was tried
	if s.patient.IsZero() {
		s.patient = now.Add(s.Config.Patience)
	}
	if s.mayWait(e.Until, now) && !e.Until.After(s.patient) {
		s.phase, s.until = waiting, e.Until
		return cmds
	}
	return s.conclude(cmds)
}

// enqueue waits for room; how long is counted from the first time.
func (s *State) enqueue(now time.Time, cmds []Command) []Command {
	if s.queued.IsZero() {
		s.queued = now.Add(s.Config.Queue)
	}
	until := s.queued
	if s.deadline.Before(until) {
		until = s.deadline
	}
	s.phase = queueing
	return append(cmds, Command{Do: Queue, Until: until})
}

// called: somebody made room. It is no new round: nothing was tried.
func (s *State) called(now time.Time, cmds []Command) []Command {
	if s.phase != queueing {
		return cmds
	}
	if s.gone || !now.Before(s.deadline) {
		s.tell(errDeadline)
		if s.gone {
			s.told = errGone
		}
		return s.conclude(cmds)
	}
	s.round--
	return s.choose(Command{}, cmds)
}

func (s *State) shed(e Event, cmds []Command) []Command {
	if s.phase != queueing {
		return cmds
	}
	s.tell(e.Err)
	if s.gone {
		s.told = errGone
	}
	return s.conclude(cmds)
}

// tryNext takes the next candidate of the order into a lane, or does what is left to
// do where there is none. No attempt is on its way.
func (s *State) tryNext(i uint8, now time.Time, cmds []Command) []Command {
	switch {
	case s.gone:
		s.told = errGone
		return s.conclude(cmds)
	case s.stop:
		return s.conclude(cmds)
	case !now.Before(s.deadline):
		s.tell(errDeadline)
		return s.conclude(cmds)
	}
	k := s.following(s.next)
	if k < 0 {
		return s.again(now, cmds)
	}
	return s.take(i, k, cmds)
}

// take asks for a slot of the candidate at a place in the order.
func (s *State) take(i uint8, k int, cmds []Command) []Command {
	s.phase, s.next = running, k+1
	s.lanes[i] = lane{step: taking, candidate: s.order[k]}
	return append(cmds, Command{Do: TakeSlot, Lane: i, Candidate: s.order[k]})
}

// following is the place of the first candidate from k on that is worth a try, or -1.
func (s *State) following(k int) int {
	if s.made >= s.Config.Attempts {
		return -1
	}
	for ; k < len(s.order); k++ {
		if !s.isBarred(s.order[k]) {
			return k
		}
	}
	return -1
}

// again waits a little and chooses anew, where that can help; else the call ends.
func (s *State) again(now time.Time, cmds []Command) []Command {
	until := now.Add(s.backoff())
	if s.gone || s.stop || !s.retry || !s.mayWait(until, now) {
		return s.conclude(cmds)
	}
	s.phase, s.until = waiting, until
	return cmds
}

// mayWait reports whether waiting until then leaves time for another attempt.
func (s *State) mayWait(until, now time.Time) bool {
	return !until.IsZero() && s.made < s.Config.Attempts && s.round < s.Config.Rounds &&
		until.Sub(now) <= s.Config.Patience && until.Add(s.Config.Least).Before(s.deadline)
}

// backoff grows with each round, with full jitter, so that callers who failed
// together do not come back together.
func (s *State) backoff() time.Duration {
	most := s.Config.Backoff << min(max(s.round-1, 0), 6)
	return most/16 + time.Duration(s.chance%uint64(most))
}

func (s *State) bar(c uint16)           { s.barred[c/64] |= 1 << (c % 64) }
func (s *State) isBarred(c uint16) bool { return s.barred[c/64]&(1<<(c%64)) != 0 }
