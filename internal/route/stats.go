package route

import "time"

// Stats are what was learned of a deployment's speed from answers. What it knows
// counts for less the older it is, until it is not known any more: a deployment that
// was slow once is found out about again. The zero value knows nothing.
type Stats struct {
	first, took, token mean // nanoseconds until the first content, until the end, and for each token between them
	firsts, tooks      histogram
}

// Expect is what to expect of an attempt.
type Expect struct {
	First, P95       time.Duration // until the first content: the average, and what 95 % stay below
	Whole, WholeP95  time.Duration // until the end
	Rate             float64       // tokens of output per second, after the first content
	Samples, Answers int           // how many first contents and whole answers this rests on, of late
}

// Note learns from an attempt. First is 0 where there was no content, or where it is
// not known apart from the whole; took is 0 where the answer was not whole.
func (s *Stats) Note(first, took time.Duration, output int64, now time.Time) {
	at := momentOf(now)
	if first > 0 {
		s.first.note(float64(first), at)
		s.firsts.note(first, at)
	}
	if took <= 0 {
		return
	}
	s.took.note(float64(took), at)
	s.tooks.note(took, at)
	// The time of a handful of tokens says more of the network than of the model.
	if between := took - first; first > 0 && output >= leastOutput && between > 0 {
		s.token.note(float64(between)/float64(output), at)
	}
}

const leastOutput = 16

// Waited learns that so much time passed without any content, where nobody waited
// for the end: those who gave up on slow ones must not make it look fast.
func (s *Stats) Waited(d time.Duration, now time.Time) {
	at := momentOf(now)
	if v, known := s.first.value(at); known && float64(d) > v {
		s.first.note(float64(d), at)
		s.firsts.note(d, at)
	}
}

// Expect is what to expect of an attempt that begins now; zero where nothing is
// known.
func (s *Stats) Expect(now time.Time) Expect {
	at := momentOf(now)
	first, _ := s.first.value(at)
	took, _ := s.took.value(at)
	e := Expect{
		First: time.Duration(first), P95: s.firsts.quantile(0.95), Whole: time.Duration(took), WholeP95: s.tooks.quantile(0.95),
		Samples: s.firsts.samples(at), Answers: s.tooks.samples(at),
	}
	if token, known := s.token.value(at); known {
		e.Rate = float64(time.Second) / token
	}
	return e
}

// time is what to expect of an answer of so many tokens.
func (s *Stats) time(output int64, now moment) (first, whole time.Duration, known bool) {
	f, ok := s.first.value(now)
	if ok {
		if token, measured := s.token.value(now); measured {
			return time.Duration(f), time.Duration(f + token*float64(max(output, 0))), true
		}
		if output <= 0 {
			return time.Duration(f), time.Duration(f), true
		}
	}
	took, whole1 := s.took.value(now)
	return time.Duration(f), time.Duration(max(f, took)), ok || whole1
}

// latency is the time until the first content, or the end where only that is known;
// 0 where neither is.
func (s *Stats) latency(now moment) time.Duration {
	if f, ok := s.first.value(now); ok {
		return time.Duration(f)
	}
	took, _ := s.took.value(now)
	return time.Duration(took)
}

// mean is an average in which later values count for more. Its weight grows with
// each value up to a bound and halves with time; below a half it is not known.
type mean struct {
	v, weight float64
	at        moment // of the latest value
}

const (
	mostWeight = 8 // values, as it were: a new one moves it by at least a ninth
	forgets    = 2 * time.Minute
)

func (m *mean) left(now moment) float64 {
	n := halvings(now.since(m.at), forgets)
	if n == 0 {
		return m.weight
	}
	return m.weight / float64(uint64(1)<<n)
}

func (m *mean) note(v float64, now moment) {
	w := m.left(now)
	m.v = (m.v*w + v) / (w + 1)
	m.weight, m.at = min(w+1, mostWeight), now
}

func (m *mean) value(now moment) (v float64, known bool) {
	if m.weight == 0 || m.left(now) < 0.5 {
		return 0, false
	}
	return m.v, true
}
