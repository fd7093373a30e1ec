package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func usd(s string) money.Amount { return money.MustParse(s, money.USD) }

// house is a Skein without its engine: what runs do is told by the test.
type house struct {
	*api.Local
	store  *store.Store
	engine *puppet
	server *httptest.Server
}

func build(t testing.TB) *house {
	t.Helper()
	views := append([]store.View{auth.View(), dispatch.Calls, engine.Runs}, ledger.Views()...)
	s := storetest.New(t, views...)
	keys, err := auth.Open(t.Context(), s.Reader(), auth.Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	p := &puppet{t: t, store: s, keys: map[string]string{}, seq: map[string]int64{}}
	h := &house{store: s, engine: p}
	h.Local = &api.Local{
		Store: s, Engine: p, Auth: keys, Ledger: s, Now: func() time.Time { return noon },
		Build: api.Version{Version: "test"},
		Standing: func() []budget.Standing {
			return []budget.Standing{
				{Limit: budget.Limit{Org: "default", Scope: "project:a", Amount: usd("10"), Kind: budget.Hard}, Window: "project:a/total", Spent: usd("3"), Held: usd("2")},
				{Limit: budget.Limit{Org: "default", Scope: "project:b", Amount: usd("1"), Kind: budget.Soft}, Window: "project:b/total"},
				{Limit: budget.Limit{Org: "other", Scope: "org:other", Amount: usd("1"), Kind: budget.Hard}},
			}
		},
	}
	h.server = httptest.NewServer(api.Handler(h.Local, &auth.Guard{Keys: keys}, "test"))
	t.Cleanup(h.server.Close)
	return h
}

// key makes a key of a project and a client that has it.
func (h *house) key(t testing.TB, n api.NewKey) *api.Client {
	t.Helper()
	k, err := h.CreateKey(asOwner(t), n)
	if err != nil {
		t.Fatal(err)
	}
	c := api.Dial(h.server.URL, k.Text)
	t.Cleanup(c.Close)
	return c
}

func asOwner(t testing.TB) context.Context { return auth.With(t.Context(), auth.Owner()) }

// puppet is an engine whose runs do what the test says.
type puppet struct {
	t     testing.TB
	store *store.Store
	mu    sync.Mutex
	keys  map[string]string
	seq   map[string]int64
	said  []string
}

func (p *puppet) Start(_ context.Context, r engine.StartRequest) (string, bool, error) {
	if r.Agent != "analyst" {
		return "", false, fmt.Errorf("%w %q; there are: analyst", engine.ErrNoAgent, r.Agent)
	}
	p.mu.Lock()
	id := p.keys[r.Key]
	if id != "" && r.Key != "" {
		p.mu.Unlock()
		return id, true, nil
	}
	id = fmt.Sprintf("run_%d", len(p.seq)+1)
	p.keys[r.Key], p.seq[id] = id, 0
	p.mu.Unlock()
	input, err := json.Marshal(r.Input)
	if err != nil {
		return "", false, err
	}
	p.add(id, agent.Input{Kind: agent.Started, Start: &agent.Start{
		Run: id, Org: "default", Agent: r.Agent, Model: "smart", Input: input, By: r.By, Limits: agent.Limits{Budget: r.Budget},
		Project: r.Project, Team: r.Team, Customer: r.Customer, APIKey: r.APIKey,
	}}, agent.Decision{Status: agent.Running, Commands: []agent.Command{{ID: id + "/1/1", Kind: agent.CallModel, Class: agent.PaidRead}}})
	return id, false, nil
}

func (p *puppet) say(format string, args ...any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, fmt.Sprintf(format, args...))
	return nil
}

func (p *puppet) Cancel(_ context.Context, run, by, why string) error {
	return p.say("cancel %s by %s: %s", run, by, why)
}

func (p *puppet) Resume(_ context.Context, run string, r engine.ResumeRequest) error {
	if run == "run_1" {
		return fmt.Errorf("resume %s: %w: it runs", run, engine.ErrNotFit)
	}
	return p.say("resume %s by %s: %s, %d steps, %s", run, r.By, r.Budget, r.Steps, r.Time)
}

func (p *puppet) Resolve(_ context.Context, run, command, answer, by, told string) error {
	return p.say("resolve %s of %s as %s by %s: %s", command, run, answer, by, told)
}

// add appends a record to a run's journal.
func (p *puppet) add(run string, in agent.Input, d agent.Decision) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq[run]++
	in.At = noon.Add(time.Duration(p.seq[run]) * time.Second)
	rec := agent.Record{Seq: p.seq[run], Input: in, Decision: d}
	body, err := rec.Encode()
	if err != nil {
		p.t.Error(err)
		return
	}
	if _, err := p.store.Commit(context.Background(), store.Batch{Records: []store.Record{
		{Org: "default", Kind: agent.Kind, Version: agent.Version, Stream: run, Seq: rec.Seq, Body: body},
	}}); err != nil {
		p.t.Error(err)
	}
}

// goOn is a model's answer that asks for a tool, its result, and a failure.
func (p *puppet) goOn(run string) {
	p.add(run, agent.Input{Kind: agent.ModelAnswered, Command: run + "/1/1", Try: 1, Cost: usd("0.02"), Answer: &agent.Answer{
		Call: "call_7", Deployment: "openai/gpt", Attempts: 2, Calls: []agent.CallFact{{ID: "c", Tool: "alerts_send", Class: agent.Once}},
	}}, agent.Decision{Status: agent.Running, Commands: []agent.Command{{ID: run + "/2/1", Kind: agent.CallTool, Class: agent.Once, Tool: "alerts_send"}}})
	p.add(run, agent.Input{Kind: agent.EffectStarted, Command: run + "/2/1", Try: 1}, agent.Decision{Status: agent.Running})
	p.add(run, agent.Input{Kind: agent.ToolFailed, Command: run + "/2/1", Try: 1, Failure: &agent.Failure{Outcome: "unknown", Message: "the connection broke"}},
		agent.Decision{Status: agent.InDoubt, Reason: "alerts_send may have happened", Doubt: []string{run + "/2/1"}})
}

func (p *puppet) end(run string) {
	p.add(run, agent.Input{Kind: agent.CancelAsked, By: "owner", Why: "enough"}, agent.Decision{Status: agent.Canceled, Reason: "enough"})
}

// book writes an entry of a run.
func (h *house) book(t testing.TB, id, project string, marks []price.Mark, quantity int64, cost string) {
	t.Helper()
	e := &ledger.Entry{
		ID: id, Kind: ledger.Attempt, Cause: ledger.Cause{Org: "default", Project: project, Run: "run_of_" + project, Call: strings.Split(id, "/")[0]},
		Cloud: "openai", Service: "OpenAI API", ConsumedFrom: noon, ConsumedTo: noon, BookedAt: noon, Outcome: "ok", Marks: marks,
		Charges: []price.Charge{{Reading: price.Reading{Meter: "input", Quantity: quantity, Source: price.Reported}, SKU: "gpt/input", Unit: "token", Price: usd("2"), Per: 1_000_000, Cost: usd(cost)}},
	}
	rec, err := ledger.EntryRecord(e, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Commit(t.Context(), store.Batch{Records: []store.Record{rec}}); err != nil {
		t.Fatal(err)
	}
}

func status(err error) int {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// each runs a test against the service in this process and over HTTP.
func each(t *testing.T, f func(t *testing.T, ctx context.Context, h *house, s api.Service)) {
	t.Run("local", func(t *testing.T) {
		h := build(t)
		f(t, asOwner(t), h, h.Local)
	})
	t.Run("client", func(t *testing.T) {
		h := build(t)
		f(t, t.Context(), h, h.key(t, api.NewKey{Name: "admin", Role: auth.Admin}))
	})
}

func TestARunIsStartedReadAndListed(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		half := usd("0.5")
		start := api.StartRun{Agent: "analyst", Input: map[string]string{"company": "Acme"}, Budget: &half, Customer: "c1", Idempotency: "once"}
		r, err := s.StartRun(ctx, start)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.StartRun(ctx, start)
		if err != nil || again.ID != r.ID {
			t.Errorf("the same request gave %v, %v", again, err)
		}
		h.engine.goOn(r.ID)
		r, err = s.Run(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != agent.InDoubt || r.Cause.Customer != "c1" || *r.Limits.Budget != half || r.Cost.Cmp(usd("0.02")) != 0 || r.Steps != 1 {
			t.Errorf("the run is %+v", r)
		}
		if len(r.Doubts) != 1 || r.Doubts[0].Effect != r.ID+"/2/1/1" || r.Doubts[0].Class != agent.Once {
			t.Errorf("in doubt is %+v", r.Doubts)
		}
		var story []string
		for _, e := range r.Timeline {
			story = append(story, strings.TrimSpace(fmt.Sprintf("%d %s [%s] %s", e.Step, e.What, e.Where, e.Failed)))
		}
		if story[0] != "0 started analyst company=Acme by "+r.Timeline[0].What[len("started analyst company=Acme by "):]+" []" {
			t.Errorf("it starts with %q", story[0])
		}
		want := []string{
			"1 the model asks for alerts_send [openai/gpt]",
			"1 alerts_send begins [alerts_send]",
			"1 alerts_send failed [alerts_send] unknown: the connection broke",
		}
		if !slices.Equal(story[1:], want) {
			t.Errorf("the story is %q", story)
		}
		if e := r.Timeline[1]; e.TookMS != 1000 || e.Cost.Cmp(usd("0.02")) != 0 || e.Attempts != 2 || e.Call != "call_7" {
			t.Errorf("the answer is %+v", e)
		}
		list, err := s.Runs(ctx, api.RunQuery{Agent: "analyst", Status: agent.InDoubt, Limit: 5})
		if err != nil || len(list) != 1 || list[0].ID != r.ID || list[0].Input["company"] != "Acme" {
			t.Errorf("the list is %+v, %v", list, err)
		}
		if list, err := s.Runs(ctx, api.RunQuery{Status: agent.Done}); err != nil || len(list) != 0 {
			t.Errorf("the list of what is done is %+v, %v", list, err)
		}
	})
}

func TestARunIsMoved(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		for range 2 {
			if _, err := s.StartRun(ctx, api.StartRun{Agent: "analyst"}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.Runs(ctx, api.RunQuery{})
		if err != nil || len(r) != 2 {
			t.Fatal(r, err)
		}
		by := strings.TrimPrefix(mustRun(t, ctx, s, "run_2").Timeline[0].What, "started analyst by ")
		two := usd("2")
		if _, err := s.CancelRun(ctx, "run_2", "no need"); err != nil {
			t.Error(err)
		}
		if _, err := s.ResumeRun(ctx, "run_2", api.NewLimits{Budget: &two, Steps: 9, Time: "2h"}); err != nil {
			t.Error(err)
		}
		if _, err := s.ResolveEffect(ctx, "run_2", "run_2/2/1/1", api.Answer{Answer: "done", Result: "sent"}); err != nil {
			t.Error(err)
		}
		want := []string{
			"cancel run_2 by " + by + ": no need",
			"resume run_2 by " + by + ": 2 USD, 9 steps, 2h0m0s",
			"resolve run_2/2/1/1 of run_2 as done by " + by + ": sent",
		}
		if !slices.Equal(h.engine.said, want) {
			t.Errorf("the engine was told %q, want %q", h.engine.said, want)
		}
		for what, c := range map[string]struct {
			err    error
			status int
			says   string
		}{
			"no agent":   {second(s.StartRun(ctx, api.StartRun{Agent: "nobody"})), 422, "body.agent"},
			"no run":     {second(s.CancelRun(ctx, "run_9", "")), 404, "run_9"},
			"not fit":    {second(s.ResumeRun(ctx, "run_1", api.NewLimits{})), 409, "it runs"},
			"no time":    {second(s.ResumeRun(ctx, "run_1", api.NewLimits{Time: "soon"})), 422, "body.time"},
			"no budget":  {second(s.StartRun(ctx, api.StartRun{Agent: "analyst", Budget: new(money.Amount)})), 422, "budget"},
			"no such id": {second(s.Run(ctx, "../keys")), 404, "../keys"},
		} {
			if status(c.err) != c.status || !strings.Contains(c.err.Error(), c.says) {
				t.Errorf("%s: %v", what, c.err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func mustRun(t testing.TB, ctx context.Context, s api.Service, id string) *api.Run {
	t.Helper()
	r, err := s.Run(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARunIsFollowedToItsEndFromAnyLSN(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		if _, err := s.StartRun(ctx, api.StartRun{Agent: "analyst"}); err != nil {
			t.Fatal(err)
		}
		var live []api.Event
		err := s.FollowRun(ctx, "run_1", 0, func(e api.Event) error {
			live = append(live, e)
			switch len(live) { // what comes next is not there before the last was seen
			case 1:
				h.engine.goOn("run_1")
			case 4:
				h.engine.end("run_1")
			}
			return nil
		})
		if err != nil || len(live) != 5 || live[4].Status != agent.Canceled {
			t.Fatalf("it told %+v, %v", live, err)
		}
		all := mustRun(t, ctx, s, "run_1").Timeline
		for n := range live {
			var rest []api.Event
			if err := s.FollowRun(ctx, "run_1", live[n].LSN, func(e api.Event) error { rest = append(rest, e); return nil }); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(lsns(rest)), fmt.Sprint(lsns(all[n+1:])); got != want {
				t.Errorf("after %d came %s, want %s", live[n].LSN, got, want)
			}
		}
		stop := errors.New("enough")
		if err := s.FollowRun(ctx, "run_1", 0, func(api.Event) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("a follower's own error came back as %v", err)
		}
		if err := s.FollowRun(ctx, "run_9", 0, nil); status(err) != 404 {
			t.Errorf("a run that is not there: %v", err)
		}
	})
}

func lsns(es []api.Event) (out []int64) {
	for _, e := range es {
		out = append(out, e.LSN)
	}
	return out
}

// A connection that breaks is made again where it broke.
func TestFollowingSurvivesACutConnection(t *testing.T) {
	h := build(t)
	if _, err := h.StartRun(asOwner(t), api.StartRun{Agent: "analyst"}); err != nil {
		t.Fatal(err)
	}
	h.engine.goOn("run_1")
	c := h.key(t, api.NewKey{Name: "x", Role: auth.Admin})
	var seen []api.Event
	err := c.FollowRun(t.Context(), "run_1", 0, func(e api.Event) error {
		seen = append(seen, e)
		if len(seen) == 4 {
			h.server.CloseClientConnections()
			h.engine.end("run_1")
		}
		return nil
	})
	if err != nil || len(seen) != 5 || !slices.IsSorted(lsns(seen)) {
		t.Errorf("it told %v, %v", lsns(seen), err)
	}
}

func TestABillAddsUp(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		h.book(t, "call_1/1", "a", nil, 500_000, "1")
		h.book(t, "call_2/1", "b", nil, 250_000, "0.5")
		b, err := s.Bill(ctx, api.BillQuery{By: "run,service", From: noon.Add(-time.Hour), To: noon.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Lines) != 2 || b.Totals[0].Cost != "1.5" || b.Totals[0].Currency != "USD" || b.Lines[0].UnitPrice != "0.000002" || b.Lines[0].Quantity != "500000" {
			t.Errorf("it is %+v", b)
		}
		if len(b.Rows) != 2 || b.Rows[0].Cost != "1" || b.Rows[0].Keys["run"] != "run_of_a" {
			t.Errorf("its rows are %+v", b.Rows)
		}
		if b, err := s.Bill(ctx, api.BillQuery{Run: "run_of_b"}); err != nil || len(b.Lines) != 1 || b.Totals[0].Cost != "0.5" {
			t.Errorf("one run's is %+v, %v", b, err)
		}
		if b, err := s.Bill(ctx, api.BillQuery{From: noon.Add(time.Hour)}); err != nil || len(b.Lines) != 0 || b.Totals == nil {
			t.Errorf("an empty one is %+v, %v", b, err)
		}
		if _, err := s.Bill(ctx, api.BillQuery{By: "colour"}); status(err) != 422 || !strings.Contains(err.Error(), "query.by") {
			t.Errorf("by colour: %v", err)
		}
		if _, err := s.Bill(ctx, api.BillQuery{From: noon, To: noon}); status(err) != 422 {
			t.Errorf("no time at all: %v", err)
		}
	})
}

func TestEntriesAreConfirmed(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		told := 0
		h.Corrected = func(*ledger.Entry) { told++ }
		h.book(t, "call_1/1", "a", []price.Mark{price.MarkUnknown}, 500_000, "1")
		h.book(t, "call_2/1", "a", nil, 250_000, "0.5")
		input := func(n int64) []price.Reading { return []price.Reading{{Meter: "input", Quantity: n}} }
		for i, want := range []api.Confirmed{
			{Booked: 1, Unchanged: 1, Refused: []api.Refused{{ID: "call_9/1", Reason: "no entry has this id"}}},
			{Unchanged: 2, Refused: []api.Refused{{ID: "call_9/1", Reason: "no entry has this id"}}},
		} {
			got, err := s.Confirm(ctx, []api.Confirmation{
				{ID: "call_1/1", Readings: input(100_000)}, {ID: "call_2/1", Readings: input(250_000)}, {ID: "call_9/1", Readings: input(1)},
			})
			if err != nil || fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
				t.Errorf("time %d: %+v, %v", i+1, got, err)
			}
		}
		if got, err := s.Confirm(ctx, []api.Confirmation{{ID: "call_2/1", Readings: input(3)}}); err != nil || len(got.Refused) != 1 {
			t.Errorf("a settled entry: %+v, %v", got, err)
		}
		if b, err := s.Bill(ctx, api.BillQuery{}); err != nil || b.Totals[0].Cost != "0.7" {
			t.Errorf("afterwards the bill is %+v, %v", b.Totals, err)
		}
		if told != 1 {
			t.Errorf("the budgets were told %d times", told)
		}
	})
}

func TestBudgetsAndVersionAreShown(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, _ *house, s api.Service) {
		b, err := s.Budgets(ctx)
		if err != nil || len(b) != 2 || b[0].Left.Cmp(usd("5")) != 0 || b[0].Kind != "hard" {
			t.Errorf("the budgets are %+v, %v", b, err)
		}
		v, err := s.Version(ctx)
		if err != nil || v.Version != "test" || v.Go == "" {
			t.Errorf("the version is %+v, %v", v, err)
		}
	})
}

func TestKeysAreMadeListedAndRevoked(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		before, err := s.Keys(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n := api.NewKey{Name: "ci", Project: "a", Models: []string{"smart"}, Budget: &auth.Budget{Limit: usd("5"), Window: "day"}, Idempotency: "k1"}
		k, err := s.CreateKey(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateKey(ctx, n); status(err) != 409 || !strings.Contains(err.Error(), k.ID) {
			t.Errorf("the same request: %v", err)
		}
		if _, err := h.Auth.Check(k.Text); err != nil {
			t.Errorf("the key does not work: %v", err)
		}
		keys, err := s.Keys(ctx)
		if err != nil || len(keys) != len(before)+1 {
			t.Errorf("the keys are %+v, %v", keys, err)
		}
		end := time.Now().Add(time.Hour)
		if r, err := s.RevokeKey(ctx, k.ID, end); err != nil || !r.Revoked.Equal(end.UTC().Truncate(time.Microsecond)) {
			t.Errorf("revoking later: %+v, %v", r, err)
		}
		if r, err := s.RevokeKey(ctx, k.ID, time.Time{}); err != nil || r.Status(time.Now()) != "revoked" {
			t.Errorf("revoking now: %+v, %v", r, err)
		}
		if _, err := s.RevokeKey(ctx, "none", time.Time{}); status(err) != 404 {
			t.Errorf("revoking none: %v", err)
		}
		if _, err := s.CreateKey(ctx, api.NewKey{Name: "x", Expires: noon.AddDate(-9, 0, 0)}); status(err) != 422 || !strings.Contains(err.Error(), "body.expires") {
			t.Errorf("a key of the past: %v", err)
		}
	})
}

func TestOneProjectsKeySeesNothingOfAnothers(t *testing.T) {
	h := build(t)
	a := h.key(t, api.NewKey{Name: "a", Project: "a"})
	b := h.key(t, api.NewKey{Name: "b", Project: "b"})
	none := h.key(t, api.NewKey{Name: "none"})
	ctx := t.Context()
	r, err := a.StartRun(ctx, api.StartRun{Agent: "analyst"})
	if err != nil {
		t.Fatal(err)
	}
	h.engine.goOn(r.ID)
	h.book(t, "call_1/1", "a", nil, 500_000, "1")
	body := `{"id":"call_1","cause":{"org":"default","project":"a"},"model":"m","outcome":"ok","cost":"1 USD"}`
	if _, err := h.store.Commit(ctx, store.Batch{Records: []store.Record{{Org: "default", Kind: "call", Version: 1, Stream: "call_1", Body: []byte(body)}}}); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		client *api.Client
		sees   int
	}{"the project itself": {a, 1}, "another project": {b, 0}, "a key of no project": {none, 0}} {
		found := []int{
			count(c.client.Runs(ctx, api.RunQuery{})),
			count(c.client.Calls(ctx, api.CallQuery{})),
		}
		bill, err := c.client.Bill(ctx, api.BillQuery{})
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, len(bill.Lines))
		budgets, err := c.client.Budgets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, bud := range budgets {
			if bud.Scope == "project:a" && c.sees == 0 {
				t.Errorf("%s sees the budget of project a", who)
			}
		}
		if fmt.Sprint(found) != fmt.Sprint([]int{c.sees, c.sees, c.sees}) {
			t.Errorf("%s finds %v runs, calls and lines", who, found)
		}
		want := 404
		if c.sees == 1 {
			want = 0
		}
		for what, err := range map[string]error{
			"run":     second(c.client.Run(ctx, r.ID)),
			"call":    second(c.client.Call(ctx, "call_1")),
			"cancel":  second(c.client.CancelRun(ctx, r.ID, "")),
			"resolve": second(c.client.ResolveEffect(ctx, r.ID, r.ID+"/2/1/1", api.Answer{Answer: "done"})),
		} {
			if status(err) != want {
				t.Errorf("%s, %s: %v", who, what, err)
			}
		}
		if c.sees == 0 {
			if err := c.client.FollowRun(ctx, r.ID, 0, func(api.Event) error { return nil }); status(err) != 404 {
				t.Errorf("%s follows: %v", who, err)
			}
		}
		for what, err := range map[string]error{
			"create-key": second(c.client.CreateKey(ctx, api.NewKey{Name: "x", Role: auth.Admin})),
			"revoke-key": second(c.client.RevokeKey(ctx, "x", time.Time{})),
			"confirm":    second(c.client.Confirm(ctx, []api.Confirmation{{ID: "x"}})),
		} {
			if status(err) != 403 {
				t.Errorf("%s may %s: %v", who, what, err)
			}
		}
		if keys, err := c.client.Keys(ctx); err != nil || len(keys) != 1 {
			t.Errorf("%s sees the keys %+v, %v", who, keys, err)
		}
	}
}

func count[T any](list []T, err error) int {
	if err != nil {
		return -1
	}
	return len(list)
}

func TestAKeyThatMayNotSeeCostsIsNotToldThem(t *testing.T) {
	h := build(t)
	c := h.key(t, api.NewKey{Name: "blind", HideCost: true})
	ctx := t.Context()
	r, err := c.StartRun(ctx, api.StartRun{Agent: "analyst"})
	if err != nil {
		t.Fatal(err)
	}
	h.engine.goOn(r.ID)
	r = mustRun(t, ctx, c, r.ID)
	if r.Cost != nil || r.Timeline[1].Cost != nil {
		t.Errorf("the run says %v", r.Cost)
	}
	if _, err := c.Bill(ctx, api.BillQuery{}); status(err) != 403 {
		t.Errorf("the bill: %v", err)
	}
	if _, err := c.Budgets(ctx); status(err) != 403 {
		t.Errorf("the budgets: %v", err)
	}
}

func TestWithoutAPrincipalNothingIsAllowed(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	for what, err := range map[string]error{
		"start": second(h.StartRun(ctx, api.StartRun{Agent: "analyst"})), "run": second(h.Run(ctx, "x")), "runs": second(h.Runs(ctx, api.RunQuery{})),
		"cancel": second(h.CancelRun(ctx, "x", "")), "calls": second(h.Calls(ctx, api.CallQuery{})), "call": second(h.Call(ctx, "x")),
		"bill": second(h.Bill(ctx, api.BillQuery{})), "budgets": second(h.Budgets(ctx)), "keys": second(h.Keys(ctx)), "version": second(h.Version(ctx)),
		"confirm": second(h.Confirm(ctx, nil)), "create": second(h.CreateKey(ctx, api.NewKey{Name: "x"})), "follow": h.FollowRun(ctx, "x", 0, nil),
	} {
		if status(err) != http.StatusUnauthorized {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAStoreBesideItsOwnerCanBeReadAndNotMoved(t *testing.T) {
	h := build(t)
	l := &api.Local{Store: h.store, Auth: h.Auth}
	ctx := asOwner(t)
	for what, err := range map[string]error{
		"start": second(l.StartRun(ctx, api.StartRun{Agent: "analyst"})), "cancel": second(l.CancelRun(ctx, "x", "")),
		"confirm": second(l.Confirm(ctx, nil)), "budgets": second(l.Budgets(ctx)),
	} {
		if status(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "skein serve") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := l.Runs(ctx, api.RunQuery{}); err != nil {
		t.Error(err)
	}
}
