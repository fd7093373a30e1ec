// Package node is one Skein process: it builds every room from a configuration and
// a data directory, in the order in which they need each other, and takes them
// down again. It holds no logic of its own; what it knows is who is handed what.
//
// [Open] takes the data directory's lock and starts everything; [Connect] is for
// verbs of the command line, and finds whichever way to the data there is: a
// running process's socket, or the data itself.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/wire/all"
)

// Options is what a process is started with.
type Options struct {
	Config  *config.Config
	Data    string
	Version api.Version
	// Listen serves clients on the configuration's address; without it only the
	// data directory's socket is served.
	Listen bool
	// Still performs nothing and serves nobody: records are written, and the runs go
	// on with the next process. It needs nothing of what the configuration describes.
	Still bool
	Log   *slog.Logger
}

// Node is a running process.
type Node struct {
	o        Options
	store    *store.Store
	dispatch *dispatch.Dispatcher
	engine   *engine.Engine
	keys     *auth.Keys
	sealer   *auth.Sealer
	budgets  *budgets
	pools    map[string]*pool.Pool
	tools    map[string]tool.Tool
	session  *cloud.Session // as whom the process itself reaches the clouds
	triggers []*engine.Trigger
	metrics  *telemetry.Metrics
	trace    *telemetry.Tracer // nil: nothing is traced
	health   *telemetry.Health
	server   *gateway.Server
	service  *api.Local
	recover  sync.Once
	stopping time.Time // when the stop began
	closers  []func()
}

// Views are all views of the program.
func Views() []store.View {
	views := append([]store.View{dispatch.Calls, engine.Runs, engine.Definitions, auth.View(), auth.SealView()}, ledger.Views()...)
	return views
}

// Open builds a process. What is wrong is said before anything is served.
func Open(ctx context.Context, o Options) (*Node, error) {
	n := &Node{o: o, pools: map[string]*pool.Pool{}, tools: map[string]tool.Tool{}, metrics: telemetry.New(), health: &telemetry.Health{}}
	if err := n.open(ctx); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	if err := n.openStore(ctx); err != nil {
		return err
	}
	if err := n.openKeysAndBudgets(ctx); err != nil {
		return err
	}
	if n.o.Still {
		return n.openStill(ctx)
	}
	if err := n.openTrace(); err != nil {
		return err
	}
	if err := noteConfig(ctx, n.store, n.o.Config); err != nil {
		return err
	}
	providers, infos, err := n.openProviders()
	if err := errors.Join(err, n.openTools()); err != nil {
		return n.o.Config.Locate(err)
	}
	cat, err := catalog.Load()
	if err != nil {
		return fmt.Errorf("load the catalog: %w", err)
	}
	cards, err := newCards(cat, n.o.Config, infos)
	if err != nil {
		return err
	}
	if err := n.openDispatch(providers, cat, cards); err != nil {
		return n.o.Config.Locate(err)
	}
	if err := n.openEngine(cards); err != nil {
		return n.o.Config.Locate(err)
	}
	if err := n.openTriggers(); err != nil {
		return n.o.Config.Locate(err)
	}
	n.openService(cards)
	n.bookIdle(cards)
	return n.openServer()
}

// openStill builds what writes records, and nothing that acts on them.
func (n *Node) openStill(ctx context.Context) error {
	cat, err := catalog.Load()
	if err != nil {
		return fmt.Errorf("load the catalog: %w", err)
	}
	cards, err := newCards(cat, &config.Config{Revision: n.o.Config.Revision, Location: n.o.Config.Location, Prices: n.o.Config.Prices}, nil)
	if err != nil {
		return err
	}
	n.startEngine(cards, nil, nil)
	if err := n.engine.Drain(ctx); err != nil {
		return err
	}
	n.openService(cards)
	return nil
}

func (n *Node) openStore(ctx context.Context) error {
	st, err := store.Open(ctx, n.o.Data, store.Options{Views: Views(), Log: n.o.Log, Version: n.o.Version.Version})
	if err != nil {
		return err
	}
	n.store = st
	n.later(func() { logged(n.o.Log, "close the store", st.Close()) })
	unknown, err := ledger.Recover(ctx, st, time.Now())
	if err != nil {
		return fmt.Errorf("book what the last process left open: %w", err)
	}
	if unknown > 0 {
		n.o.Log.Warn("the last process ended with attempts or effects open; they are booked at their bound, marked unknown", "count", unknown)
	}
	return nil
}

// journal is the store with its commits timed.
func (n *Node) journal() journal { return journal{n.store, n.metrics} }

// noteConfig records the configuration that holds from now on.
func noteConfig(ctx context.Context, st *store.Store, c *config.Config) error {
	body, err := json.Marshal(map[string]any{"revision": c.Revision, "file": c.File, "at": time.Now().UTC()})
	if err != nil {
		return err
	}
	_, err = st.Commit(ctx, store.Batch{Records: []store.Record{{
		Org: auth.DefaultOrg, Kind: "config", Version: 1, Config: c.Revision, Body: body,
	}}})
	return err
}

func (n *Node) openTools() error {
	n.session = session(n.o.Config)
	ts, err := openTools(n.o.Config, n.session)
	n.tools = ts
	n.later(func() {
		for _, t := range ts {
			logged(n.o.Log, "close a tool", t.Close())
		}
	})
	return err
}

// session is the process's own identity at the clouds.
func session(c *config.Config) *cloud.Session { return cloud.New(c.Clouds) }

// openTools opens every tool of a configuration, and the built-in ones, as the process.
func openTools(c *config.Config, process *cloud.Session) (map[string]tool.Tool, error) {
	ts := map[string]tool.Tool{}
	var errs []error
	for _, name := range toolNames(c) {
		t, err := tool.Open(name, c.Tools[name], process)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ts[name] = t
	}
	return ts, errors.Join(errs...)
}

// toolNames are the configuration's tools and the built-in ones.
func toolNames(c *config.Config) []string {
	names := slices.Concat(slices.Collect(maps.Keys(c.Tools)), tool.Builtins())
	slices.Sort(names)
	return slices.Compact(names)
}

func (n *Node) openProviders() (map[string]dispatch.Upstream, map[string]provider.Info, error) {
	ups, infos := map[string]dispatch.Upstream{}, map[string]provider.Info{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(n.o.Config.Providers)) {
		if o, ok := n.o.Config.Pools[name]; ok {
			p, err := n.openPool(name, o)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			ups[name], infos[name] = p, p.Info()
			continue
		}
		p, err := provider.New(name, n.o.Config.Providers[name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n.later(func() { logged(n.o.Log, "close a provider", p.Close()) })
		ups[name], infos[name] = p, p.Info()
	}
	return ups, infos, errors.Join(errs...)
}

func (n *Node) openKeysAndBudgets(ctx context.Context) error {
	n.budgets = newBudgets(n.o.Log, time.Now)
	keys, err := auth.Open(ctx, n.store.Reader(), auth.Options{
		Store: n.journal(), Config: n.o.Config.Revision, Changed: n.budgets.keyChanged,
	})
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	n.keys = keys
	if n.sealer, err = auth.OpenSealer(ctx, n.store.Reader(), n.journal()); err != nil {
		return err
	}
	if n.o.Listen {
		if err := n.o.Config.CheckListen(); err != nil {
			return err
		}
		if err := auth.MayListen(n.o.Config.Listen, keys.Any()); err != nil {
			return err
		}
	}
	return n.budgets.load(ctx, n.store.Reader(), n.o.Config, keys.List(auth.DefaultOrg))
}

func (n *Node) openDispatch(ups map[string]dispatch.Upstream, cat *catalog.Catalog, cards *cards) error {
	c := n.o.Config
	d, err := dispatch.New(dispatch.Options{
		Setup: dispatch.Setup{
			Revision: c.Revision, Providers: ups, Models: c.Models, AnyModel: c.AnyModel,
			Facts: factsOf(cat), Upstreams: cat.Names, Homes: homesOf(cat, cards.infos),
		},
		Codecs: all.Codec, Cards: cards, Budget: n.budgets, Journal: n.journal(),
		Metrics: n.metrics, Signs: n.metrics, Trace: n.trace, Log: n.o.Log,
	})
	if err != nil {
		return err
	}
	n.dispatch = d
	var models, deployments []string
	for _, m := range d.Models() {
		models = append(models, m.Name)
		for _, dep := range m.Deployments {
			deployments = append(deployments, dep.Name)
		}
	}
	n.metrics.Known(models, deployments)
	n.metrics.WatchDeployments(d.Deployments)
	n.metrics.WatchQueues(d.Queues)
	n.later(func() { logged(n.o.Log, "close dispatch", d.Close()) })
	return nil
}

func (n *Node) openEngine(cards *cards) error {
	agents := map[string]*engine.Agent{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(n.o.Config.Agents)) {
		tools, err := n.toolsOf(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		a, err := engine.NewAgent(name, n.o.Config.Agents[name], tools)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, cards.bounds(a, time.Now())...)
		agents[name] = a
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	n.metrics.KnownAgents(slices.Collect(maps.Keys(agents)), operations(agents))
	n.startEngine(cards, n.dispatch, agents)
	return nil
}

func (n *Node) startEngine(cards *cards, calls engine.Calls, agents map[string]*engine.Agent) {
	n.engine = engine.New(engine.Options{
		Org: auth.DefaultOrg, Revision: n.o.Config.Revision, Store: n.journal(), Calls: calls, Budgets: n.budgets,
		Cards: cards.resource, Codecs: all.Codec, Agents: agents, Metrics: n.metrics, Trace: n.trace, Log: n.o.Log, Now: time.Now, NewID: newID,
		Slots: sched.Config{Models: n.o.Config.Engine.ModelCalls, Tools: n.o.Config.Engine.Effects},
	})
	n.later(n.engine.Close)
}

// newID is a UUIDv7 with a type's prefix: for names, never for order.
func newID(prefix string) string {
	u := uuid.Must(uuid.NewV7()) // fails only where the system has no randomness
	return prefix + fmt.Sprintf("%x", u[:])
}

// Service answers what the verbs and the API ask.
func (n *Node) Service() api.Service { return n.service }

// Recover goes on with the runs that had not ended, once.
func (n *Node) Recover(ctx context.Context) (err error) {
	n.recover.Do(func() {
		var count int
		if count, err = n.engine.Recover(ctx); count > 0 {
			n.o.Log.Info("runs go on where they were", "runs", count)
		}
	})
	return err
}

// Serve goes on with the runs that had not ended, and serves until ctx ends.
func (n *Node) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := n.Recover(ctx); err != nil {
		return err
	}
	go func() {
		select {
		case <-n.engine.Halted():
			cancel(fmt.Errorf("%w: %w; start Skein again once that is mended", engine.ErrHalted, n.engine.Err()))
		case <-ctx.Done():
		}
	}()
	heard := n.listen(ctx)
	err := n.server.Serve(ctx)
	cancel(nil)
	heard()
	if cause := context.Cause(ctx); errors.Is(cause, engine.ErrHalted) {
		err = errors.Join(cause, err)
	}
	return err
}

func (n *Node) later(f func()) { n.closers = append(n.closers, f) }

// Close takes the process down; after Serve.
func (n *Node) Close() {
	for _, f := range slices.Backward(n.closers) {
		f()
	}
	n.closers = nil
}

func logged(log *slog.Logger, doing string, err error) {
	if err != nil {
		log.Error(doing, "err", err)
	}
}
