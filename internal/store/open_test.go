package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/sqlite"
	"github.com/skein-run/skein/internal/store/storetest"
)

func rec(kind, body string) store.Record {
	return store.Record{Org: "default", Kind: kind, Version: 1, Body: []byte(body)}
}

func commit(t testing.TB, s *store.Store, rs ...store.Record) {
	t.Helper()
	if _, err := s.Commit(t.Context(), store.Batch{Records: rs}); err != nil {
		t.Fatal(err)
	}
}

// opens opens and closes a store, for its error.
func opens(dir string, o store.Options) error {
	s, err := store.Open(context.Background(), dir, o)
	if err != nil {
		return err
	}
	return s.Close()
}

func wantError(t *testing.T, err, is error, words ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("got %v; want %q", err, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// raw changes the database behind the store's back.
func raw(t *testing.T, dir, query string) {
	t.Helper()
	c, err := sqlite.Open(filepath.Join(dir, "skein.db"), sqlite3.OPEN_READWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestOneProcessOwnsADirectory(t *testing.T) {
	dir := t.TempDir()
	s := storetest.NewAt(t, dir, store.Options{Version: "1.2.3"})
	o, err := store.ReadOwner(dir)
	if err != nil || o.PID != os.Getpid() || o.Version != "1.2.3" || o.Socket != store.SocketPath(dir) || o.Started.IsZero() {
		t.Errorf("the owner is %+v, %v", o, err)
	}
	wantError(t, opens(dir, store.Options{}), store.ErrOwned, dir, "process", "--data")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ReadOwner(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an owner is still named: %v", err)
	}
	if err := opens(dir, store.Options{}); err != nil {
		t.Errorf("after the owner has gone: %v", err)
	}
}

func TestReadingBesideTheOwner(t *testing.T) {
	dir := t.TempDir()
	views := storetest.Views()
	s := storetest.NewAt(t, dir, store.Options{Views: views})
	commit(t, s, rec("word", "a"))
	ro := storetest.NewAt(t, dir, store.Options{Views: views, ReadOnly: true})
	if _, err := ro.Commit(t.Context(), store.Batch{Records: []store.Record{rec("word", "b")}}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("commit: %v", err)
	}
	if err := ro.Rebuild(t.Context()); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("rebuild: %v", err)
	}
	if err := ro.Reserve(rec("word", "b")); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("reserve: %v", err)
	}
	commit(t, s, rec("word", "b"))
	if err := ro.Wait(t.Context(), 1); err != nil || ro.LSN() != 2 {
		t.Errorf("what the owner commits is not seen: lsn %d, %v", ro.LSN(), err)
	}
	if a, b := storetest.Dump(t, s.Reader(), views), storetest.Dump(t, ro.Reader(), views); a != b {
		t.Errorf("the owner sees\n%s\nand the reader\n%s", a, b)
	}
}

func TestReadingWithoutAnOwner(t *testing.T) {
	dir := t.TempDir()
	s := storetest.NewAt(t, dir, store.Options{})
	commit(t, s, rec("x", "a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(why string) {
		t.Helper()
		ro, err := store.Open(t.Context(), dir, store.Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("%s: %v", why, err)
		}
		defer ro.Close()
		if rs, err := ro.Records(t.Context(), 0, store.Filter{}, -1); err != nil || len(rs) != 1 {
			t.Errorf("%s: %d records, %v", why, len(rs), err)
		}
	}
	check("closed")
	if os.Getuid() == 0 {
		return // whom no permission stops
	}
	os.Chmod(filepath.Join(dir, "skein.db"), 0o400)
	os.Chmod(dir, 0o500)
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	check("in a directory that is not writable")
}

func TestOpenNamesTheMend(t *testing.T) {
	t.Run("nothing to read", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		wantError(t, opens(dir, store.Options{ReadOnly: true}), store.ErrNotFound, dir, "skein serve", "--data")
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Error("reading created it")
		}
	})
	t.Run("a file in the way", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "file")
		os.WriteFile(dir, nil, 0o600)
		if err := opens(dir, store.Options{}); err == nil || !strings.Contains(err.Error(), "--data") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not writable", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("nothing is unwritable for root")
		}
		dir := t.TempDir()
		os.Chmod(dir, 0o500)
		wantError(t, opens(dir, store.Options{}), store.ErrNoRoom, dir, "writable", "--data")
	})
	t.Run("another program's database", func(t *testing.T) {
		dir := t.TempDir()
		raw0(t, dir, "CREATE TABLE other (x)")
		wantError(t, opens(dir, store.Options{}), store.ErrVersion, "no database of Skein")
	})
	t.Run("no database at all", func(t *testing.T) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "skein.db"), []byte(strings.Repeat("this is text\n", 1000)), 0o600)
		if err := opens(dir, store.Options{}); err == nil || !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("got %v", err)
		}
	})
}

// raw0 makes a database that is not there yet.
func raw0(t *testing.T, dir, query string) {
	t.Helper()
	c, err := sqlite.Open(filepath.Join(dir, "skein.db"), sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := opens(dir, store.Options{}); err != nil {
		t.Fatal(err)
	}
	raw(t, dir, "UPDATE meta SET value = 99 WHERE name IN ('format', 'min_writer')")
	wantError(t, opens(dir, store.Options{}), store.ErrVersion, "format 99", "newer program")
	if err := opens(dir, store.Options{ReadOnly: true}); err != nil {
		t.Errorf("it may still be read: %v", err)
	}
	raw(t, dir, "UPDATE meta SET value = 99 WHERE name = 'min_reader'")
	wantError(t, opens(dir, store.Options{ReadOnly: true}), store.ErrVersion, "format 99")
}

func TestAChangedViewIsFoldedAnew(t *testing.T) {
	dir := t.TempDir()
	views := storetest.Views()
	s := storetest.NewAt(t, dir, store.Options{Views: views})
	commit(t, s, rec("word", "a"), rec("word", "b"))
	want := storetest.Dump(t, s.Reader(), views)
	s.Close()

	raw(t, dir, "UPDATE words SET n = 77")
	views[0].Version = 2
	wantError(t, opens(dir, store.Options{Views: views, ReadOnly: true}), store.ErrVersion, "view words", "skein serve")
	s = storetest.NewAt(t, dir, store.Options{Views: views})
	if got := storetest.Dump(t, s.Reader(), views); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAViewThatWasAwayCatchesUp(t *testing.T) {
	dir := t.TempDir()
	views := storetest.Views()
	s := storetest.NewAt(t, dir, store.Options{Views: views})
	commit(t, s, rec("word", "a"))
	s.Close()

	s = storetest.NewAt(t, dir, store.Options{Views: views[:1]}) // without `latest`
	commit(t, s, store.Record{Org: "default", Kind: "word", Stream: "s", Body: []byte("b")})
	s.Close()

	s = storetest.NewAt(t, dir, store.Options{Views: views})
	var n int
	if err := s.Reader().QueryRowContext(t.Context(), "SELECT count(*) FROM latest").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	storetest.CheckRebuild(t, s, views)
}

func TestSnapshotStandsStill(t *testing.T) {
	s := storetest.New(t, storetest.Views()...)
	commit(t, s, rec("word", "a"))
	err := s.Snapshot(t.Context(), func(r store.Reader) error {
		for range 3 {
			var n int
			if err := r.QueryRowContext(t.Context(), "SELECT count(*) FROM words").Scan(&n); err != nil || n != 1 {
				t.Errorf("%d words, %v", n, err)
			}
			commit(t, s, rec("word", "b"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s := storetest.New(t)
	var n int
	if err := s.Reader().QueryRowContext(t.Context(), "DELETE FROM meta RETURNING 1").Scan(&n); err == nil {
		t.Error("a reader deleted something")
	}
}

func TestAQueryEndsWithItsContext(t *testing.T) {
	s := storetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rs, err := s.Reader().QueryContext(ctx, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c")
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	for i := 0; rs.Next(); i++ {
		if i == 10 {
			cancel()
		}
	}
	if err := rs.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLongPathsGetASocketElsewhere(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if got := store.SocketPath("/data/skein"); got != "/data/skein/skein.sock" {
		t.Errorf("got %s", got)
	}
	long := "/" + strings.Repeat("long/", 40)
	a, b := store.SocketPath(long), store.SocketPath(long+"b")
	if !strings.HasPrefix(a, "/run/user/7/skein-") || a == b || len(a) > 100 {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, rec("x", "a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheDataIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{{Org: "default", Kind: "test", Version: 1, Body: []byte("{}")}}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"skein.db", "skein.db-wal", "reserve"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
			t.Errorf("%s has the rights %o", name, mode)
		}
	}
}
