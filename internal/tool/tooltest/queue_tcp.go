package tooltest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// between stands between a driver and a server whose protocol is its own, and breaks
// their connection to order: before the server has heard something, or before its
// answer comes back.
type between struct {
	address string // to connect to
	server  string

	mu struct {
		sync.Mutex
		made    int // connections so far
		order   fakecloud.Kind
		pattern []byte // what the client says when the order is carried out; empty is anything
	}
}

// newBetween listens for the length of a test.
func newBetween(t *testing.T, server string) *between {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &between{address: l.Addr().String(), server: server}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	return b
}

// fault orders the next break: when "the body" goes out, where nothing was said yet,
// else with whatever is said next. Those that need a protocol of requests and answers
// are not ordered.
func (b *between) fault(_ *testing.T, f fakecloud.Fault) {
	if f.Kind == fakecloud.TooMany || f.Kind == fakecloud.Garbage {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.order, b.mu.pattern = f.Kind, nil
	if b.mu.made == 0 {
		b.mu.pattern = []byte("the body")
	}
}

// take is the order that what a client says, or that it connects, carries out.
func (b *between) take(connects bool, said []byte) fakecloud.Kind {
	b.mu.Lock()
	defer b.mu.Unlock()
	if connects {
		b.mu.made++
	}
	k := b.mu.order
	if k == "" || connects != (k == fakecloud.Refuse) || !connects && !bytes.Contains(said, b.mu.pattern) {
		return ""
	}
	b.mu.order = ""
	return k
}

func (b *between) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	if b.take(true, nil) != "" {
		return
	}
	server, err := net.Dial("tcp", b.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var lost sync.Mutex // held while answers are kept back
	var back sync.WaitGroup
	dropped := false
	back.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			lost.Lock()
			drop := dropped
			lost.Unlock()
			if drop || err != nil {
				_ = client.Close()
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	defer back.Wait()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			_ = server.Close()
			return
		}
		switch k := b.take(false, buf[:n]); k {
		case "":
		case fakecloud.ServerFail:
			_ = server.Close()
			return
		default: // the server hears it, and its answer is lost
			lost.Lock()
			dropped = true
			lost.Unlock()
		}
		if _, err := io.Copy(server, bytes.NewReader(buf[:n])); err != nil {
			return
		}
	}
}
