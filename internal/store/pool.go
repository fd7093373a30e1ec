package store

import (
	"context"
	"errors"
	"fmt"

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
