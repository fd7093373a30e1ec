package show

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/money"
)

// Runs writes a list of runs.
func Runs(w io.Writer, runs []api.Run) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "no runs; start one with `skein run AGENT`")
		return err
	}
	rows := [][]string{{"RUN", "AGENT", "INPUT", "STATUS", "STEPS", "STARTED", "TOOK", "REASON"}}
	for i := range runs {
		r := &runs[i]
		rows = append(rows, []string{
			r.ID, r.Agent, inputs(r.Input), string(r.Status), fmt.Sprint(r.Steps),
			r.Started.Local().Format(time.DateTime), took(r), short(Reason(r.Reason), 70),
		})
	}
	return table(w, rows)
}

func inputs(in map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(in)) {
		parts = append(parts, k+"="+in[k])
	}
	return strings.Join(parts, " ")
}

func took(r *api.Run) string {
	end := r.Updated
	if !r.Ended.IsZero() {
		end = r.Ended
	}
	return Took(end.Sub(r.Started))
}

// Whole is all that there is to say of a run: the run with its timeline, the records
// of its model calls, and its bill.
type Whole struct {
	*api.Run
	Calls []dispatch.Listed `json:"calls"`
	Bill  *api.Bill         `json:"-"` // `skein bill --run` prints it
}

// ReadWhole asks for it.
func ReadWhole(ctx context.Context, s api.Service, id string) (*Whole, error) {
	run, err := s.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	calls, err := api.AllCalls(ctx, s, api.CallQuery{Run: id})
	if err != nil {
		return nil, err
	}
	bill, err := s.Bill(ctx, api.BillQuery{Run: id})
	return &Whole{run, calls, bill}, err
}

// Cost is what the run has cost, by its bill.
func (r *Whole) Cost() money.Amount {
	var sum money.Amount
	for i := range r.Bill.Lines {
		sum = sum.Add(r.Bill.Lines[i].Amount())
	}
	return sum
}

// Tell tells the run's story.
func (r *Whole) Tell(w io.Writer, o StoryOptions) error {
	o.Call, o.Bill = calls(r.Calls), r.Bill.Lines
	s := NewStory(w, o)
	for i := range r.Timeline {
		if err := s.Add(&r.Timeline[i]); err != nil {
			return err
		}
	}
	return s.Flush()
}

// Run writes a run's story.
func Run(w io.Writer, r *Whole) error {
	head := *r.Run
	cost := r.Cost()
	head.Cost = &cost
	Outcome(w, &head)
	parts(w, r.Bill.Lines)
	if r.Limits != nil && r.Limits.Budget != nil {
		fmt.Fprintf(w, "budget      %s\n", r.Limits.Budget)
	}
	fmt.Fprintf(w, "model       %s\nstarted     %s\n\n", r.Model, r.Started.Local().Format(time.DateTime))
	if err := r.Tell(w, StoryOptions{}); err != nil {
		return err
	}
	return WhatNext(w, r.Run)
}

// calls finds a call among those listed.
func calls(calls []dispatch.Listed) func(id string) *dispatch.CallRecord {
	by := make(map[string]*dispatch.CallRecord, len(calls))
	for i := range calls {
		by[calls[i].ID] = &calls[i].CallRecord
	}
	return func(id string) *dispatch.CallRecord { return by[id] }
}

// WhatNext writes what a person can do about a run that waits for one.
func WhatNext(w io.Writer, r *api.Run) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	for i := range r.Doubts {
		d := &r.Doubts[i]
		say("\nin doubt: %s (%s). Look whether it happened, then\n  skein resolve %s %s done|not-done|abandon\n", d.Tool, d.Class, r.ID, d.Effect)
	}
	more := ""
	switch kind, _, _ := strings.Cut(r.Reason, ":"); {
	case r.Status == agent.Failed:
	case r.Status != agent.Stopped:
		return err
	case kind == "budget":
		more = ` --budget "AMOUNT USD"`
	case kind == "steps":
		more = " --steps N"
	case kind == "time":
		more = " --time 30m"
	}
	say("\nGo on with it, from where it is:\n  skein resume %s%s\n", r.ID, more)
	return err
}

// Outcome writes how a run stands.
func Outcome(w io.Writer, r *api.Run) {
	fmt.Fprintf(w, "run         %s\nagent       %s %s\nstatus      %s", r.ID, r.Agent, clean(inputs(r.Input)), r.Status)
	if r.Reason != "" {
		fmt.Fprintf(w, ": %s", clean(Reason(r.Reason)))
	}
	fmt.Fprintf(w, "\nsteps       %d in %s\n", r.Steps, took(r))
	if r.Cost != nil {
		fmt.Fprintf(w, "cost        %s\n", r.Cost)
	}
}

// ownBudget is how a refusal names the budget of the run that it is about.
var ownBudget = regexp.MustCompile(`^budget: budget run:[^:]+: `)

// Reason is why a run stands as it does, without what its reader knows, or is told
// by [WhatNext]: that it is this run's budget which is spent, and how to go on.
func Reason(s string) string {
	if !ownBudget.MatchString(s) {
		return s
	}
	s, _, _ = strings.Cut(ownBudget.ReplaceAllString(s, "budget: "), "; it does not open again")
	return s
}
