package dispatch

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// takeSlot counts an attempt in at a deployment, or says that there is no room.
func (r *run) takeSlot(l *lane, c *call.Command) call.Event {
	d, dep, now := r.d, r.m.deployments[c.Candidate], r.d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.Hedge && !d.hedges.Take() {
		if m := d.o.Signs; m != nil {
			m.RetryDenied(r.m.name, "hedge")
		}
		return call.Event{Kind: call.SlotDenied, Err: r.full(dep)}
	}
	key := max(dep.pick(r.c.Cause.Team, now), 0)
	begun, ok := dep.Begin(key, r.input+r.output, now)
	if !ok {
		return call.Event{Kind: call.SlotDenied, Err: r.full(dep)}
	}
	if r.called {
		r.uncall()
		d.pump(r.m.traffic, now)
	}
	l.begin(attempt{candidate: c.Candidate, dep: dep, counted: true, begun: begun, key: key, hedge: c.Hedge})
	if c.Hedge {
		if m := d.o.Signs; m != nil {
			m.Hedged(r.m.name)
		}
	}
	return call.Event{Kind: call.SlotGiven, Expect: r.expect(dep, now)}
}

// fewSamples are too few to say what is usual.
const fewSamples = 20

// expect is what is known of a deployment's pace, under d.mu. An answer that is not
// streamed is seen when it is whole.
func (r *run) expect(dep *deployment, now time.Time) (e call.Expect) {
	x := dep.Expect(now)
	if x.Samples >= fewSamples {
		e.First = 4 * x.P95
	}
	switch {
	case !r.m.hedge:
	case r.facts.Stream && x.Samples >= fewSamples:
		e.Hedge = x.P95
	case !r.facts.Stream && x.Answers >= fewSamples:
		e.Hedge = x.WholeP95
	}
	return e
}

// floor is how slow a stream of the deployment may be at least; 0 where there is none.
func (r *run) floor(dep *deployment) rate {
	if r.m.minRate <= 0 || !r.facts.Stream {
		return 0
	}
	r.d.mu.Lock()
	x := dep.Expect(r.d.now())
	r.d.mu.Unlock()
	if x.Samples < fewSamples || x.Rate <= 0 {
		return 0
	}
	return rate(min(r.m.minRate, x.Rate/10))
}

// average is a moving one of numbers. It is safe for concurrent use; of two values at
// once one may get lost.
type average struct{ of atomic.Int64 }

func (a *average) value() int64 { return a.of.Load() }

func (a *average) note(n int64) {
	if had := a.of.Load(); had > 0 {
		n = had + (n-had)/8
	}
	a.of.Store(max(n, 1))
}

func (r *run) full(dep *deployment) *llm.Error {
	return &llm.Error{
		Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
		Message: fmt.Sprintf("the deployment %s of the model %s is at capacity", dep.name, r.m.name),
	}
}

// freeSlot counts an attempt out that was never opened: it says nothing of its
// deployment. What was opened is counted out when it is booked, for what it says.
func (r *run) freeSlot(l *lane) {
	d, now := r.d, r.d.now()
	if a := &l.at; a.counted && !a.opened {
		d.mu.Lock()
		defer d.mu.Unlock()
		a.counted = false
		a.dep.End(route.Observed{Begun: a.begun}, now)
		d.freed(now)
	}
}

// alive tells that a probe has brought content.
func (d *Dispatcher) alive(a *attempt, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.dep.Alive(&a.begun, now)
}

// credential is the name of the provider's that the attempt went with; "" where it has
// one without a name.
func (a *attempt) credential() string {
	if names := a.dep.info.Credentials; a.key < len(names) {
		return names[a.key]
	}
	return ""
}

// ours is what an error says where no provider was reached; the words of one that
// was may quote the request, and stay out of the log.
func (a *attempt) ours(err *llm.Error) string {
	if a.rec.Status != 0 {
		return "the provider refused it"
	}
	return err.Message
}

// observe counts an attempt out and learns from its end: what is to blame rests.
func (r *run) observe(l *lane, err *llm.Error, usage *llm.Usage, reported bool) {
	d, a := r.d, &l.at
	now, dep := d.now(), a.dep
	if blamed(err) == llm.BlameCredential && !dep.info.Caller {
		d.o.Log.Warn("a provider's credential does not work; it rests", "provider", dep.info.Name, "credential", a.credential(), "class", string(err.Class), "status", err.Status, "why", a.ours(err))
	}
	o := route.Observed{
		Begun: a.begun, Opened: a.opened, Err: err, Tokens: -1,
		Took: a.rec.Ended.Sub(a.rec.Started), Output: usage.OutputTokens(),
	}
	if reported {
		o.Tokens = usage.InputTokens() + usage.OutputTokens()
	}
	if !a.sent {
		o.Tokens = 0
	}
	if first := a.rec.FirstContent; !first.IsZero() && r.facts.Stream {
		o.First = first.Sub(a.rec.Started)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.counted { // else it was given back before it was sent
		a.counted = false
		dep.End(o, now)
	}
	if err == nil && len(r.c.Prefix) > 0 {
		d.warmth.Note(dep.cache, r.c.Prefix, usage.InputTokens(), now)
	}
	d.freed(now)
	if err == nil && reported && r.op == llm.Generate {
		r.m.traffic.output.note(usage.OutputTokens())
	}
}

// blamed is whom an error rests; "" where there is none.
func blamed(err *llm.Error) llm.Blame { return route.Blamed(err) }
