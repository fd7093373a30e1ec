package sim

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// judge remembers what upstreams and clients saw, and says when a promise is broken.
type judge struct {
	w           *world
	repeats     extras
	hedges      extras
	holds       map[[2]int]bool // by call and attempt
	deployments []tried
	accounts    []book
	fair        fairness
	herd        herd
	idleSince   time.Time // since when somebody waits although there is room
}

func newJudge(w *world) *judge {
	j := &judge{w: w, holds: map[[2]int]bool{}}
	j.deployments = make([]tried, len(w.plan.deployments))
	j.accounts = make([]book, len(w.plan.accounts))
	j.fair.waiting = make([]backlog, len(w.plan.keys))
	j.fair.served = make([]int64, len(w.plan.keys))
	j.fair.wanted = make([]int64, len(w.plan.keys))
	for i := range j.fair.waiting {
		j.fair.waiting[i].ahead = make([]int64, len(w.plan.keys))
	}
	return j
}

// broken ends the simulation.
func (j *judge) broken(check, format string, args ...any) {
	panic(j.w.violation(check, fmt.Sprintf(format, args...)))
}

// extras are attempts that are a share of the calls, whatever happens: in no time are
// there more of them than the burst and their share of the calls of that time. Level is
// the most, over all times that end now, by which their number exceeds that share, in
// hundredths.
type extras struct{ level, n int }

func (e *extras) count(s *limit.Share) { e.level = max(e.level-s.Percent, 0) }

func (j *judge) extra(e *extras, s *limit.Share, what string) {
	e.level += 100
	if e.n++; e.level > 100*s.Burst {
		j.broken(what+" within budget", "%d in %d calls, and in the last ones more than %d and %d %% of them", e.n, j.w.report.Calls, s.Burst, s.Percent)
	}
}

func (j *judge) comes() {
	j.repeats.count(&retryBudget)
	j.hedges.count(&hedgeBudget)
}

func (j *judge) repeated() { j.extra(&j.repeats, &retryBudget, "repetitions") }
func (j *judge) hedged()   { j.extra(&j.hedges, &hedgeBudget, "hedges") }

func (j *judge) held(l *lane) {
	k := [2]int{l.run.call.n, l.attempt}
	if j.holds[k] {
		j.broken("every hold ends once", "attempt %d of call %d is held for twice", l.attempt, l.run.call.n)
	}
	j.holds[k] = true
}

func (j *judge) holdEnds(l *lane) {
	k := [2]int{l.run.call.n, l.attempt}
	if !j.holds[k] {
		j.broken("every hold ends once", "that of attempt %d of call %d ends twice", l.attempt, l.run.call.n)
	}
	delete(j.holds, k)
}

// late is how long after its deadline a call may end: what is under way is cancelled,
// and what it cost is written down.
const late = cancelTakes + 2*commitTakes + 10*time.Millisecond

// ended judges a call's outcome.
func (j *judge) ended(c *request) {
	w := j.w
	deadline := c.arrived.Add(w.plan.config.Deadline)
	if !c.deadline.IsZero() && c.deadline.Before(deadline) {
		deadline = c.deadline
	}
	if over := w.now.Sub(deadline); over > late {
		j.broken("deadlines are kept", "call %d ends %s after its own", c.n, over)
	}
	if c.outcome == answered {
		j.fair.answered(c)
		if c.streamed && !c.unseen && !c.gone && !c.short && c.saw < c.output {
			j.broken("a whole answer is whole", "call %d was shown %d of %d tokens", c.n, c.saw, c.output)
		}
		return
	}
	if j.excused(c, deadline) {
		return
	}
	for i := range w.plan.deployments {
		if w.plan.deployments[i].solid {
			j.broken("who is well serves", "call %d fails with %v although deployment %d is well", c.n, c.err, i)
		}
	}
}

// excused reports whether a call may fail although some deployment is well: for what
// it is, for what its client did, or for a break after its first content.
func (j *judge) excused(c *request, deadline time.Time) bool {
	switch c.err.Class {
	case llm.OverBudget, llm.Internal, llm.Canceled, llm.Filtered, llm.BadRequest:
		return true
	}
	config := &j.w.plan.config
	return c.gone || c.attempt > 0 || c.run.most >= config.Attempts || deadline.Sub(j.w.now) < config.Deadline/2 || !c.deadline.IsZero()
}

// queue judges the queue after somebody wanted to join it.
func (j *judge) queue() {
	q := &j.w.shell.queue
	if q.Len() > q.Max {
		j.broken("the queue is bounded", "%d wait, and %d may", q.Len(), q.Max)
	}
}

// idleFor is how long somebody may wait although a deployment has room: those who wait
// look four times a second, and one who was called takes a moment to begin.
const idleFor = time.Second

// wasted reports whether a deployment would take the one whose turn it is, also one
// that would not when that one began to wait.
func (j *judge) wasted() bool {
	d := j.w.shell
	ticket, ok := d.queue.Peek(j.w.now)
	if !ok {
		return false
	}
	r := d.waiting[ticket]
	for i := range d.deployments {
		if r.may&(1<<i) != 0 && d.stands(r, i) {
			return true
		}
	}
	return false
}

// idle is asked when those who wait look whether there is room.
func (j *judge) idle() {
	w := j.w
	switch {
	case !j.wasted():
		j.idleSince = time.Time{}
	case j.idleSince.IsZero():
		j.idleSince = w.now
	case w.now.Sub(j.idleSince) > idleFor:
		j.broken("nobody waits in vain", "%d wait, and there has been room for %s", w.shell.queue.Len(), w.now.Sub(j.idleSince))
	}
}

// final judges what is left when nothing happens any more.
func (j *judge) final() {
	w, d := j.w, j.w.shell
	for _, c := range w.clients.calls {
		if c.outcome == pending {
			j.broken("no call is lost", "call %d, which came after %s, has no outcome", c.n, c.arrived.Sub(start))
		}
	}
	if len(j.holds) > 0 {
		j.broken("every hold ends once", "%d have no end", len(j.holds))
	}
	if n := d.queue.Len() + len(d.waiting); n > 0 || d.called > 0 {
		j.broken("the queue ends empty", "%d wait, %d are called", n, d.called)
	}
	for i, dep := range d.deployments {
		if n := dep.Slots.InFlight(); n != 0 {
			j.broken("every slot is given back", "%d of deployment %d are not", n, i)
		}
		if dep.Committed != nil && dep.Committed.InFlight() != 0 {
			j.broken("every slot is given back", "%d of deployment %d's own capacity are not", dep.Committed.InFlight(), i)
		}
		if n := len(dep.upstream.streams); n != 0 {
			j.broken("every attempt ends", "%d at deployment %d have not", n, i)
		}
	}
	for i, q := range d.quotas {
		if n := q.InFlight(); n != 0 {
			j.broken("every slot is given back", "%d of account %d are not", n, i)
		}
	}
	j.refusals()
	j.fair.final(j)
	j.shares()
}

// chosen judges a choice.
func (j *judge) chosen(r *run, c *call.Command, queues bool) {
	for i := range j.w.shell.choices {
		j.reason(&j.w.shell.choices[i])
	}
	if queues {
		j.behind(r)
	}
	if !queues && !c.Resume {
		j.comesBack()
		j.getsTraffic()
		j.share(r)
	}
}

// behind judges that nobody waits at a deployment that has room behind those who may
// not go there.
func (j *judge) behind(r *run) {
	d := j.w.shell
	first := &d.choices[0]
	if !first.Taken || first.Reason == route.Queue || d.called > 0 {
		return
	}
	for _, o := range d.waiting {
		if o.may&(1<<first.Candidate) != 0 {
			return
		}
	}
	j.broken("nobody waits in vain", "call %d waits, and deployment %d has room, where none of the %d before it may go", r.call.n, first.Candidate, len(d.waiting))
}
