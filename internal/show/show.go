// Package show writes what the API answers for people: tables, timelines and
// sums, as plain text that reads the same on a terminal and in a pipe. It knows
// nothing but what it is given.
package show

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

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
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		for i, cell := range r {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, clean(cell))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // a builder takes everything
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// clean is text that somebody else wrote, such as an upstream's error or a run's
// input, as one line that does nothing to a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return '\uFFFD'
		}
		return r
	}, s)
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

// Money is an amount for reading, to a hundredth of a cent where that says
// something, and exactly where it is less.
func Money(a money.Amount) string {
	if f := a.Fixed(6); strings.Trim(f, "-0.") != "" {
		return f + " " + a.Currency().String()
	}
	return a.String()
}

// Keys writes a list of keys.
func Keys(w io.Writer, keys []auth.Key, now time.Time) error {
	if len(keys) == 0 {
		_, err := fmt.Fprintln(w, "no keys; nobody is asked for one until `skein key create NAME`")
		return err
	}
	rows := [][]string{{"ID", "NAME", "STATUS", "ROLE", "TEAM", "PROJECT", "BUDGET", "CREATED"}}
	special := slices.ContainsFunc(keys, func(k auth.Key) bool { return k.Priority != "" || len(k.Require) > 0 })
	if special { // most keys have neither, and a list should fit on a screen
		rows[0] = append(rows[0], "PRIORITY", "REQUIRES")
	}
	for i := range keys {
		k := &keys[i]
		b := ""
		if k.Budget != nil {
			b = k.Budget.Limit.String() + " / " + k.Budget.Window
		}
		row := []string{k.ID, k.Name, k.Status(now), string(k.Role), k.Team, k.Project, b, k.Created.Local().Format(time.DateTime)}
		if special {
			row = append(row, string(k.Priority), strings.Join(k.Require, ","))
		}
		rows = append(rows, row)
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
			rows = append(rows, []string{"", "", "  " + op.Name, op.Words() + ": " + op.Basis})
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
