package notify

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/tool/effect"
)

// public is a transport that connects to addresses of the public internet only. What a
// name resolves to is looked at when the connection is made, so that no name leads to
// this machine or to the network that it stands in.
func public() *http.Transport {
	base := effect.NewBase()
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return allow(address)
	}}
	base.DialContext = dialer.DialContext
	// A proxy resolves names by itself, where nobody looks at the result.
	base.Proxy = nil
	return base
}

// private is a transport for receivers that an operator says may be anywhere.
func private() *http.Transport { return effect.NewBase() }

func allow(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &effect.Error{Outcome: effect.Refused, Message: "the receiver's address cannot be read", Cause: err}
	}
	ip := at.Addr().Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || within(ip, inward) {
		return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf(
			"the receiver's address %s is not one of the public internet; with allow_private=true in the URL, messages may go there", ip)}
	}
	if ip.Is6() && within(ip, carriers) { // an address of IPv4 within one of IPv6
		b := ip.As16()
		four := b[12:]
		if ip.As16()[0] == 0x20 { // 2002::/16 has it at its beginning
			four = b[2:6]
		}
		return allow(net.JoinHostPort(netip.AddrFrom4([4]byte(four)).String(), "0"))
	}
	return nil
}

func within(ip netip.Addr, nets []netip.Prefix) bool {
	for _, n := range nets {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// inward are networks that are not public and that package netip does not know as such,
// and where Azure's machines find their host.
// https://www.iana.org/assignments/iana-ipv4-special-registry, and -ipv6-.
var inward = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32",
	"64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10")

// carriers are networks of IPv6 whose addresses hold one of IPv4.
var carriers = prefixes("64:ff9b::/96", "2002::/16", "::/96")

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, t := range texts {
		ps = append(ps, netip.MustParsePrefix(t))
	}
	return ps
}
