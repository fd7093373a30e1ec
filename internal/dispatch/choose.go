package dispatch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// weighRequest says what the request needs and how large it is, for route and limit.
func (r *run) weighRequest() {
	f := r.facts
	r.input = f.TextBytes/bytesPerToken/max(1, f.Inputs) + 1
	if r.op == llm.Generate {
		r.output = r.m.traffic.expected(f.MaxOutput)
	}
	if f.Tools > 0 {
		r.needs |= route.NeedTools
	}
	if f.Schema {
		r.needs |= route.NeedSchema
	}
	if f.Media > 0 {
		r.needs |= r.media()
	}
}

// media is what a model has to take for the request's pictures, documents and sound.
// It is decoded for that, which is little beside their size.
func (r *run) media() (needs route.Needs) {
	src, ok := r.c.Source.(decoder)
	if !ok {
		return 0
	}
	req, err := src.Request()
	if err != nil || req == nil {
		return 0
	}
	for i := range req.Messages {
		needs |= mediaOf(req.Messages[i].Parts)
	}
	return needs
}

func mediaOf(parts []llm.Part) (needs route.Needs) {
	for i := range parts {
		switch parts[i].Kind {
		case llm.Image:
			needs |= route.NeedVision
		case llm.Document:
			needs |= route.NeedDocuments
		case llm.Audio:
			needs |= route.NeedAudio
		}
		needs |= mediaOf(parts[i].Content)
	}
	return needs
}

// choose asks route which deployments could serve the call, best first.
func (r *run) choose(c *call.Command) call.Event {
	d, now := r.d, r.d.now()
	e := call.Event{Kind: call.Chosen, Chance: d.o.Chance()}
	req := route.Request{
		Bindings: r.facts.Bindings, Input: r.input, Output: r.output, LossyOK: r.m.lossyOK, Streamed: r.facts.Stream,
		Needs: r.needs, Require: r.required(), Only: r.c.Hints.Only, Policy: r.hintedPolicy(), Chance: d.o.Chance(),
	}
	if r.strip {
		req.Bindings = nil
	}
	if c.Longer {
		req.LongerThan = r.m.deployments[c.Candidate].context
	}
	if c.Resume {
		req.SameOnly = r.m.config.Resume == call.ResumeSame
		req.SameAs = r.m.facts[c.Candidate].Same
	}
	r.candidates, r.choices, r.order = r.candidates[:0], r.choices[:0], r.order[:0]

	d.mu.Lock()
	if c.Retry && !d.retries.Take() {
		d.mu.Unlock()
		if m := d.o.Signs; m != nil {
			m.RetryDenied(r.m.name, "retry")
		}
		return call.Event{Kind: call.Chosen, Err: errRetries}
	}
	r.judge(&req, now)
	if r.strips() && len(req.Bindings) > 0 && r.bound() {
		r.strip, req.Bindings = true, nil
		r.candidates, r.choices = r.candidates[:0], r.choices[:0]
		r.judge(&req, now)
	}
	waits := r.behindOthers()
	d.mu.Unlock()

	for i := range r.choices {
		switch ch := &r.choices[i]; {
		case ch.Taken:
			r.order = append(r.order, ch.Candidate)
			e.Queue = e.Queue || ch.Reason == route.Queue || waits
		case !ch.Until.IsZero() && (e.Until.IsZero() || ch.Until.Before(e.Until)):
			e.Until = ch.Until
		}
	}
	if c.Resume { // what broke is asked last
		r.order = append(slices.DeleteFunc(r.order, func(o uint16) bool { return o == c.Candidate }), r.tail(c.Candidate)...)
	}
	r.noteChoice(&req, now)
	e.Order = r.order
	if len(e.Order) == 0 {
		r.letGo() // others may go where this one cannot
		e.Err = r.nothing(e.Until, now)
		if !e.Until.IsZero() { // those who wait for the same rest do not come back at once
			e.Until = e.Until.Add(time.Duration(e.Chance % uint64(100*time.Millisecond)))
		}
	}
	return e
}

// tail is the candidate, where it was chosen.
func (r *run) tail(c uint16) []uint16 {
	for i := range r.choices {
		if r.choices[i].Candidate == c && r.choices[i].Taken {
			return []uint16{c}
		}
	}
	return nil
}

// required are the tags that the model's, the key's and the caller's word demand.
func (r *run) required() []string {
	own, asked := r.m.require, r.c.Hints.Require
	if len(own) == 0 || len(asked) == 0 {
		return append(own[:len(own):len(own)], asked...)
	}
	return slices.Concat(own, asked)
}

// hintedPolicy is the caller's; nil where it has none.
func (r *run) hintedPolicy() *route.Policy {
	if p, ok := route.Policies[r.c.Hints.Policy]; ok && r.c.Hints.Policy != "" {
		return &p
	}
	return nil
}

// judge has route choose among the deployments, under d.mu.
func (r *run) judge(req *route.Request, now time.Time) {
	warm := len(r.m.deployments) > 1 && len(r.c.Prefix) > 0
	n := len(r.m.deployments)
	if r.c.Hints.NoFallback {
		n = r.m.own
	}
	for i, dep := range r.m.deployments[:n] {
		c := route.Candidate{
			Facts: &r.m.facts[i], Rates: dep.ratesAt(r.d, now), Standing: &dep.Standing, Key: dep.pick(r.c.Cause.Team, now),
			Loses: r.loses(dep), Elsewhere: r.keeper != "" && r.keeper != dep.name, Full: dep.full(),
		}
		if !dep.has(r.op) {
			c.Lacks = r.op
		}
		if warm {
			c.Warm = r.d.warmth.Look(dep.cache, r.c.Prefix, now)
		}
		r.candidates = append(r.candidates, c)
	}
	r.choices = route.Choose(r.m.tiers, req, r.candidates, now, r.choices)
}

var errRetries = &llm.Error{
	Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
	Message: "no deployment answers, and enough calls are trying again already",
}

// unable are the reasons of a request that the model cannot serve, in an order such
// that each of them covers those before it.
var unable = []struct {
	reasons []route.Reason
	say     func(r *run, e *llm.Error)
}{
	{[]route.Reason{route.NoCredential}, func(r *run, e *llm.Error) {
		e.Class, e.Blame, e.Status, e.Param = llm.Forbidden, llm.BlameKey, http.StatusForbidden, ""
		e.Message = fmt.Sprintf("no deployment of the model %s has a credential for this key's team; its operator can add one", r.m.name)
	}},
	{[]route.Reason{route.NoAnswers, route.NoEmbeddings, route.NoCounting}, func(r *run, e *llm.Error) {
		e.Param = "model"
		e.Message = fmt.Sprintf("the model %s cannot do this: %s: %s", r.m.name, r.m.deployments[r.choices[0].Candidate].name, r.choices[0].Reason)
	}},
	{[]route.Reason{route.KeptElsewhere}, func(r *run, e *llm.Error) {
		e.Message = fmt.Sprintf("what the request goes on from is kept by the deployment %s, which the model %s does not have; ask for a model that has it, or send the whole conversation", r.keeper, r.m.name)
	}},
	{[]route.Reason{route.OtherState}, func(r *run, e *llm.Error) {
		e.Message = fmt.Sprintf("the request carries state of %v (signed thinking or the like) that no deployment of the model %s understands; take it out, ask for another model, or set `state: strip` on this one",
			r.facts.Bindings, r.m.name)
	}},
	{[]route.Reason{route.MissingTag, route.NotAllowed}, func(r *run, e *llm.Error) {
		e.Message = fmt.Sprintf("no deployment of the model %s may serve this call: %s", r.m.name, r.why())
	}},
	{[]route.Reason{route.NoVision, route.NoDocuments, route.NoAudio, route.NoTools, route.NoSchema, route.NoReasoning}, func(r *run, e *llm.Error) {
		e.Param = "model"
		e.Message = fmt.Sprintf("no deployment of the model %s can do what the request asks: %s", r.m.name, r.why())
	}},
	{[]route.Reason{route.TooShort}, func(r *run, e *llm.Error) {
		e.Class, e.Code = llm.ContextOverflow, "context_length_exceeded"
		e.Message = fmt.Sprintf("the request is too long for every deployment of the model %s", r.m.name)
	}},
	{[]route.Reason{route.Loss}, func(r *run, e *llm.Error) { *e = *r.lossy }},
}

// nothing says why no deployment could be chosen, so that it can be mended.
func (r *run) nothing(until, now time.Time) *llm.Error {
	var among []route.Reason
	for i := range unable {
		among = append(among, unable[i].reasons...)
		if unable[i].reasons[0] == route.NoCredential { // by itself only
			if r.all(among) {
				e := &llm.Error{Billed: llm.BilledNo}
				unable[i].say(r, e)
				return e
			}
			among = nil
			continue
		}
		if r.all(among) {
			e := &llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusBadRequest}
			unable[i].say(r, e)
			return e
		}
	}
	e := &llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable}
	if r.all(append(among, route.QuotaRests, route.QuotaFull, route.CommittedFull)) {
		e.Class, e.Blame, e.Status = llm.RateLimited, llm.BlameQuota, http.StatusTooManyRequests
	}
	if until.After(now) {
		e.RetryAfter = until.Sub(now)
	}
	e.Message = fmt.Sprintf("no deployment of the model %s can take this call now; %s", r.m.name, r.why())
	return e
}

// all reports whether every candidate was skipped for one of the reasons.
func (r *run) all(reasons []route.Reason) bool {
	return !slices.ContainsFunc(r.choices, func(c route.Choice) bool { return !slices.Contains(reasons, c.Reason) })
}

// why is each candidate's reason, for a person.
func (r *run) why() string {
	var b strings.Builder
	for i := range r.choices {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", r.m.deployments[r.choices[i].Candidate].name, r.choices[i].Reason)
	}
	return b.String()
}

// queue waits for room, in the order and with the fairness of limit.Queue.
func (r *run) queue(c *call.Command) call.Event {
	from := r.d.now()
	e := r.line(c, from)
	for e.Kind == 0 {
		e = r.line(c, r.d.now())
	}
	r.waited(from)
	return e
}

// line is one stand in the queue; it ends without an event where others went before.
func (r *run) line(c *call.Command, now time.Time) call.Event {
	d, t := r.d, r.m.traffic
	w := &waiter{r: r, called: make(chan error, 1)}
	d.mu.Lock()
	r.uncall() // nothing became free by that
	if d.draining {
		d.mu.Unlock()
		return call.Event{Kind: call.Shed, Err: errDraining}
	}
	who := limit.Waiter{Key: r.c.Cause.Org + "|" + r.fairKey(), Priority: r.c.Priority, Until: c.Until, Cost: r.input + r.output}
	ticket, shed, ok := t.queue.Join(who, now)
	if shed != 0 {
		t.turnAway(shed, r.m.shedError(t.queue.Wait(now)))
	}
	if !ok {
		wait := t.queue.WaitFor(who, now)
		d.mu.Unlock()
		return r.shed(wait, "full")
	}
	t.enters(ticket, w)
	d.queues[t] = true
	d.mu.Unlock()

	over := time.NewTimer(c.Until.Sub(now))
	defer over.Stop()
	look := time.NewTicker(lookAgain) // windows fill again without anybody saying so
	defer look.Stop()
	for {
		select {
		case err := <-w.called:
			return r.left(err)
		case <-look.C:
			d.mu.Lock()
			d.pump(t, d.now())
			d.mu.Unlock()
			continue
		case <-r.ctx.Done():
		case <-over.C:
		}
		d.mu.Lock()
		gave := t.queue.Leave(ticket)
		t.leaves(ticket)
		wait := t.queue.WaitFor(who, d.now())
		d.mu.Unlock()
		if !gave { // it was called just now
			return r.left(<-w.called)
		}
		if r.ctx.Err() != nil {
			return call.Event{Kind: call.Shed, Err: r.asError(&r.lanes[0], errSink)}
		}
		return r.shed(wait, "expired")
	}
}

// lookAgain is how often those who wait look whether there is room.
const lookAgain = 250 * time.Millisecond

// left is the end of a wait: called, turned away for somebody more important, or
// passed over.
func (r *run) left(err error) call.Event {
	switch {
	case err == nil:
		r.called = true
		return call.Event{Kind: call.Called}
	case err == errPassed:
		return call.Event{}
	}
	return call.Event{Kind: call.Shed, Err: err.(*llm.Error)}
}

func (r *run) waited(since time.Time) { r.noteWait(r.d.now().Sub(since)) }

func (r *run) shed(wait time.Duration, reason string) call.Event {
	if m := r.d.o.Signs; m != nil {
		m.Shed(r.m.name, priorityName(r.c.Priority), reason)
	}
	return call.Event{Kind: call.Shed, Err: r.m.shedError(wait)}
}

// fairKey is whose turn it is in a queue: the client's key's, or, of runs, the agent's.
func (r *run) fairKey() string {
	if r.c.Cause.Key != "" {
		return r.c.Cause.Key
	}
	return r.c.Cause.Agent
}

func (m *model) shedError(wait time.Duration) *llm.Error {
	return &llm.Error{
		Class: llm.RateLimited, Blame: llm.BlameQuota, Billed: llm.BilledNo, Status: http.StatusTooManyRequests, RetryAfter: wait, Code: "over_capacity",
		Message: fmt.Sprintf("every deployment of the model %s is at capacity, and so is the queue before them; try again in %s", m.name, wait.Round(time.Second)),
	}
}

var errDraining = &llm.Error{
	Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable,
	RetryAfter: time.Second, Message: "shutting down; the next start takes calls again",
}
