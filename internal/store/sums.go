package store

import (
	"context"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// transaction is what views write through: a connection, and what they have only
// added up so far.
type transaction struct {
	*sqlite.Conn
	at   map[string]int // in sums, by query and keys
	sums []sum
	key  []byte
	args []any
}

// sum is a statement that is still to be run.
type sum struct {
	query string
	keys  []string
	n     []int64
}

// Add implements [Tx].
func (t *transaction) Add(ctx context.Context, query string, keys []string, n ...int64) error {
	t.key = append(append(t.key[:0], query...), 0)
	for _, k := range keys {
		t.key = append(append(t.key, k...), 0)
	}
	i, ok := t.at[string(t.key)]
	if !ok {
		if t.at == nil {
			t.at = map[string]int{}
		}
		i = len(t.sums)
		t.at[string(t.key)] = i
		t.sums = append(t.sums, sum{query, append([]string(nil), keys...), make([]int64, len(n))})
	}
	for j := range n {
		t.sums[i].n[j] += n[j]
	}
	return nil
}

// flush runs the statements whose numbers were added up.
func (t *transaction) flush(ctx context.Context) error {
	for i := range t.sums {
		s := &t.sums[i]
		t.args = t.args[:0]
		for _, k := range s.keys {
			t.args = append(t.args, k)
		}
		for _, n := range s.n {
			t.args = append(t.args, n)
		}
		if _, err := t.ExecContext(ctx, s.query, t.args...); err != nil {
			return err
		}
	}
	t.forget()
	return nil
}

// forget drops what was added up, with the transaction or batch that it came of.
func (t *transaction) forget() {
	clear(t.at)
	clear(t.sums)
	t.sums = t.sums[:0]
}
