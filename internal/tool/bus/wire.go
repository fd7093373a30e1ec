package bus

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Wire is the HTTP beneath a driver. It counts what is sent and what comes back, reads
// no more of an answer than it was told to, and follows no redirect. It is safe for
// concurrent use.
type Wire struct {
	fresh, kept *http.Client
	bases       [2]*http.Transport
}

// NewWire makes a wire over transports of the given make; nil is [effect.NewBase].
func NewWire(base func() *http.Transport) *Wire {
	if base == nil {
		base = effect.NewBase
	}
	w := &Wire{bases: [2]*http.Transport{base(), base()}}
	// A connection that was kept may end just as a request goes out on it, and then
	// nobody knows whether that was done. What is sent only once pays for a new one.
	w.bases[0].DisableKeepAlives = true
	w.fresh, w.kept = client(w.bases[0]), client(w.bases[1])
	return w
}

func client(base http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: &effect.Transport{Base: capped{base}, Count: counts},
		// A redirect would lead to where nobody said that messages may go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Client is the HTTP client for requests of a class.
func (w *Wire) Client(class agent.Class) *http.Client {
	if class == agent.Once {
		return w.fresh
	}
	return w.kept
}

// Close lets go of idle connections.
func (w *Wire) Close() error {
	for _, b := range w.bases {
		b.CloseIdleConnections()
	}
	return nil
}

// Charge is what one request consumes beside the bytes of its body and its answer.
type Charge struct {
	Readings []price.Reading
	Most     int64 // that is read of the answer; 0 is [MostAnswer]
}

// sending is one request on its way.
type sending struct {
	Charge
	connected atomic.Bool // a connection was had: the service may have seen it
}

type sendingKey struct{}

// sends gives ctx what the one request under it consumes.
func sends(ctx context.Context, c Charge) (context.Context, *sending) {
	if c.Most == 0 {
		c.Most = MostAnswer
	}
	s := &sending{Charge: c}
	return context.WithValue(ctx, sendingKey{}, s), s
}

func sendingOf(r *http.Request) *sending {
	if s, ok := r.Context().Value(sendingKey{}).(*sending); ok {
		return s
	}
	return &sending{Charge: Charge{Most: MostAnswer}}
}

func counts(r *http.Request) effect.Counts {
	c := effect.Counts{Request: sendingOf(r).Readings, Answer: price.MeterBytesRead}
	if r.ContentLength > 0 {
		c.Request = append(c.Request[:len(c.Request):len(c.Request)], price.Reading{Meter: price.MeterBytesSent, Quantity: r.ContentLength, Source: price.Counted})
	}
	return c
}

// capped ends every answer at what its request lets be read, and notes whether there was
// a connection. It stands below the counting, which takes a service's word for what an answer that broke off still had:
// a receiver that claims a gigabyte must not be believed.
type capped struct{ base http.RoundTripper }

func (c capped) RoundTrip(r *http.Request) (*http.Response, error) {
	s := sendingOf(r)
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.connected.Store(true) }}
	resp, err := c.base.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 4 && resp.Header.Get("X-Amzn-Requestid") != "" {
		throttlesAWS(resp)
	}
	resp.ContentLength = min(resp.ContentLength, s.Most)
	resp.Body = &cappedBody{Reader: io.LimitReader(resp.Body, s.Most), Closer: resp.Body}
	return resp, nil
}

type cappedBody struct {
	io.Reader
	io.Closer
}
