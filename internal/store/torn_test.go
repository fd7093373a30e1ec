package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

// TestATornLogIsWholeBatchesUpToTheTear: a crash of the machine may leave any part
// of what was not yet synced. Here the log is cut at many places; what is read
// from the rest is a beginning of what was committed, batch by batch, with views
// that are a fold of it.
func TestATornLogIsWholeBatchesUpToTheTear(t *testing.T) {
	dir := t.TempDir()
	s := storetest.NewAt(t, dir, store.Options{Views: storetest.Views()})
	const batches = 5
	for i := range batches {
		commit(t, s, rec("word", fmt.Sprint("a", i)), rec("word", strings.Repeat("b", 1+i*700)))
	}
	db, err := os.ReadFile(filepath.Join(dir, "skein.db"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "skein.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for cut := 0; cut <= len(log); cut += 3700 {
		torn := t.TempDir()
		for name, b := range map[string][]byte{"skein.db": db, "skein.db-wal": log[:cut]} {
			if err := os.WriteFile(filepath.Join(torn, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o, err := store.Open(t.Context(), torn, store.Options{Views: storetest.Views()})
		if err != nil {
			if len(seen) > 0 {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			continue // the database itself was not whole yet
		}
		rs, err := o.Records(t.Context(), 0, store.Filter{}, -1)
		if err != nil || len(rs)%2 != 0 {
			t.Fatalf("cut at %d: %d records, %v", cut, len(rs), err)
		}
		for i := 0; i < len(rs); i += 2 {
			if string(rs[i].Body) != fmt.Sprint("a", i/2) || len(rs[i+1].Body) != 1+i/2*700 {
				t.Errorf("cut at %d: batch %d is %q and %d bytes", cut, i/2, rs[i].Body, len(rs[i+1].Body))
			}
		}
		seen[len(rs)/2] = true
		storetest.CheckRebuild(t, o, storetest.Views())
		sound(t, o)
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(seen) < batches/2 {
		t.Errorf("of %d batches the cuts showed only beginnings of %v", batches, seen)
	}
}
