// Package storetest says what a store promises: [Run] is the suite that every
// implementation passes, [Memory] the plain one that it is held against, and
// [FaultDisk] a disk that fails to order. Other packages open a store for their
// tests with [New], and check their views with [CheckRebuild].
package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/store"
)

// Store is what the suite knocks at.
type Store interface {
	Commit(ctx context.Context, b store.Batch) (first int64, err error)
	Submit(b store.Batch, done func(first int64, err error))
	Records(ctx context.Context, after int64, f store.Filter, limit int) ([]store.Record, error)
	Payload(ctx context.Context, org, ref string) (store.Payload, error)
	Reader() store.Reader
	LSN() int64
	Wait(ctx context.Context, after int64) error
	Rebuild(ctx context.Context, views ...string) error
	Close() error
}

// Open opens an empty store with the given views.
type Open func(t testing.TB, views ...store.View) Store

// New opens a store in a directory of the test's own, and closes it at the end.
func New(t testing.TB, views ...store.View) *store.Store {
	t.Helper()
	return NewAt(t, t.TempDir(), store.Options{Views: views})
}

// NewAt opens a store in dir, and closes it at the end.
func NewAt(t testing.TB, dir string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// CheckRebuild drops the tables of all views, folds all records again, and fails
// where anything is different after it.
func CheckRebuild(t testing.TB, s Store, views []store.View) {
	t.Helper()
	before := Dump(t, s.Reader(), views)
	if err := s.Rebuild(context.Background()); err != nil {
		t.Fatalf("rebuild the views: %v", err)
	}
	if after := Dump(t, s.Reader(), views); after != before {
		t.Errorf("the views are not a fold of the records; by commits:\n%s\nby folding again:\n%s", before, after)
	}
}

// Dump is all rows of all tables of views, as text, in an order of its own.
func Dump(t testing.TB, r store.Reader, views []store.View) string {
	t.Helper()
	var b strings.Builder
	for _, v := range views {
		for _, table := range v.Tables {
			rows, err := dumpTable(r, table)
			if err != nil {
				t.Fatalf("dump %s: %v", table, err)
			}
			fmt.Fprintf(&b, "%s\n", table)
			for _, row := range rows {
				fmt.Fprintf(&b, "  %s\n", row)
			}
		}
	}
	return b.String()
}

func dumpTable(r store.Reader, table string) ([]string, error) {
	ctx := context.Background()
	var columns int
	if err := r.QueryRowContext(ctx, "SELECT count(*) FROM pragma_table_info(?)", table).Scan(&columns); err != nil {
		return nil, err
	}
	rs, err := r.QueryContext(ctx, `SELECT * FROM "`+table+`"`)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var out []string
	for rs.Next() {
		values, dest := make([]any, columns), make([]any, columns)
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rs.Scan(dest...); err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("%q", values))
	}
	slices.Sort(out)
	return out, rs.Err()
}
