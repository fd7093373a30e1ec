package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/pool/pick"
)

const (
	probeTimeout = 2 * time.Second
	healthEvery  = 5  // ticks, while the metrics say that it lives
	metricsAgain = 30 // ticks, where a server has none
)

// probeClient asks replicas how they are. Its connections are its own, so that a probe
// does not wait behind requests.
func probeClient(o *settled) *http.Client {
	dialer := &net.Dialer{Timeout: min(o.ConnectTimeout, probeTimeout)}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: probeTimeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// rootOf is the server's root: an address without the API's own path.
func rootOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // it was parsed before
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
	return u.String()
}

// probes asks one replica again and again.
func (p *Pool) probes(ctx context.Context, r *replica) {
	tick := time.NewTicker(p.o.MetricsInterval)
	defer tick.Stop()
	has := true // metrics
	for n := 0; ; n++ {
		if has || n%metricsAgain == 0 {
			has = p.scrape(ctx, r)
		}
		if n%healthEvery == 0 || !p.sure(r) {
			p.checkHealth(ctx, r)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sure says that nothing speaks against a replica's being well.
func (p *Pool) sure(r *replica) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return r.alive.State == pick.Ready && r.trouble == ""
}

// scrape reads a replica's metrics. It says whether there are any.
func (p *Pool) scrape(ctx context.Context, r *replica) (has bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p.mu.Lock()
	at, begun, ended := p.env.Now(), r.began, r.ended
	p.mu.Unlock()
	said, err := p.ask(ctx, r.metrics, func(resp *http.Response) (sample, error) {
		switch {
		case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusNotImplemented: // llama.cpp without --metrics
			return sample{}, errNoMetrics
		case resp.StatusCode != http.StatusOK:
			return sample{}, fmt.Errorf("the metrics answer %s", resp.Status)
		}
		s, ok, err := p.o.engine.readMetrics(resp.Body)
		if err == nil && !ok {
			err = errNoMetrics
		}
		return s, err
	})
	p.mu.Lock()
	p.roll(p.env.Now())
	if err != nil {
		var left bool
		switch {
		case errors.Is(err, errNoMetrics), ctx.Err() == context.Canceled:
		case refused(err):
			left = p.bad(r, err)
		default:
			r.trouble = err.Error() // so that its health is asked for
		}
		p.mu.Unlock()
		p.tell(left)
		return !errors.Is(err, errNoMetrics)
	}
	r.said, r.scraped, r.at, r.begunAt, r.endedAt = said, true, at, begun, ended
	for _, a := range said.adapters {
		if len(p.adapters) < mostAdapters {
			p.adapters[a] = true
		}
	}
	p.mu.Unlock()
	return true
}

// errNoMetrics: there are none, which is no fault.
var errNoMetrics = errors.New("no metrics")

// checkHealth asks whether a replica is ready.
func (p *Pool) checkHealth(ctx context.Context, r *replica) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := p.ask(ctx, r.health, func(resp *http.Response) (sample, error) {
		if resp.StatusCode >= 500 { // that it has no such page is an answer, too
			return sample{}, fmt.Errorf("it says that it is not ready: %s", resp.Status)
		}
		return sample{}, nil
	})
	if err != nil && ctx.Err() == context.Canceled {
		return // nobody wants to know any more
	}
	p.mu.Lock()
	var changed bool
	if err != nil {
		changed = p.bad(r, err)
	} else {
		changed = p.good(r)
	}
	p.mu.Unlock()
	p.tell(changed)
}

// good and bad note the outcome of a probe. The lock is held.
func (p *Pool) good(r *replica) (joined bool) {
	now := p.env.Now()
	if r.trouble != "" && !now.Before(r.alive.Until()) {
		r.trouble = ""
	}
	if joined = r.alive.Good(now); joined {
		r.id = p.nextID() // it may have been started anew
		p.roll(now)
		r.meter.Start(p.o.GPUs, now)
		p.env.Log.Info("a replica is ready", "replica", r.address)
	}
	return joined
}

func (p *Pool) bad(r *replica, err error) (left bool) {
	r.trouble = err.Error()
	if left = r.alive.Bad(refused(err)); left {
		p.env.Log.Warn("a replica is down", "replica", r.address, "error", err)
	}
	return left
}

func (p *Pool) tell(changed bool) {
	if changed {
		p.changed()
	}
}

// refused says that nobody listens at the address.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// ask gets a page of a replica's.
func (p *Pool) ask(ctx context.Context, at string, read func(*http.Response) (sample, error)) (sample, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return sample{}, fmt.Errorf("ask %s: %w", at, err)
	}
	if p.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+p.o.Key)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return sample{}, fmt.Errorf("ask how it is: %w", err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
		_ = resp.Body.Close()
	}()
	return read(resp)
}
