package tooltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/tool/sqldb"
)

// SQLiteFile makes the database of the suite as an SQLite file.
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

func sqliteKind() *sqlKind {
	return &sqlKind{
		place: func(t *testing.T) *sqlPlace {
			path := filepath.Join(t.TempDir(), "history #1.db")
			SQLiteFile(t, path)
			p := &sqlPlace{url: "sqlite:" + strings.ReplaceAll(filepath.ToSlash(path), "#", "%23")}
			p.ask = func(t *testing.T, text string) string { return sqliteAsk(t, path, text) }
			p.do = func(t *testing.T, text string) { sqliteAsk(t, path, text) }
			p.running = func(*testing.T, bool) {} // it runs in this process, so its end is its caller's
			return p
		},
		types: []sqlCase{
			{"SELECT company, year, revenue, margin, note FROM history WHERE year = ? AND company = ?", []any{json.Number("2025"), "ACME"},
				`[company year revenue margin note]["ACME",2025,5000000035,0.625,"(2 bytes that are not text)"]`},
			{"SELECT company, revenue FROM totals ORDER BY company;", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
			{"SELECT ? AS a, ? AS b, ? AS c, ? AS d -- all of them", []any{nil, true, json.Number("1.5"), "it's <ok>"}, `[a b c d][null,1,1.5,"it's \u003cok\u003e"]`},
			{"SELECT max(year) AS y FROM history WHERE company = 'NONE'", nil, "[y][null]"},
			{"SELECT 1 WHERE 0", nil, "[1]"},
		},
		refused: []sqlCase{
			{"SELECT ?", []any{json.Number("1e999")}, "params[0]"},
			{"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), nil, ""},
			{"SELECT profit FROM history", nil, "no such column: profit"},
			{"SELECT * FROM nowhere", nil, "no such table: nowhere"},
		},
		writes: Writes,
		many:   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) SELECT i FROM n",
		wide:   "SELECT printf('%.*c', 900000, 'x')",
		greedy: []string{
			"SELECT zeroblob(1000000000)", "SELECT printf('%.*c', 100000000, 'x')", "SELECT replace(hex(zeroblob(500000)), '0', 'xxxxxxxxxx')",
			"WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s||s FROM n) SELECT max(length(s)) FROM n",
			"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM (SELECT DISTINCT printf('%01000d', i) FROM n)",
		},
		endless: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n",
		upsert:  "INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)",
		ddl: []string{"ATTACH 'x' AS y", "PRAGMA user_version = 3", "INSERT INTO sqlite_schema VALUES (1,2,3,4,5)", "UPDATE sqlite_sequence SET seq = 1",
			"INSERT INTO history SELECT load_extension('x'), 1, 1, 1, 1", "VACUUM", "REINDEX"},
	}
}

func sqliteAsk(t *testing.T, path, text string) string {
	t.Helper()
	conn, err := sqlite3.Open(sqldb.FileURI(path, "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stmt, _, err := conn.Prepare(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = stmt.Close() }()
	var b strings.Builder
	for stmt.Step() {
		for i := range stmt.ColumnCount() {
			fmt.Fprint(&b, stmt.ColumnText(i), "|")
		}
		b.WriteByte('\n')
	}
	if err := stmt.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return b.String()
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
