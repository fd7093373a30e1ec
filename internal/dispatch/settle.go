package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// settle books what an attempt cost, and gives back what is left of its hold once
// that is durable. The last one waits, and takes the call's record with it.
func (r *run) settle(l *lane, c call.Command) call.Event {
	var entry *ledger.Entry
	var back *refund
	if c.Last {
		r.calm()
	}
	if c.Attempt > 0 {
		if entry, back = r.book(l, c.Err); r.op == llm.Count {
			entry = nil // it is told in the call's record, and costs nothing
		}
	}
	if !c.Last {
		r.d.later(entry, r.w.setup.Revision, back)
		r.booked()
		return call.Event{}
	}
	r.letGo()
	r.tellReceipt(l, c.Attempt)
	s := Settlement{Entry: entry, Call: r.endRecord(c.Told), Durable: back.settle}
	if c.Told == nil {
		s.Response = r.response(l)
	} else {
		s.Err = forClient(c.Told)
	}
	batch, err := r.batch(entry)
	if err != nil {
		r.d.o.Log.Error("a call was not recorded", "call", r.c.ID, "error", err)
	}
	s.Batch = batch
	ctx := context.WithoutCancel(r.ctx)
	if r.c.Settle != nil {
		err = r.c.Settle(ctx, &s)
	} else {
		err = r.d.submit(l, batch, true)
	}
	if err != nil {
		r.d.rescue(r, l, batch, err, r.c.Settle != nil)
	}
	back.settle()
	return call.Event{Kind: call.Settled}
}

// refund settles a hold, once, when its entry is durable, and not before: a crash in
// between books the bound, and what is left of that must not have been lent to
// somebody else meanwhile. A nil one does nothing.
type refund struct {
	d     *Dispatcher
	grant Grant
	spent money.Amount
	once  sync.Once
}

func (f *refund) settle() {
	if f != nil {
		f.once.Do(func() { f.d.o.Budget.Settle(f.d.now(), &f.grant, f.spent) })
	}
}

// calm waits until the attempts that ended before are booked.
func (r *run) calm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.watched.books > 0 {
		r.quiet.Wait()
	}
}

// booked says that an attempt was booked that is not the last.
func (r *run) booked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched.books--
	r.quiet.Broadcast()
}

// book makes the attempt's entry, and says what is to become of its hold.
func (r *run) book(l *lane, err *llm.Error) (e *ledger.Entry, back *refund) {
	a, now := &l.at, r.d.now()
	e = r.newEntry(a)
	if !a.opened { // it was not wanted any more when its record was durable
		a.rec.Started, a.rec.Ended = now, now
	}
	e.ConsumedFrom, e.ConsumedTo, e.BookedAt = a.rec.Started, a.rec.Ended, now
	usage, source := r.usage(l, err)
	r.observe(l, err, &usage, source == price.Reported)
	e.Charges = []price.Charge{}
	if a.sent && r.op != llm.Count {
		e.Charges = a.card.Rate(price.UsageReadings(usage, source), price.UsageOptions(usage))
	}
	metered := a.consumed()
	if len(metered) > 0 {
		e.Charges = a.card.AppendRate(e.Charges, metered, price.Options{})
	}
	if source == price.Estimated {
		e.Marks = estimatedMarks
	}
	e.Outcome = outcomeOK
	if err != nil {
		e.Outcome = string(err.Class)
	}
	cost := price.Total(e.Charges)
	if g := &a.grant; g.ID != "" {
		if cost.Cmp(g.Held) > 0 {
			e.Marks = price.Marks(e.Marks, price.MarkOverrun)
			r.d.o.Log.Warn("an attempt cost more than was held for it", "attempt", a.id, "deployment", a.dep.name, "held", g.Held.String(), "cost", cost.String())
		}
		if g.Hard && source == price.Estimated && len(metered) == 0 && a.openEnded(err) && cost.Cmp(g.Held) < 0 {
			e.Doubt = g.Held.Sub(cost)
		}
		back = &refund{d: r.d, grant: *g, spent: cost.Add(e.Doubt)}
		*g = Grant{}
	}
	if source == price.Reported && r.op == llm.Generate {
		a.dep.learn(r.facts, a.text, usage.InputTokens())
	}
	r.endAttempt(l, e, err, cost)
	if m := r.d.o.Metrics; m != nil {
		m.Attempt(r.m.name, a.dep.name, e.Outcome, a.rec.Ended.Sub(a.rec.Started), &usage, cost)
	}
	return e, back
}

var estimatedMarks = []price.Mark{price.MarkEstimated}

// openEnded reports whether an estimate may be below what the upstream bills: it may
// have gone on with the answer after we saw the last of it, since it had begun to
// answer, broke off without a word, or we left it; or the answer is whole and nobody says what it took, thinking
// that was not shown and work in the background included. Then a hard budget counts
// all that was held until it is confirmed.
func (a *attempt) openEnded(err *llm.Error) bool {
	begun := a.rec.Status == 0 || a.rec.Status >= 200 && a.rec.Status <= 299 // without a status nobody knows
	return err == nil || err.Billed != llm.BilledNo && (begun || a.left)
}

// usage is what the attempt is booked with. What the provider reported of a whole
// answer stands. Of one that broke, or came without a report, what was seen is an
// estimate, never more than what was held for it. An answer that is an error is not
// billed, by any provider's terms; where the work may have been done all the same
// that is an estimate too, so that an export can say otherwise.
func (r *run) usage(l *lane, err *llm.Error) (llm.Usage, price.Source) {
	a := &l.at
	p := &a.progress
	if err == nil && p.Usage.Reported {
		none := p.Usage.InputTokens()+p.Usage.OutputTokens() == 0
		if !none || !p.Content() && r.op != llm.Embed { // nothing is not what something took
			return p.Usage, price.Reported
		}
	}
	if err != nil && !p.Content() {
		switch free, refused := err.Billed == llm.BilledNo, a.rec.Status >= 400 || a.refused; {
		case !a.sent, free && refused:
			return llm.Usage{}, price.Reported
		case free, refused:
			return llm.Usage{}, price.Estimated
		}
	}
	u := p.Usage
	if u.InputTokens() == 0 {
		u.Tokens[llm.TokInput] = min(r.facts.TextBytes/bytesPerToken+1, a.input)
	}
	seen := llm.Usage{}
	seen.Tokens[llm.TokOutput] = (p.TextBytes + p.ToolBytes + bytesPerToken - 1) / bytesPerToken
	seen.Tokens[llm.TokReasoning] = (p.ThinkingBytes + bytesPerToken - 1) / bytesPerToken
	if seen.OutputTokens() > u.OutputTokens() {
		u.Tokens[llm.TokOutput], u.Tokens[llm.TokReasoning] = seen.Tokens[llm.TokOutput], seen.Tokens[llm.TokReasoning]
	}
	most := r.outputBound(a)
	u.Tokens[llm.TokOutput] = min(u.Tokens[llm.TokOutput], most)
	u.Tokens[llm.TokReasoning] = min(u.Tokens[llm.TokReasoning], most-u.Tokens[llm.TokOutput])
	return u, price.Estimated
}

// newEntry is the attempt's entry, as far as it is known when it is opened.
func (r *run) newEntry(a *attempt) *ledger.Entry {
	e := &ledger.Entry{
		ID: a.id, Kind: ledger.Attempt, Cause: r.c.Cause,
		Cloud: a.dep.info.Cloud, Service: a.dep.info.Service, Region: a.dep.region, Deployment: a.dep.name,
		Model: r.c.Model, UpstreamID: a.rec.UpstreamID, Held: a.grant.Held, Windows: a.grant.Windows,
	}
	if a.card != nil {
		e.Book = a.card.Book
		e.Service = orElse(a.card.Service, e.Service)
	}
	e.Cause.Org = orDefault(e.Cause.Org)
	return e
}

// response is the whole answer, where the sink asked for events.
func (r *run) response(l *lane) *llm.Response {
	switch {
	case r.want != "":
		return nil
	case l.at.gather != nil:
		return l.at.gather.Response()
	}
	return l.whole
}

// batch is the records of the last entry and the call.
func (r *run) batch(entry *ledger.Entry) (store.Batch, error) {
	b := store.Batch{Records: make([]store.Record, 0, 2)}
	if entry != nil {
		rec, err := ledger.EntryRecord(entry, r.w.setup.Revision)
		if err != nil {
			return b, fmt.Errorf("encode the entry %s: %w", entry.ID, err)
		}
		b.Records = append(b.Records, rec)
	}
	b.Records = append(b.Records, store.Record{
		Org: r.rec.Cause.Org, Kind: KindCall, Version: callVersion, Stream: r.c.ID, Config: r.w.setup.Revision,
		Body: appendCall(make([]byte, 0, 1280), r.rec), Value: r.rec,
	})
	return b, nil
}

func batchOf(recs ...store.Record) store.Batch { return store.Batch{Records: recs} }

func orElse(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func costText(a money.Amount) string {
	if a.Currency() == (money.Currency{}) {
		return ""
	}
	return a.String()
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
