package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/wire/all"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything around an engine; it outlives the engine, as services do.
type world struct {
	t      *testing.T
	dir    string
	model  func(step int) llm.Response // what the model says at each step
	tool   *service
	budget *purse
	refuse func(store.Batch) error // what the store takes not
	calls  int
	mu     sync.Mutex
	ids    int
	run    string // that asked last

	tracer  func() *telemetry.Tracer // of a life; nil: it is not traced
	within  []trace.SpanContext      // of each model call
	metrics engine.Metrics
}

// life is one process's life in a world.
type life struct {
	*world
	store  *store.Store
	engine *engine.Engine
	trace  *telemetry.Tracer
}

func newWorld(t *testing.T) *world {
	return &world{t: t, dir: t.TempDir(), tool: &service{done: map[string]int{}}, budget: &purse{}}
}

func views() []store.View {
	return append(ledger.Views(), dispatch.Calls, engine.Runs, engine.Definitions)
}

func (w *world) start() *life {
	w.t.Helper()
	st, err := store.Open(w.t.Context(), w.dir, store.Options{Views: views()})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := ledger.Recover(w.t.Context(), st, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	results, err := tool.Open(tool.Results, tool.Spec{}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := engine.NewAgent("clerk", engine.AgentOptions{
		Model: "m", Goal: "Do it for {{.who}}.", Tools: []string{"svc"}, Limits: engine.LimitOptions{Budget: "1 USD", Steps: 20},
	}, map[string]tool.Tool{"svc": w.tool, tool.Results: results})
	if err != nil {
		w.t.Fatal(err)
	}
	card := &price.Card{Cloud: "local", Service: "Service", Rates: []price.Rate{{
		Meter: price.MeterPublishes, SKU: "svc/publishes", Unit: "publish", Price: money.New(1, -2, money.USD), Per: 1,
	}}}
	var tr *telemetry.Tracer
	if w.tracer != nil {
		tr = w.tracer()
	}
	e := engine.New(engine.Options{
		Metrics: w.metrics, Trace: tr,
		Org: "default", Store: picky{st, w.refuse}, Calls: w, Budgets: w.budget, Codecs: all.Codec,
		Cards:  func(tool.Resource, time.Time) (*price.Card, bool) { return card, true },
		Agents: map[string]*engine.Agent{"clerk": a}, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewID: w.newID,
	})
	if _, err := e.Recover(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return &life{w, st, e, tr}
}

// picky is a store that does not take everything.
type picky struct {
	*store.Store
	refuse func(store.Batch) error
}

func (p picky) Submit(b store.Batch, done func(int64, error)) {
	if p.refuse != nil {
		if err := p.refuse(b); err != nil {
			go done(0, err)
			return
		}
	}
	p.Store.Submit(b, done)
}

// crash ends the process's life with nothing brought to its end.
func (l *life) crash() {
	l.t.Helper()
	l.engine.Close()
	if err := l.store.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func (w *world) newID(prefix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("%s%d", prefix, w.ids)
}

// until waits for a run to be in a status.
func (l *life) until(run string, want agent.Status) engine.Run {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	for {
		lsn := l.store.LSN()
		r, err := engine.Get(ctx, l.store.Reader(), "default", run)
		if err == nil && r.Status == want {
			return r
		}
		if werr := l.store.Wait(ctx, lsn); werr != nil {
			l.t.Fatalf("%s is %q (%s), %v; want %q: %v", run, r.Status, r.Reason, err, want, werr)
		}
	}
}

// Do serves a model call as dispatch does: an entry and a record, settled by the caller.
func (w *world) Do(ctx context.Context, c dispatch.Call) (*dispatch.CallRecord, error) {
	if _, _, err := c.Source.Body(targetChat); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.calls++
	w.run = c.Cause.Run
	w.within = append(w.within, within(ctx))
	w.mu.Unlock()
	now := time.Now()
	e := &ledger.Entry{ID: c.ID + "/1", Kind: ledger.Attempt, Cause: c.Cause, ConsumedFrom: now, ConsumedTo: now, BookedAt: now, Outcome: "ok"}
	rec, err := ledger.EntryRecord(e, "")
	if err != nil {
		return nil, err
	}
	resp := w.model(c.Cause.Step)
	s := &dispatch.Settlement{Entry: e, Response: &resp, Batch: store.Batch{Records: []store.Record{rec}}}
	return &dispatch.CallRecord{ID: c.ID}, c.Settle(ctx, s)
}

// service is a tool with a memory of what it was asked to do.
type service struct {
	class     agent.Class
	remembers time.Duration
	resend    bool
	whole     []byte // the whole result, of which the beginning is shown
	mu        sync.Mutex
	done      map[string]int // command → times done
	calls     []tool.Call
	hang      chan struct{} // when set, the first execution is done and never answers
	fail      error
}

func (s *service) Resource() tool.Resource {
	return tool.Resource{Name: "svc", Kind: "notify", Cloud: "local"}
}
func (s *service) Check(context.Context) error { return nil }
func (s *service) Close() error                { return nil }
func (s *service) Operations() []tool.Operation {
	return []tool.Operation{{
		Name: "svc_send", Description: "Send.", Class: s.class, For: s.remembers, Resend: s.resend, Rest: s.whole != nil, Timeout: time.Minute, MaxResult: 1000,
		Schema: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}`),
		Bound:  []price.Reading{{Meter: price.MeterPublishes, Quantity: 1, Source: price.Counted}},
	}}
}

func (s *service) Do(ctx context.Context, c tool.Call) (tool.Result, error) {
	s.mu.Lock()
	s.calls = append(s.calls, c)
	again := s.done[c.ID] > 0
	if !again || s.class != agent.Keyed {
		s.done[c.ID]++
	}
	hang, fail := s.hang, s.fail
	s.hang = nil
	s.mu.Unlock()
	tool.MeterFrom(ctx).Count(price.MeterPublishes, 1, price.Counted)
	if hang != nil {
		close(hang)
		<-ctx.Done()
		return tool.Result{}, ctx.Err()
	}
	if fail != nil {
		return tool.Result{}, fail
	}
	if s.whole != nil {
		return tool.Result{Content: s.whole[:100:100], Whole: s.whole}, nil
	}
	return tool.Result{Content: []byte("sent"), Repeat: again && s.class == agent.Keyed}, nil
}

// purse is a budget that refuses when told to.
type purse struct {
	mu     sync.Mutex
	refuse bool
	held   int
	spent  []money.Amount // as each OpenRun said
}

func (p *purse) Hold(_ time.Time, a *dispatch.Ask) (dispatch.Grant, *llm.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return dispatch.Grant{}, &llm.Error{Class: llm.OverBudget, Message: "the purse is empty"}
	}
	p.held++
	return dispatch.Grant{ID: a.ID, Held: a.Fixed, Hard: true, Windows: []string{"run:" + a.Cause.Run + "/run/all"}}, nil
}

func (p *purse) Settle(time.Time, *dispatch.Grant, money.Amount) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held--
}
func (p *purse) Return(now time.Time, g *dispatch.Grant) { p.Settle(now, g, money.Amount{}) }
func (p *purse) CloseRun(string)                         {}

func (p *purse) OpenRun(_ string, _, spent money.Amount) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent = append(p.spent, spent)
	return nil
}

// sends asks for one effect at the first step, and says «done» after it.
func sends(step int) llm.Response {
	if step == 1 {
		return llm.Response{Stop: llm.StopTools, Parts: []llm.Part{
			{Kind: llm.ToolCall, ID: "t1", Name: "svc_send", Arguments: json.RawMessage(`{"n":1}`)},
		}}
	}
	return llm.Response{Stop: llm.StopEnd, Parts: []llm.Part{{Kind: llm.Text, Text: "done"}}}
}

var who = map[string]string{"who": "Ada"}

func TestARunEndsWithItsEntries(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	l := w.start()
	defer l.crash()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	if r := l.until(run, agent.Done); r.Steps != 2 {
		t.Errorf("%d steps, want 2", r.Steps)
	}
	bill, err := ledger.ReadBill(t.Context(), l.store.Reader(), ledger.Query{Org: "default", Run: run})
	if err != nil {
		t.Fatal(err)
	}
	if len(bill.Lines) != 1 || bill.Lines[0].ID != run+"/2/1/1#1" || bill.Totals[0].Cost != "0.01" {
		t.Errorf("the bill is %+v", bill)
	}
	if w.budget.held != 0 {
		t.Errorf("%d holds are left", w.budget.held)
	}
}

func TestAnAnswerAndItsEntryAreOneBatch(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Read, sends
	l := w.start()
	defer l.crash()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Done)
	records, err := l.store.Records(t.Context(), 0, store.Filter{Stream: run}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if records[i].Kind != ledger.KindEntry {
			continue
		}
		rec, err := agent.Decode(records[i-1].Version, records[i-1].Body)
		if err != nil || records[i-1].LSN != records[i].LSN-1 {
			t.Fatalf("lsn %d: the record before an entry is lsn %d of kind %s (%v)", records[i].LSN, records[i-1].LSN, records[i-1].Kind, err)
		}
		if k := rec.Input.Kind; k != agent.ModelAnswered && k != agent.ToolReturned {
			t.Errorf("lsn %d: an entry stands beside a record of %s", records[i].LSN, k)
		}
	}
}

func TestAKeyedEffectIsDoneOnceOverACrash(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.tool.hang = make(chan struct{})
	hung := w.tool.hang
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	<-hung
	l.crash()
	l = w.start()
	defer l.crash()
	l.until(run, agent.Done)
	command := run + "/2/1"
	if len(w.tool.calls) != 2 || w.tool.calls[1].ID != command || w.tool.calls[1].Try != 2 {
		t.Errorf("the service was called with %+v, want the same command twice", w.tool.calls)
	}
	if w.tool.done[command] != 1 {
		t.Errorf("it was done %d times", w.tool.done[command])
	}
	bill, err := ledger.ReadBill(t.Context(), l.store.Reader(), ledger.Query{Org: "default", Run: run})
	if err != nil {
		t.Fatal(err)
	}
	if len(bill.Lines) != 2 || bill.Lines[0].Marks[0] != price.MarkUnknown {
		t.Errorf("the bill is %+v, want the lost execution marked unknown, and its repetition", bill.Lines)
	}
}

func TestAnEffectThatMustNotBeRepeatedIsInDoubtAfterACrash(t *testing.T) {
	for _, c := range []struct {
		answer string
		times  int
	}{{agent.AnswerDone, 1}, {agent.AnswerNotDone, 2}, {agent.AnswerAbandon, 1}} {
		t.Run(c.answer, func(t *testing.T) {
			w := newWorld(t)
			w.tool.class, w.model = agent.Once, sends
			w.tool.hang = make(chan struct{})
			hung := w.tool.hang
			l := w.start()
			run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
			if err != nil {
				t.Fatal(err)
			}
			<-hung
			l.crash()
			l = w.start()
			defer l.crash()
			l.until(run, agent.InDoubt)
			if err := l.engine.Resolve(t.Context(), run, run+"/2/1/1", c.answer, "test", ""); err != nil {
				t.Fatal(err)
			}
			l.until(run, agent.Done)
			if got := w.tool.done[run+"/2/1"]; got != c.times {
				t.Errorf("it was done %d times, want %d", got, c.times)
			}
			if err := l.engine.Resolve(t.Context(), run, run+"/2/1/1", c.answer, "test", ""); !errors.Is(err, engine.ErrNotFit) {
				t.Errorf("a second answer gave %v", err)
			}
		})
	}
}

func TestARunStopsAtItsBudgetAndGoesOnWithALargerOne(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.budget.refuse = true
	l := w.start()
	defer l.crash()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Stopped)
	if len(w.tool.calls) != 0 {
		t.Error("an effect was performed without money for it")
	}
	w.budget.mu.Lock()
	w.budget.refuse = false
	w.budget.mu.Unlock()
	if err := l.engine.Resume(t.Context(), run, engine.ResumeRequest{Budget: money.New(2, 0, money.USD)}); err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Done)
	if w.calls != 2 || len(w.tool.calls) != 1 {
		t.Errorf("%d model calls and %d effects; what was done must not be done again", w.calls, len(w.tool.calls))
	}
}

// TestARunsBudgetCountsWhatACrashHid: the effect whose outcome nobody saw is booked
// at its bound, and the run goes on with so much less.
func TestARunsBudgetCountsWhatACrashHid(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.tool.hang = make(chan struct{})
	hung := w.tool.hang
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	<-hung
	l.crash()
	l = w.start()
	defer l.crash()
	l.until(run, agent.Done)
	w.budget.mu.Lock()
	defer w.budget.mu.Unlock()
	if s := w.budget.spent; len(s) != 2 || !s[0].IsZero() || s[1].Cmp(money.New(1, -2, money.USD)) != 0 {
		t.Errorf("the run's budget began with %v spent, want nothing and then 0.01 USD", s)
	}
}

// TestWhatWasDoneIsBookedWhoeverOwnsTheRun: the run's record of an effect is refused,
// and what the effect cost is on the bill all the same.
func TestWhatWasDoneIsBookedWhoeverOwnsTheRun(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.refuse = func(b store.Batch) error {
		w.tool.mu.Lock()
		defer w.tool.mu.Unlock()
		if len(b.Records) > 1 && b.Records[0].Kind == agent.Kind && b.Records[1].Kind == ledger.KindEntry && len(w.tool.calls) > 0 {
			return store.ErrFenced
		}
		return nil
	}
	l := w.start()
	defer l.crash()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		lsn := l.store.LSN()
		if e, err := ledger.Get(ctx, l.store.Reader(), "default", run+"/2/1/1"); err == nil {
			if e.Total().Cmp(money.New(1, -2, money.USD)) != 0 {
				t.Errorf("booked %s", e.Total())
			}
			return
		}
		if err := l.store.Wait(ctx, lsn); err != nil {
			t.Fatal("the effect was never booked")
		}
	}
}

func TestAStartUnderTheSameKeyIsTheSameRun(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Read, sends
	l := w.start()
	start := func() (string, bool) {
		t.Helper()
		run, again, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		return run, again
	}
	first, again := start()
	if again {
		t.Error("the first start is not a repeat")
	}
	l.until(first, agent.Done)
	if second, again := start(); second != first || !again {
		t.Errorf("a second start gave %s, %v", second, again)
	}
	l.crash()
	l = w.start()
	defer l.crash()
	if third, again := start(); third != first || !again {
		t.Errorf("a start after a crash gave %s, %v", third, again)
	}
}

func TestACanceledRunCallsOffWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	w.tool.hang = make(chan struct{})
	hung := w.tool.hang
	l := w.start()
	defer l.crash()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	<-hung
	if err := l.engine.Cancel(t.Context(), run, "test", "enough"); err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Canceled)
	if err := l.engine.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	entry, err := ledger.Get(t.Context(), l.store.Reader(), "default", run+"/2/1/1")
	if err != nil || len(entry.Charges) != 1 {
		t.Errorf("what it consumed until then is booked as %+v, %v", entry, err)
	}
	if w.budget.held != 0 {
		t.Errorf("%d holds are left", w.budget.held)
	}
}

func TestBadStartsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.model = sends
	l := w.start()
	defer l.crash()
	for name, r := range map[string]engine.StartRequest{
		"an unknown agent": {Agent: "clark", Input: who},
		"a missing input":  {Agent: "clerk"},
		"an unknown input": {Agent: "clerk", Input: map[string]string{"who": "Ada", "whom": "Bob"}},
	} {
		if _, _, err := l.engine.Start(t.Context(), r); !errors.Is(err, engine.ErrNoAgent) && !errors.Is(err, engine.ErrBadInput) {
			t.Errorf("%s gave %v", name, err)
		}
	}
}
