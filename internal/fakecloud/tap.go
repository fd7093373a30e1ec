package fakecloud

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"sync"
	"time"
)

// tap is a connection that the stand-in listens in on, so that it can do to it what an
// [http.ResponseWriter] cannot: reset it, and put frames of its own between those of
// net/http's HTTP/2. Over TLS it lies inside of the encryption.
type tap struct {
	net.Conn

	mu      sync.Mutex
	h2      bool
	in, out frameScanner
	preface int            // bytes of the client's preface that came
	newest  uint32         // the stream that the client opened last
	data    map[uint32]int // bytes of bodies that were sent, by stream
	grown   chan struct{}  // closed when something was sent
	spoke   bool           // the server has said anything: its first frame are its settings
	due     []byte         // to be put in at the next frame's beginning
	closes  bool           // and then the connection ends
	severed bool
}

// The parts of HTTP/2 that are needed here, RFC 9113, sections 3.4, 4.1, 6.1, 6.2, 6.8.
const (
	clientPreface           = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameData, frameHeaders = 0, 1
	frameGoAway             = 7
	frameHeadSize           = 9
)

// frameScanner knows where frames begin in a stream of bytes.
type frameScanner struct {
	head [frameHeadSize]byte
	have int // bytes of the head that came
	left int // bytes of the payload that did not
}

// between reports whether the next byte begins a frame.
func (f *frameScanner) between() bool { return f.have == 0 && f.left == 0 }

// see goes over bytes, and tells of each frame that begins in them.
func (f *frameScanner) see(b []byte, each func(kind byte, stream uint32, size int)) {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.left, b = f.left-n, b[n:]
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have, b = f.have+n, b[n:]
		if f.have == frameHeadSize {
			size := int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
			each(f.head[3], binary.BigEndian.Uint32(f.head[5:])&0x7fffffff, size)
			f.have, f.left = 0, size
		}
	}
}

// Read hears what the client says.
func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	heard := b[:n]
	for t.preface < len(clientPreface) && len(heard) > 0 {
		if heard[0] != clientPreface[t.preface] {
			t.preface = len(clientPreface) + 1 // HTTP/1.1
			break
		}
		t.preface++
		heard = heard[1:]
		t.h2 = t.preface == len(clientPreface)
	}
	if t.h2 {
		t.in.see(heard, func(kind byte, stream uint32, _ int) {
			if kind == frameHeaders {
				t.newest = max(t.newest, stream)
			}
		})
	}
	return n, err
}

// Write hears what the server says.
func (t *tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.severed {
		return 0, net.ErrClosed
	}
	n, err := t.Conn.Write(b)
	if t.h2 {
		t.out.see(b[:n], func(kind byte, stream uint32, size int) {
			t.spoke = true
			if kind == frameData {
				t.data[stream] += size
			}
		})
		t.put()
	}
	if t.grown != nil {
		close(t.grown)
		t.grown = nil
	}
	return n, err
}

// put writes the frames that are due, if it can be now; t.mu is held.
func (t *tap) put() {
	if t.due == nil || !t.spoke || !t.out.between() {
		return
	}
	_, _ = t.Conn.Write(t.due) // a client that is gone needs no frame
	if t.due = nil; t.closes {
		t.severed = true
		if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite() // in good order: what was sent arrives
		}
	}
}

// sent waits until n bytes of a stream's body have left.
func (t *tap) sent(ctx context.Context, stream uint32, n int64) {
	deadline := time.NewTimer(2 * time.Second) // should net/http send them in a way that is not seen here
	defer deadline.Stop()
	for {
		t.mu.Lock()
		if !t.h2 || int64(t.data[stream]) >= n {
			t.mu.Unlock()
			return
		}
		if t.grown == nil {
			t.grown = make(chan struct{})
		}
		grown := t.grown
		t.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return
		case <-deadline.C:
			return
		}
	}
}

// goAway sends a GOAWAY frame without an error, and then ends the connection or not.
func (t *tap) goAway(last uint32, closes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	frame := []byte{0, 0, 8, frameGoAway, 0, 0, 0, 0, 0}
	frame = binary.BigEndian.AppendUint32(frame, last)
	t.due, t.closes = binary.BigEndian.AppendUint32(frame, 0), closes
	t.put()
}

// opened is the stream that the client opened last.
func (t *tap) opened() uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest
}

// reset ends the connection with RST.
func (t *tap) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.severed = true
	resetConn(t.Conn)
}

// resetConn closes a connection so that its peer is told by RST: nothing is waited for.
func resetConn(c net.Conn) {
	if inner, ok := c.(interface{ NetConn() net.Conn }); ok { // of TLS
		c = inner.NetConn()
	}
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // a connection that is closed already needs none
	}
	_ = c.Close()
}

type tapKey struct{}

// tapped puts a request's connection into its context; it is a server's ConnContext.
func tapped(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tap); ok {
		return context.WithValue(ctx, tapKey{}, t)
	}
	return ctx
}

// tapOf is the connection of a request; nil where the server has none that it taps.
func tapOf(r *http.Request) *tap {
	t, _ := r.Context().Value(tapKey{}).(*tap)
	return t
}

// tappedListener taps what it accepts.
type tappedListener struct{ net.Listener }

// Accept waits for a connection.
func (l tappedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tap{Conn: c, data: map[uint32]int{}}, nil
}
