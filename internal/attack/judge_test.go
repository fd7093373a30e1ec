package attack

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// readings are quantities by meter.
type readings map[string]int64

// entry is a bill's lines of one attempt or effect.
type entry struct {
	readings readings
	cost     money.Amount
	key, run string
	call     string
	marks    []price.Mark
	outcome  string
}

func (e *entry) unsettled() bool {
	return slices.Contains(e.marks, price.MarkUnknown) || slices.Contains(e.marks, price.MarkEstimated)
}

// judge holds the bill against what the stand-ins logged: as it is, and after what
// nobody saw the end of is confirmed by their export.
func (w *world) judge(ctx context.Context) {
	log := w.cloud.Log().Lines()
	served := map[string]readings{}
	for _, u := range fakecloud.Export(log) {
		served[u.ID] = u.Readings
	}
	w.onceOnly(log)
	before, lines := w.bill(ctx)
	w.booked(before, served)
	w.seen(ctx, before)
	confirmed := w.confirm(ctx, before, served)
	after, _ := w.bill(ctx)
	up := w.true(before, after, served)
	w.limits(ctx, after)
	w.complaints()
	answers := map[int]int{}
	for _, a := range w.asked {
		answers[a.status]++
	}
	w.t.Logf("%d requests, %d of them answered whole, by status %v; %d runs; %d kills, %d stops; the stand-ins logged %d lines; %d entries, %d lines, %d confirmed (%d upwards); budgets looked at %d times",
		len(w.asked), w.whole(), answers, len(w.runs), w.kills, w.stops, len(log), len(after), lines, confirmed, up, w.samples.Load())
	w.again(ctx, after)
}

// confirm books what unknown and estimated entries really were.
func (w *world) confirm(ctx context.Context, all map[string]*entry, served map[string]readings) int {
	var todo []api.Confirmation
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if !all[id].unsettled() {
			continue
		}
		c := api.Confirmation{ID: id}
		for _, m := range slices.Sorted(maps.Keys(served[id])) {
			c.Readings = append(c.Readings, price.Reading{Meter: price.Meter(m), Quantity: served[id][m], Source: price.Reported})
		}
		todo = append(todo, c)
	}
	if len(todo) == 0 {
		return 0
	}
	done, err := w.client.Confirm(ctx, todo)
	w.must(err)
	for _, r := range done.Refused {
		w.t.Errorf("confirm %s: %s (%v)", r.ID, r.Reason, all[r.ID].readings)
	}
	return len(todo)
}

// true: now every quantity is what was served, and no bound was too low. It says how
// many entries had been booked for less than they cost.
func (w *world) true(before, after map[string]*entry, served map[string]readings) (up int) {
	for id, e := range after {
		if was := before[id]; was != nil && e.cost.Cmp(was.cost) > 0 {
			up++
			if slices.Contains(was.marks, price.MarkUnknown) {
				w.t.Errorf("%s was booked at its bound of %s, and cost %s", id, was.cost, e.cost)
			}
		}
		for m := range merged(e.readings, served[id]) {
			if got, want := e.readings[m], served[id][m]; got != want && !local(id, after) {
				w.t.Errorf("%s of %s: %d on the bill after it was confirmed, %d were served", m, id, got, want)
			}
		}
	}
	return up
}

func (w *world) whole() (n int) {
	for _, a := range w.asked {
		if a.whole {
			n++
		}
	}
	return n
}

func merged(a, b readings) map[string]bool {
	out := map[string]bool{}
	for m := range a {
		out[m] = true
	}
	for m := range b {
		out[m] = true
	}
	return out
}

// local reports whether an entry is of something that no stand-in serves.
func local(id string, all map[string]*entry) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(all[id].readings)), func(m string) bool {
		return m == string(price.MeterQueries) || m == string(price.MeterRows) || m == string(price.MeterEvals)
	})
}

// bill reads the bill, checks that it adds up, and sorts its lines by what they
// are of.
func (w *world) bill(ctx context.Context) (map[string]*entry, int) {
	b, err := w.client.Bill(ctx, api.BillQuery{})
	w.must(err)
	all := map[string]*entry{}
	sums := map[string]money.Amount{}
	ids := map[string]bool{}
	for i := range b.Lines {
		l := &b.Lines[i]
		if ids[l.ID] {
			w.t.Errorf("the line %s is there twice", l.ID)
		}
		ids[l.ID] = true
		sums[l.Currency] = sums[l.Currency].Add(l.Amount())
		id := entryOf(l.ID)
		e := all[id]
		if e == nil {
			e = &entry{readings: readings{}, key: l.Key, run: l.Run, call: l.Call}
			all[id] = e
		}
		e.readings[string(l.Meter)] += l.Count()
		e.cost = e.cost.Add(l.Amount())
		e.marks = append(e.marks, l.Marks...)
		e.outcome = l.Outcome
	}
	for _, t := range b.Totals {
		if got := sums[t.Currency].Decimal(); got != t.Cost {
			w.t.Errorf("the lines add up to %s %s, the total says %s", got, t.Currency, t.Cost)
		}
	}
	return all, len(b.Lines)
}

// entryOf is the attempt or effect that a line belongs to.
func entryOf(line string) string {
	id, _, _ := strings.Cut(line, "#")
	return strings.TrimSuffix(id, "/c")
}

// booked: whatever was served has an entry, and what is settled is what was served.
func (w *world) booked(all map[string]*entry, served map[string]readings) {
	for id, r := range served {
		switch e := all[id]; {
		case id == "":
			w.t.Errorf("something was served that nobody has a name for: %v", r)
		case e == nil:
			for m, n := range r {
				w.t.Errorf("%d %s of %s were served, and are not on the bill", n, m, id)
			}
		case e.unsettled():
		default:
			for m := range merged(e.readings, r) {
				if e.readings[m] != r[m] {
					w.t.Errorf("%s of %s (%s): %d booked as settled, %d served", m, id, e.outcome, e.readings[m], r[m])
				}
			}
		}
	}
	for id, e := range all {
		if served[id] == nil && !e.unsettled() && !local(id, all) {
			for m, n := range e.readings {
				if n != 0 {
					w.t.Errorf("%d %s of %s (%s) are booked, and nothing was served", n, m, id, e.outcome)
				}
			}
		}
	}
}

// seen: who saw the end of an answer finds it on the bill, with what it said.
func (w *world) seen(ctx context.Context, all map[string]*entry) {
	calls := map[string][]string{}
	for id, e := range all {
		calls[e.call] = append(calls[e.call], id)
	}
	for _, a := range w.asked {
		if !a.whole {
			continue
		}
		if a.call == "" {
			w.t.Errorf("an answer came whole without naming its call: %+v", a)
			continue
		}
		rec, err := w.client.Call(ctx, a.call)
		if err != nil {
			w.t.Errorf("%s came whole, and its record: %v", a.call, err)
			continue
		}
		if len(rec.Attempts) == 0 || rec.Outcome != "ok" {
			w.t.Errorf("%s came whole, and its record says %s after %d attempts", a.call, rec.Outcome, len(rec.Attempts))
			continue
		}
		last := rec.Attempts[len(rec.Attempts)-1]
		e := all[last.ID]
		if e == nil {
			w.t.Errorf("%s came whole, and is not on the bill", last.ID)
			continue
		}
		if a.input < 0 {
			continue
		}
		in, out := told(e), e.readings["output"]+e.readings["reasoning"]
		if len(rec.Seams) > 0 { // the prompt once, and what each attempt wrote that it was shown something of
			in, out = told(all[rec.Seams[0].After]), 0
			shown := []string{last.ID}
			for _, s := range rec.Seams {
				if !slices.Contains(shown, s.After) {
					shown = append(shown, s.After)
				}
			}
			for _, id := range shown {
				out += all[id].readings["output"] + all[id].readings["reasoning"]
			}
		}
		if in != a.input || out != a.output {
			w.t.Errorf("%s told its client %d tokens in and %d out; booked are %d and %d", last.ID, a.input, a.output, in, out)
		}
		if of := e.readings["output"] + e.readings["reasoning"]; a.cap > 0 && of > a.cap { // each attempt by itself: what goes on says some words again
			w.t.Errorf("%s has %d tokens of output, of %d asked for", last.ID, of, a.cap)
		}
	}
}

// told is the tokens of an attempt's prompt, as booked.
func told(e *entry) (n int64) {
	for _, m := range []string{"input", "cache_read", "cache_write", "cache_write_1h"} {
		n += e.readings[m]
	}
	return n
}
