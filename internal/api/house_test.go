package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
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
	}}, agent.Decision{Status: agent.Running, Commands: []agent.Command{{ID: id + "/1/1", Kind: agent.CallModel, Promise: agent.Promise{Class: agent.PaidRead}}}})
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

func (p *puppet) goOn(run string) {
	p.add(run, agent.Input{Kind: agent.ModelAnswered, Command: run + "/1/1", Try: 1, Cost: usd("0.02"), Answer: &agent.Answer{
		Call: "call_7", Deployment: "openai/gpt", Attempts: 2, Calls: []agent.CallFact{{ID: "c", Tool: "alerts_send", Promise: agent.Promise{Class: agent.Once}}},
	}}, agent.Decision{Status: agent.Running, Commands: []agent.Command{{ID: run + "/2/1", Kind: agent.CallTool, Promise: agent.Promise{Class: agent.Once}, Tool: "alerts_send"}}})
	p.add(run, agent.Input{Kind: agent.EffectStarted, Command: run + "/2/1", Try: 1}, agent.Decision{Status: agent.Running})
	p.add(run, agent.Input{Kind: agent.ToolFailed, Command: run + "/2/1", Try: 1, Failure: &agent.Failure{Outcome: "unknown", Message: "the connection broke"}},
		agent.Decision{Status: agent.InDoubt, Reason: "alerts_send may have happened", Doubt: []string{run + "/2/1"}})
}

func (p *puppet) end(run string) {
	p.add(run, agent.Input{Kind: agent.CancelAsked, By: "owner", Why: "enough"}, agent.Decision{Status: agent.Canceled, Reason: "enough"})
}

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

func second[T any](_ T, err error) error { return err }
