package storetest

import (
	"context"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/sqlite"
)

// Reader implements [Store].
func (m *Memory) Reader() store.Reader { return memoryReader{m} }

type memoryReader struct{ m *Memory }

func (r memoryReader) QueryRowContext(ctx context.Context, query string, args ...any) store.Row {
	return sqlite.FirstRow(r.QueryContext(ctx, query, args...))
}

// QueryContext reads all rows at once: a snapshot.
func (r memoryReader) QueryContext(ctx context.Context, query string, args ...any) (store.Rows, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	rs, err := r.m.tables.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	out := &memoryRows{}
	for rs.Next() {
		values := make([]any, rs.(interface{ Columns() int }).Columns())
		dest := make([]any, len(values))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rs.Scan(dest...); err != nil {
			return nil, err
		}
		out.rows = append(out.rows, values)
	}
	return out, rs.Err()
}

type memoryRows struct {
	rows [][]any
	at   int
}

func (r *memoryRows) Next() bool   { r.at++; return r.at <= len(r.rows) }
func (r *memoryRows) Err() error   { return nil }
func (r *memoryRows) Close() error { return nil }

func (r *memoryRows) Scan(dest ...any) error {
	for i, v := range r.rows[r.at-1] {
		if err := sqlite.Assign(dest[i], v); err != nil {
			return err
		}
	}
	return nil
}
