package tooltest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

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
				"SELECT 'a\\' INTO OUTFILE '" + dir + "/q' -- '", "SELECT 1 --\x7f ' \n INTO OUTFILE '" + dir + "/r' -- '", "SELECT 1.INTO @a", "SELECT 1.0into @a",
				"SELECT * FROM history FOR UPDATE", "SELECT * FROM history FOR SHARE", "SELECT `g\u00e9t_lock`('a', 1)",
			}
		},
		many:    "SELECT seq AS i FROM seq_1_to_100000",
		wide:    "SELECT REPEAT('x', 500000)",
		wider:   "SELECT REPEAT('x', 15000000)",
		endless: "SELECT count(*) FROM seq_1_to_100000000 a, seq_1_to_100000000 b WHERE a.seq % 7 = 8",
		effects: "CREATE TABLE skein_effects (command VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, at DATETIME(6) NOT NULL, `rows` TEXT NOT NULL) ENGINE=InnoDB",
		upsert:  "INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)",
		begin:   "START TRANSACTION", commit: "COMMIT", lost: []byte("\x35\x00\x00\x01\xff\xdd\x07#HY000Lost connection to MySQL server during query"),
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
