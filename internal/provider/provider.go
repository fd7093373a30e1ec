// Package provider sends attempts to model services. A [Kind] says how one sort of
// service is spoken to: its address, its APIs ([Surface]), where the credential
// stands, which headers may pass. A [Provider] is one row of the configuration: a
// kind with an endpoint, credentials and a connection pool of its own. A vendor that
// merely speaks a known format is a row of data, not a kind of its own.
//
// It sends once and returns what came back; retries, limits, health and the
// meaning of an answer's body are others' business. How credentials are had and
// kept fresh is [cred]'s.
package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider/cred"
)

// Request is one attempt.
type Request struct {
	Attempt    string      // sent as the client request id, where the kind or row has a header for it
	Body       []byte      // in the surface's format; not read any more once Send failed or Answer.Body is closed
	Stream     bool        // a stream is wanted
	Surface    *Surface    // one of the provider's; nil: its first
	Upstream   string      // the model's name, for surfaces that have it in their address
	Credential string      // the name of one of the provider's; "": its first
	Header     http.Header // the client's; only what the surface allows is passed on
	// Betas are beta flags of Anthropic's API to send in the header, where the surface
	// has them there; nil: the client's. Of either, those go that the cloud takes.
	Betas []string

	// What an upstream of several replicas chooses by; a [Provider] is one, and looks at
	// neither. Prefix holds hashes of ever longer beginnings of the prompt, the shortest
	// first: equal hashes are equal beginnings. Chance decides between equals.
	Prefix []uint64
	Chance uint64
}

// Answer is what came back: any status, with the body still to be read. Whoever
// takes it closes the body.
type Answer struct {
	Status     int
	Header     http.Header
	Body       io.ReadCloser
	UpstreamID string // the service's own id of the request

	// Quota is what the service said of its limits, if HasQuota.
	Quota    limit.Reported
	HasQuota bool
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
	Address     string // host:port that it is asked at
	Service     string // as a bill names it: "OpenAI API"
	MaxInFlight int    // of each deployment; 0: unlimited
	// Credentials are the names of the provider's; see [Info.CredentialsOf].
	Credentials []string
	// Caller: the credential is the caller's own, so that one that is refused says
	// nothing of the provider's.
	Caller bool

	teams [][]string // of Credentials
}

// Provider is one configured service. It is safe for concurrent use.
type Provider struct {
	info        Info
	kind        *Kind
	o           Options // settled
	base        *url.URL
	custom      bool // something else than the kind's own service stands there
	express     bool // Vertex AI with a key and no project
	credentials []credential
	idHeader    string        // canonical; empty: none
	quotas      []quotaHeader // that its answers may have
	connections *pool
}

// New makes a provider of a row of the configuration. It sends nothing.
func New(name string, o Options) (*Provider, error) {
	p, err := open(name, o)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	return p, nil
}

func open(name string, o Options) (*Provider, error) {
	k := kindByName(o.Kind)
	if k == nil {
		return nil, fmt.Errorf("kind %q is unknown; there are: %s", o.Kind, strings.Join(KindNames(), ", "))
	}
	if err := o.check(k); err != nil {
		return nil, err
	}
	if k.settle != nil {
		if err := k.settle(&o, os.LookupEnv); err != nil {
			return nil, err
		}
	}
	custom := o.custom(k)
	surfaces, err := k.surfacesOf(&o, custom)
	if err != nil {
		return nil, err
	}
	base, err := k.address(&o, surfaces[0].Path)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", o.Endpoint, err)
	}
	creds, err := k.credentialsOf(&o, custom)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		info: Info{
			Name: name, Kind: k.Name, Surfaces: surfaces, Makers: k.makers, Cloud: o.cloud(k), Region: o.Region, Address: hostPort(base),
			Service: o.service(k, name), MaxInFlight: o.MaxInFlight,
		},
		kind: k, o: o, base: base, custom: custom, credentials: creds,
		express: k == vertex && o.Project == "", quotas: quotaOfKind[k.Name],
		idHeader: http.CanonicalHeaderKey(orElse(o.RequestIDHeader, k.RequestIDHeader)),
	}
	if custom && k == openAI { // where Chat has state, it says whose
		p.info.Makers = anyone
	}
	for i := range creds {
		p.info.Credentials = append(p.info.Credentials, creds[i].name)
		p.info.teams = append(p.info.teams, creds[i].teams)
		p.info.Caller = p.info.Caller || creds[i].by == nil
	}
	for _, s := range surfaces {
		p.ready(s)
	}
	p.connections = newPool(func() *http.Transport { return newTransport(o) }, time.Now())
	return p, nil
}

// ready works out what is the same for every request to a surface.
func (p *Provider) ready(s *Surface) {
	s.call[0] = p.route(s.Path)
	s.call[1] = p.route(orElse(s.Stream, s.Path))
	s.Allow = slices.Concat(p.kind.Allow, s.Allow)
	s.Override = slices.Concat(p.kind.Override, s.Override)
	s.fixed = fixedHeader(p.kind.Fixed, s.Headers.Fixed)
	s.accept = []string{s.Dialect.Framing.Of(s.Format).ContentType()}
}

// Info describes the provider.
func (p *Provider) Info() Info { return p.info }

// Close lets go of idle connections and of what keeps credentials fresh.
func (p *Provider) Close() error {
	var errs []error
	for _, c := range p.credentials {
		if c.by != nil {
			errs = append(errs, c.by.Close())
		}
	}
	p.connections.close()
	return errors.Join(errs...)
}

// Send posts one attempt, and returns when the answer's headers are there. An
// answer of any status is not an error; an error is an *[llm.Error] that says
// whether the request may have arrived.
func (p *Provider) Send(ctx context.Context, r *Request) (*Answer, error) {
	s := r.Surface
	if s == nil {
		s = p.info.Surfaces[0]
	}
	u, err := p.url(r, s)
	if err != nil {
		return nil, err
	}
	by, err := p.pick(r)
	if err != nil {
		return nil, err
	}
	out := &outgoing{body: r.Body}
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: p.base.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.header(r, s), Body: out, ContentLength: int64(len(r.Body)), GetBody: out.again,
	}).WithContext(ctx)
	if err := p.prove(ctx, by, req, r.Body, s); err != nil {
		return nil, err
	}
	follow(ctx, req.Header)
	resp, err := p.connections.at(time.Now()).RoundTrip(req)
	if err != nil {
		return nil, p.failure(ctx, err, out.detach())
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		by.Refused()
	}
	out.ReadCloser = resp.Body
	out.Answer = Answer{Status: resp.StatusCode, Header: resp.Header, Body: (*incoming)(out), UpstreamID: p.upstreamID(resp.Header)}
	out.Quota, out.HasQuota = quota(p.quotas, resp.Header)
	return &out.Answer, nil
}

// prove puts the credential on a request.
func (p *Provider) prove(ctx context.Context, by cred.Credential, req *http.Request, body []byte, s *Surface) error {
	if err := by.Put(ctx, req, body); err != nil {
		return p.unproven(ctx, err)
	}
	if s != nil && s.KeyHeader != "" {
		if v, ok := req.Header[p.kind.KeyHeader]; ok {
			delete(req.Header, p.kind.KeyHeader)
			req.Header[s.KeyHeader] = v
		}
	}
	return nil
}

// unproven is the error where no credential could be had; nothing was sent.
func (p *Provider) unproven(ctx context.Context, err error) *llm.Error {
	if ctx.Err() != nil {
		return &llm.Error{
			Class: llm.Canceled, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 499,
			Message: "the attempt was given up before a credential of " + p.info.Name + " could be had",
		}
	}
	var e *llm.Error
	if !errors.As(err, &e) {
		e = &llm.Error{
			Class: llm.Unauthorized, Blame: llm.BlameCredential, Billed: llm.BilledNo, Status: http.StatusUnauthorized,
			Message: err.Error(),
		}
	}
	return e
}
