package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// entry is a bill's lines of one attempt.
type entry struct {
	readings  map[string]int64
	unsettled bool // estimated, or unknown
}

func (e *entry) input() int64 {
	return e.readings["input"] + e.readings["cache_read"] + e.readings["cache_write"] + e.readings["cache_write_1h"]
}

func (e *entry) output() int64 { return e.readings["output"] + e.readings["reasoning"] }

// booked is the bill beside the stand-ins' logs.
type booked struct {
	asked   int // requests that the stand-ins began to answer
	settled int // entries that are what a stand-in says
	guessed int // entries of what nobody reported the end of
}

// books holds the bill against the stand-ins' logs, attempt by attempt.
func (w *world) books(ctx context.Context, all []*outcome, records map[string]*dispatch.CallRecord) (b booked) {
	lines := w.logs()
	begun, ended := map[string]int{}, map[string]bool{}
	for i := range lines {
		switch ln := &lines[i]; ln.Event {
		case "begin":
			if begun[ln.Attempt]++; begun[ln.Attempt] == 2 {
				w.t.Errorf("the attempt %s was sent twice", ln.Attempt)
			}
		case "end":
			ended[ln.Attempt] = true
			if ln.Complain != "" {
				w.t.Errorf("the request of %s (%s %s) was rejected: %s", ln.Attempt, ln.Service, ln.Op, ln.Complain)
			}
		}
	}
	served := map[string]map[string]int64{}
	for _, u := range fakecloud.Export(lines) {
		served[u.ID] = u.Readings
	}
	entries := w.bill(ctx)
	for _, id := range slices.Sorted(maps.Keys(begun)) {
		b.asked++
		e := entries[id]
		switch {
		case id == "":
			w.t.Errorf("a stand-in was asked without an attempt's id")
		case e == nil:
			w.t.Errorf("the attempt %s was sent, and is not on the bill", id)
		case e.unsettled:
			b.guessed++
		case !ended[id]:
			w.t.Errorf("the attempt %s was cut by a kill, and is booked as if its end had been told: %v", id, e.readings)
		case !maps.Equal(nonzero(e.readings), nonzero(served[id])):
			w.t.Errorf("the attempt %s is booked as %v, and the stand-in says %v", id, e.readings, served[id])
		default:
			b.settled++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		if e := entries[id]; begun[id] == 0 && !e.unsettled && len(nonzero(e.readings)) > 0 {
			w.t.Errorf("%s is booked with %v, and no stand-in was asked for it", id, e.readings)
		}
	}
	w.usages(all, records, entries)
	return b
}

// usages: what a client was told that its answer took is what is booked of the attempts
// that it read from: those that broke when it had been shown some of them, and the last
// one. What others brought, that ended before anything of them was shown, is the
// operator's loss. Of what was read, where several were read from, each attempt's
// reading is another, and the client is told of one.
func (w *world) usages(all []*outcome, records map[string]*dispatch.CallRecord, entries map[string]*entry) {
	wrong := map[string]int{}
	for _, o := range all {
		rec := records[o.call]
		if o.failed != "" || rec == nil || len(rec.Attempts) == 0 {
			continue
		}
		read := map[string]bool{rec.Attempts[len(rec.Attempts)-1].ID: true}
		for _, s := range rec.Seams {
			read[s.After] = true
		}
		sum := entry{readings: map[string]int64{}}
		for id := range read {
			e := entries[id]
			if e == nil {
				w.t.Errorf("%s came whole, and its attempt %s is not on the bill", o.call, id)
				continue
			}
			for m, n := range e.readings {
				sum.readings[m] += n
			}
		}
		if o.out != sum.output() || len(read) == 1 && o.in != sum.input() {
			kind := fmt.Sprintf("%s → %s, read from %d attempts", o.format.name, o.model, len(read))
			if wrong[kind]++; wrong[kind] == 1 {
				w.t.Errorf("%s (%s) told its client %d tokens in and %d out; booked are %d and %d", o.call, kind, o.in, o.out, sum.input(), sum.output())
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(wrong)) {
		w.t.Logf("usage told wrongly: %s: %d", kind, wrong[kind])
	}
}

func nonzero(r map[string]int64) map[string]int64 {
	out := maps.Clone(r)
	maps.DeleteFunc(out, func(_ string, n int64) bool { return n == 0 })
	if out == nil {
		out = map[string]int64{}
	}
	return out
}

// logs are the lines of both stand-ins, of all their lives.
func (w *world) logs() (all []fakecloud.Line) {
	for _, up := range w.ups {
		f, err := os.Open(filepath.Join(up.dir, "log.jsonl"))
		w.must(err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var ln fakecloud.Line
			if err := json.Unmarshal(lines.Bytes(), &ln); err != nil {
				w.t.Errorf("the log of the %s upstream: %v", up.name, err)
				continue
			}
			all = append(all, ln)
		}
		w.must(lines.Err())
		w.must(f.Close())
	}
	return all
}

// bill reads the bill by attempts. While nobody has confirmed what was cut, a hard
// budget counts more than the estimates on the bill; what these are confirmed with here
// is themselves, and then both have the same sum.
func (w *world) bill(ctx context.Context) map[string]*entry {
	b, err := w.client.Bill(ctx, api.BillQuery{})
	w.must(err)
	all, sum := map[string]*entry{}, money.Amount{}
	for i := range b.Lines {
		l := &b.Lines[i]
		sum = sum.Add(l.Amount())
		id, _, _ := strings.Cut(l.ID, "#")
		e := all[id]
		if e == nil {
			e = &entry{readings: map[string]int64{}}
			all[id] = e
		}
		e.readings[string(l.Meter)] += l.Count()
		e.unsettled = e.unsettled || slices.Contains(l.Marks, price.MarkEstimated) || slices.Contains(l.Marks, price.MarkUnknown)
	}
	var sure []api.Confirmation
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id].unsettled {
			c := api.Confirmation{ID: id}
			for _, m := range slices.Sorted(maps.Keys(all[id].readings)) {
				c.Readings = append(c.Readings, price.Reading{Meter: price.Meter(m), Quantity: all[id].readings[m], Source: price.Reported})
			}
			sure = append(sure, c)
		}
	}
	if len(sure) > 0 {
		done, err := w.client.Confirm(ctx, sure)
		w.must(err)
		for _, r := range done.Refused {
			w.t.Errorf("confirm %s: %s", r.ID, r.Reason)
		}
	}
	budgets, err := w.client.Budgets(ctx)
	w.must(err)
	for _, s := range budgets {
		if s.Spent.Cmp(sum) != 0 {
			w.t.Errorf("%s: the budget says that %s were spent, the bill adds up to %s", s.Window, s.Spent, sum)
		}
	}
	if len(budgets) == 0 {
		w.t.Error("there is no budget")
	}
	return all
}
