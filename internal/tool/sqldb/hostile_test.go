package sqldb_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/sqldb"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func hostile(t testing.TB) sqldb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	tooltest.SQLiteFile(t, path)
	return open(t, path)
}

// A row is made before anybody can say that it is too large, so it must not be
// made whole: 2,000 columns of a megabyte each are a short query.
func TestARowOfManyLargeValuesIsNotMadeWhole(t *testing.T) {
	db := hostile(t)
	for _, n := range []int{40, 60, 1500} {
		query := `WITH v(x) AS (SELECT printf('%.900000c', char(1))) SELECT ` + strings.TrimSuffix(strings.Repeat("x,", n), ",") + ` FROM v`
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rows, err := db.Query(t.Context(), query, nil, sqldb.Limits{Rows: 10, Bytes: 32 << 10})
		runtime.ReadMemStats(&after)
		if err == nil && (len(rows.Rows) != 0 || !rows.More) {
			t.Errorf("%d columns: %d rows, more: %v", n, len(rows.Rows), rows.More)
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > 64<<20 {
			t.Errorf("%d columns made %d MB", n, made>>20)
		}
	}
}

func TestHostileQueriesEndInTimeAndMemory(t *testing.T) {
	db := hostile(t)
	for name, query := range map[string]string{
		"endless recursion":    `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c`,
		"endless and distinct": `WITH RECURSIVE c(n) AS (SELECT 1 UNION SELECT n+1 FROM c) SELECT count(*) FROM c`,
		"a doubling text":      `WITH RECURSIVE c(n, x) AS (SELECT 1, 'a' UNION ALL SELECT n+1, x||x FROM c) SELECT max(length(x)) FROM c`,
		"many products":        `SELECT count(*) FROM ` + strings.TrimSuffix(strings.Repeat("history,", 30), ","),
		"a sorted product":     `SELECT * FROM history a, history b, history c, history d, history e, history f, history g ORDER BY random()`,
		"patterns":             `WITH v(x) AS (SELECT hex(zeroblob(400000))) SELECT x LIKE '` + strings.Repeat("%0", 400) + `%1' FROM v`,
		"globs":                `WITH v(x) AS (SELECT hex(zeroblob(400000))) SELECT x GLOB '` + strings.Repeat("*0", 400) + `*1' FROM v`,
		"replacing":            `SELECT replace(hex(zeroblob(400000)), '0', hex(zeroblob(400000)))`,
		"concatenating":        `SELECT group_concat(hex(zeroblob(100000))) FROM history a, history b, history c`,
		"a deep value":         `SELECT json(replace(hex(zeroblob(200000)), '0', '['))`,
		"printing":             `SELECT printf('%*d', 2000000000, 1)`,
		"random":               `SELECT randomblob(2000000000)`,
		"each of json":         `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c, json_each('[1,2,3]')`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := db.Query(ctx, query, nil, sqldb.Limits{Rows: 10, Bytes: 32 << 10})
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
			var known *effect.Error
			if err != nil && !errors.As(err, &known) {
				t.Errorf("an error of no known meaning: %v", err)
			}
		})
	}
}

func TestQueriesReachNothingButTheData(t *testing.T) {
	db := hostile(t)
	other := filepath.Join(t.TempDir(), "other.db")
	for _, query := range []string{
		`ATTACH '` + other + `' AS o`, `SELECT 1; ATTACH '` + other + `' AS o`, `DETACH main`,
		`PRAGMA query_only = OFF`, `SELECT * FROM pragma_query_only(0)`, `SELECT * FROM pragma_database_list`,
		`PRAGMA writable_schema = 1`, `PRAGMA data_version`, `VACUUM INTO '` + other + `'`, `SELECT load_extension('x')`,
		`UPDATE sqlite_schema SET sql = 'x'`, `INSERT INTO history(company, year) SELECT 'X', 1 RETURNING company`,
		`WITH x AS (SELECT 1) DELETE FROM history RETURNING 1`, `CREATE TEMP TABLE t(x)`, `BEGIN IMMEDIATE`, `ANALYZE`, `REINDEX`,
		`EXPLAIN DELETE FROM history`, `SELECT readfile('/etc/passwd')`, `SELECT writefile('` + other + `', 'x')`,
		`SELECT edit('x')`, `SELECT fts3_tokenizer('x')`, `SELECT * FROM fsdir('/')`, `SAVEPOINT a`,
		`CREATE VIRTUAL TABLE v USING fts5(x)`, `SELECT * FROM sqlite_dbpage`,
	} {
		rows, err := db.Query(t.Context(), query, nil, sqldb.Limits{Rows: 10, Bytes: 32 << 10})
		if err == nil {
			t.Errorf("%s gave %s", query, rows.Rows)
		}
	}
	if rows, err := db.Query(t.Context(), `SELECT count(*) FROM history`, nil, sqldb.Limits{Rows: 1, Bytes: 100}); err != nil || string(rows.Rows[0]) != "[10]" {
		t.Errorf("afterwards: %s, %v", rows.Rows, err)
	}
}
