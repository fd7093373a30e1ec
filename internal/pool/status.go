package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/pool/pick"
)

// Status is how a pool is, for people.
type Status struct {
	Name     string          `json:"name"`
	Engine   string          `json:"engine"`
	Room     bool            `json:"room"`
	Replicas []ReplicaStatus `json:"replicas"`
}

// ReplicaStatus is how one replica is.
type ReplicaStatus struct {
	Address  string   `json:"address"`
	State    string   `json:"state"` // new, ready, down or draining
	Running  int      `json:"running"`
	Waiting  int      `json:"waiting"`
	KV       int      `json:"kv_percent"`
	InFlight int      `json:"in_flight"` // of ours
	Metrics  bool     `json:"metrics"`   // running, waiting and kv_percent are its own word
	Adapters []string `json:"adapters,omitempty"`
	// Why it gets no requests, or "".
	Why string `json:"why,omitempty"`
	// Trouble is what was wrong with it last.
	Trouble string `json:"trouble,omitempty"`
}

// Short is the address without what all of them have: host:port, and a path where it is
// not the usual one.
func (r *ReplicaStatus) Short() string {
	_, rest, _ := strings.Cut(r.Address, "://")
	return strings.TrimSuffix(rest, "/v1")
}

var states = map[pick.State]string{pick.New: "new", pick.Ready: "ready", pick.Down: "down", pick.Draining: "draining"}

// Status says how the pool is, the replicas in the order of their addresses.
func (p *Pool) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Name: p.name, Engine: p.o.engine.Name, Room: p.limits.Room(p.views(p.env.Now(), nil), "")}
	for i, r := range p.replicas {
		s.Replicas = append(s.Replicas, p.status(r, &p.view[i]))
	}
	slices.SortFunc(s.Replicas, func(a, b ReplicaStatus) int { return cmp.Compare(a.Address, b.Address) })
	return s
}

// status is that of one replica. The lock is held.
func (p *Pool) status(r *replica, v *pick.Replica) ReplicaStatus {
	one := ReplicaStatus{
		Address: r.address, State: states[v.State], InFlight: v.InFlight, Metrics: v.Scraped,
		Adapters: slices.Clone(v.Adapters), Trouble: r.trouble,
	}
	one.Running, one.Waiting, one.KV = v.Now()
	if why := p.limits.Judge(v, ""); why != pick.Fits {
		one.Why = why.String()
	}
	return one
}

// Tried is how one replica answered to [Pool.Try].
type Tried struct {
	ReplicaStatus
	Took time.Duration
	Err  error
}

// Try finds the replicas, and reads of each its list of models, which costs nothing and
// proves the address and the key, and its metrics. Its error is that there are none.
func (p *Pool) Try(ctx context.Context) ([]Tried, error) {
	addresses, err := p.source.once(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the replicas of %s: %w", p.name, err)
	}
	p.found(nil, addresses)
	p.mu.Lock()
	all := slices.Clone(p.replicas)
	p.mu.Unlock()
	if len(all) == 0 {
		return nil, fmt.Errorf("the pool %s has no replicas at this time", p.name)
	}
	tried := make([]Tried, len(all))
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() {
			start := p.env.Now()
			err := r.to.Check(ctx)
			if err == nil {
				p.scrape(ctx, r)
			}
			tried[i] = Tried{ReplicaStatus: ReplicaStatus{Address: r.address}, Took: p.env.Now().Sub(start), Err: err}
		})
	}
	wg.Wait()
	p.mu.Lock()
	views := p.views(p.env.Now(), nil)
	for i, r := range all {
		if at := slices.Index(p.replicas, r); at >= 0 {
			tried[i].ReplicaStatus = p.status(r, &views[at])
		}
	}
	p.mu.Unlock()
	slices.SortFunc(tried, func(a, b Tried) int { return cmp.Compare(a.Address, b.Address) })
	return tried, nil
}

// Check is [Pool.Try], with what is wrong with any replica as its error.
func (p *Pool) Check(ctx context.Context) error {
	tried, err := p.Try(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range tried {
		if t.Err != nil {
			errs = append(errs, fmt.Errorf("the replica %s: %w", t.Address, t.Err))
		}
	}
	return errors.Join(errs...)
}
