package store

import (
	"context"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// spy keeps the text of the last query.
type spy struct {
	*sqlite.Conn
	query string
}

func (s *spy) QueryContext(ctx context.Context, query string, args ...any) (Rows, error) {
	s.query = query
	return s.Conn.QueryContext(ctx, query, args...)
}

// TestAStreamIsFoundByItsIndex: nothing on the way to a run's journal looks at all
// records.
func TestAStreamIsFoundByItsIndex(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.writer.do(t.Context(), func(c *sqlite.Conn) error {
		for name, f := range map[string]Filter{
			"journal":  {Org: "o", Kinds: []string{"run"}, Stream: "r", Ordered: true},
			"no kinds": {Org: "o", Stream: "r", Ordered: true},
		} {
			q := &spy{Conn: c}
			rs, err := selectRecords(t.Context(), q, 1, f, 1)
			if err != nil {
				return err
			}
			rs.Close()
			usesIndex(t, c, name, q.query)
		}
		usesIndex(t, c, "where a stream stands", streamQuery)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func usesIndex(t *testing.T, c *sqlite.Conn, name, query string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	rs, err := c.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	var plan []string
	for rs.Next() {
		var id, parent, unused int
		var detail string
		if err := rs.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if !strings.Contains(strings.Join(plan, "\n"), "USING INDEX record_ordered (org=? AND stream=?") &&
		!strings.Contains(strings.Join(plan, "\n"), "USING COVERING INDEX record_ordered (org=? AND stream=?") {
		t.Errorf("%s: %q is answered by %q", name, query, plan)
	}
}
