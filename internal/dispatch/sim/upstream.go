package sim

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// failing is how one fails that is down.
type failing uint8

const (
	refuses    failing = iota + 1 // the connection
	silent                        // takes the request and says nothing
	errs                          // 500
	overloaded                    // 529, which may say when to come back
	breaks                        // takes the request, begins to answer, and is cut off

	lastFailing = breaks
)

// mode is how an upstream is. The zero mode is well.
type mode struct {
	down     failing       // 0: it is up
	errors   float64       // share of requests that fail
	slower   float64       // times as slow; 0 is 1
	recovers time.Duration // how long it takes until it bears all that it can
}

// upstream is a stand-in of a deployment.
type upstream struct {
	w       *world
	n       int
	plan    *deploymentPlan
	mode    mode
	since   time.Time // of the mode
	streams []*stream
}

// stream is one request at an upstream.
type stream struct {
	u      *upstream
	a      *account
	l      *lane
	over   bool
	sent   time.Time
	tokens int64 // that will come
	came   int64
	slow   float64
	cutAt  int64 // breaks or falls silent there; -1: not
	stalls bool
}

func openUpstreams(w *world) (us []*upstream) {
	for i := range w.plan.deployments {
		us = append(us, &upstream{w: w, n: i, plan: &w.plan.deployments[i], since: start})
	}
	return us
}

func (u *upstream) open() {
	for _, m := range u.plan.modes {
		u.w.at(start.Add(m.at), func() { u.becomes(m.mode) })
	}
}

// becomes changes how it is. What is under way when it goes down mostly breaks.
func (u *upstream) becomes(m mode) {
	w := u.w
	w.note(1, u.n, int(m.down))
	if w.tells() {
		w.say("upstream %d becomes %+v", u.n, m)
	}
	u.mode, u.since = m, w.now
	if m.down == 0 {
		return
	}
	for _, s := range append([]*stream(nil), u.streams...) {
		if w.chance(0.8) {
			w.later(w.between(0, 50*time.Millisecond), func() {
				s.fail(&llm.Error{Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: 502, Message: "cut"})
			})
		}
	}
}

// bears is how many requests at a time it bears now.
func (u *upstream) bears() int {
	if r := u.mode.recovers; r > 0 {
		since := u.w.now.Sub(u.since)
		if since < r {
			return max(int(float64(u.plan.bears)*(0.1+0.9*float64(since)/float64(r))), 1)
		}
		u.mode = mode{} // it bears all
	}
	return u.plan.bears
}

// send takes a request.
func (u *upstream) send(l *lane, tokens int64, a *account) *stream {
	w := u.w
	s := &stream{u: u, a: a, l: l, sent: w.now, tokens: tokens, cutAt: -1, slow: max(u.mode.slower, 1)}
	u.streams = append(u.streams, s)
	a.inFlight++
	soon := func(most time.Duration, err *llm.Error) *stream {
		w.later(w.between(time.Millisecond, most), func() { s.fail(err) })
		return s
	}
	if why := u.refusal(s, l.run.call); why != nil {
		w.note(2, u.n)
		if why.Class == llm.RateLimited {
			l.told(a)
		}
		s.a = &account{plan: a.plan} // what is refused takes nothing
		a.inFlight--
		s.a.inFlight++
		return soon(80*time.Millisecond, why)
	}
	if most := u.bears(); len(u.streams) > most {
		if u.mode.recovers > 0 && len(u.streams) > 2*most+2 { // it falls over again
			w.later(0, func() { u.becomes(mode{down: errs}) })
			again := mode{recovers: u.mode.recovers}
			w.later(w.between(3*time.Second, 8*time.Second), func() { u.becomes(again) })
		}
		if len(u.streams) > 2*most || u.mode.recovers > 0 {
			return soon(100*time.Millisecond, errOverloaded)
		}
		s.slow *= float64(len(u.streams)) / float64(most)
	}
	p := w.trouble()
	switch {
	case u.mode.down == refuses:
		return soon(30*time.Millisecond, errUnreachable)
	case u.mode.down == silent:
		return s
	case u.mode.down == errs, u.mode.errors > 0 && w.chance(u.mode.errors), p && !u.plan.solid && w.chance(0.01):
		return soon(500*time.Millisecond, errServer)
	case u.mode.down == overloaded:
		err := *errOverloaded
		if w.chance(0.5) {
			err.RetryAfter = w.between(time.Second, 5*time.Second)
		}
		return soon(100*time.Millisecond, &err)
	case u.mode.down == breaks, p && !u.plan.solid && w.chance(0.02):
		s.cutAt, s.stalls = w.rng.Int64N(tokens), w.chance(0.3)
	case p && !u.plan.solid && w.chance(0.02):
		s.slow *= 8
	}
	a.log = append(a.log, used{w.now, l.run.call.input + tokens})
	first := time.Duration(float64(w.around(u.plan.first, 0.3)) * s.slow)
	w.later(min(first/2, 300*time.Millisecond), s.answered)
	w.later(first, func() { s.content(true) })
	return s
}

// refusal is why a request is refused for what it is or who sends it.
func (u *upstream) refusal(s *stream, c *request) *llm.Error {
	w, a := u.w, s.a
	switch at := w.since(); {
	case u.mode.down == refuses, u.mode.down == silent:
		return nil
	case a.plan.revoked[0] <= at && at < a.plan.revoked[1]:
		return errKey
	case c.bad:
		return errBad
	case c.offends:
		return errFiltered
	case c.input > u.plan.context:
		return errTooLong
	}
	ok, after := a.takes(c.input+s.tokens, w.now)
	if ok {
		return nil
	}
	w.report.Refused++
	w.judge.refused(a)
	if w.tells() {
		w.say("account %d refuses: %d of %+v, %d in flight, retry %v", w.judge.account(a), len(a.log), a.plan.allows, a.inFlight, after)
	}
	err := *errTooMany
	if a.plan.says {
		err.RetryAfter = after.Truncate(time.Second) + time.Second
	}
	return &err
}

// pieces is in how many an answer comes.
const pieces = 6

func (s *stream) answered() {
	if !s.over {
		s.l.answered(s)
	}
}

// content is the next piece of the answer.
func (s *stream) content(first bool) {
	if s.over {
		return
	}
	w := s.u.w
	piece := max(s.tokens/pieces, 1)
	if s.cutAt >= 0 && s.came+piece > s.cutAt {
		if s.stalls {
			return // and says nothing any more
		}
		s.fail(&llm.Error{Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: 502, Message: "cut"})
		return
	}
	s.came += piece
	if s.l.content(s, first); s.over {
		return
	}
	if s.came >= s.tokens {
		w.later(time.Millisecond, s.whole)
		return
	}
	w.later(time.Duration(float64(piece)/s.u.plan.rate*s.slow*float64(time.Second)), func() { s.content(false) })
}

func (s *stream) whole() { s.end(nil) }

func (s *stream) fail(err *llm.Error) { s.end(err) }

// cancel ends the request from our side: mostly soon, and sometimes too late.
func (s *stream) cancel() {
	w := s.u.w
	w.later(w.between(0, cancelTakes), func() {
		s.fail(&llm.Error{Class: llm.Canceled, Blame: llm.BlameClient, Billed: llm.BilledMaybe, Status: 499, Message: "cancelled"})
	})
}

const cancelTakes = 20 * time.Millisecond

func (s *stream) end(err *llm.Error) {
	if s.over {
		return
	}
	s.over = true
	s.a.inFlight--
	for i, o := range s.u.streams {
		if o == s {
			s.u.streams = append(s.u.streams[:i], s.u.streams[i+1:]...)
			break
		}
	}
	s.l.over(s, err)
}

// trouble reports whether faults are begun at this time.
func (w *world) trouble() bool { return w.since() < w.plan.troubled && w.plan.story != flood }

// What an upstream says.
var (
	errUnreachable = &llm.Error{Class: llm.Unreachable, Blame: llm.BlameDeployment, Billed: llm.BilledNo, Status: 502, Message: "refused"}
	errServer      = &llm.Error{Class: llm.ServerError, Blame: llm.BlameDeployment, Billed: llm.BilledNo, Status: 500, Message: "500"}
	errOverloaded  = &llm.Error{Class: llm.Overloaded, Blame: llm.BlameDeployment, Billed: llm.BilledNo, Status: 529, Message: "529"}
	errTooMany     = &llm.Error{Class: llm.RateLimited, Blame: llm.BlameQuota, Billed: llm.BilledNo, Status: 429, Message: "429"}
	errKey         = &llm.Error{Class: llm.Unauthorized, Blame: llm.BlameCredential, Billed: llm.BilledNo, Status: 401, Message: "401"}
	errBad         = &llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: 400, Message: "400"}
	errFiltered    = &llm.Error{Class: llm.Filtered, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: 400, Message: "filtered"}
	errTooLong     = &llm.Error{Class: llm.ContextOverflow, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: 400, Message: "too long"}
)
