package store

import (
	"errors"
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

	tx      transaction // on c
	next    int64       // lsn
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
		s: s, c: c, tx: transaction{Conn: c},
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
