package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// DeploymentState is how a deployment stands.
type DeploymentState struct {
	Deployment            string
	Breaker               string // closed, open, half-open, ejected or resting
	InFlight, MaxInFlight int    // at most; 0: unlimited
	Quotas                []QuotaState
}

// QuotaState is what is left of a quota in its present window.
type QuotaState struct {
	Of               string // requests, tokens, input or output
	Remaining, Limit int64
}

// QueueState is who waits.
type QueueState struct {
	Model, Priority string
	Waiting         int
}

// ReplicaState is a replica of a pool, as it was seen last.
type ReplicaState struct {
	Pool, Replica, State string // new, ready, draining or down
	Running, Waiting     int    // requests
	KVCache              float64
}

// states are read when somebody looks, so that a call does not pay for them, and what
// is gone is not shown.
type states struct {
	deployments atomic.Pointer[func() []DeploymentState]
	queues      atomic.Pointer[func() []QueueState]
	replicas    atomic.Pointer[func() []ReplicaState]
}

// WatchDeployments shows how deployments stand. read is called at each look, from any
// goroutine, and answers quickly.
func (m *Metrics) WatchDeployments(read func() []DeploymentState) {
	if m != nil {
		m.states.deployments.Store(&read)
	}
}

// WatchQueues shows who waits; see [Metrics.WatchDeployments].
func (m *Metrics) WatchQueues(read func() []QueueState) {
	if m != nil {
		m.states.queues.Store(&read)
	}
}

// WatchReplicas shows the replicas of pools; see [Metrics.WatchDeployments].
func (m *Metrics) WatchReplicas(read func() []ReplicaState) {
	if m != nil {
		m.states.replicas.Store(&read)
	}
}

// maxReplicas is how many replicas of a pool have a line of their own; the rest are
// told together, as "other".
const maxReplicas = 100

var (
	breakerDesc    = gauge("skein_breaker_state", "1 for the state that a deployment's breaker is in.", "deployment", "state")
	slotsDesc      = gauge("skein_slots_in_flight", "Attempts in flight.", "deployment")
	slotsMaxDesc   = gauge("skein_slots_max", "Attempts that may be in flight; none where that is not limited.", "deployment")
	quotaDesc      = gauge("skein_quota_remaining", "What is left of a quota in its present window.", "deployment", "quota")
	quotaLimitDesc = gauge("skein_quota_limit", "What a quota allows in a window.", "deployment", "quota")
	queueDesc      = gauge("skein_queue_length", "Calls that wait for a slot.", "model", "priority")
	replicaDesc    = gauge("skein_pool_replica_state", "1 for the state that a replica is in.", "pool", "replica", "state")
	runningDesc    = gauge("skein_pool_requests_running", "Requests that a replica works on, as it says.", "pool", "replica")
	waitingDesc    = gauge("skein_pool_requests_waiting", "Requests that wait at a replica, as it says.", "pool", "replica")
	kvDesc         = gauge("skein_pool_kv_cache_ratio", "How full a replica's cache of keys and values is, from 0 to 1.", "pool", "replica")
)

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (s *states) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		breakerDesc, slotsDesc, slotsMaxDesc, quotaDesc, quotaLimitDesc, queueDesc, replicaDesc, runningDesc, waitingDesc, kvDesc,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *states) Collect(out chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, d := range read(&s.deployments, func(d DeploymentState) string { return d.Deployment }) {
		put(slotsDesc, float64(d.InFlight), d.Deployment)
		if d.MaxInFlight > 0 {
			put(slotsMaxDesc, float64(d.MaxInFlight), d.Deployment)
		}
		if d.Breaker != "" {
			put(breakerDesc, 1, d.Deployment, d.Breaker)
		}
		for _, q := range unique(d.Quotas, func(q QuotaState) string { return q.Of }) {
			put(quotaDesc, float64(q.Remaining), d.Deployment, q.Of)
			put(quotaLimitDesc, float64(q.Limit), d.Deployment, q.Of)
		}
	}
	for _, q := range read(&s.queues, func(q QueueState) string { return q.Model + "\x00" + q.Priority }) {
		put(queueDesc, float64(q.Waiting), q.Model, q.Priority)
	}
	for _, r := range fold(read(&s.replicas, func(r ReplicaState) string { return r.Pool + "\x00" + r.Replica })) {
		if r.Replica != Other {
			put(replicaDesc, 1, r.Pool, r.Replica, r.State)
		}
		put(runningDesc, float64(r.Running), r.Pool, r.Replica)
		put(waitingDesc, float64(r.Waiting), r.Pool, r.Replica)
		put(kvDesc, r.KVCache, r.Pool, r.Replica)
	}
}

// read asks for the states. One that is named twice is told once: a series that comes
// twice would fail the whole look.
func read[T any](from *atomic.Pointer[func() []T], name func(T) string) []T {
	f := from.Load()
	if f == nil || *f == nil {
		return nil
	}
	return unique((*f)(), name)
}

func unique[T any](list []T, name func(T) string) []T {
	seen := make(map[string]bool, len(list))
	out := make([]T, 0, len(list))
	for _, one := range list {
		if n := name(one); !seen[n] {
			seen[n] = true
			out = append(out, one)
		}
	}
	return out
}

// fold tells the replicas beyond the first hundred of a pool together.
func fold(list []ReplicaState) []ReplicaState {
	shown := map[string]int{}
	out := make([]ReplicaState, 0, len(list))
	rest := map[string]int{} // pool to its place in out
	for _, r := range list {
		if shown[r.Pool]++; shown[r.Pool] <= maxReplicas {
			out = append(out, r)
			continue
		}
		i, ok := rest[r.Pool]
		if !ok {
			i = len(out)
			rest[r.Pool] = i
			out = append(out, ReplicaState{Pool: r.Pool, Replica: Other})
		}
		out[i].Running += r.Running
		out[i].Waiting += r.Waiting
		out[i].KVCache = max(out[i].KVCache, r.KVCache)
	}
	return out
}
