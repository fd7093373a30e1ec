package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
)

// openPool makes a pool of own GPUs and watches its replicas until the process stops.
func (n *Node) openPool(name string, o pool.Options) (*pool.Pool, error) {
	p, err := pool.New(name, o, pool.Env{Log: n.o.Log})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	n.later(func() {
		cancel()
		wg.Wait()
		logged(n.o.Log, "close a pool", p.Close())
	})
	n.pools[name] = p
	n.metrics.WatchReplicas(n.replicas)
	return p, nil
}

// replicas are those of all pools, for whoever looks at the metrics.
func (n *Node) replicas() (all []telemetry.ReplicaState) {
	for _, name := range slices.Sorted(maps.Keys(n.pools)) {
		for _, r := range n.pools[name].Status().Replicas {
			all = append(all, telemetry.ReplicaState{
				Pool: name, Replica: r.Short(), State: r.State, Running: r.Running, Waiting: r.Waiting, KVCache: float64(r.KV) / 100,
			})
		}
	}
	return all
}

// checkPool tries a pool: an item of its own, and one for each replica that it has now.
func checkPool(ctx context.Context, o CheckOptions, name string, opts pool.Options) []CheckedItem {
	var replicas []CheckedItem
	item := try(ctx, o, "provider", name, func(ctx context.Context) error {
		p, err := pool.New(name, opts, pool.Env{})
		if err != nil {
			return err
		}
		defer func() { logged(o.Log, "close a pool", p.Close()) }()
		tried, err := p.Try(ctx)
		for _, t := range tried {
			replicas = append(replicas, checkedReplica(name, &t))
		}
		return err
	})
	if len(replicas) > 0 {
		item.Note = fmt.Sprintf("replicas: %d", len(replicas))
	}
	return append([]CheckedItem{item}, replicas...)
}

func checkedReplica(of string, t *pool.Tried) CheckedItem {
	item := CheckedItem{Kind: "replica", Name: of + " " + t.Short(), OK: t.Err == nil, Took: t.Took}
	switch {
	case t.Err != nil:
		item.Error = t.Err.Error()
	case t.Metrics:
		item.Note = fmt.Sprintf("running %d, waiting %d, cache %d %%", t.Running, t.Waiting, t.KV)
		if len(t.Adapters) > 0 {
			item.Note += ", adapters " + strings.Join(t.Adapters, " ")
		}
	default:
		item.Note = "it has no metrics of its load: it is chosen by our own requests alone"
	}
	return item
}

// idleEvery is how often is looked for hours that are over.
const idleEvery = time.Minute

// bookIdle books what the pools' GPUs cost while nobody used them: an entry an hour,
// and the last one when the process stops.
func (n *Node) bookIdle(cards *cards) {
	if len(cards.pools) == 0 || !n.o.Listen { // a verb that performs one run of its own does not stand for the hour
		return
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(idleEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				n.commitIdle(cards, (*pool.Pool).Idle)
			case <-stop:
				n.commitIdle(cards, (*pool.Pool).LastIdle)
				return
			}
		}
	})
	n.later(func() {
		close(stop)
		wg.Wait()
	})
}

func (n *Node) commitIdle(cards *cards, take func(*pool.Pool) []pool.Idle) {
	var b store.Batch
	for _, name := range slices.Sorted(maps.Keys(n.pools)) {
		card := cards.pools[name]
		if card == nil {
			continue
		}
		info := n.pools[name].Info()
		for _, idle := range take(n.pools[name]) {
			rec, err := ledger.EntryRecord(idleEntry(&idle, name, placed(card, info, ""), time.Now()), n.o.Config.Revision)
			if err != nil {
				n.o.Log.Error("an idle hour was not booked", "pool", name, "error", err)
				continue
			}
			b.Records = append(b.Records, rec)
		}
	}
	if len(b.Records) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := n.journal().Commit(ctx, b)
	logged(n.o.Log, "book idle hours of own GPUs", err)
}

// idleEntry is what an hour of a pool cost beyond what was used of it. It is nobody's:
// no team, key or project.
func idleEntry(idle *pool.Idle, name string, card *price.Card, now time.Time) *ledger.Entry {
	return &ledger.Entry{
		ID: idle.ID, Kind: ledger.Idle, Cause: ledger.Cause{Org: auth.DefaultOrg},
		Cloud: card.Cloud, Service: card.Service, Region: card.Region, Resource: fmt.Sprintf("%s.idle", name),
		ConsumedFrom: idle.From, ConsumedTo: idle.To, BookedAt: now,
		Charges: card.Rate(idle.Readings, price.Options{}), Book: card.Book, Outcome: "ok",
	}
}
