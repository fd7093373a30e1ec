package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// pool is the connections that queries read through. Each query is a snapshot of
// its own.
type pool struct {
	uri   string
	flags sqlite3.OpenFlag
	slots chan *sqlite.Conn // a nil conn is a slot that was not opened yet
	ended chan struct{}
}

const maxReaders = 8

func newPool(uri string, flags sqlite3.OpenFlag) *pool {
	p := &pool{uri, flags, make(chan *sqlite.Conn, maxReaders), make(chan struct{})}
	for range maxReaders {
		p.slots <- nil
	}
	return p
}

func (p *pool) take(ctx context.Context) (*sqlite.Conn, error) {
	select {
	case <-p.ended:
		return nil, ErrClosed
	default:
	}
	select {
	case c := <-p.slots:
		if c == nil {
			var err error
			if c, err = p.open(); err != nil {
				p.slots <- nil
				return nil, err
			}
		}
		c.DB.SetInterrupt(ctx)
		return c, nil
	case <-p.ended:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("read: %w", ctx.Err())
	}
}

func (p *pool) open() (*sqlite.Conn, error) {
	c, err := sqlite.Open(p.uri, p.flags)
	if err != nil {
		return nil, err
	}
	for _, q := range []string{"PRAGMA query_only = ON", "PRAGMA busy_timeout = 5000", "PRAGMA temp_store = MEMORY"} {
		if err := c.Exec(q); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

func (p *pool) put(c *sqlite.Conn) {
	c.DB.SetInterrupt(context.Background())
	p.slots <- c
}

// close waits for queries that are under way.
func (p *pool) close() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	close(p.ended)
	var errs []error
	for range maxReaders {
		if c := <-p.slots; c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// Reader reads committed state, also what others commit meanwhile: each query is
// a snapshot of its own.
func (s *Store) Reader() Reader { return poolReader{s.readers} }

type poolReader struct{ p *pool }

func (r poolReader) QueryContext(ctx context.Context, query string, args ...any) (Rows, error) {
	c, err := r.p.take(ctx)
	if err != nil {
		return nil, err
	}
	rs, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		r.p.put(c)
		return nil, err
	}
	return &pooledRows{Rows: rs, ctx: ctx, p: r.p, c: c}, nil
}

func (r poolReader) QueryRowContext(ctx context.Context, query string, args ...any) Row {
	return sqlite.FirstRow(r.QueryContext(ctx, query, args...))
}

// pooledRows give their connection back at their end.
type pooledRows struct {
	Rows
	ctx context.Context // that ends them, by which SQLite says no more than "interrupted"
	p   *pool
	c   *sqlite.Conn // nil when given back
}

func (r *pooledRows) Err() error {
	err := r.Rows.Err()
	if errors.Is(err, sqlite3.INTERRUPT) && r.ctx.Err() != nil {
		return fmt.Errorf("read: %w", r.ctx.Err())
	}
	return err
}

func (r *pooledRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *pooledRows) Close() error {
	err := r.Rows.Close()
	if r.c != nil {
		r.p.put(r.c)
		r.c = nil
	}
	return err
}

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

func selectRecords(ctx context.Context, c *sqlite.Conn, after int64, f Filter, limit int) (Rows, error) {
	var q strings.Builder
	q.WriteString("SELECT lsn, org, kind, version, stream, seq, epoch, config, body FROM record WHERE lsn > ?")
	args := []any{after}
	if f.Org != "" {
		q.WriteString(" AND org = ?")
		args = append(args, f.Org)
	}
	if f.Stream != "" {
		q.WriteString(" AND stream = ? AND stream <> ''") // the index of streams holds no other
		args = append(args, f.Stream)
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

func scanRecord(rs Rows, r *Record) error {
	return rs.Scan(&r.LSN, &r.Org, &r.Kind, &r.Version, &r.Stream, &r.Seq, &r.Epoch, &r.Config, &r.Body)
}

// LSN is the last committed record's.
func (s *Store) LSN() int64 { return s.lsn.Load() }

// pollEvery is how often a store that is read beside its owner looks for more.
const pollEvery = 100 * time.Millisecond

// Wait returns when a record after the given lsn is committed.
func (s *Store) Wait(ctx context.Context, after int64) error {
	for {
		more, closed := s.news.next()
		switch {
		case s.LSN() > after:
			return nil
		case closed:
			return ErrClosed
		}
		var poll <-chan time.Time
		if s.writer == nil {
			poll = time.After(pollEvery)
		}
		select {
		case <-more:
		case <-poll:
			c, err := s.readers.take(ctx)
			if err != nil {
				return err
			}
			err = s.readLSN(c)
			s.readers.put(c)
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// news tells those who wait that something was committed.
type news struct {
	mu     sync.Mutex
	ch     chan struct{} // nil where nobody waits
	closed bool
}

func (n *news) next() (<-chan struct{}, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch, n.closed
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}

func (n *news) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.tell()
}
