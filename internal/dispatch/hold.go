package dispatch

import (
	"slices"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/wire"
)

const (
	defaultCap = 4096 // where neither the request nor the model states one; providers count it against their own limits too
	leastCap   = 256  // with fewer tokens an attempt makes no sense
)

// What a client asks for may be any number. Where a model's own limit is not known
// this one stands for it: no model gives more in one answer, and nobody's wish for
// all the tokens of the world holds all the money there is.
const unknownOutput = 128 << 10 // tokens

// No product of these leaves 64 bits, whatever a configuration says.
const (
	mostOutput  = 1 << 30 // tokens
	mostChoices = 1 << 10
)

// outputBound is the most tokens of output that all answers of an attempt can have.
func (r *run) outputBound(a *attempt) int64 {
	return min(a.cap, mostOutput) * min(max(r.facts.Choices, 1), mostChoices)
}

// outputWanted is the cap of an attempt before budgets have a say, and whether
// somebody stated it.
func (r *run) outputWanted(dep *deployment, input int64) (n int64, stated bool) {
	switch {
	case r.op != llm.Generate:
		return 0, false
	case r.facts.MaxOutput > 0:
		n, stated = r.facts.MaxOutput, true
	case r.m.outputCap > 0:
		n, stated = r.m.outputCap, true
	default:
		n = defaultCap
	}
	if dep.maxOutput > 0 {
		n = min(n, dep.maxOutput)
	} else {
		n = min(n, unknownOutput)
	}
	if dep.context > input {
		n = min(n, dep.context-input)
	}
	return n, stated
}

// hold sets money aside for an attempt and makes its request, which needs the cap
// that the money allows.
func (r *run) hold(l *lane, c *call.Command) call.Event {
	a, f, now := &l.at, r.facts, r.d.now()
	dep := a.dep
	a.id = r.c.ID + "/" + strconv.Itoa(c.Attempt)
	if r.resume != nil {
		a.seam = r.resume.verdict.String()
	}
	a.on = r.surface(dep)
	a.codec = r.d.o.Codecs(a.on.Format)
	l.as = *r.as
	if r.c.Seals != nil && a.on.Format == r.want && Keeps(r.want) { // what is put into another format is kept nowhere
		l.as.Seal = func(id string) string { return r.sealAs(dep, id) }
	}
	t := wire.Target{
		Format: a.on.Format, Dialect: a.on.Dialect, Upstream: dep.upstream, MaxOutput: dep.maxOutput,
		LossyOK: r.m.lossyOK && r.loses(dep), Model: dep.facts, Betas: f.Betas, IDs: r.ids,
	}
	body, losses, err := r.request(a, &t) // to be weighed; the cap comes later
	if err != nil {
		return r.unfit(l, err)
	}
	var bounded bool
	a.input, a.text, bounded = dep.inputBound(f, body)
	want, stated := r.outputWanted(dep, a.input)
	a.cap = want
	if cards := r.d.o.Cards; cards != nil {
		a.card, _ = cards.Card(dep.name, now)
	}
	a.most = dep.most(c.Until.Sub(now))
	if b := r.d.o.Budget; b != nil && r.op != llm.Count { // which costs nothing
		bound := a.card.AppendBound(l.charges[:0], a.ask(f, 0))
		if len(a.most) > 0 {
			bound.Fixed = bound.Fixed.Add(price.Total(a.card.Rate(a.most, price.Options{})))
		}
		ask := Ask{
			ID: a.id, Cause: &r.c.Cause, Model: r.m.name, Fixed: bound.Fixed,
			Price: bound.PerOutput.Price, Per: bound.PerOutput.Per, Most: want, Least: min(leastCap+f.ThinkingBudget, want),
			Choices: f.Choices, Until: c.Until.Add(time.Minute), Unpriced: bound.Unbounded != "", Unbounded: bound.Unbounded,
		}
		switch {
		case dep.searches && r.op == llm.Generate:
			ask.Unbounded = "the model searches by itself, at a cost that nothing bounds; use another model, or a soft budget"
		case !bounded:
			ask.Unbounded = unbounded(f)
		case f.OtherModels != "" && a.on.Format == f.Format: // else it does not go there
			ask.Unbounded = "its " + f.OtherModels + " let the provider answer with other models, at other prices; leave them out"
		}
		grant, refused := b.Hold(now, &ask)
		l.charges = bound.Charges[:0]
		if refused != nil {
			return call.Event{Kind: call.Refused, Err: refused}
		}
		a.grant = grant
		if grant.Hard && r.op == llm.Generate {
			a.cap = grant.Tokens
		}
	}
	if r.ctx.Err() != nil { // nobody waits for an answer any more
		r.giveBack(l)
		return call.Event{Kind: call.Refused, Err: r.asError(l, errSink)}
	}
	if r.op == llm.Generate && (a.grant.Hard || f.MaxOutput == 0 && stated) {
		t.OutputCap = a.cap
		if body, losses, err = r.request(a, &t); err != nil {
			r.giveBack(l)
			return r.unfit(l, err)
		}
	}
	a.lower = t.OutputCap > 0 && (f.MaxOutput == 0 || a.cap < f.MaxOutput)
	a.body, a.losses = body, eachOnce(losses)
	return call.Event{Kind: call.Held, Hard: a.grant.Hard || r.d.careful()}
}

// eachOnce drops losses of fields that are named already: a field can be lost by its
// format and by its model.
func eachOnce(losses []wire.Loss) []wire.Loss {
	out := losses[:0:0]
	for _, l := range losses {
		if !slices.ContainsFunc(out, func(had wire.Loss) bool { return had.Field == l.Field }) {
			out = append(out, l)
		}
	}
	return out
}

// unbounded says, for a person, what in a request has no bound.
func unbounded(f *wire.Facts) string {
	if f.ServerTool != "" {
		return "the provider runs " + f.ServerTool + " by itself, at a cost that nothing bounds; leave it out"
	}
	return "it holds a document whose size in tokens cannot be told; state the context of the deployment"
}

// unfit: the request can not be made for this deployment. Where that is for a loss
// of meaning, route is asked again, knowing it.
func (r *run) unfit(l *lane, err error) call.Event {
	e := r.asError(l, err)
	if e.Class != llm.Lossy || r.loses(l.at.dep) {
		return call.Event{Kind: call.Refused, Err: e}
	}
	r.lossyAt = append(r.lossyAt, l.at.on.Format)
	r.lossy = e
	return call.Event{Kind: call.Refused, Err: e, Again: true}
}

func (r *run) giveBack(l *lane) {
	if g := &l.at.grant; g.ID != "" {
		r.d.o.Budget.Return(r.d.now(), g)
		*g = Grant{}
	}
}

// record writes what the attempt may cost at most, so that it can be explained
// after a crash.
func (r *run) record(l *lane, c *call.Command) call.Event {
	if r.d.o.Journal == nil || r.op == llm.Count {
		if c.Wait {
			return call.Event{Kind: call.Recorded}
		}
		return call.Event{}
	}
	a := &l.at
	e := r.newEntry(a)
	bound := a.card.AppendBound(make([]price.Charge, 0, usualCharges), a.ask(r.facts, r.outputBound(a)))
	if len(a.most) > 0 {
		bound.Charges = a.card.AppendRate(bound.Charges, a.most, price.Options{})
	}
	e.Charges, e.Marks, e.Outcome = bound.Charges, unknownMarks, ledger.OutcomeUnknown
	a.doubtPrices(e.Charges)
	e.ConsumedFrom = r.d.now()
	rec, err := ledger.OpenRecord(e, r.w.setup.Revision)
	if err == nil {
		err = r.d.submit(l, batchOf(rec), c.Wait)
	}
	switch {
	case err != nil && c.Wait:
		return call.Event{Kind: call.Unrecorded, Err: unwritable(err)}
	case err != nil:
		r.d.o.Log.Error("an open record was not written", "attempt", a.id, "error", err)
	case c.Wait:
		return call.Event{Kind: call.Recorded}
	}
	return call.Event{}
}

// usualCharges is how many lines most attempts have: calls, input, output, cache.
const usualCharges = 4

var unknownMarks = []price.Mark{price.MarkUnknown}
