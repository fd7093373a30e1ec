package sqldb_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range sqldb.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.SQL(t, d) })
	}
}

func open(t testing.TB, path string) sqldb.DB {
	t.Helper()
	db, _, _, err := resource.Open("sql", "sqlite:"+path, resource.With{}, sqldb.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A file in WAL mode on a medium that cannot be written has to be readable.
func TestSQLiteReadsAWALFileThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	tooltest.SQLiteFile(t, path)
	conn, err := sqlite3.Open(sqldb.FileURI(path, "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec("PRAGMA journal_mode = WAL; INSERT INTO history(company, year) VALUES ('LATE', 1)"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	rows, err := open(t, path).Query(t.Context(), "SELECT count(*) FROM history", nil, sqldb.Limits{Rows: 1, Bytes: 100})
	if err != nil || string(rows.Rows[0]) != "[11]" {
		t.Fatalf("%s, %v", rows.Rows, err)
	}
}

func TestSQLiteSeesWhatIsWrittenMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	tooltest.SQLiteFile(t, path)
	db := open(t, path)
	conn, err := sqlite3.Open(sqldb.FileURI(path, "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, want := range []string{"[11]", "[12]"} {
		if err := conn.Exec("INSERT INTO history(company, year) VALUES ('LATE', 1)"); err != nil {
			t.Fatal(err)
		}
		rows, err := db.Query(t.Context(), "SELECT count(*) FROM history", nil, sqldb.Limits{Rows: 1, Bytes: 100})
		if err != nil || string(rows.Rows[0]) != want {
			t.Fatalf("%s, %v; wanted %s", rows.Rows, err, want)
		}
	}
}

func FuzzGuardNeverWrites(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "a.db")
	tooltest.SQLiteFile(f, path)
	before, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for _, q := range tooltest.Writes(dir) {
		f.Add(q)
	}
	f.Add("SELECT company, sum(revenue) OVER (PARTITION BY year) FROM history")
	db := open(f, path)
	f.Fuzz(func(t *testing.T, query string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		limits := sqldb.Limits{Rows: 10, Bytes: 1000}
		rows, err := db.Query(ctx, query, nil, limits)
		if err == nil && len(rows.Rows) > limits.Rows {
			t.Fatalf("%d rows", len(rows.Rows))
		}
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(before, after) {
			t.Fatalf("%q changed the file (%v)", query, err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Fatalf("%q made a file: %v, %v", query, files, err)
		}
	})
}
