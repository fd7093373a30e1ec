package sim

import (
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// lane is one attempt on its way, as a dispatcher's.
type lane struct {
	run       *run
	n         uint8
	attempt   int
	dep       *deployment
	key       int
	begun     route.Begun
	counted   bool // by the deployment's standing
	uncounted bool // it never was: only where the driver is broken
	opened    bool
	held      bool // money is
	live      bool // the attempt is open
	shown     bool
	draining  bool
	cancelled bool

	stream  *stream
	limits  call.Limits
	started time.Time
	first   time.Time // when its first content came
	read    time.Time // when something last came
	ended   time.Time
	came    int64 // tokens
	began   time.Time
	entry   *charge // in the judge's book of its account
}

func (l *lane) begin(dep *deployment, key int, begun route.Begun) {
	*l = lane{run: l.run, n: l.n, dep: dep, key: key, begun: begun, counted: true, attempt: l.attempt, began: l.run.w.now}
}

// free counts an attempt out that was never opened.
func (l *lane) free() {
	if l.counted && !l.opened {
		l.counted = false
		l.run.w.judge.unsent(l)
		if l.uncounted {
			return
		}
		l.dep.End(route.Observed{Begun: l.begun}, l.run.w.now)
		l.run.w.shell.pump()
	}
}

// holds sets money aside, where there is enough.
func (l *lane) holds(c *call.Command) call.Event {
	r, w := l.run, l.run.w
	l.attempt, r.most = c.Attempt, max(r.most, c.Attempt)
	if r.call.gone {
		return call.Event{Kind: call.Refused, Err: errLeft}
	}
	if w.trouble() && w.chance(0.002) {
		return call.Event{Kind: call.Refused, Err: &llm.Error{Class: llm.OverBudget, Blame: llm.BlameKey, Billed: llm.BilledNo, Status: 402, Message: "over budget"}}
	}
	l.held = true
	w.judge.held(l)
	return call.Event{Kind: call.Held, Hard: w.chance(w.plan.careful)}
}

func (l *lane) giveBack() { l.endHold() }

func (l *lane) endHold() {
	w := l.run.w
	w.judge.holdEnds(l)
	l.held = false
}

// record writes down what the attempt may cost, which takes a moment.
func (l *lane) record(c *call.Command) call.Event {
	w := l.run.w
	if c.Wait {
		e := call.Event{Kind: call.Recorded, Lane: c.Lane}
		if w.trouble() && w.chance(0.001) {
			e.Kind, e.Err = call.Unrecorded, &llm.Error{Class: llm.Internal, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 503, Message: "cannot be written down"}
		}
		w.later(w.between(0, commitTakes), func() { l.run.feed(e) })
	}
	return call.Event{}
}

// open sends the attempt.
func (l *lane) open(c *call.Command) {
	r, w := l.run, l.run.w
	l.opened, l.live, l.limits, l.started, l.read = true, true, c.Limits, w.now, w.now
	w.report.Attempts++
	if w.tells() {
		w.say("call %d: attempt %d at d%d, probe %v, begun %v ago", r.call.n, l.attempt, l.dep.n, l.begun.Probe, w.now.Sub(l.began))
	}
	w.judge.opened(l)
	a := w.shell.accounts[l.dep.plan.accounts[l.key]]
	if l.begun.Committed { // what is paid for is nobody else's
		a = &account{plan: &accountPlan{headless: true}}
	}
	l.stream = l.dep.upstream.send(l, r.call.output, a)
	if r.call.gone { // before there was anybody to tell it to
		r.gone()
	}
}

// told takes in what headers say is left of the account's limits.
func (l *lane) told(a *account) {
	w := l.run.w
	if q, ok := a.reports(w.now); ok && !l.uncounted {
		q.Took = w.now.Sub(l.started)
		l.begun.Report(q, w.now)
	}
}

// answered: the headers are there.
func (l *lane) answered(s *stream) {
	l.read = l.run.w.now
	l.told(s.a)
	l.run.feed(call.Event{Kind: call.Answered, Lane: l.n})
}

// content is a piece of the answer. An unstreamed one is seen when it is whole.
func (l *lane) content(s *stream, first bool) {
	r, w := l.run, l.run.w
	l.read, l.came = w.now, s.came
	if !r.call.streamed {
		return
	}
	if first {
		l.first = w.now
		if l.begun.Probe {
			l.dep.Alive(&l.begun, w.now)
			w.judge.alive(l)
		}
		if w.o.Variant == EndEarly && l.counted && !l.uncounted {
			l.counted = false
			l.dep.End(route.Observed{Begun: l.begun, Opened: true, Tokens: -1}, w.now)
		}
		r.feed(call.Event{Kind: call.FirstContent, Lane: l.n})
		if s.over {
			return
		}
	}
	if (l.shown || w.o.Variant == AnswerTwice) && !l.draining && !r.call.gone && !r.call.unseen {
		r.call.show(l.attempt, s.came)
	}
}

// over is the end of the attempt.
func (l *lane) over(s *stream, err *llm.Error) {
	r, w := l.run, l.run.w
	l.live, l.ended = false, w.now
	if err == nil {
		r.feed(call.Event{Kind: call.Ended, Lane: l.n})
		return
	}
	if w.o.Variant == LoseCalls && w.chance(0.05) {
		return
	}
	e := call.Event{Kind: call.Broke, Lane: l.n, Err: err}
	if b := route.Blamed(err); b == llm.BlameCredential || b == llm.BlameQuota {
		e.Again = w.shell.another(l.dep, l.key)
	}
	r.feed(e)
}

// book counts the attempt out, for what it says, and ends its hold.
func (l *lane) book(err *llm.Error, last bool) {
	r, w := l.run, l.run.w
	o := route.Observed{Begun: l.begun, Opened: l.opened, Err: err, Tokens: -1, Took: l.ended.Sub(l.started), Output: l.came}
	if err == nil {
		o.Tokens = r.call.input + l.came
	}
	if !l.first.IsZero() {
		o.First = l.first.Sub(l.started)
	}
	if w.o.Variant == DeafToRefusals && route.Blamed(err) == llm.BlameQuota {
		o.Opened = false
	}
	if w.o.Variant == BlameRefusals && route.Blamed(err) == llm.BlameQuota {
		o.Err = errServer
	}
	forgets := w.o.Variant == ForgetEnd && err != nil && err.Class == llm.Canceled
	if l.counted && !forgets {
		l.counted = false
		if !l.uncounted {
			l.dep.End(o, w.now)
		}
	}
	if l.opened {
		w.judge.over(l, err)
	}
	if err == nil {
		w.shell.warmth.Note(l.dep.cache, r.call.prefix, r.call.input, w.now)
		w.shell.learn(l.came)
	}
	w.shell.pump()
	if w.o.Variant == LoseHold && !last {
		l.held = false
		return
	}
	l.endHold()
	if w.o.Variant == ReturnTwice && w.chance(0.01) {
		l.endHold()
	}
}

// learn takes in how long an answer was.
func (d *shell) learn(n int64) {
	if d.output > 0 {
		n = d.output + (n-d.output)/8
	}
	d.output = max(n, 1)
}
