package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// judgement is what the stand-ins' log says of what Skein says.
type judgement struct {
	runs     []*api.Run
	bill     *api.Bill
	booked   int // unknown and estimated entries that the usage export settled
	mistakes []string
}

func (j *judgement) wrong(format string, args ...any) {
	j.mistakes = append(j.mistakes, fmt.Sprintf(format, args...))
}

// judge settles what the kill left unknown, holds everything against the
// stand-ins' log, and tells the result.
func (t *tour) judge(ctx context.Context, ids []string) error {
	c := t.client()
	defer c.Close()
	j := &judgement{}
	usage, err := t.fake.usage(ctx)
	if err != nil {
		return err
	}
	log, err := t.fake.log(ctx)
	if err != nil {
		return err
	}
	if j.bill, err = c.Bill(ctx, api.BillQuery{}); err != nil {
		return err
	}
	if j.booked, err = confirm(ctx, c, j.bill, usage); err != nil {
		return err
	}
	if j.bill, err = c.Bill(ctx, api.BillQuery{}); err != nil {
		return err
	}
	for _, id := range ids {
		run, err := c.Run(ctx, id)
		if err != nil {
			return err
		}
		j.runs = append(j.runs, run)
	}
	t.timelines(j)
	if err := t.findings(ctx, j, log); err != nil {
		return err
	}
	t.sums(j)
	if !t.Real {
		t.quantities(j, usage)
	}
	t.budget(j)
	return t.end(j)
}

// confirm books what unknown and estimated entries really were. The export is
// complete, so an entry that it does not name consumed nothing.
func confirm(ctx context.Context, c *api.Client, b *api.Bill, usage []fakecloud.Consumed) (int, error) {
	real := map[string]map[string]int64{}
	for _, u := range usage {
		real[u.ID] = u.Readings
	}
	seen := map[string]bool{}
	var todo []api.Confirmation
	for i := range b.Lines {
		l := &b.Lines[i]
		id := entryOf(l.ID)
		if seen[id] || !slices.Contains(l.Marks, price.MarkUnknown) && !slices.Contains(l.Marks, price.MarkEstimated) {
			continue
		}
		seen[id] = true
		cf := api.Confirmation{ID: id}
		for _, m := range slices.Sorted(maps.Keys(real[id])) {
			cf.Readings = append(cf.Readings, price.Reading{Meter: price.Meter(m), Quantity: real[id][m], Source: price.Reported})
		}
		todo = append(todo, cf)
	}
	if len(todo) == 0 {
		return 0, nil
	}
	done, err := c.Confirm(ctx, todo)
	if err != nil {
		return 0, fmt.Errorf("confirm what was unknown: %w", err)
	}
	for _, r := range done.Refused {
		return 0, fmt.Errorf("confirm %s: %s", r.ID, r.Reason)
	}
	return done.Booked, nil
}

// entryOf is the attempt or effect that a line belongs to: line ids are the
// entry's with # and a number, and a confirmation's entry ends in /c.
func entryOf(line string) string {
	id, _, _ := strings.Cut(line, "#")
	return strings.TrimSuffix(id, "/c")
}

// findings shows that each finding was written once, each notice sent once, and
// that the answers are right.
func (t *tour) findings(ctx context.Context, j *judgement, log []fakecloud.Line) error {
	puts, asked, sent, notices := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for i := range log {
		ln := &log[i]
		company := t.companyOf(ln.Command)
		switch {
		case ln.Service == "table" && ln.Op == "put":
			asked[company]++
			if ln.Done {
				puts[company]++
			}
		case ln.Service == "notify":
			notices[company]++
			if ln.Done {
				sent[company]++
			}
		}
	}
	t.say("\n== findings, as the table holds them; writes and notices, as the services logged them ==\n")
	t.say("%-10s  %-8s %-9s %-18s %-20s %s", "company", "run", "verdict", "written (asked)", "notified (asked)", "checked against the published figures")
	for _, run := range j.runs {
		company := t.names[run.ID]
		f, err := t.fake.finding(ctx, company)
		if err != nil {
			return err
		}
		verdict, check := "-", "no finding: "+run.Reason
		if f != nil {
			verdict, check = fmt.Sprint(f["verdict"]), "right"
			if err := analyst.Check(company, f); err != nil {
				check = "WRONG: " + err.Error()
				j.wrong("the finding of %s: %v", company, err)
			}
		}
		t.say("%-10s  %-8s %-9s %-18s %-20s %s", company, run.Status, verdict,
			fmt.Sprintf("%d (%d)", puts[company], asked[company]), fmt.Sprintf("%d (%d)", sent[company], notices[company]), check)
		want := 1
		if run.Status != agent.Done {
			want = min(puts[company], 1)
		}
		if puts[company] != want || sent[company] > 1 || run.Status == agent.Done && sent[company] != 1 {
			j.wrong("%s: %d findings written and %d notices sent, want one of each", company, puts[company], sent[company])
		}
		if run.Status != agent.Done && !(company == poor && run.Status == agent.Stopped) {
			j.wrong("the run for %s ended %s: %s", company, run.Status, run.Reason)
		}
	}
	return nil
}

func (t *tour) companyOf(command string) string {
	run, _, _ := strings.Cut(command, "/")
	return t.names[run]
}

// sums adds the bill's lines up anew.
func (t *tour) sums(j *judgement) {
	sums := map[string]money.Amount{}
	for i := range j.bill.Lines {
		l := &j.bill.Lines[i]
		cur, err := money.ParseCurrency(l.Currency)
		if err != nil {
			j.wrong("line %s: %v", l.ID, err)
			continue
		}
		cost, err := money.Parse(l.Cost, cur)
		if err != nil {
			j.wrong("line %s: %v", l.ID, err)
			continue
		}
		sums[l.Currency] = sums[l.Currency].Add(cost)
	}
	t.say("\n== the bill: %d lines, priced as if the objects were in S3, the table in DynamoDB and the topic in SNS ==\n", len(j.bill.Lines))
	t.billTable(j)
	for _, total := range j.bill.Totals {
		if got := sums[total.Currency].Decimal(); got != total.Cost {
			j.wrong("the lines add up to %s %s, and the total says %s", got, total.Currency, total.Cost)
		}
	}
}

// quantities holds what was booked against what the stand-ins logged, id by id.
func (t *tour) quantities(j *judgement, usage []fakecloud.Consumed) {
	type at struct{ id, meter string }
	booked, served := map[at]int64{}, map[at]int64{}
	local := map[string]bool{}
	for i := range j.bill.Lines {
		l := &j.bill.Lines[i]
		n, err := strconv.ParseInt(l.Quantity, 10, 64)
		if err != nil {
			j.wrong("line %s: quantity %q is no whole number", l.ID, l.Quantity)
			continue
		}
		if l.Cloud == "local" { // what never left this machine, no service has logged
			local[string(l.Meter)] = true
			continue
		}
		booked[at{entryOf(l.ID), string(l.Meter)}] += n
	}
	for _, u := range usage {
		for m, n := range u.Readings {
			served[at{u.ID, m}] += n
		}
	}
	meters := map[string][3]int64{} // booked, served, ids
	for k, n := range booked {
		if served[k] != n {
			j.wrong("%s of %s: %d were booked, and the service logged %d", k.meter, k.id, n, served[k])
		}
		m := meters[k.meter]
		meters[k.meter] = [3]int64{m[0] + n, m[1], m[2] + 1}
	}
	for k, n := range served {
		if _, ok := booked[k]; !ok && n != 0 {
			j.wrong("%s of %s: the service logged %d, and nothing was booked", k.meter, k.id, n)
		}
		m := meters[k.meter]
		meters[k.meter] = [3]int64{m[0], m[1] + n, m[2]}
	}
	t.say("\n== what was booked, and what the stand-in services logged, retries included ==\n")
	t.say("%-16s %12s %12s", "meter", "booked", "logged")
	for _, m := range slices.Sorted(maps.Keys(meters)) {
		sign := "equal"
		if meters[m][0] != meters[m][1] {
			sign = "DIFFERENT"
		}
		t.say("%-16s %12d %12d  %s", m, meters[m][0], meters[m][1], sign)
	}
	t.say("(attempt by attempt and effect by effect; %d whose outcome the kill or a broken answer hid were booked", j.booked)
	t.say("at their bound, and then confirmed from the services' usage export)")
}

// budget shows that the poor run stopped before its budget, not after.
func (t *tour) budget(j *judgement) {
	for _, run := range j.runs {
		if run.Limits == nil || run.Limits.Budget == nil {
			continue
		}
		spent := money.Zero(money.USD)
		for i := range j.bill.Lines {
			if l := &j.bill.Lines[i]; l.Run == run.ID {
				cost, err := money.Parse(l.Cost, money.USD)
				if err == nil {
					spent = spent.Add(cost)
				}
			}
		}
		if spent.Cmp(*run.Limits.Budget) > 0 {
			j.wrong("the run for %s spent %s of %s", t.names[run.ID], spent, run.Limits.Budget)
		}
		if t.names[run.ID] == poor {
			t.say("\n%s's run was given %s and stopped at %s: %s", poor, run.Limits.Budget, spent, run.Reason)
		}
	}
}
