package provider

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/llm"
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
		IdleConnTimeout:       90 * time.Second, // an idle pool follows a change of DNS within that
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

// age lets idle connections go from time to time, so that a provider whose name
// moved to other addresses is followed under constant traffic as well.
func (p *Provider) age(now time.Time) {
	last := p.aged.Load()
	if now.UnixNano()-last < int64(connectionAge) || !p.aged.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	if last != 0 {
		p.transport.CloseIdleConnections()
	}
}

const connectionAge = 5 * time.Minute

// failure says what a send that brought no answer means. Where the connection was
// never made nothing can have been billed; afterwards it may have been.
func (p *Provider) failure(ctx context.Context, err error) *llm.Error {
	e := &llm.Error{Class: llm.Unreachable, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: http.StatusBadGateway}
	var op *net.OpError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		e.Class, e.Blame, e.Status = llm.Canceled, llm.BlameSkein, 499
		e.Message = "the attempt was given up before " + p.info.Name + " answered"
		if errors.As(err, &op) && op.Op == "dial" {
			e.Billed = llm.BilledNo
		}
		return e
	case errors.As(err, &dns):
		e.Billed = llm.BilledNo
		e.Message = "the name " + dns.Name + " cannot be resolved"
	case errors.As(err, &op) && op.Op == "dial":
		e.Billed = llm.BilledNo
		e.Message = "no connection to " + p.base.Host
		if errors.Is(err, syscall.ECONNREFUSED) {
			e.Message = "connection refused by " + p.base.Host
		}
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Class, e.Status = llm.TimedOut, http.StatusGatewayTimeout
		e.Message = "no answer from " + p.base.Host + " in time"
	default:
		e.Message = "the connection to " + p.base.Host + " broke before an answer came"
	}
	return e
}
