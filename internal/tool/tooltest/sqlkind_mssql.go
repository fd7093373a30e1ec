package tooltest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// mssqlKind is SQL Server, where somebody has one.
func mssqlKind(root *url.URL) *sqlKind {
	connect := func(t *testing.T, name string) *sql.DB {
		t.Helper()
		u := *root
		u.Path, u.RawQuery = "", url.Values{"database": {name}, "encrypt": {"disable"}}.Encode()
		c, err := mssql.NewConnector(u.String())
		if err != nil {
			t.Fatal(err)
		}
		return sql.OpenDB(c)
	}
	return &sqlKind{
		network: true,
		nobody:  "sqlserver://u:p@127.0.0.1:1/x",
		place: func(t *testing.T) *sqlPlace {
			admin := stdPlace(t, connect(t, "master"))
			name := freshName()
			admin.do(t, "CREATE DATABASE "+name)
			t.Cleanup(func() {
				admin.do(t, "ALTER DATABASE "+name+" SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE "+name)
			})
			p := stdPlace(t, connect(t, name))
			p.do(t, `CREATE TABLE history (company varchar(20) NOT NULL, year int NOT NULL, revenue bigint, margin float, note varbinary(20), PRIMARY KEY (company, year));
				INSERT INTO history SELECT c, n, (n-2020)*CAST(1000000007 AS bigint), (n-2020)/8.0, CASE WHEN n = 2025 THEN 0x00ff END
					FROM (VALUES (2021), (2022), (2023), (2024), (2025)) y(n), (VALUES ('ACME'), ('GLOBEX')) c(c)`)
			p.do(t, "CREATE VIEW totals AS SELECT company, sum(revenue) AS revenue FROM history GROUP BY company")
			p.do(t, "CREATE SEQUENCE counter")
			p.wire = newWire(t, root.Host)
			own := *root
			own.Path, own.Host, own.RawQuery = "/"+name, p.wire.address(), ""
			p.url = own.String()
			p.running = func(t *testing.T, want bool) {
				sqlEventually(t, fmt.Sprintf("a statement runs: %v", want), func() bool {
					return (p.ask(t, "SELECT count(*) FROM sys.dm_exec_sessions s JOIN sys.dm_exec_requests r ON r.session_id = s.session_id WHERE s.program_name = 'skein' AND r.database_id = DB_ID()") != "0|\n") == want
				})
			}
			return p
		},
		types: []sqlCase{
			{"SELECT company, year, revenue, margin, note FROM history WHERE year = ? AND company = ?", []any{json.Number("2025"), "ACME"},
				`[company year revenue margin note]["ACME",2025,5000000035,0.625,"AP8="]`},
			{"SELECT company, revenue FROM totals ORDER BY company;", nil, `[company revenue]["ACME",15000000105]["GLOBEX",15000000105]`},
			{"SELECT CAST('12345678901234567890.123456789' AS decimal(38,9)) AS a, CAST(1.5 AS money) AS b", nil, "[a b][12345678901234567890.123456789,1.5000]"},
			{"SELECT '?' AS a, [year] AS d /* ? /* */ */ FROM history WHERE year = ? AND company = 'ACME' -- ?", []any{json.Number("2021")}, `[a d]["?",2021]`},
		},
		refused: []sqlCase{{"SELECT @p1", nil, "write ? for each value"}, {"SELECT 'a", nil, "not closed"}},
		writes: func(string) []string {
			return []string{
				"INSERT INTO history (company, year) VALUES ('X', 1)", "SELECT 1 DELETE FROM history", "SELECT 1\nUPDATE history SET revenue = 0", "SELECT * INTO t FROM history",
				"SELECT 1 EXEC sp_who", "SELECT NEXT VALUE FOR counter", "SELECT 1 COMMIT", "SELECT 1; DELETE FROM history", "SELECT * FROM OPENROWSET('a', 'b', 'c')",
				"SELECT 1 WAITFOR DELAY '1:00'", "sp_who", "SELECT 1 SHUTDOWN", "WITH d AS (SELECT * FROM history) DELETE FROM d", "SELECT 1 TRUNCATE TABLE history",
			}
		},
		many:    "SELECT TOP 100000 ROW_NUMBER() OVER (ORDER BY (SELECT 1)) AS i FROM sys.all_columns a, sys.all_columns b",
		wide:    "SELECT REPLICATE(CAST('x' AS varchar(max)), 5000000)",
		endless: "SELECT count_big(*) FROM sys.all_columns a, sys.all_columns b, sys.all_columns c WHERE a.column_id % 7 = 8 + b.column_id % 3 + c.column_id % 3",
		effects: "CREATE TABLE skein_effects (command varchar(255) COLLATE Latin1_General_BIN2 PRIMARY KEY, at datetimeoffset NOT NULL, [rows] nvarchar(max) NOT NULL)",
		upsert:  "INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)",
		ddl:     []string{"CREATE TABLE t(x int)", "SELECT 1", "DELETE FROM history COMMIT", "EXEC sp_who", "INSERT INTO history EXEC sp_who", "TRUNCATE TABLE history"},
	}
}
