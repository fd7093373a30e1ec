package pool

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// source says where the replicas are.
type source interface {
	// once is where they are now.
	once(ctx context.Context) (addresses []string, err error)
	// run calls found with all of them whenever that may have changed, and returns when
	// ctx ends.
	run(ctx context.Context, found func(addresses []string))
}

// listed are replicas that the configuration lists.
type listed []string

func (l listed) once(context.Context) ([]string, error) { return l, nil }

func (l listed) run(ctx context.Context, found func([]string)) {
	found(l)
	<-ctx.Done()
}

// Resolver finds the records of a name; *[net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

const (
	resolveEvery   = 5 * time.Second
	resolveTimeout = 3 * time.Second
)

// named are the records of a name, looked up every few seconds. While the name cannot
// be looked up the last answer holds: a resolver that is away takes no replica away.
// Only that there is no such name, twice in a row, is an answer: a Kubernetes service
// of which no pod is ready has none.
type named struct {
	url     *url.URL
	resolve Resolver
	log     *slog.Logger
}

func (n *named) run(ctx context.Context, found func([]string)) {
	tick := time.NewTicker(resolveEvery)
	defer tick.Stop()
	gone, failing := 0, false
	for {
		at, err := n.once(ctx)
		var dns *net.DNSError
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && len(at) > 0:
			gone, failing = 0, false
			found(at)
		case err == nil, errors.As(err, &dns) && dns.IsNotFound:
			if gone++; gone == 2 {
				n.log.Warn("the name of the replicas has no records any more", "dns", n.url.Host)
				found(nil)
			}
		case !failing:
			failing = true
			n.log.Warn("the name of the replicas cannot be looked up; those that are known stay", "dns", n.url.Host, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (n *named) once(ctx context.Context) (addresses []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	host := n.url.Hostname()
	if isService(host) {
		_, records, err := n.resolve.LookupSRV(ctx, "", "", host)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			addresses = append(addresses, n.at(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		}
		return tidy(addresses), nil
	}
	ips, err := n.resolve.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	four := slices.ContainsFunc(ips, func(ip netip.Addr) bool { return ip.Unmap().Is4() })
	for _, ip := range ips {
		if four && !ip.Unmap().Is4() {
			continue // a replica of both families is one, and not two
		}
		addresses = append(addresses, n.at(ip.Unmap().String(), n.url.Port()))
	}
	return tidy(addresses), nil
}

// at is the address of one replica of the name.
func (n *named) at(host, port string) string {
	u := *n.url
	u.Host = hostPort(host, port)
	return u.String()
}

func hostPort(host, port string) string {
	switch {
	case port != "":
		return net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	}
	return host
}

// tidy sorts addresses, so that their order does not depend on who was asked.
func tidy(addresses []string) []string {
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	return addresses[:min(len(addresses), mostReplicas)]
}
