package sqldb

import (
	"errors"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
)

var dialects = map[string]*dialect{"pg": pgDialect, "my": myDialect, "ms": msDialect, "lite": sqliteDialect, "bq": bqDialect, "athena": athenaDialect}

func TestParametersAreFoundOutsideOfTextsNamesAndComments(t *testing.T) {
	for _, c := range []struct {
		dialect, in, want string
		params            int
	}{
		{"pg", "SELECT ? + ?", "SELECT $1 + $2", 2},
		{"ms", "SELECT ? + ?", "SELECT @p1 + @p2", 2},
		{"my", "SELECT ? + ?", "SELECT ? + ?", 2},
		{"pg", "SELECT '?', ''' ?', \"a?\"\"?\", ?", "SELECT '?', ''' ?', \"a?\"\"?\", $1", 1},
		{"pg", `SELECT '\', ?`, `SELECT '\', $1`, 1},
		{"pg", `SELECT E'\'?', ?`, `SELECT E'\'?', $1`, 1},
		{"my", `SELECT '\'?', "\"?", ?`, `SELECT '\'?', "\"?", ?`, 1},
		{"pg", "SELECT $$ ? $$, $a$ $b$ ? $a$, ?", "SELECT $$ ? $$, $a$ $b$ ? $a$, $1", 1},
		{"pg", "SELECT a$b$?", "SELECT a$b$$1", 1},
		{"pg", "SELECT j ?? 'a', j ??| k, ?", "SELECT j ? 'a', j ?| k, $1", 1},
		{"pg", "SELECT 1 -- ?\n, ?", "SELECT 1  \n, $1", 1},
		{"pg", "SELECT 1 /* ? /* ? */ ? */, ?", "SELECT 1  , $1", 1},
		{"my", "SELECT 1 /* ? /* ? */, ?", "SELECT 1  , ?", 1},
		{"my", "SELECT 1 # ?\n, ?", "SELECT 1  \n, ?", 1},
		{"my", "SELECT 1--?", "SELECT 1--?", 1},
		{"my", "SELECT 1 /*! + ? */", "SELECT 1", 0},
		{"ms", "SELECT [a?]]?], ? FROM #t", "SELECT [a?]]?], @p1 FROM #t", 1},
		{"lite", "SELECT [a?], `?`, ?", "SELECT [a?], `?`, ?", 1},
		{"pg", "SELECT 1.5e-3+?", "SELECT 1.5e-3+$1", 1},
		{"pg", "SELECT 1_000, 0xff_ff, 1.5E3, .5, 1., 12e+3, ?", "SELECT 1_000, 0xff_ff, 1.5E3, .5, 1., 12e+3, $1", 1},
		{"ms", "SELECT N'\u3000', [gr\u00f6\u00dfe], \"\u00e4\", ?", "SELECT N'\u3000', [gr\u00f6\u00dfe], \"\u00e4\", @p1", 1},
		{"my", "SELECT `gr\u00f6\u00dfe`, `2026_sales`, ?", "SELECT `gr\u00f6\u00dfe`, `2026_sales`, ?", 1},
		{"bq", "SELECT * FROM my-project-1a.d.t WHERE x = ?", "SELECT * FROM my-project-1a.d.t WHERE x = ?", 1},
		{"pg", " SELECT 1 ; ; -- x", "SELECT 1", 0},
		{"pg", "SELECT ';' ;", "SELECT ';'", 0},
		{"bq", `SELECT "?", '\'?', r'\'?', ''' ' ? ''', """a"? """, ?`, `SELECT "?", '\'?', r'\'?', ''' ' ? ''', """a"? """, ?`, 1},
		{"athena", `SELECT '?''', "a?", ?`, `SELECT '?''', "a?", ?`, 1},
	} {
		st, err := dialects[c.dialect].lex(c.in)
		if err != nil {
			t.Errorf("%s: %s: %v", c.dialect, c.in, err)
			continue
		}
		if st.text != c.want || st.params != c.params {
			t.Errorf("%s: %s: %d parameters in\n%q, wanted\n%q", c.dialect, c.in, st.params, st.text, c.want)
		}
	}
}

func TestWhatIsNotOneStatementIsRefused(t *testing.T) {
	for _, c := range []struct{ dialect, in, want string }{
		{"pg", "", "empty"}, {"pg", " ; ", "empty"}, {"pg", "--", "empty"}, {"pg", "/**/", "empty"},
		{"pg", "SELECT 1; SELECT 2", "more than one"}, {"my", "SELECT ';'; x", "more than one"},
		{"pg", "SELECT 'a", "not closed"}, {"pg", `SELECT "a`, "not closed"}, {"pg", "SELECT $a$ $b$", "not closed"}, {"pg", "/* /* */", "not closed"},
		{"my", `SELECT 'a\'`, "not closed"}, {"ms", "SELECT [a", "not closed"}, {"pg", "SELECT $1", "write ?"},
		{"pg", `SELECT U&"a"`, "U&"}, {"pg", "SELECT E'a' 'b'", "join them"}, {"pg", "SELECT e'a'\n--\n'\\''", "join them"},
		// What one database reads as the end of a number, and another as more of it.
		{"ms", "SELECT 1DROP TABLE t", "runs into a word"}, {"ms", "SELECT 1e1EXEC xp_cmdshell 'x'", "runs into a word"}, {"ms", "SELECT 1eDROP TABLE t", "runs into a word"},
		{"ms", "SELECT 0xDROP TABLE t", "runs into a word"}, {"ms", "SELECT 1.COMMIT", "runs into a word"}, {"ms", "SELECT .5UPDATE t SET a = 1", "runs into a word"},
		{"my", "SELECT 1.INTO @x", "runs into a word"}, {"my", "SELECT * FROM d.2026_sales", "runs into a word"}, {"pg", "SELECT 1_a", "runs into a word"}, {"lite", "SELECT 1x", "runs into a word"},
		// MySQL takes the first of these for the beginning of a comment, SQL Server the others for blanks.
		{"my", "SELECT 1 --\x7f ' \n INTO OUTFILE '/tmp/x' -- '", "control character"}, {"pg", "SELECT\x01 1", "control character"},
		{"ms", "SELECT 1 a\u00a0DROP\u00a0TABLE t", "outside of its texts"}, {"ms", "SELECT 1\u3000EXEC\u3000sp_who", "outside of its texts"}, {"my", "SELECT g\u00e9t_lock('a', 1)", "outside of its texts"},
		{"pg", "SELECT \xff", "UTF-8"}, {"pg", "SELECT '\x00'", "NUL"}, {"pg", strings.Repeat(" ", 20_001), "20000"},
	} {
		_, err := dialects[c.dialect].lex(c.in)
		var e *effect.Error
		if !errors.As(err, &e) || e.Outcome != effect.Refused || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: %.40q: %v; wanted %q", c.dialect, c.in, err, c.want)
		}
	}
}

// SQL Server has no read-only transaction, so there the guard is all there is beside
// the rights of its user.
func TestTransactSQLThatDoesMoreThanReadIsRefused(t *testing.T) {
	m := &msSQL{}
	judge := func(text string, write bool) error {
		st, err := msDialect.lex(text)
		if err != nil {
			return err
		}
		if !write && !st.first().is("select", "with") {
			return refuse("no query")
		}
		return m.judge(st, write)
	}
	for _, q := range []string{
		"SELECT 1 DELETE FROM history", "SELECT 1\nUPDATE h SET a = 1", "SELECT * INTO t FROM h", "SELECT 1 EXEC sp_who", "SELECT 1 EXECUTE('x')", "SELECT 1 eXeC sp_who",
		"SELECT NEXT VALUE FOR s", "SELECT NEXT/**/VALUE FOR s", "SELECT 1 COMMIT", "SELECT 1 COMMIT TRAN DELETE FROM h", "SELECT * FROM OPENROWSET('a','b','c')", "SELECT * FROM OPENQUERY(a, 'b')",
		"SELECT 1 WAITFOR DELAY '1:0'", "sp_who", "SELECT 1 SHUTDOWN", "WITH d AS (SELECT 1 a) DELETE FROM d", "SELECT 1 TRUNCATE TABLE h", "SELECT 1 BEGIN TRAN", "SELECT 1 SET NOCOUNT ON",
		"SELECT 1 DECLARE @a int", "SELECT 1 IF 1=1 SELECT 2", "SELECT 1 MERGE h USING x ON 1=1 WHEN MATCHED THEN DELETE", "SELECT 1 USE master", "SELECT 1 KILL 5", "SELECT 1 BACKUP DATABASE a TO DISK = 'x'",
		"SELECT 1 GRANT SELECT ON h TO x", "SELECT 1 DBCC CHECKDB", "SELECT 1 RECONFIGURE", "SELECT 1 CREATE TABLE t(x int)", "SELECT @p1", "SELECT ']' DELETE FROM h", "SELECT [a]]] DELETE FROM h",
		"SELECT '''' DELETE FROM h", "SELECT \"a\" DELETE FROM h", "SELECT 1 RECEIVE TOP(1) * FROM q", "SELECT 1 BULK INSERT h FROM 'x'", "SELECT 1 REVERT", "SELECT 1 THROW; DELETE FROM h",
		"SELECT * FROM h WITH (XLOCK, TABLOCKX)", "SELECT * FROM h WITH (UPDLOCK)",
	} {
		if err := judge(q, false); err == nil {
			t.Errorf("%s passes", q)
		}
	}
	for _, q := range []string{
		"SELECT [delete], 'DELETE' AS a, \"exec\" FROM [into] -- delete", "WITH a AS (SELECT 1 b) SELECT CASE WHEN b = 1 THEN 2 END FROM a ORDER BY b OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
		"SELECT DATEADD(day, 1, x), IIF(a = 1, 2, 3) FROM h WITH (NOLOCK) /* update */",
	} {
		if err := judge(q, false); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	for _, q := range []string{"DELETE FROM h COMMIT", "UPDATE h SET a = 1 EXEC sp_who", "INSERT INTO h EXEC sp_who", "DELETE FROM h ROLLBACK", "INSERT INTO h SELECT * FROM OPENROWSET('a','b','c')", "DELETE FROM h DROP TABLE h",
		"UPDATE h SET a = 1 SET NOEXEC ON", "DELETE FROM h SET ROWCOUNT 1", "DELETE FROM h SET IDENTITY_INSERT h ON"} {
		if err := judge(q, true); err == nil {
			t.Errorf("%s passes", q)
		}
	}
	if err := judge("UPDATE h SET a += 1, [b] = 2", true); err != nil {
		t.Error(err)
	}
	if err := judge("MERGE INTO h USING x ON h.a = x.a WHEN MATCHED THEN UPDATE SET b = ? WHEN NOT MATCHED THEN INSERT (a) VALUES (1)", true); err != nil {
		t.Error(err)
	}
}

func FuzzLexKeepsAllButComments(f *testing.F) {
	for _, s := range []string{"SELECT ? -- a\n", "SELECT E'\\'' /* /* */ */ $a$ ? $a$", "SELECT [a]]], `b`, \"c\\\"\" # x", "VALUES (1e+5, 0x1f, .5)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, d := range dialects {
			plain := *d
			plain.param = nil
			st, err := plain.lex(s)
			if err != nil {
				continue
			}
			if strings.Contains(st.text, "??") || strings.Contains(s, "??") {
				continue // two of them are one, so a second reading has another sense
			}
			again, err := plain.lex(st.text)
			if err != nil || again.text != st.text || again.params != st.params || len(again.tokens) != len(st.tokens) {
				t.Fatalf("%s: %q becomes %q, and that %+v, %v", name, s, st.text, again, err)
			}
		}
	})
}
