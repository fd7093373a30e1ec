package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/skein-run/skein/internal/llm"
)

// Bodies are read whole before anything is sent, so that another deployment can
// be tried, and so that no upstream answers a request that is still arriving. They
// lie in buffers that are used again, in classes of 4 KiB, 8 KiB and so on to 16 MiB;
// larger ones are made to measure.
//
// What all of them together may take is bounded, each counted with the copy that
// its attempts send. A request that finds no room waits a while for others to end,
// and is then told to come back.
const (
	smallest = 4 << 10
	classes  = 13
	copies   = 2
)

var pools [classes]sync.Pool

// class is the smallest one that holds n bytes; classes or more where none does.
func class(n int64) int { return bits.Len64(uint64(max(n, 1)-1) / smallest) }

// buffer is a piece of memory with one owner at a time.
type buffer struct {
	b      []byte
	class  int
	begins beginnings // of what is in it
}

func takeBuffer(n int64) *buffer {
	c := class(n)
	if c < classes {
		if b, ok := pools[c].Get().(*buffer); ok {
			return b
		}
	}
	return &buffer{b: make([]byte, 0, room(n)), class: c}
}

// room is the size of the buffer that n bytes get.
func room(n int64) int64 {
	if c := class(n); c < classes {
		return smallest << c
	}
	return n
}

// release gives the buffer back. Nobody may still be reading it.
func (b *buffer) release() {
	if b.class < classes {
		b.b = b.b[:0]
		pools[b.class].Put(b)
	}
}

type bodies struct {
	max     int64
	room    *semaphore.Weighted
	wait    time.Duration
	timeout time.Duration
}

func newBodies(o Options) *bodies {
	return &bodies{max: o.MaxBody, room: semaphore.NewWeighted(o.BodyBudget), wait: o.BodyWait, timeout: o.BodyTimeout}
}

// body is a request's body while its call lasts.
type body struct {
	from *bodies
	buf  *buffer
	held int64 // of the room
}

func (b *body) bytes() []byte { return b.buf.b }

// prefix is what is told of the body's beginnings, until its release.
func (b *body) prefix() []uint64 { return b.buf.begins.of(b.buf.b) }

func (b *body) release() {
	if b.buf != nil {
		b.buf.release()
		b.buf = nil
	}
	b.from.room.Release(b.held)
	b.held = 0
}

// move gives the body another owner: releasing this one does nothing any more.
func (b *body) move() *body {
	other := *b
	b.buf, b.held = nil, 0
	return &other
}

// read reads a request's body, or says how to refuse it.
func (s *bodies) read(w http.ResponseWriter, r *http.Request) (*body, *llm.Error) {
	if r.ContentLength > s.max {
		return nil, s.tooLarge()
	}
	rc := http.NewResponseController(w)
	bounded := rc.SetReadDeadline(time.Now().Add(s.timeout)) == nil
	b := &body{from: s}
	if refusal := b.fill(r); refusal != nil {
		b.release()
		return nil, refusal // the deadline stays: the server may still wait for the rest, to throw it away
	}
	if bounded {
		_ = rc.SetReadDeadline(time.Time{}) // the next read waits for the client to go away, as long as the answer takes
	}
	return b, nil
}

// fill reads as much as there is. A stated length is taken at once, an unstated
// one in steps of the classes.
func (b *body) fill(r *http.Request) *llm.Error {
	size := r.ContentLength
	if size < 0 {
		size = smallest
	}
	if refusal := b.grow(r.Context(), size); refusal != nil {
		return refusal
	}
	for {
		buf := b.buf.b
		if int64(len(buf)) > b.from.max {
			return b.from.tooLarge()
		}
		if len(buf) == cap(buf) {
			if int64(len(buf)) == r.ContentLength {
				return nil // the server has seen its end
			}
			if refusal := b.grow(r.Context(), min(2*int64(len(buf)), b.from.max+1)); refusal != nil {
				return refusal
			}
			continue
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		b.buf.b = buf[:len(buf)+n]
		switch {
		case err == io.EOF:
			if int64(len(b.buf.b)) > b.from.max {
				return b.from.tooLarge()
			}
			return nil
		case err != nil:
			return unread(err, b.from.timeout)
		}
	}
}

// grow moves what was read into a buffer for n bytes, which is made once there is
// room for it.
func (b *body) grow(ctx context.Context, n int64) *llm.Error {
	more := copies * room(n)
	if !b.from.acquire(ctx, more) {
		return &llm.Error{
			Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
			Message: "Skein has no memory left for another request's body just now; try again (body_budget bounds it)",
		}
	}
	next := takeBuffer(n)
	if b.buf != nil {
		next.b = append(next.b, b.buf.b...)
		b.buf.release()
		b.from.room.Release(b.held)
	}
	b.buf, b.held = next, more
	return nil
}

func (s *bodies) acquire(ctx context.Context, n int64) bool {
	if s.room.TryAcquire(n) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	return s.room.Acquire(ctx, n) == nil
}

func (s *bodies) tooLarge() *llm.Error {
	return &llm.Error{
		Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("the request's body is larger than %d bytes; send less, or raise max_body", s.max),
	}
}

// unread says why a body did not arrive.
func unread(err error, timeout time.Duration) *llm.Error {
	e := &llm.Error{
		Class: llm.BadRequest, Blame: llm.BlameClient, Billed: llm.BilledNo, Status: http.StatusBadRequest,
		Message: "the request's body ended early: " + err.Error(),
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		e.Status, e.Message = http.StatusRequestTimeout, fmt.Sprintf("the request's body did not arrive within %s", timeout)
	}
	return e
}
