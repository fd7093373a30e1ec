package pool

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"time"
)

// Probe asks every replica once how it is, as the ticks do.
func (p *Pool) Probe(ctx context.Context) {
	p.mu.Lock()
	all := slices.Clone(p.replicas)
	p.mu.Unlock()
	for _, r := range all {
		p.scrape(ctx, r)
		p.checkHealth(ctx, r)
	}
}

// Find makes the replicas those at the addresses, as a source does.
func (p *Pool) Find(addresses ...string) { p.found(nil, addresses) }

// Wall is the GPU time of the replicas that are there.
func (p *Pool) Wall() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.replicas {
		r.meter.Advance(p.env.Now())
		sum += r.meter.Wall()
	}
	return sum
}

// Sample is what a page of metrics says.
type Sample struct {
	Running, Waiting, KV int
	Adapters             []string
	MaxAdapters          int
}

// ReadMetrics reads a page of an engine's metrics.
func ReadMetrics(engine string, page io.Reader) (Sample, bool, error) {
	e, err := engineByName(engine)
	if err != nil {
		return Sample{}, false, err
	}
	s, ok, err := e.readMetrics(page)
	return Sample{s.running, s.waiting, s.kv, s.adapters, s.maxAdapters}, ok, err
}

// WatchName follows a name's records until ctx ends.
func WatchName(ctx context.Context, address string, r Resolver, found func([]string)) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	n := &named{url: u, resolve: r, log: slog.New(slog.DiscardHandler)}
	n.run(ctx, found)
	return nil
}

// WatchService follows a service's endpoints until ctx ends.
func WatchService(ctx context.Context, o KubernetesOptions, c Cluster, found func([]string)) error {
	e, err := newEndpoints(o, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	e.backoff, e.least = time.Millisecond, 0
	e.run(ctx, found)
	return nil
}

// ReadEvents reads the events of a watch to their end, and gives the addresses that are
// known then.
func ReadEvents(o KubernetesOptions, events io.Reader) ([]string, error) {
	e, in, known := &endpoints{o: o}, json.NewDecoder(events), map[string]slice{}
	for {
		if _, err := nextEvent(in, known); err != nil {
			return e.addresses(known), err
		}
	}
}
