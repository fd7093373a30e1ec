package faults

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection: what is written is kept for the other end to read,
// as a kernel does. Each write arrives at a moment of its own, so that what is read
// together, and what a reader has seen before the connection ends, is always the same.
type conn struct {
	in, out *way
	peer    net.Addr

	mu     sync.Mutex
	linger bool // a close waits for nothing: the other end is told by RST
}

// room is what one direction holds before a writer waits, and apart is the time between
// the arrivals of two writes.
const (
	room  = 256 << 10
	apart = 10 * time.Microsecond
)

// connect makes a connection to an address: the dialler's end and the listener's.
func connect(to net.Addr) (here, there *conn) {
	a, b := newWay(), newWay()
	return &conn{in: a, out: b, peer: to, linger: true}, &conn{in: b, out: a, peer: address(9), linger: true}
}

// way is one direction of a connection.
type way struct {
	mu      sync.Mutex
	moved   *sync.Cond
	held    []piece
	size    int       // of all of them
	latest  time.Time // when the last one arrives
	ended   bool      // the writer has closed
	reset   bool      // without waiting
	left    bool      // the reader has closed
	reading limit
	writing limit
}

// piece is what was written at once, and when it arrives.
type piece struct {
	b  []byte
	at time.Time
}

// arrival is the moment at which what is sent now arrives; readers wake then.
func (w *way) arrival() time.Time {
	at := time.Now().Add(apart)
	if next := w.latest.Add(apart); next.After(at) {
		at = next
	}
	w.latest = at
	time.AfterFunc(time.Until(at), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.moved.Broadcast()
	})
	return at
}

func (w *way) arrived(at time.Time) bool { return !time.Now().Before(at) }

func newWay() *way {
	w := &way{}
	w.moved = sync.NewCond(&w.mu)
	return w
}

// limit is one of a direction's; its mutex is the direction's.
type limit struct {
	at    time.Time
	timer *time.Timer
}

func (d *limit) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (w *way) set(d *limit, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = t; !t.IsZero() && time.Now().Before(t) {
		d.timer = time.AfterFunc(time.Until(t), func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.moved.Broadcast()
		})
	}
	w.moved.Broadcast()
}

func (w *way) read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.left:
			return 0, net.ErrClosed
		case w.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(w.held) > 0:
			if first := &w.held[0]; w.arrived(first.at) {
				n := copy(b, first.b)
				if first.b = first.b[n:]; len(first.b) == 0 {
					w.held = w.held[1:]
				}
				w.size -= n
				w.moved.Broadcast()
				return n, nil
			}
		case w.ended && w.arrived(w.latest):
			if w.reset {
				return 0, syscall.ECONNRESET
			}
			return 0, io.EOF
		}
		w.moved.Wait()
	}
}

func (w *way) write(b []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.ended:
			return n, net.ErrClosed
		case w.left:
			return n, syscall.EPIPE
		case w.writing.passed():
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		}
		if free := room - w.size; free > 0 {
			k := min(free, len(b))
			w.held = append(w.held, piece{bytes.Clone(b[:k]), w.arrival()})
			w.size, n, b = w.size+k, n+k, b[k:]
			continue
		}
		w.moved.Wait()
	}
}

// end is the writer's: there is no more to come.
func (w *way) end(reset bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.ended, w.reset = true, reset
	w.arrival()
}

// leave is the reader's.
func (w *way) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
	for _, d := range []*limit{&w.reading, &w.writing} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	w.moved.Broadcast()
}

func (c *conn) Read(b []byte) (int, error) { n, err := c.in.read(b); return n, c.failed("read", err) }
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.failed("write", err)
}

func (c *conn) failed(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: c.peer, Err: err}
}

// Close ends both directions.
func (c *conn) Close() error {
	c.mu.Lock()
	reset := !c.linger
	c.mu.Unlock()
	c.out.end(reset)
	c.in.leave()
	return nil
}

// CloseWrite ends one direction in good order.
func (c *conn) CloseWrite() error { c.out.end(false); return nil }

// SetLinger with 0 makes Close a reset.
func (c *conn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger = sec != 0
	return nil
}

func (c *conn) LocalAddr() net.Addr                { return address(9) }
func (c *conn) RemoteAddr() net.Addr               { return c.peer }
func (c *conn) SetReadDeadline(t time.Time) error  { c.in.set(&c.in.reading, t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.out.set(&c.out.writing, t); return nil }

// SetDeadline sets both.
func (c *conn) SetDeadline(t time.Time) error {
	c.in.set(&c.in.reading, t)
	c.out.set(&c.out.writing, t)
	return nil
}
