package dispatch

import (
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/telemetry"
)

// Deployments tells how the deployments that are listed stand, for whoever looks at the
// metrics.
func (d *Dispatcher) Deployments() []telemetry.DeploymentState {
	w, now := d.world.Load(), d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []telemetry.DeploymentState
	for _, name := range w.names {
		for _, dep := range w.models[name].deployments {
			out = append(out, telemetry.DeploymentState{
				Deployment: dep.name, Breaker: dep.breaker(now), InFlight: dep.Slots.InFlight(), MaxInFlight: dep.Slots.Max, Quotas: dep.left(now),
			})
		}
	}
	return out
}

// breaker is the state of a deployment's breaker, or that all its credentials and
// quotas rest; under d.mu.
func (dep *deployment) breaker(now time.Time) string {
	switch {
	case dep.Health.Probing(now), dep.Health.Ramp(now) < 1:
		return "half-open"
	case !dep.Health.Until(now).IsZero():
		return "open"
	}
	for i := range dep.Keys {
		if k := &dep.Keys[i]; k.Quota.Until(now).IsZero() && k.Credential.Until(now).IsZero() {
			return "closed"
		}
	}
	if len(dep.Keys) > 0 {
		return "resting"
	}
	return "closed"
}

// left is what is left of a deployment's quotas, of all its credentials together; under
// d.mu.
func (dep *deployment) left(now time.Time) (out []telemetry.QuotaState) {
	seen := map[*limit.Group]bool{}
	var sum [4]telemetry.QuotaState
	for i := range dep.Keys {
		q := dep.Keys[i].Quota
		if seen[q] {
			continue
		}
		seen[q] = true
		r := q.Left(now)
		for j, b := range [...]limit.Bucket{r.Requests, r.Tokens, r.Input, r.Output} {
			sum[j].Limit += b.Limit
			sum[j].Remaining += b.Remaining
		}
	}
	for j, of := range [...]string{"requests", "tokens", "input", "output"} {
		if sum[j].Limit > 0 {
			sum[j].Of = of
			out = append(out, sum[j])
		}
	}
	return out
}

// Queues tells who waits for room.
func (d *Dispatcher) Queues() []telemetry.QueueState {
	w := d.world.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []telemetry.QueueState
	for _, name := range w.names {
		t := w.models[name].traffic
		for _, p := range [...]limit.Priority{limit.Low, limit.Normal, limit.High} {
			out = append(out, telemetry.QueueState{Model: name, Priority: priorityName(p), Waiting: t.queue.Waiting(p)})
		}
	}
	return out
}
