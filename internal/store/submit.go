package store

import (
	"context"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// Commit writes a batch and returns when it is durable: the lsn of its first
// record; those of the others follow it without a gap. A context that ends while
// the batch is still queued withdraws it; once it is being written, Commit waits
// for the outcome.
func (s *Store) Commit(ctx context.Context, b Batch) (first int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	if s.writer == nil {
		return 0, ErrReadOnly
	}
	done := make(chan struct{})
	p := &pending{batch: b}
	p.done = func(int64, error) { close(done) }
	if err := s.writer.waitForRoom(ctx); err != nil {
		return 0, err
	}
	if !s.writer.enqueue(p) {
		return 0, ErrClosed
	}
	select {
	case <-done:
	case <-ctx.Done():
		if s.writer.withdraw(p) {
			return 0, fmt.Errorf("commit: %w", ctx.Err())
		}
		<-done
	}
	return p.first, p.err
}

// Submit writes a batch and calls done with what became of it. Calls come in the
// order of commits, from the writer itself: done must not block, and may submit.
// On a store that is closed or read-only, done is called before Submit returns.
// Submit never waits; its callers bound what they have under way.
func (s *Store) Submit(b Batch, done func(first int64, err error)) {
	switch {
	case s.writer == nil:
		done(0, ErrReadOnly)
	case !s.writer.enqueue(&pending{batch: b, done: done}):
		done(0, ErrClosed)
	}
}

// enqueue is false where the writer takes nothing more.
func (w *writer) enqueue(p *pending) bool {
	p.bytes = p.batch.size()
	p.arrived = time.Now() // monotonic, for the wait alone: Options.Now dates what is kept
	w.mu.Lock()
	if w.mu.closing {
		w.mu.Unlock()
		return false
	}
	w.mu.queue = append(w.mu.queue, p)
	w.mu.bytes += p.bytes
	wake := len(w.mu.queue) >= w.mu.wake || w.mu.bytes >= maxGroupBytes || p.job != nil
	w.mu.Unlock()
	if wake {
		w.poke()
	}
	return true
}

func (w *writer) poke() {
	select {
	case w.wakeup <- struct{}{}:
	default:
	}
}

// withdraw takes p out of the queue, if the writer has not taken it yet.
func (w *writer) withdraw(p *pending) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, q := range w.mu.queue {
		if q == p {
			w.mu.queue = append(w.mu.queue[:i:i], w.mu.queue[i+1:]...)
			w.mu.bytes -= p.bytes
			return true
		}
	}
	return false
}

func (w *writer) waitForRoom(ctx context.Context) error {
	for {
		w.mu.Lock()
		full, room := w.mu.bytes > maxQueueBytes && !w.mu.closing, w.room
		w.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("commit: %d bytes are queued: %w", maxQueueBytes, ctx.Err())
		}
	}
}

// do runs f on the writer's connection, alone.
func (w *writer) do(ctx context.Context, f func(c *sqlite.Conn) error) error {
	done := make(chan struct{})
	p := &pending{job: f, done: func(int64, error) { close(done) }}
	if !w.enqueue(p) {
		return ErrClosed
	}
	select {
	case <-done:
	case <-ctx.Done():
		if w.withdraw(p) {
			return ctx.Err()
		}
		<-done
	}
	return p.err
}
