package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/money"
)

// house is a Skein without its engine: what runs do is told by the test.
// key makes a key of a project and a client that has it.
// puppet is an engine whose runs do what the test says.
// add appends a record to a run's journal.
// goOn is a model's answer that asks for a tool, its result, and a failure.
// book writes an entry of a run.
// each runs a test against the service in this process and over HTTP.
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
