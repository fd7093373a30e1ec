package tooltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// SQLPlace makes a database for a driver: `history`, five years of two
// companies, and a view of it.
func SQLPlace(t *testing.T, scheme string) Place {
	t.Helper()
	switch scheme {
	case "sqlite":
		path := filepath.Join(t.TempDir(), "history #1.db")
		SQLiteFile(t, path)
		return Place{URL: "sqlite:" + strings.ReplaceAll(filepath.ToSlash(path), "#", "%23")}
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to SQLPlace", scheme)
	return Place{}
}

// SQLiteFile makes the database of [SQLPlace] as an SQLite file.
func SQLiteFile(t testing.TB, path string) {
	t.Helper()
	conn, err := sqlite3.Open(sqldb.FileURI(path, "mode=rwc"))
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Exec(`CREATE TABLE history (company TEXT NOT NULL, year INTEGER NOT NULL, revenue INTEGER, margin REAL, note BLOB);
		WITH RECURSIVE y(n) AS (SELECT 2021 UNION ALL SELECT n+1 FROM y WHERE n < 2025)
		INSERT INTO history SELECT c.value, n, (n-2020)*1000000007, (n-2020)/8.0, NULL FROM y, json_each('["ACME","GLOBEX"]') c;
		UPDATE history SET note = x'00ff' WHERE year = 2025;
		CREATE INDEX by_year ON history(year);
		CREATE VIEW totals AS SELECT company, sum(revenue) AS revenue FROM history GROUP BY company`)
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
}

// SQL is the suite for drivers of SQL databases.
func SQL(t *testing.T, d resource.Driver[sqldb.DB]) {
	open := func(t *testing.T) sqldb.DB {
		t.Helper()
		p := SQLPlace(t, d.Scheme)
		db, _, _, err := resource.Open("sql", p.URL, resource.With{}, sqldb.Drivers())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db
	}
	t.Run("answers with its types", func(t *testing.T) { sqlTypes(t, open(t)) })
	t.Run("describes its tables", func(t *testing.T) {
		tables, err := open(t).Tables(t.Context())
		if err != nil || len(tables) != 2 || tables[0].Name != "history" || len(tables[0].Columns) != 5 || tables[1].Name != "totals" {
			t.Fatalf("tables: %+v, %v", tables, err)
		}
	})
	t.Run("never writes", func(t *testing.T) { sqlNoWrite(t, open(t)) })
	t.Run("refuses what it cannot run", func(t *testing.T) { sqlRefuse(t, open(t)) })
	t.Run("stops at its limits", func(t *testing.T) { sqlLimits(t, open(t)) })
	t.Run("is interrupted", func(t *testing.T) { sqlInterrupt(t, open(t)) })
	t.Run("answers many at once", func(t *testing.T) { sqlMany(t, open(t)) })
	t.Run("checks", func(t *testing.T) {
		if err := open(t).Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

var roomy = sqldb.Limits{Rows: 100, Bytes: 1 << 16}

func shown(rows sqldb.Rows) string {
	var b strings.Builder
	fmt.Fprint(&b, rows.Columns)
	for _, r := range rows.Rows {
		b.Write(r)
	}
	return b.String()
}

func sqlTypes(t *testing.T, db sqldb.DB) {
	for _, c := range []struct {
		query  string
		params []any
		want   string
	}{
		{"SELECT company, year, revenue, margin, note FROM history WHERE year = ? AND company = ?", []any{json.Number("2025"), "ACME"},
			`[company year revenue margin note]["ACME",2025,5000000035,0.625,"(2 bytes that are not text)"]`},
		{"SELECT company, revenue FROM totals ORDER BY company;", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
		{"SELECT ? AS a, ? AS b, ? AS c, ? AS d -- all of them", []any{nil, true, json.Number("1.5"), "it's <ok>"}, `[a b c d][null,1,1.5,"it's \u003cok\u003e"]`},
		{"SELECT max(year) AS y FROM history WHERE company = 'NONE'", nil, "[y][null]"},
		{"SELECT 1 WHERE 0", nil, "[1]"},
	} {
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, c.query, c.params, roomy)
		if err != nil || shown(rows) != c.want || rows.More {
			t.Errorf("%s: %s, %v; wanted %s", c.query, shown(rows), err, c.want)
		}
		want := map[price.Meter]int64{price.MeterQueries: 1}
		if n := int64(len(rows.Rows)); n > 0 {
			want[price.MeterRows] = n
		}
		WantCounted(t, m, want)
	}
}

func sqlNoWrite(t *testing.T, db sqldb.DB) {
	dir := t.TempDir()
	for _, q := range Writes(dir) {
		ctx, _ := Effect(t, Command(), 1)
		_, err := db.Query(ctx, q, nil, roomy)
		if err == nil {
			t.Errorf("%s: was run", q)
			continue
		}
		WantError(t, err, effect.Refused, "")
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 0 {
		t.Errorf("a query made %v, %v", made, err)
	}
	ctx, _ := Effect(t, Command(), 1)
	rows, err := db.Query(ctx, "SELECT count(*), sum(revenue) FROM history", nil, roomy)
	if err != nil || !strings.Contains(shown(rows), "[10,30000000210]") {
		t.Errorf("the table is now %s, %v", shown(rows), err)
	}
}

// Writes are statements that a guard must not let pass.
func Writes(dir string) []string {
	return []string{
		"DELETE FROM history", "INSERT INTO history VALUES ('X', 1, 1, 1, 1)", "UPDATE history SET revenue = 0",
		"DROP TABLE history", "CREATE TABLE x (a)", "CREATE TEMP TABLE x (a)", "CREATE VIEW v AS SELECT 1", "ALTER TABLE history ADD COLUMN x",
		"PRAGMA query_only = OFF", "PRAGMA journal_mode = WAL", "PRAGMA table_info(history)", "SELECT * FROM pragma_query_only",
		"ATTACH '" + dir + "/x.db' AS x", "VACUUM INTO '" + dir + "/y.db'", "VACUUM", "REINDEX", "ANALYZE",
		"BEGIN", "COMMIT", "SAVEPOINT a", "WITH a AS (SELECT 1) DELETE FROM history", "DELETE FROM history RETURNING *",
		"SELECT load_extension('" + dir + "/z.so')", "REPLACE INTO history(company, year) VALUES ('A', 1)", "EXPLAIN DELETE FROM history",
		"SELECT 1; DELETE FROM history", "SELECT 1; SELECT 2", "DETACH main", "DELETE FROM sqlite_schema",
	}
}

func sqlRefuse(t *testing.T, db sqldb.DB) {
	for _, c := range []struct {
		query    string
		params   []any
		contains string
	}{
		{"SELECT 1; SELECT 2", nil, "one statement"},
		{"SELECT 1; x", nil, "one statement"},
		{"", nil, "empty"},
		{" -- nothing", nil, "empty"},
		{"SELECT\x001", nil, "NUL"},
		{"SELEC 1", nil, "syntax"},
		{"SELECT profit FROM history", nil, "no such column: profit"},
		{"SELECT * FROM nowhere", nil, "no such table: nowhere"},
		{"SELECT ?", nil, "1 parameters and 0 values"},
		{"SELECT 1", []any{"a"}, "0 parameters and 1 values"},
		{"SELECT ?", []any{[]any{}}, "params[0]"},
		{"SELECT ?", []any{json.Number("1e999")}, "params[0]"},
		{"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), nil, ""},
		{"SELECT '" + strings.Repeat("x", 30_000) + "'", nil, ""},
	} {
		ctx, _ := Effect(t, Command(), 1)
		_, err := db.Query(ctx, c.query, c.params, roomy)
		WantError(t, err, effect.Refused, c.contains)
	}
}

func sqlLimits(t *testing.T, db sqldb.DB) {
	const many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) SELECT i FROM n"
	for _, c := range []struct {
		query  string
		limits sqldb.Limits
		rows   int
	}{
		{many, sqldb.Limits{Rows: 7, Bytes: 1 << 16}, 7},
		{many, sqldb.Limits{Rows: 1000, Bytes: 30}, 9},
		{"SELECT i FROM (" + many + ") ORDER BY i DESC LIMIT 5", sqldb.Limits{Rows: 4, Bytes: 1 << 16}, 4},
	} {
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, c.query, nil, c.limits)
		if err != nil || len(rows.Rows) != c.rows || !rows.More {
			t.Errorf("%d rows, more %v, %v; wanted %d and more", len(rows.Rows), rows.More, err, c.rows)
		}
		WantCounted(t, m, map[price.Meter]int64{price.MeterQueries: 1, price.MeterRows: int64(c.rows)})
	}
	for _, q := range []string{
		"SELECT zeroblob(1000000000)", "SELECT printf('%.*c', 100000000, 'x')", "SELECT replace(hex(zeroblob(500000)), '0', 'xxxxxxxxxx')",
		"WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s||s FROM n) SELECT max(length(s)) FROM n",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM (SELECT DISTINCT printf('%01000d', i) FROM n)",
	} {
		ctx, _ := Effect(t, Command(), 1)
		_, err := db.Query(ctx, q, nil, roomy)
		WantError(t, err, effect.Refused, "memory")
		if _, err := db.Query(ctx, "SELECT 1", nil, roomy); err != nil {
			t.Fatalf("after %s: %v", q, err)
		}
	}
}

func sqlInterrupt(t *testing.T, db sqldb.DB) {
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
	ctx, m := Effect(t, Command(), 1)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	_, err := db.Query(ctx, endless, nil, roomy)
	WantError(t, err, effect.NotDone, "longer than its limit")
	WantCounted(t, m, map[price.Meter]int64{price.MeterQueries: 1})

	ctx, m = Cancelled(t)
	_, err = db.Query(ctx, "SELECT 1", nil, roomy)
	WantError(t, err, effect.NotDone, "cancelled")
	WantCounted(t, m, nil)

	ctx, _ = Effect(t, Command(), 1)
	if _, err := db.Query(ctx, "SELECT 1", nil, roomy); err != nil {
		t.Fatalf("after an interrupt: %v", err)
	}
}

func sqlMany(t *testing.T, db sqldb.DB) {
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			ctx, _ := Effect(t, Command(), 1)
			rows, err := db.Query(ctx, "SELECT count(*) AS n FROM history", nil, roomy)
			if err != nil || shown(rows) != "[n][10]" {
				t.Errorf("%s, %v", shown(rows), err)
			}
		})
	}
	wg.Wait()
}
