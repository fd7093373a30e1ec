package limit

import "time"

// sliding counts what was started during the last minute, in slices of 2.5 s. A
// slice counts until all of it is more than a minute old, so that the sum is never
// less than what any 60 seconds held, and at most 2.5 s more than that:
//
//	       slice 0   1   2        …        23  24
//	now is in the last one:  |<-- 60 s at least -->|
//
// The zero value has counted nothing.
type sliding struct {
	base   time.Time // the start of slice 0; zero: nothing was counted yet
	last   int64     // the slice of the latest count
	sum    started   // of all slices
	slices [sliceCount]started
}

// started is what was started in a time.
type started struct {
	tokens  int64
	calls   int32
	refused int32 // of calls, those that the provider refused with a 429
}

const (
	window     = time.Minute
	slice      = 2500 * time.Millisecond
	perWindow  = int64(window / slice)
	sliceCount = perWindow + 1 // one is only partly in the window
)

// accepted is how many calls were not refused.
func (s started) accepted() int64 { return int64(max(s.calls-s.refused, 0)) }

// at is the slice of a time: never before the latest count.
func (s *sliding) at(now time.Time) int64 {
	if s.base.IsZero() {
		return 0
	}
	return max(int64(now.Sub(s.base)/slice), s.last)
}

// advance drops what is more than a minute old, and is the slice of now.
func (s *sliding) advance(now time.Time) *started {
	if s.base.IsZero() { // a minute back, so that no slice in the window has a negative number
		s.base, s.last = now.Add(-window), perWindow
	}
	at := s.at(now)
	if at-s.last >= sliceCount {
		s.sum, s.slices = started{}, [sliceCount]started{}
		s.last = at
	}
	for s.last < at {
		s.last++
		old := &s.slices[s.last%sliceCount]
		s.sum.take(*old)
		*old = started{}
	}
	return &s.slices[at%sliceCount]
}

func (s *started) take(o started) {
	s.tokens -= o.tokens
	s.calls -= o.calls
	s.refused -= o.refused
}

// add counts calls started now.
func (s *sliding) add(o started, now time.Time) {
	into := s.advance(now)
	for _, to := range [...]*started{into, &s.sum} {
		to.tokens += o.tokens
		to.calls += o.calls
		to.refused += o.refused
	}
}

// correct replaces an estimate by the actual number where it was counted: in the
// slice of the call's start. What was too much is taken from that slice or older
// ones, never from newer ones, so that it is never forgotten later than it was
// counted; what was too little counts from now on where the call began more than a minute ago.
func (s *sliding) correct(by int64, began, now time.Time) {
	s.advance(now)
	at := min(int64(began.Sub(s.base)/slice), s.last)
	oldest := s.last - perWindow
	if by > 0 {
		if now.Sub(began) >= window {
			at = s.last
		}
		s.slices[at%sliceCount].tokens += by
		s.sum.tokens += by
		return
	}
	for ; at >= oldest && by < 0; at-- {
		to := &s.slices[at%sliceCount]
		part := min(to.tokens, -by)
		to.tokens -= part
		s.sum.tokens -= part
		by += part
	}
}

// forget takes out a call that was counted when it began and was never made.
func (s *sliding) forget(tokens int64, began, now time.Time) {
	s.correct(-tokens, began, now)
	for at := min(int64(began.Sub(s.base)/slice), s.last); at >= s.last-perWindow; at-- {
		if of := &s.slices[at%sliceCount]; of.calls > of.refused {
			of.calls--
			s.sum.calls--
			return
		}
	}
}

// used is what was started during the minute before now.
func (s *sliding) used(now time.Time) started {
	sum := s.sum
	for k, end := s.last-perWindow, min(s.at(now)-perWindow, s.last+1); k < end; k++ {
		sum.take(s.slices[k%sliceCount])
	}
	return sum
}

// since is what was started since a time, with the whole slice that the time is in;
// at most what was started in the last minute.
func (s *sliding) since(from, now time.Time) started {
	if s.base.IsZero() {
		return started{}
	}
	var sum started
	for k := max(int64(from.Sub(s.base)/slice), s.at(now)-perWindow); k <= s.last; k++ {
		sum.tokens += s.slices[k%sliceCount].tokens
		sum.calls += s.slices[k%sliceCount].calls
	}
	return sum
}
