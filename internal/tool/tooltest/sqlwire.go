package tooltest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// wire is a proxy between a driver and its server, which counts what it carries and
// can be cut.
type wire struct {
	listener net.Listener
	to       string

	mu         sync.Mutex
	sent, read int64 // by the driver
	conns      map[net.Conn]bool
	at         string // what the driver sends when the wire is cut
	after      bool   // the server has answered it
	cuts       int    // how often, still
	instead    []byte // what the driver then hears
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.hangUp()
		wg.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

// cutAt cuts the wire when the driver sends a text: before the server sees it, or
// after it has answered.
func (w *wire) cutAt(text string, after bool, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.after, w.cuts = text, after, times
}

// say is what a driver hears from the wire where it is cut after an answer: the words of
// something between that has lost it.
func (w *wire) say(words []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = words
}

// reset gives what was carried since the last time.
func (w *wire) reset() (sent, read int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent, read = w.sent, w.read
	w.sent, w.read = 0, 0
	return sent, read
}

// hangUp closes every connection.
func (w *wire) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
		delete(w.conns, c)
	}
}

func (w *wire) carry(client net.Conn) {
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.conns[client], w.conns[server] = true, true
	w.mu.Unlock()
	end := func() { _ = client.Close(); _ = server.Close() }
	var mute sync.Mutex
	muted := false // the next answer is not for the client
	var wg sync.WaitGroup
	wg.Go(func() {
		defer end()
		w.pass(client, func(b []byte) error {
			w.mu.Lock()
			w.sent += int64(len(b))
			cut := w.cuts > 0 && bytes.Contains(bytes.ToUpper(b), []byte(w.at))
			after := w.after
			if cut {
				w.cuts--
			}
			w.mu.Unlock()
			if cut && !after {
				return io.ErrClosedPipe
			}
			if cut {
				mute.Lock()
				muted = true
				mute.Unlock()
			}
			_, err := server.Write(b)
			return err
		})
	})
	wg.Go(func() {
		defer end()
		w.pass(server, func(b []byte) error {
			mute.Lock()
			defer mute.Unlock()
			if muted {
				w.mu.Lock()
				instead := w.instead
				w.mu.Unlock()
				_, _ = client.Write(instead) // it is cut in any case
				return io.ErrClosedPipe
			}
			w.mu.Lock()
			w.read += int64(len(b))
			w.mu.Unlock()
			_, err := client.Write(b)
			return err
		})
	})
	wg.Wait()
}

func (w *wire) pass(from net.Conn, do func([]byte) error) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && do(b[:n]) != nil || err != nil {
			return
		}
	}
}
