package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Reach makes the provider reach its service by dial in place of the machine's own
// network and name service, and trust roots where it is behind TLS; nil are the
// machine's. It is for tests and simulations, and is called before anything is sent.
func (p *Provider) Reach(dial func(ctx context.Context, network, address string) (net.Conn, error), roots *x509.CertPool) {
	o := p.o
	p.connections = newPool(func() *http.Transport {
		t := newTransport(o)
		t.Proxy, t.DialContext = nil, dial
		if roots != nil {
			t.TLSClientConfig = &tls.Config{RootCAs: roots}
		}
		return t
	}, time.Now())
}
