package cloud

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// CredentialError says that a credential could not be had, so that nothing was sent:
// which one, why, and what mends it. It is found by [errors.As] in what an SDK returns.
type CredentialError struct {
	What string // "no AWS credential could be had"
	Mend string
	Err  error // nil, or what the SDK or the service said
}

func (e *CredentialError) Error() string {
	text := e.What
	if e.Err != nil {
		text += ": " + Reason(e.Err)
	}
	return text + "; " + e.Mend
}

func (e *CredentialError) Unwrap() error { return e.Err }

// Reason is what an SDK says, on one line and short: some tell every way that they
// tried, over a page.
func Reason(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > mostReason {
		text = strings.ToValidUTF8(text[:mostReason], "") + "…"
	}
	return strings.TrimRight(text, ".;")
}

const mostReason = 400

// errNoSession is what a tool hears that was opened without a session.
var errNoSession = errors.New("it is opened without a session of any cloud, so there are no credentials for it")

// guarded is whether a credential may go to u: over https, or to this machine.
func guarded(u *url.URL) error {
	if u.Scheme == "https" || Loopback(u) {
		return nil
	}
	return &CredentialError{
		What: "no credential is sent to " + u.Scheme + "://" + u.Host,
		Mend: "use https: over plain http everybody on the way could read it, so it goes to addresses of this machine only",
	}
}

// Loopback is whether u is an address of this machine, such as a stand-in's.
func Loopback(u *url.URL) bool {
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// sameHost follows no redirect to another place, which would take the request's
// content, or a credential, along.
func sameHost(r *http.Request, via []*http.Request) error {
	if len(via) >= 5 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
