package node

import (
	"context"
	"time"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
)

// journal is the store as it is written to, with its commits timed.
type journal struct {
	*store.Store
	metrics *telemetry.Metrics
}

func (j journal) Commit(ctx context.Context, b store.Batch) (int64, error) {
	start := time.Now()
	first, err := j.Store.Commit(ctx, b)
	j.metrics.Committed(len(b.Records), time.Since(start), err)
	return first, err
}

func (j journal) Submit(b store.Batch, done func(first int64, err error)) {
	start := time.Now()
	j.Store.Submit(b, func(first int64, err error) {
		j.metrics.Committed(len(b.Records), time.Since(start), err)
		done(first, err)
	})
}
