package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/tool"
)

// openTriggers opens the queues whose messages start runs.
func (n *Node) openTriggers() error {
	triggers, err := OpenTriggers(n.o.Config, n.session)
	n.triggers = triggers
	n.later(func() {
		for _, t := range triggers {
			logged(n.o.Log, "close a trigger's queue", t.Queue.Close())
		}
	})
	return err
}

// OpenTriggers opens the queue of every trigger of a configuration. Nothing is received.
func OpenTriggers(c *config.Config, session *cloud.Session) ([]*engine.Trigger, error) {
	var triggers []*engine.Trigger
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		for i, o := range c.Agents[name].Triggers {
			q, u, err := tool.OpenQueue("queue", o.Queue, session)
			if err != nil {
				errs = append(errs, fmt.Errorf("agents.%s.triggers[%d].%w", name, i, err))
				continue
			}
			cloudName, _, _ := strings.Cut(u.Service, "/")
			triggers = append(triggers, &engine.Trigger{Agent: name, Queue: q, Resource: tool.Resource{
				Name: "trigger", Kind: "queue", URL: u.String(), Driver: u.Scheme, Cloud: cloudName, Service: u.Service,
			}})
		}
	}
	return triggers, errors.Join(errs...)
}

// listen receives for every trigger until ctx ends, and waits for all of them.
func (n *Node) listen(ctx context.Context) (wait func()) {
	var wg sync.WaitGroup
	if !n.o.Listen { // a verb that performs one run of its own starts no others
		return wg.Wait
	}
	for _, t := range n.triggers {
		n.o.Log.Info("messages start runs", "agent", t.Agent, "queue", t.Resource.URL)
		wg.Go(func() { n.engine.Listen(ctx, t) })
	}
	return wg.Wait
}
