package ledger

import (
	"context"
	"fmt"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

// Window is what a budget window has spent.
type Window struct {
	Name  string // the window instance, as entries name it
	Spent money.Amount
}

// Spent lists what the windows of an org have spent, for budgets to begin with.
func Spent(ctx context.Context, r store.Reader, org string) ([]Window, error) {
	rows, err := r.QueryContext(ctx, "SELECT window, currency, units, nanos, attos FROM spent WHERE org = ? ORDER BY window, currency", org)
	if err != nil {
		return nil, fmt.Errorf("read what was spent: %w", err)
	}
	defer rows.Close()
	var out []Window
	for rows.Next() {
		var w Window
		var cur string
		var parts [3]int64
		if err := rows.Scan(&w.Name, &cur, &parts[0], &parts[1], &parts[2]); err != nil {
			return nil, fmt.Errorf("read what was spent: %w", err)
		}
		c, err := money.ParseCurrency(cur)
		if err != nil {
			return nil, fmt.Errorf("read what was spent: %w", err)
		}
		for i, n := range parts {
			w.Spent = w.Spent.Add(money.New(n, -9*i, c))
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// SpentBy is what the budget of a run counts so far: all of its entries, with what a
// crash or a broken answer has left in doubt.
func SpentBy(ctx context.Context, r store.Reader, org, run string) (money.Amount, error) {
	var sum money.Amount
	for e, err := range Entries(ctx, r, Query{Org: org, Run: run}) {
		if err != nil {
			return money.Amount{}, err
		}
		sum = sum.Add(e.Counted())
	}
	return sum, nil
}

// spend adds an amount to windows. SQL has no number that holds an amount, but
// three: each is added up on its own, without a carry, and is exact for as long as
// fewer than nine thousand million entries go into one window.
func spend(ctx context.Context, tx store.Tx, org string, windows []string, a money.Amount) error {
	if len(windows) == 0 {
		return nil
	}
	units, nanos, attos, ok := a.Parts()
	if !ok {
		return fmt.Errorf("%s cannot be added up: it is too large", a)
	}
	keys := [...]string{org, "", a.Currency().String()}
	for _, w := range windows {
		keys[1] = w
		err := tx.Add(ctx, `INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (org, window, currency) DO UPDATE SET
				units = units + excluded.units, nanos = nanos + excluded.nanos, attos = attos + excluded.attos`,
			keys[:], units, nanos, attos)
		if err != nil {
			return err
		}
	}
	return nil
}
