package sim

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// clients make calls: each key at its own pace, with bursts and herds, and one of
// them, in some seeds, far too many.
type clients struct {
	w       *world
	calls   []*request
	prompts [][]uint64 // that several calls begin with
}

// request is one call as its client sees it.
type request struct {
	n        int
	key      *keyPlan
	arrived  time.Time
	deadline time.Time // its own; zero: none
	streamed bool
	unseen   bool
	input    int64
	output   int64 // tokens of the answer, whoever gives it
	prefix   []uint64
	bad      bool // is refused by all
	offends  bool
	tries    int // so many before it

	run     *run
	gone    bool
	attempt int   // whose content it was shown last
	saw     int64 // tokens of it
	seams   int   // breaks over which its answer may go on
	short   bool  // what it saw was put to an end
	outcome outcome
	err     *llm.Error
}

type outcome uint8

const (
	pending outcome = iota
	answered
	failed
)

func newClients(w *world) *clients {
	c := &clients{w: w}
	for range 4 {
		var prompt []uint64
		for range w.number(4, 12) {
			prompt = append(prompt, w.rng.Uint64())
		}
		c.prompts = append(c.prompts, prompt)
	}
	return c
}

func (c *clients) open() {
	w := c.w
	for i := range w.plan.keys {
		c.next(&w.plan.keys[i])
	}
	if w.plan.story == flood {
		return
	}
	for range w.number(1, 3) { // herds: all at once
		w.later(w.between(0, w.plan.troubled), func() {
			for range w.number(10, 60) {
				key := &w.plan.keys[w.rng.IntN(len(w.plan.keys))]
				w.later(w.between(0, 200*time.Millisecond), func() { c.call(key, 0) })
			}
		})
	}
}

// next is the key's next call, some time from now.
func (c *clients) next(k *keyPlan) {
	w := c.w
	if w.since() > w.plan.troubled+w.plan.calm {
		return
	}
	rate := k.rate
	switch at := w.since(); {
	case k.noisy && at > time.Minute && at < w.plan.troubled-30*time.Second:
		rate = 4 * w.plan.load
	case w.plan.story == limits, w.plan.story == flood, at > w.plan.troubled:
	case (at/(20*time.Second))%7 == 3: // a burst
		rate *= 3
	}
	w.later(time.Duration(w.rng.ExpFloat64()/rate*float64(time.Second)), func() {
		c.call(k, 0)
		c.next(k)
	})
}

// call makes a call.
func (c *clients) call(k *keyPlan, tries int) {
	w := c.w
	if w.o.Calls > 0 && len(c.calls) >= w.o.Calls {
		return
	}
	r := &request{n: len(c.calls), key: k, arrived: w.now, tries: tries}
	c.calls = append(c.calls, r)
	w.report.Calls++
	r.streamed = w.chance(0.7)
	r.unseen = r.streamed && w.chance(0.1)
	r.input, r.output = int64(w.number(20, 4000)), w.plan.output/2+w.rng.Int64N(w.plan.output)
	if w.chance(0.4) {
		p := c.prompts[w.rng.IntN(len(c.prompts))]
		r.prefix = p[:1+w.rng.IntN(len(p))]
		r.input = int64(len(r.prefix)) * 1000
	}
	if w.trouble() && w.plan.story != limits {
		r.bad, r.offends = w.chance(0.005), w.chance(0.005)
		if w.chance(0.04) {
			r.input = 20_000
		}
		if !k.patient {
			if w.chance(0.2) {
				r.deadline = w.now.Add(w.between(500*time.Millisecond, 20*time.Second))
			}
			if w.chance(0.05) {
				w.later(w.between(0, 10*time.Second), r.leave)
			}
		}
	}
	w.note(3, r.n)
	if w.tells() {
		w.say("call %d of %s (priority %d, %d+%d tokens, streamed %v, deadline %v)", r.n, k.name, k.priority, r.input, r.output, r.streamed, r.deadline.Sub(w.now))
	}
	w.shell.serve(r)
}

// leave hangs up.
func (r *request) leave() {
	w := r.run.w
	if r.outcome != pending || r.gone {
		return
	}
	r.gone = true
	w.report.Hangups++
	w.note(4, r.n)
	w.say("call %d: its client hangs up", r.n)
	r.run.hangup()
}

// show gives the client a piece of an attempt's answer, up to so many tokens of it.
func (r *request) show(attempt int, came int64) {
	j := r.run.w.judge
	switch {
	case r.outcome != pending:
		j.broken("one outcome", "call %d is shown content of attempt %d after its end", r.n, attempt)
	case r.attempt == 0 || r.attempt == attempt:
	case r.seams == 0 || attempt < r.attempt:
		j.broken("one answer", "call %d is shown content of attempt %d in the middle of that of attempt %d", r.n, attempt, r.attempt)
	default:
		r.seams--
	}
	r.attempt, r.saw = attempt, came
}

// ends is the call's outcome: an answer, or an error.
func (r *request) ends(err *llm.Error) {
	w := r.run.w
	if r.outcome != pending {
		w.judge.broken("one outcome", "call %d ends twice", r.n)
	}
	r.outcome, r.err = answered, err
	if err != nil {
		r.outcome = failed
		w.report.Errors[string(err.Class)]++
	} else {
		w.report.Answers++
	}
	w.note(5, r.n, int(r.outcome))
	if w.tells() {
		w.say("call %d ends: %v", r.n, err)
	}
	w.judge.ended(r)
	if err != nil && !r.gone && r.tries < r.key.insists && again(err) {
		wait := max(err.RetryAfter, w.between(200*time.Millisecond, 2*time.Second))
		w.later(wait, func() { w.clients.call(r.key, r.tries+1) })
	}
}

// again reports whether a client's library tries again after an error.
func again(err *llm.Error) bool {
	switch err.Class {
	case llm.RateLimited, llm.Overloaded, llm.ServerError, llm.Busy, llm.Unreachable:
		return true
	}
	return false
}
