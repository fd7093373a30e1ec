package gateway

import (
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"
)

// recording is an answer that several clients may read, each from its start. It is
// what the call's sink writes to, as to a client; readers follow at their own pace.
//
// It holds all of the answer while that stays within its bounds. What grows beyond
// them is held no longer than its slowest reader needs: nobody can join any more,
// and the writer waits for that reader, as it would for a client of its own.
type recording struct {
	room func(bytes int64) bool // asks for memory, or with less than none gives it back

	mu sync.Mutex // guards the rest
	// header is the sink's; head is what it was when the answer began.
	header, head http.Header
	status       int
	blocks       [][]byte // of one size, but the last; those before `from` were let go
	from         int64    // where the first block begins
	size         int64    // written so far
	held         int64    // bytes of the blocks
	readers      map[*reader]struct{}
	slow         chan struct{} // the writer waits for a reader; nil: it does not
	passing      bool          // nobody can join any more
	done         bool          // nobody is to join, and the last reader lets go of it
	ended, cut   bool
}

// reader is one who reads a recording.
type reader struct {
	at   int64
	wake chan struct{}
}

const (
	blockSize   = 4 << 10
	longest     = 4 << 20  // of an answer that can be joined
	passingRoom = 64 << 10 // that the writer may be ahead of the slowest reader, beyond that
)

func newRecording(room func(int64) bool) *recording {
	return &recording{room: room, header: http.Header{}, readers: map[*reader]struct{}{}}
}

var errNobody = errors.New("nobody reads the answer, and it is too long to be kept")

// Header implements http.ResponseWriter.
func (r *recording) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recording) WriteHeader(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin(status)
	r.wake()
}

func (r *recording) begin(status int) {
	if r.status == 0 {
		r.status, r.head = status, maps.Clone(r.header)
	}
}

// Write implements http.ResponseWriter. It waits only where the answer is too long.
func (r *recording) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin(http.StatusOK)
	written := 0
	for len(p) > 0 {
		if err := r.makeRoom(); err != nil {
			return written, err
		}
		last := &r.blocks[len(r.blocks)-1]
		n := copy((*last)[len(*last):cap(*last)], p)
		*last = (*last)[:len(*last)+n]
		p, written, r.size = p[n:], written+n, r.size+int64(n)
	}
	r.wake()
	return written, nil
}

// makeRoom sees to it that the last block has room, under mu.
func (r *recording) makeRoom() error {
	if n := len(r.blocks); n > 0 && len(r.blocks[n-1]) < cap(r.blocks[n-1]) {
		return nil
	}
	if !r.passing && r.size < longest && r.room(blockSize) {
		r.held += blockSize
		r.blocks = append(r.blocks, make([]byte, 0, blockSize))
		return nil
	}
	r.passing = true
	for {
		least, ok := r.slowest()
		if !ok {
			return errNobody
		}
		r.letGo(least)
		if r.size-least < passingRoom {
			break
		}
		slow := make(chan struct{})
		r.slow = slow
		r.wake()
		r.mu.Unlock()
		<-slow // a reader went on, or has left: each has its time to take what is there
		r.mu.Lock()
	}
	r.blocks = append(r.blocks, make([]byte, 0, blockSize))
	return nil
}

// slowest is how far the slowest reader is.
func (r *recording) slowest() (at int64, ok bool) {
	for x := range r.readers {
		if !ok || x.at < at {
			at, ok = x.at, true
		}
	}
	return at, ok
}

// letGo gives up the blocks before a place, and the memory that was counted for them.
func (r *recording) letGo(at int64) {
	for len(r.blocks) > 0 && r.from+blockSize <= at && r.from+blockSize <= r.size {
		r.blocks[0] = nil
		r.blocks, r.from = r.blocks[1:], r.from+blockSize
		if r.held > 0 {
			r.held -= blockSize
			r.room(-blockSize)
		}
	}
}

// FlushError is asked for by http.ResponseController. Readers flush.
func (r *recording) FlushError() error { return nil }

// SetReadDeadline and SetWriteDeadline are the readers' business.
func (r *recording) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is taken and not looked at.
func (r *recording) SetWriteDeadline(time.Time) error { return nil }

// end says that nothing more comes; cut, that it must not look like a good end.
func (r *recording) end(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.cut = true, cut
	r.wake()
}

// forget gives up the answer, which has ended, once those who read it have it.
func (r *recording) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passing, r.done = true, true
	r.drop()
}

func (r *recording) drop() {
	if r.done && len(r.readers) == 0 {
		r.blocks = nil
		r.room(-r.held)
		r.held = 0
	}
}

// join adds a reader, who reads from the start; nil where the start is gone.
func (r *recording) join() *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.passing {
		return nil
	}
	x := &reader{wake: make(chan struct{}, 1)}
	r.readers[x] = struct{}{}
	return x
}

// leave takes a reader away.
func (r *recording) leave(x *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.readers, x)
	r.goOn()
	r.drop()
}

// wake tells the readers that there is something new, under mu.
func (r *recording) wake() {
	for x := range r.readers {
		select {
		case x.wake <- struct{}{}:
		default: // it knows already
		}
	}
}

// goOn lets a writer that waits look again, under mu.
func (r *recording) goOn() {
	if r.slow != nil {
		close(r.slow)
		r.slow = nil
	}
}

// news is what a reader finds.
type news struct {
	status     int         // 0: the answer has not begun
	head       http.Header // nobody changes it
	bytes      []byte      // the next piece, at most a block
	ended, cut bool        // nothing comes after bytes
}

// read is what there is for a reader now; took is what it has passed on of the piece
// before.
func (r *recording) read(x *reader, took int) news {
	r.mu.Lock()
	defer r.mu.Unlock()
	x.at += int64(took)
	if took > 0 {
		r.goOn()
	}
	n := news{status: r.status, head: r.head}
	if x.at < r.size {
		b := r.blocks[(x.at-r.from)/blockSize]
		n.bytes = b[(x.at-r.from)%blockSize:] // what was written is not changed any more
	}
	n.ended = r.ended && x.at+int64(len(n.bytes)) == r.size
	n.cut = n.ended && r.cut
	return n
}

// trailers are the headers that were set after the answer had begun.
func (r *recording) trailers() http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	after := http.Header{}
	for name, v := range r.header {
		if _, before := r.head[name]; !before {
			after[name] = v
		}
	}
	return after
}
