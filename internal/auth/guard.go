package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Guard finds out who sent a request.
type Guard struct {
	Keys *Keys
}

// ErrForeign refuses a browser's page that has no business here: where no key is
// asked for, any page that somebody visits could otherwise spend their money.
var ErrForeign = errors.New("refused: while there is no key, requests must be addressed to localhost, and must come neither from another site's page nor through a proxy; create a key (skein key create)")

var sameOrigin = http.NewCrossOriginProtection()

// Check says who sent r. Whoever comes through the data directory's socket is its
// owner; so is everybody on loopback until there is a key.
func (g *Guard) Check(r *http.Request) (*Principal, error) {
	if local, _ := r.Context().Value(localKey{}).(bool); local {
		return Owner(), nil
	}
	if !g.Keys.Any() {
		if !loopbackHost(r.Host) || forwarded(r) || sameOrigin.Check(r) != nil {
			return nil, ErrForeign
		}
		return Owner(), nil
	}
	text := Credential(r)
	switch {
	case text == "":
		return nil, ErrMissing
	case strings.HasPrefix(text, prefix):
	case isSigned(r):
		if _, err := g.Keys.signer(r); err != nil {
			return nil, err // nobody's body is read in vain
		}
		return nil, ErrSigned
	}
	return g.Keys.Check(text)
}

type localKey struct{}

// Local marks the connections of the data directory's own socket, for
// [http.Server.ConnContext].
func Local(ctx context.Context) context.Context {
	return context.WithValue(ctx, localKey{}, true)
}

// Credential is what r shows as its key, from wherever a served format puts one:
// the Authorization, x-api-key, api-key (Azure) and x-goog-api-key headers, and the
// key parameter of the query. Clients send several at times; the first that looks like a Skein key
// counts, else the first.
func Credential(r *http.Request) string {
	var first string
	bearer := r.Header.Get("Authorization")
	if scheme, rest, ok := strings.Cut(bearer, " "); ok && strings.EqualFold(scheme, "Bearer") {
		bearer = strings.TrimSpace(rest)
	}
	for _, c := range [...]string{bearer, r.Header.Get("X-Api-Key"), r.Header.Get("Api-Key"), r.Header.Get("X-Goog-Api-Key")} {
		if strings.HasPrefix(c, prefix) {
			return c
		}
		if first == "" {
			first = c
		}
	}
	if strings.Contains(r.URL.RawQuery, "key=") { // parsing a query is not free
		if c := r.URL.Query().Get("key"); first == "" || strings.HasPrefix(c, prefix) {
			return c
		}
	}
	return first
}

// MayListen says whether an address may be listened on. Without a key, and so
// without a question asked, only this machine may come.
func MayListen(addr string, hasKeys bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen: %q is not an address; write host:port, such as 127.0.0.1:7878", addr)
	}
	if hasKeys || loopbackName(host) {
		return nil
	}
	return fmt.Errorf("listen: %s can be reached from other machines, and no key has been created, so anybody could spend your money; "+
		"run skein key create first, or listen on 127.0.0.1", addr)
}

// forwarded reports whether a request comes from elsewhere all the same: through a
// proxy on this machine, which is then who speaks to us, and often gives localhost
// as the host.
func forwarded(r *http.Request) bool {
	for _, name := range [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && !a.Addr().Unmap().IsLoopback()
}

// loopbackHost reports whether a Host header means this machine. A page elsewhere
// whose name was made to resolve to 127.0.0.1 shows its own name here.
func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return loopbackName(strings.Trim(host, "[]"))
}

func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
