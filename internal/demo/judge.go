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
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/show"
)

// judgement is what the stand-ins' log says of what Skein says.
type judgement struct {
	runs     []*show.Whole
	bill     *api.Bill
	findings map[string]finding // by company, as the table has them
	log      []fakecloud.Line
	usage    []fakecloud.Consumed
	unsure   int // entries that the kill or a broken answer hid the outcome of
	mistakes []string
}

func (j *judgement) wrong(format string, args ...any) {
	j.mistakes = append(j.mistakes, fmt.Sprintf(format, args...))
}

// judge holds everything that Skein says against the stand-ins' log, and tells the
// result.
func (t *tour) judge(j *judgement) error {
	t.timelines(j)
	t.outcomes(j)
	t.budget(j)
	t.sums(j)
	t.billTables(j)
	if !t.Real {
		t.quantities(j)
	}
	t.share(j)
	return t.end(j)
}

// evidence collects what both sides say, once what the kill left unknown is settled.
func (t *tour) evidence(ctx context.Context) (*judgement, error) {
	c := t.client()
	defer c.Close()
	j := &judgement{findings: map[string]finding{}}
	var err error
	if t.fake != nil {
		if j.usage, err = t.fake.usage(ctx); err != nil {
			return nil, err
		}
		if j.log, err = t.fake.log(ctx); err != nil {
			return nil, err
		}
		if j.bill, err = c.Bill(ctx, api.BillQuery{}); err != nil {
			return nil, err
		}
		if j.unsure, err = t.confirm(ctx, c, j.bill, j.usage); err != nil {
			return nil, err
		}
	}
	if j.bill, err = c.Bill(ctx, api.BillQuery{}); err != nil {
		return nil, err
	}
	for _, id := range t.ids {
		run, err := show.ReadWhole(ctx, c, id)
		if err != nil {
			return nil, err
		}
		j.runs = append(j.runs, run)
		if j.findings[t.names[id]], err = t.plan.scene.read(ctx, t.session(), t.fake != nil, t.names[id]); err != nil {
			return nil, fmt.Errorf("read the finding of %s: %w", t.names[id], err)
		}
	}
	return j, nil
}

// confirm books what unknown and estimated entries really were. The export is
// complete, so an entry that it does not name consumed nothing; what a real model
// consumed only its provider knows.
func (t *tour) confirm(ctx context.Context, c *api.Client, b *api.Bill, usage []fakecloud.Consumed) (int, error) {
	real := map[string]map[string]int64{}
	for _, u := range usage {
		real[u.ID] = u.Readings
	}
	seen := map[string]bool{}
	var todo []api.Confirmation
	for i := range b.Lines {
		l := &b.Lines[i]
		id := entryOf(l.ID)
		unsure := slices.Contains(l.Marks, price.MarkUnknown) || slices.Contains(l.Marks, price.MarkEstimated)
		if seen[id] || !unsure || t.Real && l.Kind == ledger.Attempt {
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

// outcomes shows that each finding was written once, each notice sent once, and
// that the answers are right.
func (t *tour) outcomes(j *judgement) {
	puts, asked, sent, notices := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for i := range j.log {
		ln := &j.log[i]
		company := t.companyOf(ln.Command)
		switch {
		case t.plan.scene.wrote(ln):
			asked[company]++
			if ln.Done {
				puts[company]++
			}
		case t.plan.scene.told(ln):
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
		verdict, check, note := "-", "no finding", ""
		if company == poor && run.Status == agent.Stopped {
			note = "; it stopped at its budget, see below"
		}
		if f := j.findings[company]; f != nil {
			verdict, check = fmt.Sprint(f["verdict"]), "right"
			if err := analyst.Check(company, f); err != nil {
				check = "WRONG: " + err.Error()
			}
		}
		written, notified := fmt.Sprintf("%d (%d)", puts[company], asked[company]), fmt.Sprintf("%d (%d)", sent[company], notices[company])
		if t.fake == nil {
			written, notified = "see the table", "see the topic"
		}
		t.say("%-10s  %-8s %-9s %-18s %-20s %s", company, run.Status, verdict, written, notified, check+note)
		if puts[company] > 1 || sent[company] > 1 {
			j.wrong("%s: %s written and %s sent, want one of each at most", company, count(puts[company], "finding"), count(sent[company], "notice"))
		}
		if t.Real {
			continue // what a real model finds, and whether it comes to an end, is not Skein's
		}
		done := run.Status == agent.Done
		if done && (puts[company] != 1 || sent[company] != 1) {
			j.wrong("%s: %s written and %s sent, want one of each", company, count(puts[company], "finding"), count(sent[company], "notice"))
		}
		if check != "right" && (done || j.findings[company] != nil) {
			j.wrong("the finding of %s: %s", company, check)
		}
		if !done && (company != poor || run.Status != agent.Stopped) {
			j.wrong("the run for %s ended %s: %s", company, run.Status, run.Reason)
		}
	}
	if t.Real && !slices.ContainsFunc(j.runs, func(r *show.Whole) bool { return r.Status == agent.Done }) {
		j.wrong("no run came to its end; the first one %s: %s", j.runs[0].Status, j.runs[0].Reason)
	}
}

// session reaches the services as their vendor's own clients do.
func (t *tour) session() *cloud.Session {
	if t.fake == nil {
		return t.plan.scene.session("")
	}
	return t.plan.scene.session(t.fake.address)
}

// share says how much of the bill is not for tokens.
func (t *tour) share(j *judgement) {
	sums := map[price.Category]money.Amount{}
	var total money.Amount
	for i := range j.bill.Lines {
		l := &j.bill.Lines[i]
		sums[l.Category], total = sums[l.Category].Add(l.Amount()), total.Add(l.Amount())
	}
	if rest := total.Sub(sums[price.Models]); total.Sign() > 0 && rest.Sign() >= 0 {
		t.say("\nOf %s, %s are not tokens: %s.", total, rest, show.Share(rest, total))
	}
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
	for _, total := range j.bill.Totals {
		if got := sums[total.Currency].Decimal(); got != total.Cost {
			j.wrong("the lines add up to %s %s, and the total says %s", got, total.Currency, total.Cost)
		}
		delete(sums, total.Currency)
	}
	for currency, sum := range sums {
		j.wrong("the lines add up to %s, and there is no total in %s", sum, currency)
	}
}

// quantities holds what was booked against what the stand-ins logged, id by id.
func (t *tour) quantities(j *judgement) {
	type at struct{ id, meter string }
	booked, served := map[at]int64{}, map[at]int64{}
	for i := range j.bill.Lines {
		l := &j.bill.Lines[i]
		n, err := strconv.ParseInt(l.Quantity, 10, 64)
		if err != nil {
			j.wrong("line %s: quantity %q is no whole number", l.ID, l.Quantity)
			continue
		}
		if l.Cloud == "local" { // what never left this machine, no service has logged
			continue
		}
		booked[at{entryOf(l.ID), string(l.Meter)}] += n
	}
	for _, u := range j.usage {
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
		if meters[m] == [3]int64{0, 0, meters[m][2]} {
			continue // a bound that came to nothing
		}
		sign := "equal"
		if meters[m][0] != meters[m][1] {
			sign = "DIFFERENT"
		}
		t.say("%-16s %12d %12d  %s", m, meters[m][0], meters[m][1], sign)
	}
	t.say("(compared attempt by attempt and effect by effect; the outcome of %d of them was hidden by the kill or a broken", j.unsure)
	t.say("answer: they were booked at their bound, and then confirmed from the services' own usage export)")
}

// budget shows that the poor run stopped before its budget, not after.
func (t *tour) budget(j *judgement) {
	for _, run := range j.runs {
		if run.Limits == nil || run.Limits.Budget == nil {
			continue
		}
		company, limit := t.names[run.ID], *run.Limits.Budget
		spent := run.Cost()
		if spent.Cmp(limit) > 0 {
			j.wrong("the run for %s spent %s of %s", company, spent, limit)
		}
		if company != poor {
			continue
		}
		if t.Real && run.Status != agent.Stopped {
			t.say("\n%s's run was given %s and ended %s with %s spent: this model's prices are lower than that.", company, limit, run.Status, spent)
			continue
		}
		if run.Status != agent.Stopped || !strings.HasPrefix(run.Reason, "budget: ") {
			j.wrong("the run for %s, with %s, ended %s: %s", company, limit, run.Status, run.Reason)
			continue
		}
		t.say("\n== the budget ==\n")
		t.say("%s's run was given %s and stopped in good order after %s, with %s spent.", company, limit, count(run.Steps, "step"), spent)
		t.say("Why: %s.", strings.TrimPrefix(show.Reason(run.Reason), "budget: "))
		if !strings.Contains(run.Reason, spent.Decimal()+" ") {
			t.say("(What had been cut off counted at its bound then; the services' own export has said since that it was less.)")
		}
		t.say("Nothing was overspent, and nothing was left half done.")
	}
}
