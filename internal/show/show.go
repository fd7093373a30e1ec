// Package show writes what the API answers for people: tables, timelines and
// sums, as plain text that reads the same on a terminal and in a pipe. It knows
// nothing but what it is given.
package show

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/node"
)

// JSON writes v for programs.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table writes rows in columns.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}

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
			r.Started.Local().Format(time.DateTime), took(r), short(r.Reason, 70),
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

// Took is a duration with the digits that matter.
func Took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// Events writes each event of a run on a line of its own, as they come.
func Events(w io.Writer) func(api.Event) error {
	return func(e api.Event) error {
		_, err := fmt.Fprintln(w, Event(&e))
		return err
	}
}

// Event is one event on a line: when, step, what, where, how long, what it cost, what failed.
func Event(e *api.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  ", e.At.Local().Format("15:04:05.000"))
	if e.Step > 0 {
		fmt.Fprintf(&b, "%3d  ", e.Step)
	} else {
		b.WriteString("     ")
	}
	b.WriteString(e.What)
	var notes []string
	if e.Where != "" && !strings.HasPrefix(e.What, e.Where) {
		notes = append(notes, "at "+e.Where)
	}
	if e.TookMS > 0 {
		notes = append(notes, Took(time.Duration(e.TookMS)*time.Millisecond))
	}
	if e.Cost != nil {
		notes = append(notes, Money(*e.Cost))
	}
	if e.Attempts > 1 {
		notes = append(notes, fmt.Sprintf("%d attempts", e.Attempts))
	}
	if len(notes) > 0 {
		b.WriteString("  (" + strings.Join(notes, ", ") + ")")
	}
	if e.Failed != "" {
		b.WriteString("  ! " + e.Failed)
	}
	if e.Status.Ended() || e.Reason != "" {
		b.WriteString("  → " + string(e.Status))
		if e.Reason != "" {
			b.WriteString(": " + e.Reason)
		}
	}
	return b.String()
}

// Money is an amount for reading, to a hundredth of a cent where that says
// something, and exactly where it is less.
func Money(a money.Amount) string {
	if f := a.Fixed(6); strings.Trim(f, "-0.") != "" || a.IsZero() {
		return f + " " + a.Currency().String()
	}
	return a.String()
}

// Run writes a run's story.
func Run(w io.Writer, r *api.Run) error {
	Outcome(w, r)
	if r.Limits != nil && r.Limits.Budget != nil {
		fmt.Fprintf(w, "budget      %s\n", r.Limits.Budget)
	}
	fmt.Fprintf(w, "model       %s\nstarted     %s\n\n", r.Model, r.Started.Local().Format(time.DateTime))
	for i := range r.Timeline {
		if _, err := fmt.Fprintln(w, Event(&r.Timeline[i])); err != nil {
			return err
		}
	}
	for i := range r.Doubts {
		d := &r.Doubts[i]
		fmt.Fprintf(w, "\nin doubt: %s (%s). Look whether it happened, then\n  skein resolve %s %s done|not-done|abandon\n", d.Tool, d.Class, r.ID, d.Effect)
	}
	return nil
}

// Outcome writes how a run stands.
func Outcome(w io.Writer, r *api.Run) {
	fmt.Fprintf(w, "run         %s\nagent       %s %s\nstatus      %s", r.ID, r.Agent, inputs(r.Input), r.Status)
	if r.Reason != "" {
		fmt.Fprintf(w, ": %s", r.Reason)
	}
	fmt.Fprintf(w, "\nsteps       %d in %s\n", r.Steps, took(r))
	if r.Cost != nil {
		fmt.Fprintf(w, "cost        %s\n", r.Cost)
	}
}

// Keys writes a list of keys.
func Keys(w io.Writer, keys []auth.Key, now time.Time) error {
	if len(keys) == 0 {
		_, err := fmt.Fprintln(w, "no keys; nobody is asked for one until `skein key create NAME`")
		return err
	}
	rows := [][]string{{"ID", "NAME", "STATUS", "ROLE", "TEAM", "PROJECT", "BUDGET", "CREATED"}}
	for i := range keys {
		k := &keys[i]
		b := ""
		if k.Budget != nil {
			b = k.Budget.Limit.String() + " / " + k.Budget.Window
		}
		rows = append(rows, []string{k.ID, k.Name, k.Status(now), string(k.Role), k.Team, k.Project, b, k.Created.Local().Format(time.DateTime)})
	}
	return table(w, rows)
}

// Budgets writes how every budget stands.
func Budgets(w io.Writer, budgets []api.Budget) error {
	if len(budgets) == 0 {
		_, err := fmt.Fprintln(w, "no budgets; define some under `budgets` in skein.yaml, or with `skein key create NAME --budget`")
		return err
	}
	rows := [][]string{{"SCOPE", "KIND", "WINDOW", "LIMIT", "SPENT", "HELD", "LEFT"}}
	for i := range budgets {
		b := &budgets[i]
		rows = append(rows, []string{b.Scope, b.Kind, b.Window, b.Limit.String(), b.Spent.Decimal(), b.Held.Decimal(), b.Left.Decimal()})
	}
	return table(w, rows)
}

// Check writes what a check found.
func Check(w io.Writer, r *node.Report) error {
	fmt.Fprintf(w, "%s (%s)\n\n", orElse(r.Config, "no configuration file; what the environment gives"), r.Revision)
	rows := [][]string{}
	for i := range r.Items {
		it := &r.Items[i]
		sign := "ok"
		if !it.OK {
			sign = "FAILED"
		}
		note := it.Note
		if it.Error != "" {
			note = it.Error
		}
		rows = append(rows, []string{sign, it.Kind, it.Name, note})
		for _, op := range it.Uses {
			rows = append(rows, []string{"", "", "  " + op.Name, string(op.Class) + ": " + op.Basis})
		}
	}
	return table(w, rows)
}

func orElse(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// Bill writes a bill: a row for each combination of what by names ("run" or
// "cloud,service"), or for each line where it names nothing.
func Bill(w io.Writer, b *api.Bill, by string) error {
	var dims []ledger.Dimension
	if by != "" {
		var err error
		if dims, err = ledger.ParseDimensions(by); err != nil {
			return err
		}
	}
	bill := ledger.Bill{Lines: b.Lines, Totals: b.Totals}
	return bill.WriteTable(w, dims...)
}
