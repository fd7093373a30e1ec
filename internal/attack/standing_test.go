package attack

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
)

// onceOnly: no attempt was sent twice, no keyed write took effect twice, nobody
// was notified twice.
func (w *world) onceOnly(lines []fakecloud.Line) {
	sent, done := map[string]int{}, map[string]int{}
	for _, ln := range lines {
		if ln.Event == "begin" {
			if sent[ln.Attempt]++; sent[ln.Attempt] > 1 {
				w.t.Errorf("the attempt %s was sent twice", ln.Attempt)
			}
		}
		if ln.Done {
			if done[ln.Command]++; done[ln.Command] > 1 {
				w.t.Errorf("the command %s took effect twice", ln.Command)
			}
		}
	}
}

// limits: what was really spent stays within every limit, and the budgets know it.
func (w *world) limits(ctx context.Context, all map[string]*entry) {
	byKey, fair, byRun := map[string]money.Amount{}, map[string]money.Amount{}, map[string]money.Amount{}
	for _, e := range all {
		byKey[e.key] = byKey[e.key].Add(e.cost)
		if e.outcome == "server_error" {
			continue // an error is free by all providers' terms; the stand-in that bills one breaks them
		}
		fair[e.key] = fair[e.key].Add(e.cost)
		byRun[e.run] = byRun[e.run].Add(e.cost)
	}
	for _, k := range w.keys {
		if !k.limit.IsZero() && fair[k.id].Cmp(k.limit) > 0 {
			w.t.Errorf("the key %s really spent %s of %s", k.name, fair[k.id], k.limit)
		}
	}
	for run, limit := range w.runs {
		if byRun[run].Cmp(limit) > 0 {
			w.t.Errorf("the run %s really spent %s of %s", run, byRun[run], limit)
		}
	}
	budgets, err := w.client.Budgets(ctx)
	w.must(err)
	for _, b := range budgets {
		if id, ok := strings.CutPrefix(b.Scope, "key:"); ok && b.Spent.Cmp(byKey[id]) != 0 {
			w.t.Errorf("%s: the budget says that %s were spent, the bill says %s", b.Window, b.Spent, byKey[id])
		}
	}
}

// again: a start in good order changes nothing.
func (w *world) again(ctx context.Context, all map[string]*entry) {
	was, err := w.client.Budgets(ctx)
	w.must(err)
	w.stop()
	w.start(ctx)
	var now []api.Budget
	for until := time.Now().Add(5 * time.Second); len(now) < len(was) && time.Now().Before(until); { // runs in doubt are read again
		now, err = w.client.Budgets(ctx)
		w.must(err)
		pause(ctx, 5*time.Millisecond)
	}
	for _, a := range was {
		i := slices.IndexFunc(now, func(b api.Budget) bool { return b.Window == a.Window && b.Kind == a.Kind })
		if i < 0 || now[i].Spent.Cmp(a.Spent) != 0 || !now[i].Held.IsZero() {
			w.t.Errorf("%s: %s were spent before a start, and then %v", a.Window, a.Spent, now)
		}
	}
	after, _ := w.bill(ctx)
	for id, e := range after {
		if b := all[id]; b == nil || b.cost.Cmp(e.cost) != 0 {
			w.t.Errorf("%s is another after a start", id)
		}
	}
	if len(after) != len(all) {
		w.t.Errorf("%d entries before a start, %d after it", len(all), len(after))
	}
}

// complaints: what the process said of itself that it must never have to say.
func (w *world) complaints() {
	said, err := os.ReadFile(filepath.Join(w.dir, "node.log"))
	w.must(err)
	for _, line := range strings.Split(string(said), "\n") {
		for _, bad := range []string{"DATA RACE", "panic", "ended in a bug", "could not be kept", "more than was held"} {
			if strings.Contains(line, bad) {
				w.t.Errorf("the process said: %s", line)
			}
		}
	}
}
