// Package limit keeps within what a deployment, a credential or a quota group
// takes at a time: [Slots] are the calls in flight and the queue before them, a
// [Cooldown] is a rest that an upstream asked for, [Retries] keeps second tries a
// share of the traffic.
//
// Pure: the time is an argument and the caller has the lock. Nobody waits here; a
// queue holds tickets, and [Slots.Free] names the one that is next.
package limit

import "time"

// Slots is how many calls may be in flight, and who waits. The zero value is
// unlimited.
type Slots struct {
	Max      int // 0: unlimited
	MaxQueue int // 0: as many as Max, at least 16

	inFlight int
	queue    []waiting // first come, first served, from head on
	head     int
	last     Ticket
}

// Ticket is a place in a queue.
type Ticket uint64

type waiting struct {
	ticket Ticket // 0: was called, or has left
	until  time.Time
}

// Verdict is the answer to [Slots.Take].
type Verdict uint8

// The verdicts.
const (
	Given  Verdict = iota + 1 // go; Free it once
	Queued                    // wait for the ticket to be called, or Leave
	Full                      // neither a slot nor a place in the queue
)

// Take takes a slot, or, with wait, a place in the queue until a time.
func (s *Slots) Take(wait bool, until, now time.Time) (Verdict, Ticket) {
	switch {
	case s.Max <= 0 || s.inFlight < s.Max:
		s.inFlight++
		return Given, 0
	case !wait || s.Waiting() >= s.room() || !now.Before(until):
		return Full, 0
	}
	s.last++
	s.queue = append(s.queue, waiting{s.last, until})
	return Queued, s.last
}

// Free gives a slot back. Where somebody waits and has time left the slot is
// theirs at once, and their ticket is returned. Who has run out of time keeps the
// place until they leave it: nobody but a called ticket may go without leaving.
func (s *Slots) Free(now time.Time) (Ticket, bool) {
	if s.inFlight == 0 {
		panic("limit: a slot was given back twice")
	}
	if s.Max <= 0 || s.inFlight <= s.Max { // else the limit was lowered meanwhile
		for i := s.head; i < len(s.queue); i++ {
			if w := s.queue[i]; w.ticket != 0 && now.Before(w.until) {
				s.remove(i)
				return w.ticket, true
			}
		}
	}
	s.inFlight--
	return 0, false
}

// remove takes a place out of the queue, and lets go of those at its head that
// nobody has any more.
func (s *Slots) remove(i int) {
	s.queue[i].ticket = 0
	for s.head < len(s.queue) && s.queue[s.head].ticket == 0 {
		s.head++
	}
	switch {
	case s.head == len(s.queue):
		s.queue, s.head = s.queue[:0], 0
	case s.head > 64 && s.head > len(s.queue)/2:
		n := copy(s.queue, s.queue[s.head:])
		s.queue, s.head = s.queue[:n], 0
	}
}

// Leave gives a place in the queue up. It is false where the ticket had been
// called before: then the slot is the caller's, to use or to Free.
func (s *Slots) Leave(t Ticket) bool {
	for i := s.head; i < len(s.queue); i++ {
		if s.queue[i].ticket == t {
			s.remove(i)
			return true
		}
	}
	return false
}

// InFlight is how many slots are taken.
func (s *Slots) InFlight() int { return s.inFlight }

// Waiting is how many wait.
func (s *Slots) Waiting() (n int) {
	for _, w := range s.queue[s.head:] {
		if w.ticket != 0 {
			n++
		}
	}
	return n
}

// Full reports whether Take would not give a slot at once.
func (s *Slots) Full() bool { return s.Max > 0 && s.inFlight >= s.Max }

func (s *Slots) room() int {
	if s.MaxQueue > 0 {
		return s.MaxQueue
	}
	return max(s.Max, 16)
}
