package sqldb

import (
	"errors"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
)

// A query stays with the data that its database was opened for.
func TestQueriesOfServicesAskNobodyElse(t *testing.T) {
	for _, c := range []struct {
		dialect, text string
		refused       bool
	}{
		{"bq", "SELECT * FROM EXTERNAL_QUERY('p.eu.c', 'DELETE FROM x')", true},
		{"bq", "SELECT * FROM `external_query` /* */ ('p.eu.c', '''x''')", true},
		{"bq", "SELECT AI.GENERATE('write')", true},
		{"bq", "SELECT * FROM ML.GENERATE_TEXT(MODEL d.m, (SELECT 1 AS prompt))", true},
		{"bq", "SELECT * FROM t |> EXPORT DATA OPTIONS (uri = 'gs://b/*')", true},
		{"bq", "SELECT ai.year, ml.x, 'EXTERNAL_QUERY(' FROM d.ai AS ai, d.external_query AS ml", false},
		{"bq", "SELECT * FROM t |> WHERE x > 1", false},
		{"athena", "SELECT * FROM TABLE(my.system.query(query => 'DELETE FROM x'))", true},
		{"athena", "SELECT * FROM TABLE(my.system.\"query\"(query => 'x'))", true},
		{"athena", "SELECT q.query FROM query q WHERE q.query IN ('query(')", false},
	} {
		st, err := dialects[c.dialect].lex(c.text)
		if err != nil {
			t.Fatal(err)
		}
		judge := bqJudge
		if c.dialect == "athena" {
			judge = athenaJudge
		}
		err = judge(st)
		var e *effect.Error
		if errors.As(err, &e) != c.refused || e != nil && e.Outcome != effect.Refused {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}
