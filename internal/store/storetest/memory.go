package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/sqlite"
)

// Memory is a store that keeps everything in memory and does one thing at a
// time: what a store means, in as few lines as it takes.
type Memory struct {
	mu       sync.Mutex
	views    []store.View
	tables   *sqlite.Conn // of the views, and `record`, which they may join
	records  []store.Record
	payloads map[[2]string]store.Payload
	streams  map[[2]string][2]int64 // seq, epoch
	news     chan struct{}
	closed   bool
}

// NewMemory opens an empty one.
func NewMemory(t testing.TB, views ...store.View) *Memory {
	t.Helper()
	m := &Memory{
		views:    views,
		payloads: map[[2]string]store.Payload{},
		streams:  map[[2]string][2]int64{},
		news:     make(chan struct{}),
	}
	var err error
	if m.tables, err = sqlite.Open(":memory:", sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE); err != nil {
		t.Fatal(err)
	}
	err = m.tables.Exec(`CREATE TABLE record (lsn INTEGER PRIMARY KEY, org TEXT, kind TEXT, version INTEGER,
		stream TEXT, seq INTEGER, epoch INTEGER, config TEXT, body BLOB)`)
	if err == nil {
		err = m.Rebuild(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		m.tables.Close()
	})
	return m
}

// Commit implements [Store].
func (m *Memory) Commit(ctx context.Context, b store.Batch) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commit(b)
}

// Submit implements [Store].
func (m *Memory) Submit(b store.Batch, done func(int64, error)) {
	first, err := m.Commit(context.Background(), b)
	done(first, err)
}

func (m *Memory) commit(b store.Batch) (first int64, err error) {
	if m.closed {
		return 0, store.ErrClosed
	}
	next := int64(len(m.records)) + 1
	streams := map[[2]string][2]int64{}
	var added []store.Record
	for i, r := range b.Records {
		if r.Org == "" || r.Kind == "" || r.Seq < 0 || r.Epoch < 0 || r.Stream == "" && (r.Seq != 0 || r.Epoch != 0) {
			return 0, store.ErrRefused
		}
		if r.Seq != 0 || r.Epoch != 0 {
			key := [2]string{r.Org, r.Stream}
			at, ok := streams[key]
			if !ok {
				at = m.streams[key]
			}
			switch {
			case r.Epoch < at[1]:
				return 0, store.ErrFenced
			case r.Seq != 0 && r.Seq != at[0]+1:
				return 0, store.ErrConflict
			}
			streams[key] = [2]int64{max(at[0], r.Seq), r.Epoch}
		}
		r.LSN = next + int64(i)
		r.Body = append([]byte{}, r.Body...)
		added = append(added, r)
	}
	for _, p := range b.Payloads {
		if p.Org == "" || p.Ref == "" || p.Alg != "" && p.Alg != "none" {
			return 0, store.ErrRefused
		}
	}
	if err := m.whole(func() error { return m.write(added) }); err != nil {
		return 0, err
	}
	m.records = append(m.records, added...)
	for key, at := range streams {
		m.streams[key] = at
	}
	for _, p := range b.Payloads {
		key := [2]string{p.Org, p.Ref}
		if _, ok := m.payloads[key]; !ok {
			p.Alg, p.Data = "none", append([]byte{}, p.Data...)
			m.payloads[key] = p
		}
	}
	if len(added) == 0 {
		return 0, nil
	}
	close(m.news)
	m.news = make(chan struct{})
	return next, nil
}

func (m *Memory) write(records []store.Record) error {
	for _, r := range records {
		_, err := m.tables.ExecContext(context.Background(), "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.LSN, r.Org, r.Kind, r.Version, r.Stream, r.Seq, r.Epoch, r.Config, r.Body)
		if err != nil {
			return err
		}
	}
	return m.show(m.views, records)
}

// show folds records into the views that want them.
func (m *Memory) show(views []store.View, records []store.Record) error {
	for i := range records {
		for j := range views {
			if !slices.Contains(views[j].Kinds, records[i].Kind) {
				continue
			}
			r := records[i]
			if err := views[j].Apply(context.Background(), atOnce{m.tables}, &r); err != nil {
				return fmt.Errorf("%w: %w", store.ErrRefused, err)
			}
		}
	}
	return nil
}

// atOnce runs at once what a view adds.
type atOnce struct{ *sqlite.Conn }

func (t atOnce) Add(ctx context.Context, query string, keys []string, n ...int64) error {
	var args []any
	for _, k := range keys {
		args = append(args, k)
	}
	for _, m := range n {
		args = append(args, m)
	}
	_, err := t.ExecContext(ctx, query, args...)
	return err
}

// whole runs f and keeps all that it did to the tables, or nothing.
func (m *Memory) whole(f func() error) (err error) {
	if err := m.tables.Exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", store.ErrRefused, p)
		}
		if err != nil {
			m.tables.Exec("ROLLBACK")
			return
		}
		err = m.tables.Exec("COMMIT")
	}()
	return f()
}

// Rebuild implements [Store].
func (m *Memory) Rebuild(_ context.Context, names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range names {
		if !slices.ContainsFunc(m.views, func(v store.View) bool { return v.Name == n }) {
			return store.ErrNotFound
		}
	}
	return m.whole(func() error {
		for i := range m.views {
			v := &m.views[i]
			if len(names) > 0 && !slices.Contains(names, v.Name) {
				continue
			}
			for _, t := range v.Tables {
				if err := m.tables.Exec(`DROP TABLE IF EXISTS "` + t + `"`); err != nil {
					return err
				}
			}
			for _, q := range v.Schema {
				if err := m.tables.Exec(q); err != nil {
					return err
				}
			}
			if err := m.show(m.views[i:i+1], m.records); err != nil {
				return err
			}
		}
		return nil
	})
}

// Records implements [Store].
func (m *Memory) Records(_ context.Context, after int64, f store.Filter, limit int) ([]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Record
	for _, r := range m.records {
		if len(out) == limit {
			break
		}
		if r.LSN > after && (f.Org == "" || f.Org == r.Org) && (f.Stream == "" || f.Stream == r.Stream) &&
			(len(f.Kinds) == 0 || slices.Contains(f.Kinds, r.Kind)) && (!f.Ordered || r.Seq > 0 || r.Epoch > 0) {
			r.Body = bytes.Clone(r.Body)
			out = append(out, r)
		}
	}
	return out, nil
}

// Payload implements [Store].
func (m *Memory) Payload(_ context.Context, org, ref string) (store.Payload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.payloads[[2]string{org, ref}]
	if !ok {
		return p, store.ErrNotFound
	}
	p.Data = bytes.Clone(p.Data)
	return p, nil
}

// LSN implements [Store].
func (m *Memory) LSN() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.records))
}

// Wait implements [Store].
func (m *Memory) Wait(ctx context.Context, after int64) error {
	for {
		m.mu.Lock()
		more, lsn, closed := m.news, int64(len(m.records)), m.closed
		m.mu.Unlock()
		switch {
		case lsn > after:
			return nil
		case closed:
			return store.ErrClosed
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.news)
		m.news = make(chan struct{})
	}
	return nil
}
