package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// stdSQL is a database server that is spoken to through database/sql. What differs
// between them is their flavor.
type stdSQL struct {
	flavor
	server
	pool *pool[*stdLine]
}

// flavor is one kind of server.
type flavor interface {
	dialect() *dialect
	// judge refuses a statement that does more than it may, by its words; write says
	// that it may change data.
	judge(st *statement, write bool) error
	// connector makes connections that are counted into t.
	connector(t *traffic) driver.Connector
	// begin prepares a connection for one query or execution and begins its
	// transaction; rows is how many rows are wanted, 0 where the transaction writes.
	begin(ctx context.Context, l *stdLine, c *sql.Conn, rows int) (*sql.Tx, error)
	// stopped asks the server to end the statement that a connection was running when
	// it was given up.
	stopped(ctx context.Context, l *stdLine)
	value(b []byte, v any, typeName string) ([]byte, error)
	columns() string // a query for tables, columns and types
	basis() string
}

// stdLine is one connection: a database/sql pool of its own, so that all that goes
// over it, and over what replaces it when it breaks, is counted for the effect that
// holds it.
type stdLine struct {
	db      *sql.DB
	traffic *traffic
	id      int64 // of the connection at the server
	maria   bool
}

func newStdSQL(s server, f flavor) *stdSQL {
	db := &stdSQL{flavor: f, server: s}
	db.pool = newPool(func() *stdLine {
		t := &traffic{}
		l := &stdLine{traffic: t, db: sql.OpenDB(f.connector(t))}
		l.db.SetMaxOpenConns(1)
		l.db.SetConnMaxIdleTime(5 * time.Minute)
		return l
	}, func(l *stdLine) error { return l.db.Close() })
	return db
}

// use begins a transaction on a connection of its own, and always rolls it back
// unless do has committed it.
func (s *stdSQL) use(ctx context.Context, most int64, rows int, doing string, do func(*stdLine, *sql.Conn, *sql.Tx) error) error {
	l, err := s.pool.take(ctx, doing)
	if err != nil {
		return err
	}
	defer s.pool.give(l)
	l.traffic.hold(ctx, most)
	defer l.traffic.release()
	c, err := l.db.Conn(ctx)
	if err != nil {
		return s.unreachable(ctx, doing, err)
	}
	defer func() { _ = c.Close() }() // it goes back to its own pool of one
	tx, err := s.begin(ctx, l, c, rows)
	if err == nil {
		err = do(l, c, tx)
		_ = tx.Rollback() // a no-op once it is committed; where it fails, the connection is bad
	}
	if ctx.Err() != nil || l.traffic.tooMuch() || errors.Is(err, errEnough) {
		_ = c.Raw(func(any) error { return driver.ErrBadConn }) // it is not used again
		s.stopped(ctx, l)
	}
	return err
}

// errEnough ends the reading of rows of which no more are wanted.
var errEnough = errors.New("no more rows are wanted")

func (s *stdSQL) Query(ctx context.Context, source string, params []any, limits Limits) (rows Rows, err error) {
	st, err := s.dialect().readable(source, params, "select", "with", "values", "table")
	if err == nil {
		err = s.judge(st, false)
	}
	if err != nil {
		return rows, err
	}
	rows, err = s.query(ctx, st, params, limits)
	effect.MeterFrom(ctx).Count(price.MeterRows, int64(len(rows.Rows)), price.Counted)
	return rows, err
}

func (s *stdSQL) query(ctx context.Context, st *statement, params []any, limits Limits) (rows Rows, err error) {
	const doing = "the query"
	err = effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		stop, cancel := context.WithCancel(ctx) // ends the statement when enough rows are there
		defer cancel()
		err := s.use(ctx, readMost(limits), limits.Rows+1, doing, func(l *stdLine, _ *sql.Conn, tx *sql.Tx) (err error) {
			effect.MeterFrom(ctx).Count(price.MeterQueries, 1, price.Counted)
			rows, err = s.read(stop, cancel, l, tx, st, params, limits)
			return err
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return s.meaning(ctx, doing, err)
	})
	return rows, err
}

func (s *stdSQL) read(ctx context.Context, cancel func(), l *stdLine, tx *sql.Tx, st *statement, params []any, limits Limits) (rows Rows, err error) {
	// A prepared statement is one statement, and its answer has types.
	prepared, err := tx.PrepareContext(ctx, st.text)
	if err != nil {
		return rows, err
	}
	defer func() { _ = prepared.Close() }()
	found, err := prepared.QueryContext(ctx, stdParams(params)...)
	if err != nil {
		return rows, err
	}
	defer func() { _ = found.Close() }()
	types, err := found.ColumnTypes()
	if err != nil {
		return rows, err
	}
	values, into := make([]any, len(types)), make([]any, len(types))
	for i, t := range types {
		rows.Columns = append(rows.Columns, t.Name())
		into[i] = &values[i]
	}
	list := rowList{limits: limits, rows: &rows}
	for !rows.More && found.Next() {
		if err := found.Scan(into...); err != nil {
			return rows, err
		}
		list.add(len(values), func(i int, b []byte) ([]byte, error) { return s.value(b, values[i], types[i].DatabaseTypeName()) })
	}
	if rows.More && (len(rows.Rows) < limits.Rows || found.Next()) {
		cancel() // the rest is not wanted
		return rows, errEnough
	}
	if l.traffic.tooMuch() {
		rows.More = true
		return rows, errEnough
	}
	return rows, errors.Join(list.err, found.Err())
}

// stdParams are parameters for a driver: whole numbers as such, others as texts, which
// servers read exactly.
func stdParams(params []any) []any {
	out := make([]any, len(params))
	for i, p := range params {
		out[i] = p
		if n, ok := p.(json.Number); ok {
			if whole, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
				out[i] = whole
			} else {
				out[i] = n.String()
			}
		}
	}
	return out
}

// Tables describes what the user may see of the database.
func (s *stdSQL) Tables(ctx context.Context) ([]Table, error) {
	st, err := s.dialect().lex(s.columns())
	if err != nil {
		return nil, err
	}
	rows, err := s.query(ctx, st, nil, tablesLimits)
	if err != nil {
		return nil, err
	}
	return tablesOf(rows, s.effects)
}

func (s *stdSQL) Dialect() string { return s.dialect().name }

func (s *stdSQL) Basis() string { return s.basis() }

func (s *stdSQL) Check(ctx context.Context) error {
	_, err := s.Query(ctx, "SELECT 1", nil, Limits{Rows: 1, Bytes: 100})
	return err
}

func (s *stdSQL) Close() error { return s.pool.close() }
