package pool

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/pool/meter"
	"github.com/skein-run/skein/internal/pool/pick"
	"github.com/skein-run/skein/internal/provider"
)

// replica is one server of the pool. All but what New sets is under the pool's lock.
type replica struct {
	address string
	to      *provider.Provider
	health  string // addresses
	metrics string

	id       uint32
	leaving  bool
	alive    pick.Health
	inFlight int
	began    int // requests, since it joined
	ended    int
	meter    meter.Meter
	trouble  string // the last one, for people

	said    sample
	scraped bool      // said holds, as of
	at      time.Time // when the scrape was sent, with so many
	begunAt int
	endedAt int

	stop func() // ends its probes; nil: none run
}

// staleAfter is after how long what a replica said of itself is nothing any more: then
// it is judged by our own counts.
func staleAfter(interval time.Duration) time.Duration { return max(10*interval, 10*time.Second) }

// view is what a choice sees of it.
func (r *replica) view(now time.Time, interval time.Duration, tried []*replica) pick.Replica {
	v := pick.Replica{ID: r.id, State: r.state(), InFlight: r.inFlight, Tried: slices.Contains(tried, r), Doubtful: r.alive.Doubtful(now)}
	if r.scraped && now.Sub(r.at) <= staleAfter(interval) {
		v.Scraped, v.Running, v.Waiting, v.KV = true, r.said.running, r.said.waiting, r.said.kv
		v.Began, v.Ended = r.began-r.begunAt, r.ended-r.endedAt
		v.Adapters, v.MaxAdapters = r.said.adapters, r.said.maxAdapters
	}
	return v
}

func (r *replica) state() pick.State {
	if r.leaving {
		return pick.Draining
	}
	return r.alive.State
}

// newReplica makes one that nobody has heard from.
func (p *Pool) newReplica(address string) (*replica, error) {
	to, err := provider.New(p.name, p.o.provider(address))
	if err != nil {
		return nil, err
	}
	root := rootOf(address)
	return &replica{address: address, to: to, id: p.nextID(), health: root + p.o.engine.Health, metrics: root + p.o.engine.Metrics}, nil
}

// nextID names what is in a replica's cache: nothing, when it starts.
func (p *Pool) nextID() uint32 {
	p.lastID++
	return p.lastID
}

// found makes the replicas those at the addresses: the others drain, and are gone with
// their last request. A replica that comes back while it drains stays the same one.
func (p *Pool) found(w *watch, addresses []string) {
	p.mu.Lock()
	changed := false
	known := map[string]*replica{}
	for _, r := range p.replicas {
		known[r.address] = r
		if here := slices.Contains(addresses, r.address); here == r.leaving {
			r.leaving, changed = !here, true
			p.env.Log.Info("a replica "+map[bool]string{true: "came back", false: "left the pool"}[here], "replica", r.address, "in_flight", r.inFlight)
		}
	}
	for _, at := range addresses {
		r := known[at]
		if r == nil {
			made, err := p.newReplica(at)
			if err != nil {
				p.env.Log.Error("a replica cannot be used", "replica", at, "error", err)
				continue
			}
			r, changed = made, true
			p.replicas = append(p.replicas, r)
			known[at] = r
		}
		if w != nil && r.stop == nil {
			w.start(r)
		}
	}
	gone := p.sweep()
	p.mu.Unlock()
	closeAll(gone)
	if changed {
		p.changed()
	}
}

// sweep takes out the replicas that have left and have nothing to do any more. Whoever
// holds the lock closes them once it is given back.
func (p *Pool) sweep() (gone []*replica) {
	now := p.env.Now()
	p.replicas = slices.DeleteFunc(p.replicas, func(r *replica) bool {
		if !r.leaving || r.inFlight > 0 {
			return false
		}
		p.roll(now)
		p.idle.now += r.meter.TakeIdle(now)
		if r.stop != nil {
			r.stop()
		}
		gone = append(gone, r)
		return true
	})
	return gone
}

func closeAll(gone []*replica) {
	for _, r := range gone {
		_ = r.to.Close() // idle connections, of no more use
	}
}

// watch owns the goroutines that probe replicas.
type watch struct {
	p   *Pool
	ctx context.Context
	wg  sync.WaitGroup
}

func (w *watch) found(addresses []string) { w.p.found(w, addresses) }

// start probes a replica until it is gone, or the pool stops.
func (w *watch) start(r *replica) {
	ctx, cancel := context.WithCancel(w.ctx)
	r.stop = cancel
	w.wg.Go(func() {
		defer cancel()
		w.p.probes(ctx, r)
	})
}

func (w *watch) wait() {
	w.wg.Wait()
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	for _, r := range w.p.replicas {
		r.stop = nil
	}
}
