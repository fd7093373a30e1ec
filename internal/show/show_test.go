package show_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/show"
)

var update = flag.Bool("update", false, "write the goldens anew")

func TestMain(m *testing.M) {
	time.Local = time.UTC // what is shown is the time of the place
	os.Exit(m.Run())
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func usd(s string) *money.Amount {
	a := money.MustParse(s, money.USD)
	return &a
}

func golden(t *testing.T, name string, write func(b *bytes.Buffer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s (-update writes it anew):\n%s\nwant:\n%s", path, &got, want)
	}
}

// eventful is a run to which everything happens.
func eventful() *show.Whole {
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	const id = "run_1"
	run := &api.Run{
		ID: id, Agent: "analyst", Input: map[string]string{"company": "Apple", "by": "today"}, Status: agent.Stopped, Model: "smart",
		Reason:  "budget: budget run:run_1: the hard limit of 0.07 USD for the run has 0.05 USD spent and 0 USD held; this needs at least 0.03 USD (for 256 tokens of output); it does not open again by itself: raise the limit",
		Started: noon, Updated: at(95_000), Ended: at(95_000), Steps: 4, Cost: usd("0.031"), Limits: &api.Limits{Budget: usd("0.07")},
	}
	run.Timeline = []api.Event{
		{LSN: 1, At: at(0), Kind: agent.Started, What: "started analyst company=Apple by owner", Status: agent.Running},
		{LSN: 2, At: at(1200), Kind: agent.ModelAnswered, Step: 1, What: "the model asks for todo_write", Tools: []string{"todo_write"}, Where: "azure/gpt-5.1@eastus2", TookMS: 1200, Cost: usd("0.003"), Attempts: 1, Call: "call_1", Status: agent.Running},
		{LSN: 3, At: at(1218), Kind: agent.ToolReturned, Step: 1, What: "todo_write returned", Where: "todo_write", TookMS: 18, Status: agent.Running},
		// The first provider breaks off, and the second answers, in the same call.
		{LSN: 4, At: at(1900), Kind: agent.ModelAnswered, Step: 2, What: "the model asks for reports_read, …", Tools: []string{"reports_read", "reports_read", "history_query"}, Where: "aws/claude-sonnet-4-5", TookMS: 682, Cost: usd("0.0087"), Attempts: 2, Call: "call_2", Status: agent.Running},
		{LSN: 5, At: at(1910), Kind: agent.ToolReturned, Step: 2, What: "reports_read returned", Where: "reports_read", TookMS: 10, Cost: usd("0.0000004"), Status: agent.Running},
		{LSN: 6, At: at(1915), Kind: agent.ToolReturned, Step: 2, What: "history_query returned", Where: "history_query", TookMS: 15, Status: agent.Running},
		{LSN: 7, At: at(1920), Kind: agent.ToolReturned, Step: 2, What: "reports_read returned", Where: "reports_read", TookMS: 20, Cost: usd("0.0000004"), Status: agent.Running},
		// A call of which every attempt fails, and the run's own retry.
		{LSN: 8, At: at(2000), Kind: agent.ModelFailed, Step: 3, What: "the model call failed", TookMS: 80, Failed: "server_error: it failed", Call: "call_3", Status: agent.Sleeping},
		{LSN: 9, At: at(2500), Kind: agent.TimerFired, What: "woke up", Status: agent.Running},
		{LSN: 10, At: at(3000), Kind: agent.ModelAnswered, Step: 3, What: "the model asks for findings_put", Tools: []string{"findings_put", "alerts_publish"}, Where: "azure/gpt-5.1@eastus2", TookMS: 500, Cost: usd("0.002"), Attempts: 1, Call: "call_4", Status: agent.Running,
			Failed: "the call of findings_put was not valid, and the model was told so"},
		{LSN: 11, At: at(3001), Kind: agent.EffectStarted, Step: 3, What: "findings_put begins", Where: "findings_put", Status: agent.Running},
		{LSN: 12, At: at(3010), Kind: agent.ToolFailed, Step: 3, What: "findings_put failed", Where: "findings_put", Failed: "not_done: \x1b[31mthe table\nis busy", Status: agent.Running},
		// The process is killed, and another takes over.
		{LSN: 13, At: at(9000), Kind: agent.Recovered, What: "taken over after an interruption", Status: agent.Running},
		{LSN: 14, At: at(9100), Kind: agent.ToolReturned, Step: 3, What: "findings_put returned; it had been done before the interruption", Where: "findings_put", TookMS: 100, Status: agent.Running},
		{LSN: 15, At: at(9200), Kind: agent.ToolFailed, Step: 3, What: "alerts_publish failed", Where: "alerts_publish", Failed: "unknown: the connection broke", Status: agent.InDoubt, Reason: "the outcome of 1 effect(s) is unknown; see show, and answer with resolve"},
		{LSN: 16, At: at(60_000), Kind: agent.Resolved, What: "alerts_publish resolved: done by owner", Status: agent.Running},
		{LSN: 17, At: at(60_900), Kind: agent.ModelAnswered, Step: 4, What: "the model asks for calculate", Tools: []string{"calculate"}, Where: "azure/gpt-5.1@eastus2", TookMS: 900, Cost: usd("0.01"), Attempts: 1, Call: "call_6", Status: agent.Running},
		{LSN: 18, At: at(60_901), Kind: agent.ToolReturned, Step: 4, What: "calculate returned", Where: "calculate", Status: agent.Running},
		{LSN: 19, At: at(95_000), Kind: agent.ModelFailed, What: "the model call failed", Failed: "over_budget: …", Status: agent.Stopped, Reason: run.Reason},
	}
	attempt := func(id, where, outcome, err, cost string, from, to int) dispatch.AttemptRecord {
		return dispatch.AttemptRecord{ID: id, Deployment: where, Outcome: outcome, Error: err, Cost: cost, Started: at(from), Ended: at(to)}
	}
	line := func(id, cost string, marks ...price.Mark) ledger.Line {
		e := ledger.Entry{ID: id, Kind: ledger.Attempt, Deployment: "azure/gpt-5.1@eastus2", ConsumedFrom: at(3500), Marks: marks,
			Cause: ledger.Cause{Run: run.ID, Step: 3}, Charges: []price.Charge{{Reading: price.Reading{Meter: "output"}, Cost: *usd(cost), Price: *usd(cost), Per: 1}}}
		return e.Line(0)
	}
	return &show.Whole{
		Run: run,
		Calls: []dispatch.Listed{
			{CallRecord: dispatch.CallRecord{ID: "call_2", Outcome: "ok", Attempts: []dispatch.AttemptRecord{
				attempt("call_2/1", "azure/gpt-5.1@eastus2", "broken_stream", "the stream broke off", "0.002 USD", 1218, 1300),
				attempt("call_2/2", "aws/claude-sonnet-4-5", "ok", "", "0.0067 USD", 1310, 1890),
			}}},
			{CallRecord: dispatch.CallRecord{ID: "call_3", Outcome: "server_error", Error: "it failed", Attempts: []dispatch.AttemptRecord{
				attempt("call_3/1", "aws/claude-sonnet-4-5", "server_error", "it failed", "", 1920, 1990),
			}}},
		},
		Bill: &api.Bill{Lines: []ledger.Line{
			line("call_1/1", "0.0031"), line("call_2/1", "0.0015"), line("call_2/2", "0.0067"), line("call_4/1", "0.002"),
			line("call_5/1", "0.009", price.MarkUnknown), line("call_6/1", "0.01"),
		}},
	}
}

func TestARunsStoryIsToldWhole(t *testing.T) {
	golden(t, "run.txt", func(b *bytes.Buffer) error { return show.Run(b, eventful()) })
}

func TestAStoryCanBeginInTheMiddle(t *testing.T) {
	r := eventful()
	golden(t, "middle.txt", func(b *bytes.Buffer) error {
		s := show.NewStory(b, show.StoryOptions{Since: noon, Prefix: "Apple  "})
		for i := range r.Timeline {
			e := &r.Timeline[i]
			if e.LSN <= 12 {
				s.Past(e)
			} else if err := s.Add(e); err != nil {
				return err
			}
		}
		return s.Flush()
	})
}

func TestALineIsWrittenOnceItsToolsHaveTheirResults(t *testing.T) {
	r := eventful()
	var b bytes.Buffer
	s := show.NewStory(&b, show.StoryOptions{})
	tell := func(from, to int) string {
		b.Reset()
		for i := from; i < to; i++ {
			if err := s.Add(&r.Timeline[i]); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	tell(0, 3)
	if got := tell(3, 6); got != "" {
		t.Errorf("with a result to come it writes %q", got)
	}
	if got := tell(6, 7); strings.Count(got, "\n") != 1 || !strings.Contains(got, "reports_read ×2, history_query (20ms, 0.000001 USD)") {
		t.Errorf("it writes %q", got)
	}
}

func TestAWriterThatFailsEndsAStory(t *testing.T) {
	s := show.NewStory(broken{}, show.StoryOptions{})
	if err := s.Add(&eventful().Timeline[0]); err == nil {
		t.Error("nobody reads, and it goes on")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestListsAreTables(t *testing.T) {
	r := eventful().Run
	doubt := *r
	doubt.ID, doubt.Status, doubt.Reason = "run_2", agent.InDoubt, "the outcome of 1 effect(s) is unknown"
	doubt.Doubts = []api.Doubt{{Effect: "run_2/9/1/1", Tool: "alerts_publish", Class: agent.Once}}
	golden(t, "runs.txt", func(b *bytes.Buffer) error { return show.Runs(b, []api.Run{doubt, *r}) })
	golden(t, "doubt.txt", func(b *bytes.Buffer) error { return show.WhatNext(b, &doubt) })
	golden(t, "keys.txt", func(b *bytes.Buffer) error {
		return show.Keys(b, []auth.Key{
			{ID: "k1", Name: "web", Role: auth.Member, Team: "research", Project: "web", Created: noon, Budget: &auth.Budget{Limit: *usd("20"), Window: "day"}},
			{ID: "k2", Name: "old", Role: auth.Admin, Created: noon, Expires: noon},
		}, noon.Add(time.Hour))
	})
	golden(t, "budgets.txt", func(b *bytes.Buffer) error {
		return show.Budgets(b, []api.Budget{{Scope: "team:research", Kind: "hard", Window: "team:research/day/2026-11-24", Limit: *usd("20"), Spent: *usd("1.5"), Held: *usd("0.25"), Left: *usd("18.25")}})
	})
	golden(t, "check.txt", func(b *bytes.Buffer) error {
		return show.Check(b, &node.Report{Config: "skein.yaml", Revision: "cfg_1", Items: []node.CheckedItem{
			{Kind: "provider", Name: "openai", OK: true},
			{Kind: "provider", Name: "own", Error: "the connection was refused"},
			{Kind: "tool", Name: "alerts", OK: true, Note: "file:./alerts", Uses: []node.CheckedOperation{{Name: "alerts_publish", Class: agent.Keyed, Basis: "the file has the id in it"}}},
		}})
	})
}

func TestWhatIsEmptySaysWhatToDo(t *testing.T) {
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"skein run AGENT":  func(b *bytes.Buffer) error { return show.Runs(b, nil) },
		"skein key create": func(b *bytes.Buffer) error { return show.Keys(b, nil, noon) },
		"under `budgets`":  func(b *bytes.Buffer) error { return show.Budgets(b, nil) },
		"nothing was":      func(b *bytes.Buffer) error { return show.Bill(b, &api.Bill{}, "run") },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(b.String(), name) {
			t.Errorf("%q, %v: nothing of %q", &b, err, name)
		}
	}
}

func TestHowToGoOnDependsOnWhatStoppedARun(t *testing.T) {
	for reason, want := range map[string]string{
		"budget: it is spent":        `skein resume run_1 --budget "AMOUNT USD"`,
		"steps: 60 of 60 were taken": "skein resume run_1 --steps N",
		"time: its 30m are over":     "skein resume run_1 --time 30m",
		"loop: the same three times": "skein resume run_1\n",
	} {
		var b bytes.Buffer
		if err := show.WhatNext(&b, &api.Run{ID: "run_1", Status: agent.Stopped, Reason: reason}); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %q, %v", reason, &b, err)
		}
	}
	var b bytes.Buffer
	if err := show.WhatNext(&b, &api.Run{ID: "run_1", Status: agent.Done}); err != nil || b.Len() > 0 {
		t.Errorf("of what is done it says %q", &b)
	}
}

func TestTimesAndMoneyAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		12 * time.Millisecond: "12ms", 1200 * time.Millisecond: "1.2s", 95*time.Second + 400*time.Millisecond: "1m35s",
	} {
		if got := show.Took(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for a, want := range map[string]string{"0.00308125": "0.003081 USD", "0.0000004": "0.0000004 USD", "0": "0 USD", "12": "12.000000 USD"} {
		if got := show.Money(*usd(a)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
