package store

import (
	"context"
	"strings"
)

// Snapshot runs f over one snapshot of committed state.
func (s *Store) Snapshot(ctx context.Context, f func(r Reader) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	if err := c.Exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		c.DB.SetInterrupt(context.Background()) // which would stop the end too
		c.Exec("ROLLBACK")
	}()
	return f(c)
}

// Records gives the records after an lsn that f picks, in order, at most limit of
// them; less than 0 is no limit.
func (s *Store) Records(ctx context.Context, after int64, f Filter, limit int) ([]Record, error) {
	c, err := s.readers.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.readers.put(c)
	rs, err := selectRecords(ctx, c, after, f, limit)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var out []Record
	for rs.Next() {
		out = append(out, Record{})
		if err := scanRecord(rs, &out[len(out)-1]); err != nil {
			return nil, err
		}
	}
	return out, rs.Err()
}

func selectRecords(ctx context.Context, c querier, after int64, f Filter, limit int) (Rows, error) {
	var q strings.Builder
	q.WriteString("SELECT lsn, org, kind, version, stream, seq, epoch, config, body FROM record WHERE lsn > ?")
	args := []any{after}
	if f.Org != "" {
		q.WriteString(" AND org = ?")
		args = append(args, f.Org)
	}
	if f.Stream != "" {
		q.WriteString(" AND stream = ?")
		args = append(args, f.Stream)
	}
	if f.Ordered {
		q.WriteString(" AND " + ordered)
	}
	if len(f.Kinds) > 0 {
		q.WriteString(" AND kind IN (?" + strings.Repeat(", ?", len(f.Kinds)-1) + ")")
		for _, k := range f.Kinds {
			args = append(args, k)
		}
	}
	q.WriteString(" ORDER BY lsn LIMIT ?")
	return c.QueryContext(ctx, q.String(), append(args, limit)...)
}

// querier is a connection, as far as reading goes.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (Rows, error)
}

func scanRecord(rs Rows, r *Record) error {
	return rs.Scan(&r.LSN, &r.Org, &r.Kind, &r.Version, &r.Stream, &r.Seq, &r.Epoch, &r.Config, &r.Body)
}
