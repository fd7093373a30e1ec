package sim

import (
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine/sched"
)

// node is one life of the process: the scheduler and a driver, which keeps the
// contract of sched and does what `engine` does, without its goroutines.
type node struct {
	w       *world
	m       *sched.Machine
	slots   sched.Config
	inbox   []sched.Event
	turning bool
	loads   int
	attach  map[int64]attachment
	handle  int64
	flights map[string]*flight // by effect
	wakeAt  time.Time
	over    map[string]bool // effects whose outcome was handed in
	budgets map[string]*budget
	aside   map[string]bool // runs that were set aside
	drained bool            // it was asked to end
	ends    bool            // and the scheduler knows
}

// attachment is what goes into the batch of a record.
type attachment struct{ opens, entries []string }

// flight is a try that is prepared or performed.
type flight struct {
	id         string
	run        string
	opens      bool // something is booked for it before it leaves
	do         agent.Open
	held       int64
	performing bool
	off, over  bool
}

// budget is a run's money, in cents.
type budget struct{ limit, spent, held int64 }

const (
	callCost   = 3
	effectCost = 1
)

// open starts a process on what is durable.
func (w *world) open() {
	w.lives++
	w.say("process %d starts", w.lives)
	n := &node{
		w: w, slots: sched.Config{Models: 1 + w.rng.IntN(3), Tools: 1 + w.rng.IntN(4)}, attach: map[int64]attachment{},
		flights: map[string]*flight{}, over: map[string]bool{}, budgets: map[string]*budget{}, aside: map[string]bool{},
	}
	n.m = sched.New(n.slots)
	w.node = n
	w.store.recover()
	for _, run := range w.store.runs {
		if !w.store.state[run].Status.Ended() {
			n.load(run)
		}
	}
	if w.faulty(0.3) {
		w.later(n, w.between(time.Second, time.Minute), "drain", n.drain)
	}
}

// crash ends the process, whatever it is doing.
func (w *world) crash() {
	if w.node == nil {
		return
	}
	w.say("CRASH")
	w.report.Crashes++
	w.stop()
}

func (w *world) stop() {
	w.store.crash()
	w.node = nil
	wait := w.between(100*time.Millisecond, 20*time.Second)
	if w.chance(0.3) {
		wait = w.between(0, 100*time.Millisecond)
	}
	w.later(nil, wait, "start", w.open)
}

// drain asks the process to end in good order; it is ended after a while anyway.
func (n *node) drain() {
	n.drained = true
	n.post(sched.Event{Kind: sched.Drained})
	tries := 0
	var wait func()
	wait = func() {
		if tries++; n.quiet() || tries > 100 {
			n.w.say("process ends, quiet: %v", n.quiet())
			n.w.stop()
			return
		}
		n.w.later(n, time.Second, "drained?", wait)
	}
	n.w.later(n, time.Second, "drained?", wait)
}

// quiet reports whether nothing is on its way.
func (n *node) quiet() bool {
	_, performing, commits := n.m.Load()
	return len(n.inbox) == 0 && n.loads == 0 && performing == 0 && commits == 0 && len(n.w.store.queue) == 0
}

// post hands an event to the loop, which takes one in a turn.
func (n *node) post(e sched.Event) {
	n.inbox = append(n.inbox, e)
	if !n.turning {
		n.turning = true
		n.w.later(n, 0, "turn", n.turn)
	}
}

func (n *node) postWith(e sched.Event, a attachment) {
	if len(a.opens)+len(a.entries) > 0 {
		n.handle++
		n.attach[n.handle] = a
		e.Attach = n.handle
	}
	n.post(e)
}

func (n *node) turn() {
	e := n.inbox[0]
	n.inbox = n.inbox[1:]
	if n.turning = len(n.inbox) > 0; n.turning {
		n.w.later(n, n.w.between(0, 20*time.Microsecond), "turn", n.turn)
	}
	n.ends = n.ends || e.Kind == sched.Drained
	for _, c := range n.m.Step(&e, n.w.now, nil) {
		if n.w.faulty(0.003) {
			n.w.crash()
			return
		}
		n.do(&c)
	}
}

func (n *node) do(c *sched.Command) {
	w := n.w
	switch c.Kind {
	case sched.Commit:
		n.commit(c)
	case sched.Load:
		n.load(c.Run)
	case sched.Prepare:
		n.prepare(c)
	case sched.Perform:
		n.perform(c)
	case sched.CallOff:
		n.callOff(&c.Do)
	case sched.Wake:
		if w.o.Variant == DeafClock && w.chance(0.2) {
			return
		}
		at := c.At
		n.wakeAt = at
		wait := max(at.Sub(w.now), 0)
		if w.chance(0.1) { // timers are late, or a little early
			wait = max(wait+w.between(-2*time.Millisecond, 50*time.Millisecond), 0)
		}
		w.later(n, wait, "tick", func() {
			if n.wakeAt.Equal(at) {
				n.post(sched.Event{Kind: sched.Ticked})
			}
		})
	case sched.Lost:
		if delete(n.attach, c.Attach); c.Attach == 0 {
			w.say("set aside %s", c.Run)
			n.aside[c.Run] = true
		}
	}
}
