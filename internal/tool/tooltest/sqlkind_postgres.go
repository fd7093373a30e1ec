package tooltest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

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
				CREATE TYPE pair AS (a int, b int);
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
			{"SELECT h.year AS y, n.count, (p.pair).a FROM public.history h, (SELECT count(*) FROM history) n, (SELECT ROW(1, 2)::pair AS pair) p WHERE h.company = 'ACME' AND h.year = 2021", nil, "[y count a][2021,10,1]"},
			{"TABLE totals ORDER BY 1", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
			{"VALUES (1, 'a'), (2, 'b')", nil, `[column1 column2][1,"a"][2,"b"]`},
		},
		refused: []sqlCase{
			{"SELECT profit FROM history", nil, `column "profit" does not exist`},
			{"SELECT $1", nil, "write ? for each value"},
			{"SELECT 'a", nil, "not closed"},
			{"SELECT 1 /* ", nil, "not closed"},
			{"SELECT 1/0", nil, "division by zero"},
			{"SELECT ('12'::text).pg_read_file", nil, "pg_read_file behind a full stop"},
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
				// A name behind a full stop may be a function, too.
				"SELECT ('/etc/passwd'::text).pg_read_file", "SELECT ('/etc/passwd').\"pg_read_file\"", "SELECT x.pg_advisory_lock FROM generate_series(1::bigint, 2) x", "SELECT (ARRAY[1::bigint])[1].pg_advisory_lock",
				"SELECT (SELECT pid FROM pg_stat_activity LIMIT 1).pg_cancel_backend", "SELECT ('SELECT pg_reload_conf()') . /**/ ts_stat",
				"SELECT * FROM crosstab('SELECT pg_reload_conf()') AS c(a text)", "SELECT * FROM history h WHERE ('SELECT 1').crosstab IS NULL",
				"SELECT pg_file_write('x', 'y', false)", "SELECT lowrite(lo_open(1, 131072), 'x')",
			}, "SELECT pg_replication_origin_create('x')", "SELECT pg_create_physical_replication_slot('x')")
		},
		many:    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) SELECT i FROM n",
		wide:    "SELECT repeat('x', 5000000)",
		wider:   "SELECT repeat('x', 50000000)",
		endless: "SELECT count(*) FROM generate_series(1, 1000000000000) n WHERE n % 7 = 8",
		effects: "CREATE TABLE skein_effects (command text PRIMARY KEY, at timestamptz NOT NULL, rows text NOT NULL)",
		upsert:  "INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)",
		begin:   "BEGIN", commit: "COMMIT\x00", lost: []byte("E\x00\x00\x00\x30SERROR\x00VERROR\x00C08P01\x00Mserver conn crashed?\x00\x00"),
		ddl: []string{"CREATE TABLE t(x int)", "WITH d AS (SELECT 1) DELETE FROM history", "INSERT INTO history SELECT 'X', pg_terminate_backend(1)::int", "COPY history FROM '/etc/passwd'",
			"INSERT INTO history VALUES ('X', grow())", "DELETE FROM history WHERE pg_reload_conf()", "CALL p()", "SELECT 1", "TRUNCATE history", "DO $$ BEGIN END $$"},
		special: func(t *testing.T, x sqldb.Executor, p *sqlPlace) {
			// What fails at COMMIT has failed, and nobody is in doubt about it.
			p.do(t, "CREATE TABLE later (id int PRIMARY KEY, other int REFERENCES later (id) DEFERRABLE INITIALLY DEFERRED)")
			command := Command()
			ctx, _ := Effect(t, command, 1)
			_, err := x.Exec(ctx, []sqldb.Statement{{Text: "INSERT INTO later VALUES (1, 2)"}}, command)
			WantError(t, err, effect.Refused, "foreign key")
			// What is not taken back with the transaction is not changed in it.
			p.do(t, "CREATE FOREIGN DATA WRAPPER away")
			p.do(t, "CREATE SERVER other FOREIGN DATA WRAPPER away")
			p.do(t, "CREATE TABLE parts (x int) PARTITION BY LIST (x)")
			p.do(t, "CREATE FOREIGN TABLE \"Far away\" (x int) SERVER other")
			p.do(t, "CREATE FOREIGN TABLE part PARTITION OF parts FOR VALUES IN (1) SERVER other")
			for text, says := range map[string]string{
				`INSERT INTO public."Far away" VALUES (1)`: "another server", `UPDATE ONLY "Far away" SET x = 1`: "another server", `DELETE FROM parts`: "another server",
				"UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'": "settings are not changed",
				`UPDATE pg_catalog."pg_settings" SET setting = 'postgres' WHERE name = 'role'`:      "settings are not changed",
				"INSERT INTO history (company, year) SELECT ('/etc/passwd').pg_read_file, 1":        "pg_read_file",
			} {
				ctx, _ := Effect(t, Command(), 1)
				_, err := x.Exec(ctx, []sqldb.Statement{{Text: text}}, Command())
				WantError(t, err, effect.Refused, says)
			}
			// One that was the first and has become a replica takes changes later, or elsewhere.
			name := strings.TrimSuffix(p.ask(t, "SELECT current_database()"), "|\n")
			p.do(t, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
			_, err = openDB(t, p.url, true).(sqldb.Executor).Exec(ctx, []sqldb.Statement{{Text: "DELETE FROM history"}}, Command())
			WantError(t, err, effect.NotDone, "takes no changes now")
			done, err := x.Exec(ctx, []sqldb.Statement{{Text: "INSERT INTO later VALUES (1, 1)"}, {Text: "INSERT INTO history SELECT 'SEQ', nextval('counter')::int RETURNING company"}}, command)
			if err != nil || done.Repeat || fmt.Sprint(done.Rows) != "[1 1]" {
				t.Errorf("%+v, %v", done, err)
			}
		},
	}
}
