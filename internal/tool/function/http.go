package function

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// The options of an HTTP function that are ours. All others belong to its address.
var ours = []string{"for", "allow_private", "token_env"}

func openHTTP(u *resource.URL) (Function, error) {
	at, err := url.Parse(u.Raw)
	if err != nil || at.Hostname() == "" {
		u.Show(u.Scheme + "://…")
		return nil, errors.New("the address cannot be read: write https://host/path")
	}
	// The query of such an address is often a key, and so may be its user.
	u.Show((&url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path}).String())
	q := at.Query()
	for _, name := range ours {
		q.Del(name)
	}
	secrets := secretsOf(at.User, q)
	at.RawQuery = q.Encode()
	private := u.Options["allow_private"]
	if private != "" && private != "true" && private != "false" {
		return nil, fmt.Errorf("allow_private: %q is neither true nor false", private)
	}
	if at.Scheme == "http" && private != "true" {
		return nil, errors.New("over plain http everybody on the way reads along: write https, or allow_private=true for an address of your own network")
	}
	w := &web{at: at, called: u.String(), header: "Idempotency-Key", dial: dialer(private == "true")}
	if name := u.Options["token_env"]; name != "" {
		if os.Getenv(name) == "" {
			return nil, fmt.Errorf("token_env: the variable %s is not set", name)
		}
		w.client.Auth = func(context.Context) (string, string, error) {
			return "Authorization", "Bearer " + os.Getenv(name), nil
		}
		secrets = append(secrets, os.Getenv(name))
	}
	w.client.Secrets = secrets
	w.client.Wire = bus.NewWire(func() *http.Transport {
		t := effect.NewBase()
		t.Proxy = nil // through a proxy nobody would see where it leads
		t.DialContext = w.dial
		return t
	})
	return w, nil
}

// secretsOf are the parts of an address that may be secret, to be left out of messages.
func secretsOf(user *url.Userinfo, q url.Values) (secrets []string) {
	if user != nil {
		if p, ok := user.Password(); ok && p != "" {
			secrets = append(secrets, p)
		}
	}
	for _, vs := range q {
		for _, v := range vs {
			if len(v) >= 8 {
				secrets = append(secrets, v)
			}
		}
	}
	return secrets
}

// shared is address space that leads to nobody in the public network, beside what
// netip itself knows: carriers' own (RFC 6598), protocol assignments, examples and
// benchmarks (RFC 6890), what is reserved, IPv6 that has an IPv4 address in it (6to4,
// NAT64, Teredo, compatible ones), and where Azure's machines find their host.
var shared = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
}

// errPrivate is why an address is not dialled.
var errPrivate = errors.New("its name leads into a private network or to this machine: say allow_private=true where that is meant")

// public reports whether an address is one of the public network.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("") // no network holds an address with a zone
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(shared, func(p netip.Prefix) bool { return p.Contains(a) })
}

// dialer looks at the address that a name led to, when it is dialled: a name may lead
// elsewhere each time that it is looked up.
func dialer(private bool) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !private {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !public(at.Addr()) {
				return &effect.Error{Outcome: effect.Refused, Message: errPrivate.Error(), Cause: errPrivate}
			}
			return nil
		}
	}
	return d.DialContext
}

// hostOf checks the host of a function at a cloud.
func hostOf(u *resource.URL, form string) (string, error) {
	if u.Host == "" || strings.ContainsAny(u.Host, "@?#") {
		return "", fmt.Errorf("the host is missing: write %s", form)
	}
	return u.Host, nil
}
