package dispatch

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// choose asks route which deployments could serve the call, best first.
func (r *run) choose(c *call.Command) call.Event {
	d, now := r.d, r.d.now()
	req := route.Request{Bindings: r.facts.Bindings, Input: r.facts.TextBytes / bytesPerToken / max(1, r.facts.Inputs), LossyOK: r.m.lossyOK}
	if r.strip {
		req.Bindings = nil
	}
	if c.Longer {
		req.LongerThan = r.m.deployments[c.Candidate].context
	}
	r.candidates, r.choices, r.order = r.candidates[:0], r.choices[:0], r.order[:0]

	d.mu.Lock()
	if c.Retry && !d.retries.Take() {
		d.mu.Unlock()
		return call.Event{Kind: call.Chosen, Err: errRetries}
	}
	r.judge(&req, now)
	if r.strips() && len(req.Bindings) > 0 && r.bound() {
		r.strip, req.Bindings = true, nil
		r.candidates, r.choices = r.candidates[:0], r.choices[:0]
		r.judge(&req, now)
	}
	d.mu.Unlock()

	e := call.Event{Kind: call.Chosen, Chance: d.o.Chance()}
	for i := range r.choices {
		switch ch := &r.choices[i]; {
		case ch.Taken:
			r.order = append(r.order, ch.Candidate)
			e.Queue = ch.Reason == route.Queue
		case !ch.Until.IsZero() && (e.Until.IsZero() || ch.Until.Before(e.Until)):
			e.Until = ch.Until
		}
	}
	r.noteChoice(now)
	e.Order = r.order
	if len(e.Order) == 0 {
		e.Err = r.nothing(e.Until, now)
		if !e.Until.IsZero() { // those who wait for the same rest do not come back at once
			e.Until = e.Until.Add(time.Duration(e.Chance % uint64(100*time.Millisecond)))
		}
	}
	return e
}

// judge has route choose among the deployments, under d.mu.
func (r *run) judge(req *route.Request, now time.Time) {
	for _, dep := range r.m.deployments {
		c := dep.candidate(r.c.Cause.Team, now)
		c.Loses, c.Elsewhere = r.loses(dep), r.keeper != "" && r.keeper != dep.name
		if !dep.has(r.op) {
			c.Lacks = r.op
		}
		r.candidates = append(r.candidates, c)
	}
	r.choices = route.Choose(r.m.policy, req, r.candidates, now, r.choices)
}

var errRetries = &llm.Error{
	Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
	Message: "no deployment answers, and enough calls are trying again already",
}

// nothing says why no deployment could be chosen, so that it can be mended.
func (r *run) nothing(until, now time.Time) *llm.Error {
	e := &llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable}
	all := func(reasons ...route.Reason) bool {
		for i := range r.choices {
			ok := false
			for _, want := range reasons {
				ok = ok || r.choices[i].Reason == want
			}
			if !ok {
				return false
			}
		}
		return true
	}
	unable := []route.Reason{route.NoAnswers, route.NoEmbeddings, route.NoCounting, route.KeptElsewhere, route.OtherState, route.TooShort, route.Loss, route.QuotaRests}
	switch {
	case all(route.NoCredential):
		e.Class, e.Blame, e.Status = llm.Forbidden, llm.BlameKey, http.StatusForbidden
		e.Message = fmt.Sprintf("no deployment of the model %s has a credential for this key's team; its operator can add one", r.m.name)
		return e
	case all(unable[:3]...):
		e.Class, e.Blame, e.Status, e.Param = llm.BadRequest, llm.BlameRequest, http.StatusBadRequest, "model"
		e.Message = fmt.Sprintf("the model %s cannot do this: %s: %s", r.m.name, r.m.deployments[r.choices[0].Candidate].name, r.choices[0].Reason)
		return e
	case all(unable[:4]...):
		e.Class, e.Blame, e.Status = llm.BadRequest, llm.BlameRequest, http.StatusBadRequest
		e.Message = fmt.Sprintf("what the request goes on from is kept by the deployment %s, which the model %s does not have; ask for a model that has it, or send the whole conversation", r.keeper, r.m.name)
		return e
	case all(unable[:5]...):
		e.Class, e.Blame, e.Status = llm.BadRequest, llm.BlameRequest, http.StatusBadRequest
		e.Message = fmt.Sprintf("the request carries state of %v (signed thinking or the like) that no deployment of the model %s understands; take it out, ask for another model, or set `state: strip` on this one",
			r.facts.Bindings, r.m.name)
		return e
	case all(unable[:6]...):
		e.Class, e.Blame, e.Status, e.Code = llm.ContextOverflow, llm.BlameRequest, http.StatusBadRequest, "context_length_exceeded"
		e.Message = fmt.Sprintf("the request is too long for every deployment of the model %s", r.m.name)
		return e
	case all(unable[:7]...):
		return r.lossy
	case all(unable...):
		e.Class, e.Blame, e.Status = llm.RateLimited, llm.BlameQuota, http.StatusTooManyRequests
	}
	if until.After(now) {
		e.RetryAfter = until.Sub(now)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "no deployment of the model %s can take this call now", r.m.name)
	for i := range r.choices {
		fmt.Fprintf(&b, "; %s: %s", r.m.deployments[r.choices[i].Candidate].name, r.choices[i].Reason)
	}
	e.Message = b.String()
	return e
}

// takeSlot takes a slot of a deployment, waiting in its queue where it has to.
func (r *run) takeSlot(c *call.Command) call.Event {
	d, dep, now := r.d, r.m.deployments[c.Candidate], r.d.now()
	d.mu.Lock()
	verdict, ticket := dep.slots.Take(c.Queue, c.Until, now)
	var called chan struct{}
	if verdict == limit.Queued {
		called = make(chan struct{})
		dep.waiting[ticket] = called
	}
	if verdict == limit.Given {
		defer d.mu.Unlock()
		return r.begin(dep, now)
	}
	d.mu.Unlock()
	if verdict == limit.Full {
		return call.Event{Kind: call.SlotDenied, Err: r.full(dep)}
	}
	patience := time.NewTimer(c.Until.Sub(now))
	defer patience.Stop()
	select {
	case <-called:
	case <-r.ctx.Done():
	case <-patience.C:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if dep.slots.Leave(ticket) {
		delete(dep.waiting, ticket)
		return call.Event{Kind: call.SlotDenied, Err: r.full(dep)}
	}
	return r.begin(dep, d.now())
}

// begin starts an attempt at a deployment whose slot was taken, under d.mu.
func (r *run) begin(dep *deployment, now time.Time) call.Event {
	ok, probe := dep.health.Begin(now)
	if !ok {
		r.d.free(dep, now)
		return call.Event{Kind: call.SlotDenied, Err: r.full(dep)}
	}
	r.at = attempt{dep: dep, begun: true, probe: probe, key: max(dep.pick(r.c.Cause.Team, now), 0)}
	return call.Event{Kind: call.SlotGiven}
}

func (r *run) full(dep *deployment) *llm.Error {
	return &llm.Error{
		Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
		Message: fmt.Sprintf("the deployment %s of the model %s is at capacity", dep.name, r.m.name),
	}
}

// freeSlot gives the slot back. An attempt that was never opened says nothing of
// its deployment's health.
func (r *run) freeSlot(c *call.Command) {
	d, dep, now := r.d, r.m.deployments[c.Candidate], r.d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free(dep, now)
	if r.at.begun && !r.at.opened {
		r.at.begun = false
		dep.health.End(route.Neutral, r.at.probe, now)
	}
}

func (d *Dispatcher) free(dep *deployment, now time.Time) {
	if t, ok := dep.slots.Free(now); ok {
		close(dep.waiting[t])
		delete(dep.waiting, t)
	}
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

// observe learns from an attempt's end: what is to blame rests.
func (d *Dispatcher) observe(a *attempt, err *llm.Error) {
	now, dep := d.now(), a.dep
	if blamed(err) == llm.BlameCredential && !dep.info.Caller {
		d.o.Log.Warn("a provider's credential does not work; it rests", "provider", dep.info.Name, "credential", a.credential(), "class", string(err.Class), "status", err.Status, "why", a.ours(err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a.begun = false
	outcome := route.Neutral
	quota, credential := dep.rests(a.key)
	switch blamed(err) {
	case "":
		outcome = route.Worked
		quota.Clear()
		credential.Clear()
	case llm.BlameCredential:
		after := err.RetryAfter
		if err.Class == llm.QuotaExhausted {
			after = max(after, time.Minute) // waiting a little does not mend it
		}
		credential.Rest(after, now)
	case llm.BlameQuota:
		quota.Rest(err.RetryAfter, now)
	case llm.BlameDeployment, llm.BlameProvider:
		outcome = route.Failed
		if err.RetryAfter > 0 {
			quota.Rest(err.RetryAfter, now)
		}
	}
	dep.health.End(outcome, a.probe, now)
}

// blamed is whom an error rests; "" where there is none.
func blamed(err *llm.Error) llm.Blame {
	switch {
	case err == nil:
		return ""
	case err.Blame != "":
		return err.Blame
	}
	switch err.Class {
	case llm.Unauthorized, llm.Forbidden:
		return llm.BlameCredential
	case llm.RateLimited, llm.QuotaExhausted:
		return llm.BlameQuota
	case llm.Overloaded, llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed:
		return llm.BlameDeployment
	}
	return llm.BlameRequest
}
