package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

// budgets is the purse with the limits that are made and ended while the process
// runs: those of runs, and of keys.
type budgets struct {
	*dispatch.Purse
	runs map[string]bool // those with a limit; under the purse's lock
	log  *slog.Logger
	now  func() time.Time
}

func newBudgets(log *slog.Logger, now func() time.Time) *budgets {
	warn := func(e budget.Event) {
		log.Warn("a budget passed a threshold", "scope", e.Limit.Scope, "window", e.Window,
			"percent", e.Percent, "spent", e.Spent.String(), "limit", e.Limit.Amount.String())
	}
	return &budgets{Purse: dispatch.NewPurse(budget.New(), warn), runs: map[string]bool{}, log: log, now: now}
}

// load defines the limits of the configuration and of the keys, with what the
// ledger says was spent under them.
func (b *budgets) load(ctx context.Context, r store.Reader, c *config.Config, keys []auth.Key) error {
	spent, err := ledger.Spent(ctx, r, budget.DefaultOrg)
	if err != nil {
		return fmt.Errorf("read what was spent: %w", err)
	}
	var limits []budget.Limit
	for i := range c.Budgets {
		l, err := c.Budgets[i].Parsed()
		if err != nil {
			return fmt.Errorf("budgets[%d]: %w", i, err)
		}
		limits = append(limits, l)
	}
	for i := range keys {
		if l, ok := keyLimit(&keys[i]); ok {
			limits = append(limits, l)
		}
	}
	b.With(func(s *budget.State) {
		for _, l := range limits {
			if derr := s.Define(l); derr != nil && err == nil {
				err = derr
			}
		}
		for _, w := range spent {
			s.Seed(budget.DefaultOrg, w.Name, w.Spent)
		}
	})
	return err
}

func keyLimit(k *auth.Key) (budget.Limit, bool) {
	if k.Budget == nil {
		return budget.Limit{}, false
	}
	return budget.Limit{
		Org: k.Org, Scope: "key:" + k.ID, Amount: k.Budget.Limit, Window: budget.Window(k.Budget.Window), Kind: budget.Hard,
	}, true
}

// keyChanged makes or ends the limit of a key.
func (b *budgets) keyChanged(k auth.Key) {
	l, ok := keyLimit(&k)
	if !ok {
		return
	}
	b.With(func(s *budget.State) {
		if err := s.Define(l); err != nil {
			b.log.Error("a key's budget cannot be set", "key", k.ID, "err", err)
		}
	})
}

// OpenRun sets the budget of a run, and what it has spent so far.
func (b *budgets) OpenRun(run string, limit, spent money.Amount) (err error) {
	if limit.IsZero() {
		return nil
	}
	l := budget.Limit{Scope: "run:" + run, Amount: limit, Window: budget.Run, Kind: budget.Hard}
	b.With(func(s *budget.State) {
		if err = s.Define(l); err != nil {
			return
		}
		if !b.runs[run] && !spent.IsZero() {
			s.Seed(budget.DefaultOrg, l.Instance(b.now()), spent)
		}
		b.runs[run] = true
	})
	return err
}

// CloseRun forgets the budget of a run.
func (b *budgets) CloseRun(run string) {
	b.With(func(s *budget.State) {
		delete(b.runs, run)
		s.Remove(budget.DefaultOrg, "run:"+run, budget.Run, budget.Hard)
	})
}

// standings is how every limit stands.
func (b *budgets) standings() (out []budget.Standing) {
	b.With(func(s *budget.State) { out = s.Snapshot(b.now()) })
	return out
}
