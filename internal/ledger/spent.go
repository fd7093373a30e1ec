package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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

// spend adds an amount to windows. SQL has no number that holds an amount, but
// three: each is added up on its own, without a carry, and is exact for as long as
// fewer than nine thousand million entries go into one window.
func spend(ctx context.Context, tx store.Tx, org string, windows []string, a money.Amount) error {
	if len(windows) == 0 {
		return nil
	}
	parts, err := split(a)
	if err != nil {
		return err
	}
	for _, w := range windows {
		_, err := tx.ExecContext(ctx, `INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (org, window, currency) DO UPDATE SET
				units = units + excluded.units, nanos = nanos + excluded.nanos, attos = attos + excluded.attos`,
			org, w, a.Currency().String(), parts[0], parts[1], parts[2])
		if err != nil {
			return err
		}
	}
	return nil
}

// split is an amount as units, thousand-millionths of one, and those of these, all
// of its sign.
func split(a money.Amount) (parts [3]int64, err error) {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(a.Decimal(), "-"), ".")
	frac += strings.Repeat("0", money.Places-len(frac))
	for i, digits := range []string{whole, frac[:9], frac[9:]} {
		if parts[i], err = strconv.ParseInt(digits, 10, 64); err != nil {
			return parts, fmt.Errorf("%s cannot be added up: %w", a, err)
		}
		if a.Sign() < 0 {
			parts[i] = -parts[i]
		}
	}
	return parts, nil
}
