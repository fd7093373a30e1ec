package provider

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// idleConns is how many connections are kept where nothing bounds the calls in
// flight: fewer than the concurrency means a new TLS handshake for every call
// above it.
const idleConns = 512

// newTransport makes the connection pool of one provider. Nothing is shared with
// other providers, and never http.DefaultTransport.
func newTransport(o Options) *http.Transport {
	connect := o.ConnectTimeout
	if connect <= 0 {
		connect = 5 * time.Second
	}
	conns := idleConns
	if o.MaxInFlight > 0 {
		conns = max(o.MaxInFlight, 16)
	}
	dialer := &net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   connect,
		MaxIdleConns:          conns,
		MaxIdleConnsPerHost:   conns,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // identity, so that streams can be scanned as they come
		ForceAttemptHTTP2:     true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 15 * time.Second, // a connection that went silent is noticed while streams wait on it
			PingTimeout:     10 * time.Second,
		},
		MaxResponseHeaderBytes: 64 << 10,
		WriteBufferSize:        32 << 10,
		ReadBufferSize:         32 << 10,
	}
}

// pool is a provider's connections. They age: those of HTTP/2 under constant traffic
// are never idle, so that closing idle ones alone would hold on to an address that the
// provider's name has left long ago. From time to time new requests get a pool of their
// own, and the connections of the old one end with the last of its requests.
type pool struct {
	fresh   func() *http.Transport
	current atomic.Pointer[http.Transport]
	since   atomic.Int64 // when current was made, Unix nanoseconds
	mu      sync.Mutex   // over what follows
	old     *http.Transport
}

func newPool(fresh func() *http.Transport, now time.Time) *pool {
	p := &pool{fresh: fresh}
	p.current.Store(fresh())
	p.since.Store(now.UnixNano())
	return p
}

// connectionAge is how long a pool takes new requests: so late a change of DNS is seen.
const connectionAge = 5 * time.Minute

// at is the pool for a request that begins now.
func (p *pool) at(now time.Time) *http.Transport {
	if since := p.since.Load(); now.UnixNano()-since >= int64(connectionAge) && p.since.CompareAndSwap(since, now.UnixNano()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.old != nil {
			p.old.CloseIdleConnections()
		}
		p.old = p.current.Swap(p.fresh())
		p.old.CloseIdleConnections() // those in use come back to it, and end when they have been idle for a while
	}
	return p.current.Load()
}

// close lets go of what is idle, and of the rest when it is.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current.Load().CloseIdleConnections()
	if p.old != nil {
		p.old.CloseIdleConnections()
	}
}
