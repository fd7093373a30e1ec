package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/wire/all"
)

func (n *Node) openService(cards *cards) {
	n.service = &api.Local{
		Store: n.store, Engine: n.engine, Auth: n.keys, Standing: n.budgets.standings,
		Ledger: n.store, Rate: cards.rate, Corrected: n.budgets.corrected, Build: n.o.Version,
	}
}

// openServer takes the addresses; nothing is answered before Serve.
func (n *Node) openServer() error {
	guard := &auth.Guard{Keys: n.keys}
	n.health.Check("store", func(context.Context) error { return n.store.Broken() })
	n.health.Check("ledger", func(context.Context) error { return n.dispatch.Fault() })
	n.health.Check("engine", func(context.Context) error { return n.engine.Err() })
	addr := ""
	if n.o.Listen {
		addr = n.o.Config.Listen
	}
	s, err := gateway.Listen(gateway.ServerConfig{
		Addr: addr, TLS: n.o.Config.TLS, Socket: store.SocketPath(n.o.Data),
		Gateway: gateway.New(gateway.Config{
			Options: n.o.Config.Gateway, Dispatch: n.dispatch, Codecs: all.Codec, Guard: guard, Sealer: n.sealer,
			Health: n.health, Metrics: n.metrics, Trace: n.trace, Log: n.o.Log,
		}),
		API:      n.trace.Accepting(api.Handler(n.service, guard, n.o.Version.Version)),
		Metrics:  guarded(guard, n.metrics.Handler()),
		Live:     n.health.Live(),
		Ready:    n.health.Readiness(),
		Stopping: n.stop,
		Drain:    n.drain,
		Grace:    n.o.Config.Drain,
		Log:      n.o.Log,
	})
	if err != nil {
		return err
	}
	n.server = s
	return nil
}

// stop begins the stop.
func (n *Node) stop() {
	n.stopping = time.Now()
	n.health.Drain()
}

// guarded asks for a key where one is asked for at all: figures of a business are
// nobody else's.
func guarded(g *auth.Guard, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := g.Check(r); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// drain lets effects and calls that are under way come to their end, in what is
// left of the time that the configuration gives a stop. An answer that is cut off
// was paid for, and its run would ask again.
func (n *Node) drain(ctx context.Context) error {
	if until := n.stopping.Add(n.o.Config.Drain); until.After(time.Now()) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), until)
		defer cancel()
	}
	err := n.engine.Drain(ctx)
	if err != nil {
		err = fmt.Errorf("%w; what is left goes on with the next start", err)
	}
	return errors.Join(err, n.dispatch.Drain(ctx))
}

// Addr is the address that clients connect to; nil where none is served.
func (n *Node) Addr() net.Addr { return n.server.Addr() }

// corrected tells the budgets what a confirmation changed.
func (b *budgets) corrected(e *ledger.Entry) {
	b.With(func(s *budget.State) { s.Correct(e.Cause.Org, e.Windows, e.Counted()) })
	b.log.Info("an entry was confirmed", slog.String("entry", e.Corrects), slog.String("difference", e.Total().String()))
}
