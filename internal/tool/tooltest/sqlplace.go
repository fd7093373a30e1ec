package tooltest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// sqlKind is what differs between kinds of databases in the suite.
type sqlKind struct {
	network bool
	place   func(*testing.T) *sqlPlace
	types   []sqlCase
	refused []sqlCase
	writes  func(dir string) []string
	many    string   // counts from 1 to 100,000
	wide    string   // a row that is larger than a result may be
	greedy  []string // queries that take too much memory
	endless string
	nobody  string // the URL of a server that is not there

	effects string // the statement that makes the effects table
	upsert  string
	begin   string // what is sent when a transaction begins, and when it is committed
	commit  string
	ddl     []string // statements that exec refuses
	// special is what only this kind of database can do wrong.
	special func(t *testing.T, x sqldb.Executor, p *sqlPlace)
}

// sqlPlace is a database with `history`, five years of two companies, and a view of it.
type sqlPlace struct {
	url  string
	wire *wire // between it and the driver
	// do and ask reach it by its vendor's driver, past ours.
	do  func(t *testing.T, text string)
	ask func(t *testing.T, text string) string
	// running waits until a statement runs that ours began, or until none does.
	running func(t *testing.T, want bool)
	// hold runs a statement in a transaction that stays open until it is released.
	hold func(t *testing.T, text string) (release func())
}

func (p *sqlPlace) dump(t *testing.T) string {
	return p.ask(t, "SELECT company, year, revenue FROM history ORDER BY company, year")
}

// sqlWorld is the kind of database that a scheme opens.
func sqlWorld(t *testing.T, scheme string) *sqlKind {
	t.Helper()
	switch scheme {
	case "sqlite":
		return sqliteKind()
	case "postgres":
		return postgresKind(sqlAddress(t, "SKEIN_TEST_POSTGRES", "postgres"))
	case "mysql":
		return mysqlKind(sqlAddress(t, "SKEIN_TEST_MYSQL", "mysql"))
	case "sqlserver":
		return mssqlKind(sqlAddress(t, "SKEIN_TEST_MSSQL", "mssql"))
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to sqlWorld", scheme)
	return nil
}

func sqlAddress(t *testing.T, variable, name string) *url.URL {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		t.Skipf("%s is not set: python3 test/clouds/run.py %s -- go test … starts one", variable, name)
	}
	u, err := url.Parse(v)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return u
}

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

// stdPlace is a place that is reached by database/sql.
func stdPlace(t *testing.T, db *sql.DB) *sqlPlace {
	t.Cleanup(func() { _ = db.Close() })
	p := &sqlPlace{}
	p.hold = func(t *testing.T, text string) func() {
		t.Helper()
		tx, err := db.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(context.Background(), text); err != nil {
			t.Fatal(err)
		}
		return func() { _ = tx.Rollback() }
	}
	p.do = func(t *testing.T, text string) {
		t.Helper()
		if _, err := db.ExecContext(context.Background(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	p.ask = func(t *testing.T, text string) string {
		t.Helper()
		rows, err := db.QueryContext(context.Background(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer func() { _ = rows.Close() }()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		var b strings.Builder
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				fmt.Fprintf(&b, "%s|", v)
			}
			b.WriteByte('\n')
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return b.String()
	}
	return p
}

// eventually asks until the answer is the wanted one.
func sqlEventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(end) {
			t.Errorf("%s: not after 10 s", what)
			return
		}
	}
}

var databases int

// freshName is a name that no other run uses.
func freshName() string {
	databases++
	return fmt.Sprintf("skein_%d_%d", os.Getpid(), databases)
}

// openPG opens a database of a PostgreSQL server.
func openPG(t *testing.T, u *url.URL) *sql.DB {
	t.Helper()
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	return stdlib.OpenDB(*c)
}

func postgresKind(root *url.URL) *sqlKind {
	return &sqlKind{
		network: true,
		nobody:  "postgres://u:p@127.0.0.1:1/x",
		place: func(t *testing.T) *sqlPlace {
			admin := stdPlace(t, openPG(t, root))
			name := freshName()
			admin.do(t, "CREATE DATABASE "+name)
			t.Cleanup(func() { admin.do(t, "DROP DATABASE "+name+" WITH (FORCE)") })
			own := *root
			own.Path = "/" + name
			p := stdPlace(t, openPG(t, &own))
			p.do(t, `CREATE TABLE history (company text NOT NULL, year int NOT NULL, revenue bigint, margin double precision, note bytea, PRIMARY KEY (company, year));
				INSERT INTO history SELECT c, n, (n-2020)*1000000007::bigint, (n-2020)/8.0, CASE WHEN n = 2025 THEN '\x00ff'::bytea END FROM generate_series(2021, 2025) n, unnest('{ACME,GLOBEX}'::text[]) c;
				CREATE VIEW totals AS SELECT company, sum(revenue) AS revenue FROM history GROUP BY company;
				CREATE SEQUENCE counter;
				CREATE FUNCTION grow() RETURNS int LANGUAGE sql AS 'INSERT INTO history VALUES (''X'', 1) RETURNING 1';
				CREATE FUNCTION sneak() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN INSERT INTO history VALUES (''X'', 1); RETURN 1; END';
				CREATE FUNCTION twice(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2*n'`)
			p.wire = newWire(t, root.Host)
			own.Host, own.RawQuery = p.wire.address(), ""
			p.url = own.String()
			p.running = func(t *testing.T, want bool) {
				sqlEventually(t, fmt.Sprintf("a statement runs: %v", want), func() bool {
					return (p.ask(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'skein' AND datname = current_database() AND state = 'active' AND query LIKE 'FETCH%'") != "0|\n") == want
				})
			}
			return p
		},
		types: []sqlCase{
			{"SELECT company, year, revenue, margin, note FROM history WHERE year = ? AND company = ?", []any{json.Number("2025"), "ACME"},
				`[company year revenue margin note]["ACME",2025,5000000035,0.625,"AP8="]`},
			{"SELECT company, revenue FROM totals ORDER BY company;", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
			{"SELECT ? AS a, ? AS b, ? AS c, ? AS d -- all of them", []any{nil, true, json.Number("1.5"), "it's <ok>"}, `[a b c d][null,true,1.5,"it's \u003cok\u003e"]`},
			{"SELECT max(year) AS y FROM history WHERE company = 'NONE'", nil, "[y][null]"},
			{"SELECT 1 AS a WHERE false", nil, "[a]"},
			{"SELECT 12345678901234567890.123456789012345678901::numeric AS a, 0.1::float8+0.2 AS b, 'NaN'::numeric AS c, 1e300::float8 AS d, -0.5::numeric AS e", nil,
				`[a b c d e][12345678901234567890.123456789012345678901,0.30000000000000004,"NaN",1e+300,-0.5]`},
			{"SELECT '2026-01-02 03:04:05.678+02'::timestamptz AS a, '2026-01-02 03:04:05'::timestamp AS b, '2026-01-02'::date AS c, 'infinity'::timestamptz AS d", nil,
				`[a b c d]["2026-01-02T01:04:05.678Z","2026-01-02T03:04:05","2026-01-02","infinity"]`},
			{`SELECT '{"a": [1.50, null]}'::jsonb AS a, '{"b" : 1}'::json AS b, '{1,2}'::int[] AS c, '550e8400-e29b-41d4-a716-446655440000'::uuid AS d`, nil,
				`[a b c d][{"a":[1.50,null]},{"b":1},"{1,2}","550e8400-e29b-41d4-a716-446655440000"]`},
			{"SELECT twice(4) AS a, count(*) AS n, avg(year)::int AS y FROM history WHERE company LIKE ? AND revenue > ? * 2", []any{"AC%", json.Number("1e9")}, "[a n y][8,4,2024]"},
			{`SELECT '?' AS a, E'it\'s ?' AS b, $q$ ? $q$ AS c, '{"k":1}'::jsonb ?? 'k' AS d, "year" AS e /* ? /* ? */ */ FROM history WHERE year = ? ORDER BY company LIMIT 1`, []any{json.Number("2021")},
				`[a b c d e]["?","it's ?"," ? ",true,2021]`},
			{"WITH h AS (SELECT * FROM history) (SELECT count(*) AS n FROM h)", nil, "[n][10]"},
			{"TABLE totals ORDER BY 1", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
			{"VALUES (1, 'a'), (2, 'b')", nil, `[column1 column2][1,"a"][2,"b"]`},
		},
		refused: []sqlCase{
			{"SELECT profit FROM history", nil, `column "profit" does not exist`},
			{"SELECT $1", nil, "write ? for each value"},
			{"SELECT 'a", nil, "not closed"},
			{"SELECT 1 /* ", nil, "not closed"},
			{"SELECT 1/0", nil, "division by zero"},
		},
		writes: func(dir string) []string {
			return append([]string{
				"INSERT INTO history VALUES ('X', 1) RETURNING 1", "DELETE FROM history", "UPDATE history SET revenue = 0", "TRUNCATE history", "DROP TABLE history",
				"CREATE TABLE t(x int)", "SELECT 1; DELETE FROM history", "SELECT 1 INTO t", "SELECT * INTO TEMP t FROM history", "CREATE TABLE t AS SELECT 1",
				"WITH d AS (DELETE FROM history RETURNING *) SELECT * FROM d", "WITH d AS (SELECT 1) INSERT INTO history SELECT 'X', 1", "EXPLAIN ANALYZE DELETE FROM history",
				"COPY history TO '" + dir + "/x'", "COPY (SELECT 1) TO PROGRAM 'touch " + dir + "/x'", "SET default_transaction_read_only = off", "RESET ALL",
				"BEGIN", "COMMIT", "ROLLBACK", "SET TRANSACTION READ WRITE", "SELECT set_config('transaction_read_only', 'off', false)", "LOCK TABLE history", "LISTEN x", "NOTIFY x",
				"SELECT nextval('counter')", "SELECT setval('counter', 7)", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "SELECT pg_cancel_backend(1)",
				"SELECT lo_export(1, '" + dir + "/x')", "SELECT lo_from_bytea(0, 'x')", "SELECT lo_create(0)", "SELECT lo_import('/etc/passwd')", "SELECT pg_read_file('/etc/passwd')",
				"SELECT * FROM pg_ls_dir('/')", "SELECT pg_reload_conf()", "SELECT pg_advisory_lock(1)", "SELECT pg_notify('a', 'b')", "SELECT pg_logical_emit_message(false, 'a', 'b')",
				"SELECT dblink('', 'SELECT 1')", "SELECT query_to_xml('SELECT pg_terminate_backend(1)', true, true, '')", "SELECT ts_stat('SELECT pg_reload_conf()')",
				"SELECT grow()", "SELECT sneak()", "SELECT pg_catalog.pg_reload_conf()", `SELECT "pg_reload_conf"()`, `SELECT pg_catalog . "pg_reload_conf" ( )`,
				"SELECT pg_reload_conf/**/()", `SELECT U&"pg\005freload_conf"()`, `SELECT PG_RELOAD_CONF()`,
				"SELECT E'a'\n'\\' , ' || pg_reload_conf() || '", "SELECT 1 FROM history FOR UPDATE", "SELECT * FROM history; COMMIT; DELETE FROM history",
				"CALL p()", "DO $$ BEGIN DELETE FROM history; END $$", "VACUUM", "ANALYZE", "SELECT pg_stat_reset()", "SELECT pg_create_restore_point('x')", "SELECT pg_switch_wal()",
				"PREPARE p AS DELETE FROM history", "EXECUTE p", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "FETCH ALL FROM skein", "SELECT pg_promote()", "ALTER SYSTEM SET fsync = off",
				"SELECT pg_file_write('x', 'y', false)", "SELECT lowrite(lo_open(1, 131072), 'x')",
			}, "SELECT pg_replication_origin_create('x')", "SELECT pg_create_physical_replication_slot('x')")
		},
		many:    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) SELECT i FROM n",
		wide:    "SELECT repeat('x', 50000000)",
		endless: "SELECT count(*) FROM generate_series(1, 1000000000000) n WHERE n % 7 = 8",
		effects: "CREATE TABLE skein_effects (command text PRIMARY KEY, at timestamptz NOT NULL, rows text NOT NULL)",
		upsert:  "INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)",
		begin:   "BEGIN", commit: "COMMIT\x00",
		ddl: []string{"CREATE TABLE t(x int)", "WITH d AS (SELECT 1) DELETE FROM history", "INSERT INTO history SELECT 'X', pg_terminate_backend(1)::int", "COPY history FROM '/etc/passwd'",
			"INSERT INTO history VALUES ('X', grow())", "DELETE FROM history WHERE pg_reload_conf()", "CALL p()", "SELECT 1", "TRUNCATE history", "DO $$ BEGIN END $$"},
		special: func(t *testing.T, x sqldb.Executor, p *sqlPlace) {
			// What fails at COMMIT has failed, and nobody is in doubt about it.
			p.do(t, "CREATE TABLE later (id int PRIMARY KEY, other int REFERENCES later (id) DEFERRABLE INITIALLY DEFERRED)")
			command := Command()
			ctx, _ := Effect(t, command, 1)
			_, err := x.Exec(ctx, []sqldb.Statement{{Text: "INSERT INTO later VALUES (1, 2)"}}, command)
			WantError(t, err, effect.Refused, "foreign key")
			done, err := x.Exec(ctx, []sqldb.Statement{{Text: "INSERT INTO later VALUES (1, 1)"}, {Text: "INSERT INTO history SELECT 'SEQ', nextval('counter')::int RETURNING company"}}, command)
			if err != nil || done.Repeat || fmt.Sprint(done.Rows) != "[1 1]" {
				t.Errorf("%+v, %v", done, err)
			}
		},
	}
}

func mysqlKind(root *url.URL) *sqlKind {
	connect := func(t *testing.T, name string) *sql.DB {
		t.Helper()
		c := mysql.NewConfig()
		c.Net, c.Addr, c.DBName, c.MultiStatements = "tcp", root.Host, name, true
		c.User = root.User.Username()
		c.Passwd, _ = root.User.Password()
		connector, err := mysql.NewConnector(c)
		if err != nil {
			t.Fatal(err)
		}
		return sql.OpenDB(connector)
	}
	return &sqlKind{
		network: true,
		nobody:  "mysql://u:p@127.0.0.1:1/x",
		place: func(t *testing.T) *sqlPlace {
			admin := stdPlace(t, connect(t, ""))
			name := freshName()
			admin.do(t, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
			t.Cleanup(func() { admin.do(t, "DROP DATABASE "+name) })
			p := stdPlace(t, connect(t, name))
			p.do(t, `CREATE TABLE history (company varchar(20) NOT NULL, year int NOT NULL, revenue bigint, margin double, note varbinary(20), PRIMARY KEY (company, year));
				INSERT INTO history SELECT c, n, (n-2020)*1000000007, (n-2020)/8.0, IF(n = 2025, x'00ff', NULL)
					FROM (SELECT 2021 n UNION SELECT 2022 UNION SELECT 2023 UNION SELECT 2024 UNION SELECT 2025) y, (SELECT 'ACME' c UNION SELECT 'GLOBEX') c;
				CREATE VIEW totals AS SELECT company, sum(revenue) AS revenue FROM history GROUP BY company;
				CREATE FUNCTION grow() RETURNS int DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO history (company, year) VALUES ('X', 1); RETURN 1; END`)
			p.wire = newWire(t, root.Host)
			own := *root
			own.Path, own.Host, own.RawQuery = "/"+name, p.wire.address(), ""
			p.url = own.String()
			p.running = func(t *testing.T, want bool) {
				sqlEventually(t, fmt.Sprintf("a statement runs: %v", want), func() bool {
					return (p.ask(t, "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%seq_1_to_100000000%' AND id <> CONNECTION_ID()") != "0|\n") == want
				})
			}
			return p
		},
		types: []sqlCase{
			{"SELECT company, year, revenue, margin, note FROM history WHERE year = ? AND company = ?", []any{json.Number("2025"), "ACME"},
				`[company year revenue margin note]["ACME",2025,5000000035,0.625,"AP8="]`},
			{"SELECT company, revenue FROM totals ORDER BY company;", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
			{"SELECT ? AS a, ? AS b, CAST(? AS DECIMAL(3,1)) AS c, ? AS d -- all of them", []any{nil, true, json.Number("1.5"), "it's <ok>"}, `[a b c d][null,1,1.5,"it's \u003cok\u003e"]`},
			{"SELECT max(year) AS y FROM history WHERE company = 'NONE'", nil, "[y][null]"},
			{"SELECT 1 AS a FROM history WHERE false", nil, "[a]"},
			{"SELECT CAST('12345678901234567890.123456789012345678901' AS DECIMAL(60,21)) AS a, 18446744073709551615 AS b, -0.5 AS c, CAST(0.1e0 AS DOUBLE) + 0.2e0 AS d", nil,
				`[a b c d][12345678901234567890.123456789012345678901,18446744073709551615,-0.5,0.30000000000000004]`},
			{"SELECT TIMESTAMP('2026-01-02 03:04:05.678') AS a, DATE('2026-01-02') AS b, TIME('03:04:05') AS c", nil, `[a b c]["2026-01-02T03:04:05.678","2026-01-02","03:04:05"]`},
			{"SELECT '?' AS a, 'it\\'s ?' AS b, \"?\" AS c, `year` AS d /* ? */ FROM history WHERE year = ? ORDER BY company LIMIT 1 # ?", []any{json.Number("2021")}, `[a b c d]["?","it's ?","?",2021]`},
			{"WITH h AS (SELECT * FROM history) SELECT count(*) AS n FROM h", nil, "[n][10]"},
		},
		refused: []sqlCase{
			{"SELECT profit FROM history", nil, "Unknown column 'profit'"},
			{"SELECT 'a", nil, "not closed"},
		},
		writes: func(dir string) []string {
			return []string{
				"INSERT INTO history (company, year) VALUES ('X', 1)", "DELETE FROM history", "UPDATE history SET revenue = 0", "TRUNCATE history", "DROP TABLE history", "CREATE TABLE t(x int)",
				"SELECT 1; DELETE FROM history", "REPLACE INTO history (company, year) VALUES ('ACME', 2021)", "WITH d AS (SELECT 1) DELETE FROM history",
				"SELECT * FROM history INTO OUTFILE '" + dir + "/x'", "SELECT 1 INTO DUMPFILE '" + dir + "/y'", "SELECT 1 INTO @a", "SELECT @a := 1", "SELECT LOAD_FILE('/etc/passwd')",
				"SELECT `load_file`('/etc/passwd')", "SELECT /*! 1 INTO OUTFILE '" + dir + "/z' */", "SELECT 1 /*!50000 INTO OUTFILE '" + dir + "/z' */ FROM nowhere", "SELECT GET_LOCK('a', 1)",
				"SELECT grow()", "SET GLOBAL max_connections = 1", "COMMIT", "BEGIN", "START TRANSACTION", "LOCK TABLES history WRITE", "CALL p()", "DO SLEEP(1)", "HANDLER history OPEN",
				"LOAD DATA INFILE '/etc/passwd' INTO TABLE history", "FLUSH TABLES", "KILL 1", "PREPARE p FROM 'DELETE FROM history'", "EXECUTE p", "SELECT * FROM history LOCK IN SHARE MODE",
				"SELECT BENCHMARK(1000000000, SHA2('a', 512))", "SELECT NEXT VALUE FOR s", "EXPLAIN DELETE FROM history", "ANALYZE TABLE history", "GRANT ALL ON *.* TO x", "SELECT sys_exec('x')",
				"SELECT 'a\\' INTO OUTFILE '" + dir + "/q' -- '",
			}
		},
		many:    "SELECT seq AS i FROM seq_1_to_100000",
		wide:    "SELECT REPEAT('x', 5000000)",
		endless: "SELECT count(*) FROM seq_1_to_100000000 a, seq_1_to_100000000 b WHERE a.seq % 7 = 8",
		effects: "CREATE TABLE skein_effects (command VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, at DATETIME(6) NOT NULL, `rows` TEXT NOT NULL) ENGINE=InnoDB",
		upsert:  "INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)",
		begin:   "START TRANSACTION", commit: "COMMIT",
		ddl: []string{"CREATE TABLE t(x int)", "DROP TABLE history", "SELECT 1", "COMMIT", "SET autocommit = 1", "LOAD DATA INFILE '/etc/passwd' INTO TABLE history", "CALL p()",
			"INSERT INTO history SELECT LOAD_FILE('/etc/passwd'), 1, 1, 1, 1", "INSERT INTO history SELECT 'X', @a := 1, 1, 1, 1", "TRUNCATE history", "LOCK TABLES history WRITE"},
		special: func(t *testing.T, x sqldb.Executor, p *sqlPlace) {
			// What has no transactions would stay changed when the rest is taken back.
			p.do(t, "CREATE TABLE Plain (x int) ENGINE=MyISAM")
			for _, text := range []string{"INSERT INTO Plain VALUES (1)", "INSERT INTO `Plain` VALUES (1)", "UPDATE history, Plain SET x = 1"} {
				ctx, _ := Effect(t, Command(), 1)
				_, err := x.Exec(ctx, []sqldb.Statement{{Text: text}}, Command())
				WantError(t, err, effect.Refused, "InnoDB")
			}
			if got := p.ask(t, "SELECT count(*) FROM Plain"); got != "0|\n" {
				t.Errorf("there are %s", got)
			}
		},
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
