package provider

import (
	"errors"
	"io"
	"sync"
)

// outgoing is one exchange: the request's body on its way out, and the answer.
// The transport may go on reading a request's body after it has returned an answer
// or an error, and the body's bytes belong to somebody who uses them again; so they
// are read under a lock, and not at all after detach.
type outgoing struct {
	Answer
	io.ReadCloser // the answer's body

	mu   sync.Mutex
	body []byte
	at   int
	read bool // some of it was, on whichever connection
	gone bool
	anew bool // it was rewound
}

// Read and Close are the request's side.
func (o *outgoing) Read(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.gone:
		return 0, io.ErrClosedPipe
	case o.at == len(o.body):
		return 0, io.EOF
	}
	o.read = true
	n := copy(b, o.body[o.at:])
	o.at += n
	return n, nil
}

func (o *outgoing) Close() error { return nil }

// again rewinds, for the transport's own second try on a connection that turned
// out to be closed before anything was written. There is one: what comes after is
// for others to decide, who know of budgets for that, and the transport would go on
// for ever with a server that ends each connection in that way.
func (o *outgoing) again() (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.gone:
		return nil, io.ErrClosedPipe
	case o.anew:
		return nil, errTwice
	}
	o.at, o.anew = 0, true
	return o, nil
}

var errTwice = errors.New("two connections were closed before the request was read")

// detach lets go of the body's bytes, and reports whether any of them were sent. The
// transport reads nothing before it has a connection, the handshake done.
func (o *outgoing) detach() (sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.body, o.gone = nil, true
	return o.read
}

// incoming is the answer's side.
type incoming outgoing

func (i *incoming) Read(b []byte) (int, error) { return i.ReadCloser.Read(b) }

func (i *incoming) Close() error {
	(*outgoing)(i).detach()
	return i.ReadCloser.Close()
}
