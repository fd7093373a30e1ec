package sim

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// run drives one call.
type run struct {
	w      *world
	call   *request
	state  call.State
	lanes  [2]lane
	cmds   []call.Command
	order  []uint16
	may    uint64    // the candidates that time, or room, would make fit
	armed  time.Time // when the timer fires; zero where it does not
	sleeps int       // how often it was set

	output int64 // tokens that the answer is expected to have
	called bool  // out of the queue, so that it does not join it again
	ticket limit.Ticket
	until  time.Time // of its wait in the queue
	closed bool
	cost   int64 // of its turn in the queue
	most   int   // attempts
}

func (d *shell) serve(c *request) {
	r := &run{w: d.w, call: c, output: d.expected()}
	c.run = r
	r.state.Config = d.w.plan.config
	for i := range r.lanes {
		r.lanes[i].run, r.lanes[i].n = r, uint8(i)
	}
	d.w.judge.comes()
	d.w.judge.wants(r)
	d.retries.Count()
	d.hedges.Count()
	r.feed(call.Event{Kind: call.Admitted, Until: c.deadline, Streamed: c.streamed, Unseen: c.unseen})
}

// feed gives the machine an event, does what it says, and goes on with what comes of
// that, until nothing is left to do or the call waits.
func (r *run) feed(e call.Event) { r.step(e, nil) }

// step is feed; only holds what may be said at all, where the dispatcher does nothing
// else.
func (r *run) step(e call.Event, only []call.Do) {
	w := r.w
	for e.Kind != 0 {
		kind := e.Kind
		cmds := call.Step(&r.state, e, w.now, r.cmds[:0])
		r.cmds = nil // what is done may come back to here
		if w.tells() {
			w.say("call %d: event %d, lane %d: %v", r.call.n, e.Kind, e.Lane, does(cmds))
		}
		e = call.Event{}
		for i := range cmds {
			c := &cmds[i]
			if only != nil && !slices.Contains(only, c.Do) {
				w.judge.broken("the shell hears all", "event %d brings the command %s, for which nobody listens", kind, c.Do)
			}
			next := r.perform(c)
			if next.Kind == 0 {
				continue
			}
			if e.Kind != 0 {
				w.judge.broken("the shell hears all", "two commands of one step are answered, the second one is %s", c.Do)
			}
			e, e.Lane = next, c.Lane
		}
		r.cmds = cmds
		only = nil
	}
	if r.state.Waiting() && w.o.Variant != KeepClaim {
		w.shell.letGo(r)
	}
	r.arm()
}

func does(cmds []call.Command) (out []string) {
	for _, c := range cmds {
		out = append(out, c.Do.String())
	}
	return out
}

func (r *run) perform(c *call.Command) call.Event {
	w, l := r.w, &r.lanes[c.Lane]
	switch c.Do {
	case call.Choose:
		return r.choose(c)
	case call.Queue:
		return r.queue(c)
	case call.TakeSlot:
		return r.takeSlot(l, c)
	case call.FreeSlot:
		l.free()
	case call.Hold:
		return l.holds(c)
	case call.Return:
		l.giveBack()
	case call.Record:
		return l.record(c)
	case call.Open:
		l.open(c)
	case call.Cancel:
		l.cancelled = true
		if s := l.stream; w.o.Variant == AnswerTwice && r.lanes[1-c.Lane].shown {
			w.later(2*time.Second, s.cancel)
		} else {
			s.cancel()
		}
	case call.Drain:
		l.draining = true
	case call.Show:
		l.shown = true
	case call.Join:
		return r.join()
	case call.Settle:
		return r.settle(l, c)
	case call.Finish:
		r.close(nil)
	case call.Fail:
		r.close(c.Told)
	}
	return call.Event{}
}

// takeSlot counts an attempt in at a deployment, or says that there is no room.
func (r *run) takeSlot(l *lane, c *call.Command) call.Event {
	w, d := r.w, r.w.shell
	dep := d.deployments[c.Candidate]
	full := call.Event{Kind: call.SlotDenied, Err: &llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 503, RetryAfter: time.Second, Message: "at capacity"}}
	if c.Hedge {
		if w.o.Variant != IgnoreHedges && !d.hedges.Take() {
			return full
		}
		w.judge.hedged()
	}
	key, n := d.pick(dep), r.call.input+r.output
	begun, ok := dep.Begin(key, n, w.now)
	switch {
	case ok && begun.Probe && w.o.Variant == NoProbe:
		dep.End(route.Observed{Begun: begun}, w.now)
		ok = false
	case ok:
	case w.o.Variant == ManyProbes && dep.Health.Until(w.now).After(w.now), w.o.Variant == IgnoreQuota && w.chance(0.5):
		l.begin(dep, key, route.Begun{})
		l.uncounted = true
		w.judge.began(l, n)
		return call.Event{Kind: call.SlotGiven, Expect: r.expect(dep)}
	}
	if !ok {
		return full
	}
	d.letGo(r)
	l.begin(dep, key, begun)
	w.judge.began(l, n)
	if c.Hedge {
		w.report.Hedges++
	}
	return call.Event{Kind: call.SlotGiven, Expect: r.expect(dep)}
}

// expect is what is known of a deployment's pace.
func (r *run) expect(dep *deployment) (e call.Expect) {
	x := dep.Expect(r.w.now)
	if x.Samples < 20 || x.P95 <= 0 {
		return e
	}
	e.First = 4 * x.P95
	if r.w.plan.hedges {
		e.Hedge = x.P95
		if !r.call.streamed {
			if x.Rate <= 0 {
				return call.Expect{First: e.First}
			}
			e.Hedge += time.Duration(1.5 * float64(r.output) / x.Rate * float64(time.Second))
		}
	}
	return e
}

// join says how an answer that broke may go on.
func (r *run) join() call.Event {
	w, e := r.w, call.Event{Kind: call.Joined}
	switch n := w.rng.IntN(10); {
	case n < 7:
		e.Verdict = call.Go
		r.call.seams++
		w.report.Seams++
	case n < 8:
		e.Verdict = call.Conclude
		r.call.short = true
	default:
		e.Err = &llm.Error{Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: 502, Message: "cannot be gone on from"}
	}
	return e
}

// settle books an attempt; the last one waits until that is durable.
func (r *run) settle(l *lane, c *call.Command) call.Event {
	w := r.w
	if c.Attempt > 0 {
		l.book(c.Err, c.Last)
	}
	if c.Last {
		if w.o.Variant != KeepClaim {
			w.shell.letGo(r)
		}
		w.later(w.between(0, commitTakes), func() { r.feed(call.Event{Kind: call.Settled}) })
	}
	return call.Event{}
}

const commitTakes = 10 * time.Millisecond

func (r *run) close(err *llm.Error) {
	r.closed = true
	if err == nil && r.most > 1 {
		r.w.report.Repaired++
	}
	r.call.ends(err)
}
