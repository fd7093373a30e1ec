package store

import (
	"context"
	"sync"
	"time"
)

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
