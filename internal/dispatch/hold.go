package dispatch

import (
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/wire"
)

// How many tokens a request can be at most, before anybody has counted them. The
// bound is text ÷ 2, or what this deployment ever reported per byte and a quarter
// more, if that is worse: English text has four to five bytes a token, source code
// and digits three to two, scripts of three bytes a letter rarely less than two.
// The constants are far above what providers document for their own framing.
const (
	boundPerMille = 500  // tokens per 1,000 bytes of text
	perRequest    = 32   // the model's own framing of a conversation
	perMessage    = 16   // role and separators
	perTool       = 64   // a tool's framing, and its share of the hidden instructions
	withTools     = 1024 // hidden instructions where there are tools (Anthropic documents up to about 700)
	perMedia      = 5000 // an image at its highest documented resolution
	mediaBytes    = 8    // bytes of a document or of sound per token, where that is more
)

// bytesPerToken is the estimate, where a bound is not wanted.
const bytesPerToken = 4

const (
	defaultCap = 4096 // where neither the request nor the model states one; providers count it against their own limits too
	leastCap   = 256  // with fewer tokens an attempt makes no sense
)

// inputBound is the most tokens of input that a request can be counted as there.
func (dep *deployment) inputBound(f *wire.Facts) int64 {
	n := f.TextBytes*max(boundPerMille, dep.inputPerMille.Load())/1000 + 1
	n += perRequest + perMessage*int64(f.Messages) + perTool*int64(f.Tools) + perMedia*int64(f.Media) + f.MediaBytes/mediaBytes
	if f.Tools > 0 {
		n += withTools
	}
	if dep.context > 0 { // more than that it refuses
		n = min(n, dep.context)
	}
	return n
}

// learn raises the bound where an answer reports more tokens per byte than were
// thought possible.
func (dep *deployment) learn(f *wire.Facts, input int64) {
	if f.Media > 0 || f.TextBytes < 1000 { // the constants would be taken for text
		return
	}
	rest := input - perRequest - (perMessage*int64(f.Messages) + perTool*int64(f.Tools))
	seen := rest * 1250 / f.TextBytes
	for {
		had := dep.inputPerMille.Load()
		if seen <= had || dep.inputPerMille.CompareAndSwap(had, seen) {
			return
		}
	}
}

// outputWanted is the cap of an attempt before budgets have a say, and whether
// somebody stated it.
func (r *run) outputWanted(dep *deployment, input int64) (n int64, stated bool) {
	switch {
	case r.facts.MaxOutput > 0:
		n, stated = r.facts.MaxOutput, true
	case r.m.outputCap > 0:
		n, stated = r.m.outputCap, true
	default:
		n = defaultCap
	}
	if dep.maxOutput > 0 {
		n = min(n, dep.maxOutput)
	}
	if dep.context > input {
		n = min(n, dep.context-input)
	}
	return n, stated
}

// hold sets money aside for an attempt and makes its request, which needs the cap
// that the money allows.
func (r *run) hold(c *call.Command) call.Event {
	a, f, now := &r.at, r.facts, r.d.now()
	dep := a.dep
	a.id = r.c.ID + "/" + strconv.Itoa(c.Attempt)
	a.input = dep.inputBound(f)
	want, stated := r.outputWanted(dep, a.input)
	a.cap = want
	if cards := r.d.o.Cards; cards != nil {
		a.card, _ = cards.Card(dep.name, now)
	}
	if b := r.d.o.Budget; b != nil {
		bound := a.card.AppendBound(r.charges[:0], price.Ask{InputTokens: a.input})
		ask := Ask{
			ID: a.id, Cause: &r.c.Cause, Model: r.m.name, Fixed: bound.Fixed,
			Price: bound.PerOutput.Price, Per: bound.PerOutput.Per, Most: want, Least: min(leastCap+f.ThinkingBudget, want),
			Choices: f.Choices, Until: c.Until.Add(time.Minute), Unpriced: bound.Unbounded != "", Unbounded: bound.Unbounded,
		}
		grant, refused := b.Hold(now, &ask)
		r.charges = bound.Charges[:0]
		if refused != nil {
			return call.Event{Kind: call.Refused, Err: refused}
		}
		a.grant = grant
		if grant.Hard {
			a.cap = grant.Tokens
		}
	}
	if r.ctx.Err() != nil { // nobody waits for an answer any more
		r.giveBack()
		return call.Event{Kind: call.Refused, Err: r.asError(errSink)}
	}
	t := wire.Target{
		Format: dep.info.Format, Dialect: dep.info.Dialect, Upstream: dep.upstream, MaxOutput: dep.maxOutput,
		LossyOK: r.m.lossyOK && r.losesAt(dep),
	}
	if a.grant.Hard || f.MaxOutput == 0 && stated {
		t.OutputCap = a.cap
	}
	a.lower = t.OutputCap > 0 && (f.MaxOutput == 0 || a.cap < f.MaxOutput)
	body, losses, err := r.c.Source.Body(&t)
	if err != nil {
		r.giveBack()
		return r.unfit(err)
	}
	a.body, a.losses = body, losses
	return call.Event{Kind: call.Held, Hard: a.grant.Hard || r.d.careful()}
}

// unfit: the request can not be made for this deployment. Where that is for a loss
// of meaning, route is asked again, knowing it.
func (r *run) unfit(err error) call.Event {
	e := r.asError(err)
	if e.Class != llm.Lossy || r.losesAt(r.at.dep) {
		return call.Event{Kind: call.Refused, Err: e}
	}
	r.loses = append(r.loses, r.at.dep.info.Format)
	r.lossy = e
	return call.Event{Kind: call.Refused, Err: e, Again: true}
}

func (r *run) losesAt(dep *deployment) bool {
	for _, f := range r.loses {
		if f == dep.info.Format {
			return true
		}
	}
	return false
}

func (r *run) giveBack() {
	if g := &r.at.grant; g.ID != "" {
		r.d.o.Budget.Return(r.d.now(), g)
		*g = Grant{}
	}
}

// record writes what the attempt may cost at most, so that it can be explained
// after a crash.
func (r *run) record(c *call.Command) call.Event {
	if r.d.o.Journal == nil {
		if c.Wait {
			return call.Event{Kind: call.Recorded}
		}
		return call.Event{}
	}
	a := &r.at
	e := r.newEntry()
	bound := a.card.AppendBound(nil, price.Ask{InputTokens: a.input, OutputTokens: a.cap * max(r.facts.Choices, 1)})
	e.Charges, e.Marks, e.Outcome = bound.Charges, unknownMarks, ledger.OutcomeUnknown
	e.ConsumedFrom = r.d.now()
	rec, err := ledger.OpenRecord(e, r.w.setup.Revision)
	if err == nil {
		err = r.d.submit(r, batchOf(rec), c.Wait)
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

var unknownMarks = []price.Mark{price.MarkUnknown}
