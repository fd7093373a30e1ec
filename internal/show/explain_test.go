package show_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/show"
	"github.com/skein-run/skein/internal/wire"
)

// storied is a call to which everything happens: it waits for room, has a slow first
// attempt and one beside it, breaks in the middle, and is gone on from elsewhere.
func storied() *show.Explained {
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	const id, azure, aws, vertex = "call_7", "azure/gpt-5.1@eastus2", "bedrock/claude-sonnet-4-5", "vertex/claude-sonnet-4-5@global"
	usage := func(in, cached, out int64) llm.Usage {
		u := llm.Usage{Reported: true}
		u.Tokens[llm.TokInput], u.Tokens[llm.TokCacheRead], u.Tokens[llm.TokOutput] = in, cached, out
		return u
	}
	line := func(attempt string, meter price.Meter, n int64, cost string, marks ...price.Mark) ledger.Line {
		e := ledger.Entry{ID: attempt, Kind: ledger.Attempt, ConsumedFrom: noon, Marks: marks, Charges: []price.Charge{{
			Reading: price.Reading{Meter: meter, Quantity: n, Source: price.Reported}, Unit: "token", Price: *usd(cost), Per: 1_000_000, Cost: *usd("0.0012"),
		}}}
		return e.Line(0)
	}
	return &show.Explained{
		CallRecord: &dispatch.CallRecord{
			ID: id, Cause: ledger.Cause{Org: "default", Team: "shop", Project: "web", Key: "k7q2m4"}, Model: "smart", Format: llm.Messages, Stream: true,
			Arrived: noon, Ended: at(9_400), Facts: dispatch.CallFacts{Bytes: 52_180, TextBytes: 48_000, Messages: 7, Tools: 1, MaxOutput: 1024},
			Hints: dispatch.Hints{Policy: "cheapest", Require: []string{"zdr"}}, Priority: "low", Queued: 600 * time.Millisecond,
			Rounds: []dispatch.Round{
				{At: at(0), Queued: 600 * time.Millisecond, Choice: []dispatch.Choice{
					{Deployment: azure, Taken: true, Reason: "at capacity, as all are: waits for a slot"},
					{Deployment: vertex, Reason: "it lacks a tag that is required: zdr"},
				}},
				{At: at(600), Choice: []dispatch.Choice{
					{Deployment: azure, Taken: true, Reason: "cheapest", Cost: "0.0031 USD", First: 420 * time.Millisecond, Warm: 11_000},
					{Deployment: aws, Taken: true, Reason: "next by price", Tier: 2, Cost: "0.0374 USD", First: 900 * time.Millisecond},
					{Deployment: vertex, Reason: "it lacks a tag that is required: zdr"},
				}},
				{At: at(6_010), After: id + "/2", Choice: []dispatch.Choice{
					{Deployment: aws, Taken: true, Reason: "cheapest", Cost: "0.0374 USD"},
					{Deployment: azure, Reason: "it failed repeatedly", Until: at(11_000)},
					{Deployment: vertex, Reason: "it is another model than the one that began the answer"},
				}},
			},
			Attempts: []dispatch.AttemptRecord{
				{ID: id + "/2", Deployment: aws, Hedge: true, Started: at(2_100), FirstContent: at(2_800), Ended: at(6_000), Status: 200, UpstreamID: "req_2",
					Outcome: "broken_stream", Error: "the stream broke off:\x1b[31m EOF", Progress: llm.Progress{TextBytes: 700}, Cost: "0.0374 USD"},
				{ID: id + "/1", Deployment: azure, Credential: "second", Started: at(610), Ended: at(2_900), Outcome: "canceled", Error: "another attempt was faster"},
				{ID: id + "/3", Deployment: aws, Seam: "continue", Started: at(6_020), FirstContent: at(6_700), Ended: at(9_390), Status: 200, UpstreamID: "req_3",
					Outcome: "ok", Progress: llm.Progress{TextBytes: 2_000, Usage: usage(200, 11_800, 512)}, Cost: "0.0012 USD"},
			},
			Seams: []dispatch.SeamRecord{{After: id + "/2", Verdict: "continue", Shown: 28_114}},
			Lossy: []wire.Loss{{Field: "metadata.user_id", Class: wire.Advisory}}, Cap: 800, Cost: "0.0386 USD", Outcome: "ok", Fallback: "small",
		},
		Charges: []ledger.Line{line(id+"/2", "input", 400, "3", price.MarkEstimated), line(id+"/3", "cache_read", 4000, "0.3")},
	}
}

func TestACallsStoryIsToldWhole(t *testing.T) {
	golden(t, "explain.txt", func(b *bytes.Buffer) error { return show.Explain(b, storied()) })
}

// A call that went as it should is told in a few lines, and nothing is said of what
// it has not.
func TestAnOrdinaryCallIsToldShortly(t *testing.T) {
	x := &show.Explained{CallRecord: &dispatch.CallRecord{
		ID: "call_1", Model: "smart", Arrived: noon, Ended: noon.Add(80 * time.Millisecond), Facts: dispatch.CallFacts{Bytes: 90, Messages: 1}, Outcome: "ok",
		Choice: []dispatch.Choice{{Deployment: "d1", Taken: true, Reason: "first in order"}},
		Attempts: []dispatch.AttemptRecord{{ID: "call_1/1", Deployment: "d1", Started: noon.Add(time.Millisecond), FirstContent: noon.Add(60 * time.Millisecond),
			Ended: noon.Add(79 * time.Millisecond), Status: 200, Outcome: "ok"}},
	}}
	golden(t, "explain-short.txt", func(b *bytes.Buffer) error { return show.Explain(b, x) })
}

// Refused at the choice, a call has rounds and no attempt.
func TestACallThatFoundNobodyIsTold(t *testing.T) {
	x := &show.Explained{CallRecord: &dispatch.CallRecord{
		ID: "call_2", Model: "smart", Format: llm.Chat, Arrived: noon, Ended: noon, Facts: dispatch.CallFacts{Bytes: 90, Messages: 1},
		Outcome: "bad_request", Error: "no deployment of the model smart may serve this call",
		Choice: []dispatch.Choice{{Deployment: "d1", Reason: "it is not among those allowed"}}, Hints: dispatch.Hints{Only: []string{"aws", "azure"}, NoFallback: true},
	}}
	golden(t, "explain-nobody.txt", func(b *bytes.Buffer) error { return show.Explain(b, x) })
}

// callsOnly is a service that knows one call, whose costs it hides or not.
type callsOnly struct {
	api.Service
	rec   *dispatch.CallRecord
	lines []ledger.Line
	asked []string
}

func (s *callsOnly) Call(_ context.Context, id string) (*dispatch.CallRecord, error) {
	s.asked = append(s.asked, id)
	return s.rec, nil
}

func (s *callsOnly) Bill(_ context.Context, q api.BillQuery) (*api.Bill, error) {
	s.asked = append(s.asked, "bill of "+q.Call)
	return &api.Bill{Lines: s.lines}, nil
}

func TestACallIsFoundByItsAttempt(t *testing.T) {
	x := storied()
	s := &callsOnly{rec: x.CallRecord, lines: x.Charges}
	got, err := show.ReadCall(t.Context(), s, "call_7/2")
	if err != nil || len(got.Charges) != 2 || strings.Join(s.asked, ", ") != "call_7, bill of call_7" {
		t.Errorf("%v, %v, asked for %v", got, err, s.asked)
	}
	var b bytes.Buffer
	if err := show.JSON(&b, got); err != nil {
		t.Fatal(err)
	}
	var back show.Explained
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.ID != "call_7" || len(back.Rounds) != 3 || len(back.Charges) != 2 {
		t.Errorf("its JSON reads back as %+v, %v", back.CallRecord, err)
	}
	if _, err := show.ReadCall(t.Context(), s, "run_1"); err == nil || !strings.Contains(err.Error(), "skein show run_1") {
		t.Errorf("a run's id: %v", err)
	}
}

// Whoever may not see what calls cost is told no price, and no bill is asked for.
func TestHiddenCostsAreNotAskedFor(t *testing.T) {
	x := storied()
	hidden := *x.CallRecord
	hidden.Cost = ""
	s := &callsOnly{rec: &hidden, lines: x.Charges}
	got, err := show.ReadCall(t.Context(), s, "call_7")
	if err != nil || len(got.Charges) != 0 || len(s.asked) != 1 {
		t.Errorf("%v, %v, asked for %v", got, err, s.asked)
	}
}
