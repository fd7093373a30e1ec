package provider

import (
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
	gone bool
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
	n := copy(b, o.body[o.at:])
	o.at += n
	return n, nil
}

func (o *outgoing) Close() error { return nil }

// again rewinds, for the transport's own second try on a connection that turned
// out to be closed before anything was written.
func (o *outgoing) again() (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return nil, io.ErrClosedPipe
	}
	o.at = 0
	return o, nil
}

func (o *outgoing) detach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.body, o.gone = nil, true
}

// incoming is the answer's side.
type incoming outgoing

func (i *incoming) Read(b []byte) (int, error) { return i.ReadCloser.Read(b) }

func (i *incoming) Close() error {
	(*outgoing)(i).detach()
	return i.ReadCloser.Close()
}
