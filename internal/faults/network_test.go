package faults

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
)

// network is one in memory. Its addresses are dialled by number of the port alone.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
}

// listener takes connections of one port.
type listener struct {
	port   int
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (n *network) listen(port int) *listener {
	l := &listener{port: port, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*listener{}
	}
	n.listeners[l.Addr().String()] = l
	return l
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close takes no more of them.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the listener's own.
func (l *listener) Addr() net.Addr { return address(l.port) }

func address(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

func (n *network) dial(ctx context.Context, _, to string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[to]
	n.mu.Unlock()
	if l == nil {
		return nil, refused(to)
	}
	here, there := connect(l.Addr())
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, refused(to)
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
}

// refused is the error that a dialler gives where nobody listens.
func refused(to string) error {
	addr, err := net.ResolveTCPAddr("tcp", to)
	if err != nil {
		return err
	}
	return &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// unresolved is the error that a dialler gives where a name is not known.
func unresolved(name string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}}
}
