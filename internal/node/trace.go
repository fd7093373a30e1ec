package node

import (
	"context"
	"os"
	"time"

	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/telemetry"
)

// flushTime is how long a stop waits for a collector to take the last spans.
const flushTime = 5 * time.Second

// openTrace begins to trace, where the configuration or the environment says where to.
// Whatever traces is built later, and so has ended before the last spans leave.
func (n *Node) openTrace() (err error) {
	n.trace, err = telemetry.NewTracer(n.o.Config.Telemetry, telemetry.TracerConfig{
		Env: os.LookupEnv, Version: n.o.Version.Version, Metrics: n.metrics, Log: n.o.Log,
	})
	if err != nil {
		return n.o.Config.Locate(err)
	}
	n.later(func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		logged(n.o.Log, "close the traces", n.trace.Close(ctx))
	})
	return nil
}

// operations are the names of all that agents can do.
func operations(agents map[string]*engine.Agent) (names []string) {
	for _, a := range agents {
		for _, spec := range a.Set.Specs() {
			names = append(names, spec.Name)
		}
	}
	return names
}
