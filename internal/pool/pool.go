// Package pool is a provider of own GPUs: a row of `providers` whose kind is pool, and
// behind it replicas of an inference server, each with metrics, health and a place in
// the choice of its own. To whom it is handed a [Pool] is one upstream, as a
// [provider.Provider] is.
//
//	source ── addresses ──▶ replicas ◀── probes: /health, /metrics
//	(list, DNS,                │
//	 Kubernetes)               ▼
//	request ──▶ Send ──▶ pick.Choose ──▶ provider.Provider ──▶ answer ──▶ meter
//
// Which replica serves a request is decided in [pick], whose share of the GPUs' time
// a request had in [meter]; both are pure. A replica that leaves the list gets no new
// request, and its streams go on to their end; one that joins gets requests once it
// has answered to a probe. A replica that refuses the connection is replaced by
// another at once, since nothing was sent; any other failure is the caller's to judge,
// and for a while the replica that failed is taken after the others, so that the
// caller's next attempt goes elsewhere.
//
// [Pool.Run] owns every goroutine; without it nothing is looked up or probed.
package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/pool/pick"
	"github.com/skein-run/skein/internal/provider"
)

// Env is what a pool is given beside its row; the zero value is the world as it is.
type Env struct {
	Log      *slog.Logger
	Now      func() time.Time
	Resolver Resolver
	Cluster  Cluster
	// Changed is called, with no lock held, when a replica joined, left, or went up or
	// down; nil: nobody wants to know.
	Changed func()
}

// Pool is one row. It is safe for concurrent use.
type Pool struct {
	row    Options // as it was given
	o      *settled
	env    Env
	name   string
	info   provider.Info
	model  *provider.Provider // describes all replicas; nothing is sent to it
	source source
	limits pick.Limits
	client *http.Client // of probes

	mu       sync.Mutex
	replicas []*replica
	view     []pick.Replica // of replicas, made for one choice
	memory   *pick.Memory
	lastID   uint32
	adapters map[string]bool // that some replica has had
	idle     account
}

// memorySize is how many beginnings of prompts are remembered; with its index that is
// about five megabytes.
const memorySize = 1 << 16

// New makes a pool of a row of the configuration. It sends nothing.
func New(name string, o Options, env Env) (*Pool, error) {
	p, err := open(name, o, env)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	return p, nil
}

func open(name string, o Options, env Env) (*Pool, error) {
	s, err := o.settle()
	if err != nil {
		return nil, err
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Resolver == nil {
		env.Resolver = net.DefaultResolver
	}
	env.Log = env.Log.With("pool", name)
	p := &Pool{
		row: o, o: s, env: env, name: name, limits: s.limits(), client: probeClient(s),
		memory: pick.NewMemory(memorySize), adapters: map[string]bool{},
	}
	if p.source, err = p.sourceOf(); err != nil {
		return nil, err
	}
	if p.model, p.info, err = s.describe(name); err != nil {
		return nil, err
	}
	if len(s.replicas) > 0 { // known already: a request that comes before the first probe is tried
		p.found(nil, s.replicas)
	}
	return p, nil
}

// Describe is what [Pool.Info] of such a row would be, also where its replicas cannot be
// looked for.
func Describe(name string, o Options) (provider.Info, error) {
	s, err := o.settle()
	if err != nil {
		return provider.Info{}, fmt.Errorf("provider %s: %w", name, err)
	}
	model, info, err := s.describe(name)
	if err != nil {
		return provider.Info{}, err
	}
	return info, model.Close()
}

// describe is one provider that stands for all replicas. Where it is, is none of them.
func (o *settled) describe(name string) (*provider.Provider, provider.Info, error) {
	model, err := provider.New(name, o.provider(placeholder))
	if err != nil {
		return nil, provider.Info{}, err
	}
	info := model.Info()
	info.Kind, info.Address = Kind, ""
	return model, info, nil
}

func (p *Pool) sourceOf() (source, error) {
	switch {
	case p.o.Kubernetes != nil:
		return newEndpoints(*p.o.Kubernetes, p.env.Cluster, p.env.Log)
	case p.o.dns != nil:
		return &named{url: p.o.dns, resolve: p.env.Resolver, log: p.env.Log}, nil
	}
	return listed(p.o.replicas), nil
}

// Same says that a pool of this row would be the same one, which may be kept then, with
// all that it knows of its replicas.
func (p *Pool) Same(o Options) bool { return reflect.DeepEqual(p.row, o) }

// Info describes the pool as one provider.
func (p *Pool) Info() provider.Info { return p.info }

// Run finds the replicas and watches them until ctx ends, and returns when nothing of
// it is left. It is called once.
func (p *Pool) Run(ctx context.Context) {
	w := &watch{p: p, ctx: ctx}
	p.source.run(ctx, w.found)
	w.wait()
}

// Close lets go of idle connections; after Run, and after the last answer's body.
func (p *Pool) Close() error {
	p.mu.Lock()
	all := p.replicas
	p.mu.Unlock()
	errs := []error{p.model.Close()}
	for _, r := range all {
		errs = append(errs, r.to.Close())
	}
	p.client.CloseIdleConnections()
	return errors.Join(errs...)
}

// Room says whether the pool has room for a request to an upstream model: false where
// each replica that is well is above its thresholds, so that the request is better sent
// elsewhere, or waits. Where none is well it is true, and [Pool.Send] says so at once.
func (p *Pool) Room(upstream string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limits.Room(p.views(p.env.Now(), nil), p.adapter(upstream))
}

// adapter is the upstream model's name where some replica has had it as an adapter. A
// name that none has had may be the base model's: nothing is asked of a replica then.
func (p *Pool) adapter(upstream string) string {
	if p.adapters[upstream] {
		return upstream
	}
	return ""
}

// views are what a choice looks at.
func (p *Pool) views(now time.Time, tried []*replica) []pick.Replica {
	p.view = p.view[:0]
	for _, r := range p.replicas {
		p.view = append(p.view, r.view(now, p.o.MetricsInterval, tried))
	}
	return p.view
}

// changed tells whoever wants to know. The lock is not held.
func (p *Pool) changed() {
	if p.env.Changed != nil {
		p.env.Changed()
	}
}
