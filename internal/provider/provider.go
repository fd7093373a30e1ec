// Package provider sends attempts to model services. A [Kind] says how one sort of
// service is spoken to: its address, where the credential stands, which headers
// may pass, which format it speaks. A [Provider] is one row of the configuration:
// a kind with an endpoint, a key and a connection pool of its own. A vendor that
// merely speaks a known format is such a row, not a new kind.
//
// It sends once and returns what came back; retries, limits, health and the
// meaning of an answer's body are others' business.
package provider

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// Request is one attempt.
type Request struct {
	Attempt  string      // sent as the client request id, where the kind or row has a header for it
	Body     []byte      // in the kind's format; not read any more once Send failed or Answer.Body is closed
	Stream   bool        // a stream is wanted
	Surface  *Surface    // one of the provider's; nil: its first
	Upstream string      // the model's name, for surfaces that have it in their address
	Header   http.Header // the client's; only what the kind allows is passed on
}

// Answer is what came back: any status, with the body still to be read. Whoever
// takes it closes the body.
type Answer struct {
	Status     int
	Header     http.Header
	Body       io.ReadCloser
	UpstreamID string // the service's own id of the request
}

// Info is what the rest of Skein needs to know of a provider.
type Info struct {
	Name     string
	Kind     string
	Surfaces []*Surface // the preferred one first
	// Makers are those whose opaque state an upstream model understands; nil: nobody's.
	Makers      func(upstream string) []llm.Maker
	Cloud       string
	Region      string
	Service     string // as a bill names it: "OpenAI API"
	MaxInFlight int    // of each deployment; 0: unlimited
}

// Provider is one configured service. It is safe for concurrent use.
type Provider struct {
	info      Info
	kind      *Kind
	url       *url.URL
	fixed     http.Header // on every request; canonical names
	allow     []string    // canonical names that pass from the client
	idHeader  string      // canonical; empty: none
	transport *http.Transport
	aged      atomic.Int64 // when idle connections were last let go, Unix nanoseconds
}

// New makes a provider of a row of the configuration.
func New(name string, o Options) (*Provider, error) {
	k := kindByName(o.Kind)
	if k == nil {
		return nil, fmt.Errorf("provider %s: kind %q is unknown; there are: %s", name, o.Kind, strings.Join(KindNames(), ", "))
	}
	u, err := k.address(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("provider %s: endpoint %q: %w", name, o.Endpoint, err)
	}
	var surfaces []*Surface
	for _, s := range k.Surfaces {
		if s.Dialect, err = o.dialect(&s); err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		surfaces = append(surfaces, &s)
	}
	if o.Key == "" && k.NeedsKey && o.Endpoint == "" {
		return nil, fmt.Errorf("provider %s: key is missing; set it, or %s in the environment", name, k.KeyEnv)
	}
	if o.MaxInFlight < 0 {
		return nil, fmt.Errorf("provider %s: max_in_flight %d: want a number of calls, or 0 for no limit", name, o.MaxInFlight)
	}
	p := &Provider{
		info: Info{
			Name: name, Kind: k.Name, Surfaces: surfaces, Makers: k.makers(&o), Cloud: o.cloud(k), Region: o.Region,
			Service: o.service(k, name), MaxInFlight: o.MaxInFlight,
		},
		kind: k, url: u, fixed: k.fixedHeader(o.Key), allow: k.Allow,
		idHeader: http.CanonicalHeaderKey(orElse(o.RequestIDHeader, k.RequestIDHeader)),
	}
	p.transport = newTransport(o)
	return p, nil
}

// Info describes the provider.
func (p *Provider) Info() Info { return p.info }

// Close lets go of idle connections.
func (p *Provider) Close() error {
	p.transport.CloseIdleConnections()
	return nil
}

// Send posts one attempt, and returns when the answer's headers are there. An
// answer of any status is not an error; an error is an *[llm.Error] that says
// whether the request may have arrived.
func (p *Provider) Send(ctx context.Context, r *Request) (*Answer, error) {
	p.age(time.Now())
	out := &outgoing{body: r.Body}
	req := (&http.Request{
		Method: http.MethodPost, URL: p.address(r), Host: p.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.header(r), Body: out, ContentLength: int64(len(r.Body)), GetBody: out.again,
	}).WithContext(ctx)
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		out.detach()
		return nil, p.failure(ctx, err)
	}
	out.ReadCloser = resp.Body
	out.Answer = Answer{
		Status: resp.StatusCode, Header: resp.Header, Body: (*incoming)(out),
		UpstreamID: bounded(resp.Header.Get(p.kind.UpstreamID)),
	}
	return &out.Answer, nil
}

// address is where an attempt is posted.
func (p *Provider) address(r *Request) *url.URL {
	s := r.Surface
	if s == nil {
		s = p.info.Surfaces[0]
	}
	u := *p.url
	u.Path = below(u.Path, s.Path)
	return &u
}

// below joins an endpoint's path and a path below it. That the endpoint ends with
// the version, as people copy it from an SDK's settings, is allowed.
func below(endpoint, path string) string {
	if strings.HasSuffix(endpoint, "/v1") {
		path = strings.TrimPrefix(path, "/v1")
	}
	return endpoint + path
}

// makers are those whose state the row's models understand.
func (k *Kind) makers(o *Options) func(string) []llm.Maker {
	m := []llm.Maker{k.Maker}
	if o.Endpoint != "" { // nobody knows what stands there
		m = []llm.Maker{"*"}
	}
	return func(string) []llm.Maker { return m }
}

// header builds a request's headers: our own, and those of the client that the
// kind allows. A client's credentials, cookies and hop-by-hop headers never pass,
// since nothing does that is not listed.
func (p *Provider) header(r *Request) http.Header {
	h := make(http.Header, len(p.fixed)+len(p.allow)+2)
	for _, name := range p.allow {
		if v := r.Header[name]; len(v) > 0 {
			h[name] = v
		}
	}
	for name, v := range p.fixed {
		if _, ok := h[name]; !ok || !p.kind.clientWins(name) {
			h[name] = v
		}
	}
	if r.Stream {
		h["Accept"] = acceptStream
	}
	if p.idHeader != "" && r.Attempt != "" {
		h[p.idHeader] = []string{r.Attempt}
	}
	return h
}

var acceptStream = []string{"text/event-stream"}

// bounded keeps an upstream's id from filling our records.
func bounded(id string) string {
	if len(id) > 128 {
		return id[:128]
	}
	return id
}
