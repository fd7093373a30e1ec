package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/store/group"
	"github.com/skein-run/skein/internal/store/sqlite"
)

// writer is the one goroutine that writes. Batches queue up before it; it takes
// what is there as one group, one transaction and one sync.
type writer struct {
	s  *Store
	c  *sqlite.Conn
	mu struct {
		sync.Mutex
		queue   []*pending
		bytes   int // in the queue
		wake    int // so many in the queue wake the writer
		closing bool
		running bool
	}
	wakeup chan struct{}
	room   chan struct{} // closed and replaced when the queue has been taken
	done   chan struct{}
	group  group.Linger

	next    int64 // lsn
	streams streams
	pages   int // in the log
}

// pending is a batch in the queue, or a job that needs the writer's connection
// between groups.
type pending struct {
	batch   Batch
	bytes   int
	arrived time.Time
	done    func(first int64, err error)
	job     func(c *sqlite.Conn) error

	unfit error // why it cannot be written, whatever the others do
	first int64
	err   error
}

const (
	maxGroup      = 4096     // batches
	maxGroupBytes = 16 << 20 // of records and small payloads
	maxQueueBytes = 64 << 20 // above it, Commit waits
	maxBatchBytes = 64 << 20 // above it, a batch is refused
	// checkpointPages is when the log is copied into the database: 16 MB.
	checkpointPages = 4096
)

func newWriter(s *Store, c *sqlite.Conn) *writer {
	w := &writer{
		s: s, c: c,
		wakeup: make(chan struct{}, 1),
		room:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	w.mu.wake = 1
	w.group.Max = max(s.opt.Linger, 0)
	return w
}

func (w *writer) start() {
	w.next = w.s.lsn.Load() + 1
	// In place of SQLite's own hook, which checkpoints after a commit and would
	// give an error of it as one of the commit.
	w.c.DB.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		w.pages = pages
		return nil
	})
	w.mu.running = true
	go w.run()
}

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

func (w *writer) run() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		group, at, end := w.take()
		switch {
		case len(group) > 0:
			w.handle(group)
		case end:
			return
		case at.IsZero():
			<-w.wakeup
		default:
			timer.Reset(time.Until(at))
			select {
			case <-w.wakeup:
			case <-timer.C:
			}
		}
	}
}

// take gives the next group; or says until when to wait for it, or that there
// will be none.
func (w *writer) take() (taken []*pending, at time.Time, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.mu.queue
	if len(q) == 0 {
		w.mu.wake = 1
		return nil, time.Time{}, w.mu.closing
	}
	if !w.mu.closing && w.mu.bytes < maxGroupBytes {
		d := w.group.Queued(len(q), q[0].arrived, time.Now())
		if !d.Commit && !hasJob(q) {
			w.mu.wake = d.Count
			return nil, d.At, false
		}
	}
	n, bytes := 0, 0
	for n < len(q) && n < maxGroup && (n == 0 || bytes+q[n].bytes <= maxGroupBytes) {
		if q[n].job != nil {
			if n == 0 {
				n = 1 // a job goes alone
			}
			break
		}
		bytes += q[n].bytes
		n++
	}
	taken = q[:n:n]
	w.mu.queue = q[n:]
	if len(w.mu.queue) == 0 {
		w.mu.queue = nil
	}
	for _, p := range taken {
		w.mu.bytes -= p.bytes
	}
	w.mu.wake = 1 << 30 // nobody needs to wake a writer that is at work
	close(w.room)
	w.room = make(chan struct{})
	return taken, time.Time{}, false
}

func hasJob(q []*pending) bool {
	for _, p := range q {
		if p.job != nil {
			return true
		}
	}
	return false
}

func (w *writer) handle(taken []*pending) {
	if taken[0].job != nil {
		p := taken[0]
		if p.err = w.s.Broken(); p.err == nil {
			p.err = p.job(w.c)
		}
		p.done(0, p.err)
		return
	}
	before := w.next
	w.commit(taken)
	w.mu.Lock()
	queued := len(w.mu.queue)
	w.mu.Unlock()
	w.group.Committed(len(taken), queued)
	if w.next > before {
		w.s.lsn.Store(w.next - 1)
		w.s.news.tell()
	}
	for _, p := range taken {
		p.done(p.first, p.err)
	}
	if w.pages >= checkpointPages {
		w.checkpoint()
	}
}

// checkpoint copies the log into the database, as far as readers allow.
func (w *writer) checkpoint() {
	w.pages = 0
	if w.s.Broken() != nil {
		return
	}
	if _, _, err := w.c.DB.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE); err != nil && !errors.Is(err, sqlite3.BUSY) {
		// What is committed is in the log, and stays there; only the log grows.
		w.s.opt.Log.Warn("the log could not be folded into the database", "dir", w.s.dir, "error", err)
	}
}

// stop commits what is queued and ends the goroutine.
func (w *writer) stop() {
	w.mu.Lock()
	running := w.mu.running
	w.mu.closing = true
	w.mu.Unlock()
	if running {
		w.poke()
		<-w.done
	}
}
