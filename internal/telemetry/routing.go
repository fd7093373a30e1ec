package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// routing counts what is decided about calls: choices, waiting, second attempts, and
// what becomes of answers that break.
type routing struct {
	choices    *prometheus.CounterVec
	queueWait  *prometheus.HistogramVec
	shed       *prometheus.CounterVec
	hedges     *prometheus.CounterVec
	hedgesWon  *prometheus.CounterVec
	seams      *prometheus.CounterVec
	denied     *prometheus.CounterVec
	warm       *prometheus.CounterVec
	heartbeats *prometheus.CounterVec
	drained    *prometheus.CounterVec
	reasons    *vocabulary
	words      *vocabulary // of priorities, outcomes and verdicts
	upstreams  *vocabulary // of models' names at their providers: a deployment of any of them has many
}

func newRouting() routing {
	return routing{
		reasons: &vocabulary{most: 100}, words: &vocabulary{most: 100}, upstreams: &vocabulary{most: 200},
		choices: counters("skein_choices_total", "Deployments considered for a call, by why each was taken or skipped.",
			"model", "deployment", "reason"),
		queueWait: histograms("skein_queue_wait_seconds", "Time that calls waited for a slot, by what came of it: served, expired, gone or shed.",
			prometheus.ExponentialBuckets(0.01, 2, 16), "model", "priority", "outcome"),
		shed: counters("skein_calls_shed_total", "Calls turned away for want of room, by reason.",
			"model", "priority", "reason"),
		hedges:     counters("skein_hedges_started_total", "Second attempts begun beside a slow first one.", "model"),
		hedgesWon:  counters("skein_hedges_won_total", "Second attempts whose answer was the one shown.", "model"),
		seams:      counters("skein_seams_total", "Answers that broke after their first content, by what became of them: continue, restart, finish or refuse.", "model", "verdict"),
		denied:     counters("skein_retries_denied_total", "Attempts that the budget of retries or hedges did not allow.", "model", "reason"),
		warm:       counters("skein_warm_tokens_total", "Tokens of prompts thought to be in the cache of the deployment that was chosen.", "deployment"),
		heartbeats: counters("skein_heartbeats_total", "Signs of life sent to waiting clients.", "model"),
		drained:    counters("skein_hangup_drained_bytes_total", "Bytes read from upstreams after the client went away, for the true usage.", "deployment"),
	}
}

func (r *routing) all() []prometheus.Collector {
	return []prometheus.Collector{r.choices, r.queueWait, r.shed, r.hedges, r.hedgesWon, r.seams, r.denied, r.warm, r.heartbeats, r.drained}
}

// Chosen counts one deployment that was considered for a call, and why it was taken or
// skipped, in a fixed set of words.
func (m *Metrics) Chosen(model, deployment, reason string) {
	if m != nil {
		n := m.names.Load()
		m.routing.choices.WithLabelValues(known(n.models, model), known(n.deployments, deployment), m.routing.reasons.word(reason)).Inc()
	}
}

// Queued counts a call that has left the queue: served, expired, gone or shed.
func (m *Metrics) Queued(model, priority, outcome string, waited time.Duration) {
	if m != nil {
		m.routing.queueWait.WithLabelValues(m.model(model), m.routing.words.word(priority), m.routing.words.word(outcome)).Observe(waited.Seconds())
	}
}

// Shed counts a call that was turned away for want of room.
func (m *Metrics) Shed(model, priority, reason string) {
	if m != nil {
		m.routing.shed.WithLabelValues(m.model(model), m.routing.words.word(priority), m.routing.reasons.word(reason)).Inc()
	}
}

// Hedged counts a second attempt that was begun beside the first.
func (m *Metrics) Hedged(model string) {
	if m != nil {
		m.routing.hedges.WithLabelValues(m.model(model)).Inc()
	}
}

// HedgeWon counts a second attempt whose answer was the one shown.
func (m *Metrics) HedgeWon(model string) {
	if m != nil {
		m.routing.hedgesWon.WithLabelValues(m.model(model)).Inc()
	}
}

// Seam counts an answer that broke after its first content, and what became of it.
func (m *Metrics) Seam(model, verdict string) {
	if m != nil {
		m.routing.seams.WithLabelValues(m.model(model), m.routing.words.word(verdict)).Inc()
	}
}

// RetryDenied counts an attempt that a budget did not allow: retry or hedge.
func (m *Metrics) RetryDenied(model, reason string) {
	if m != nil {
		m.routing.denied.WithLabelValues(m.model(model), m.routing.reasons.word(reason)).Inc()
	}
}

// Warm counts the tokens of a prompt that were thought to be in the cache of the
// deployment chosen. What its provider then reported is among the tokens by class.
func (m *Metrics) Warm(deployment string, tokens int64) {
	if m != nil && tokens > 0 {
		m.routing.warm.WithLabelValues(m.deployment(deployment)).Add(float64(tokens))
	}
}

// Heartbeat counts a sign of life sent to a waiting client.
func (m *Metrics) Heartbeat(model string) {
	if m != nil {
		m.routing.heartbeats.WithLabelValues(m.model(model)).Inc()
	}
}

// Drained counts what was read from an upstream after the client went away.
func (m *Metrics) Drained(deployment string, bytes int64) {
	if m != nil && bytes > 0 {
		m.routing.drained.WithLabelValues(m.deployment(deployment)).Add(float64(bytes))
	}
}

func (m *Metrics) model(name string) string      { return known(m.names.Load().models, name) }
func (m *Metrics) deployment(name string) string { return known(m.names.Load().deployments, name) }

// vocabulary keeps a label whose words are fixed in the code of others, or a handful in
// the configuration, from growing without end, should one of them ever hold what clients
// think of, or a time.
type vocabulary struct {
	words atomic.Pointer[map[string]bool]
	mu    sync.Mutex // held to add one
	most  int
}

func (v *vocabulary) word(s string) string {
	if words := v.words.Load(); words != nil && (*words)[s] {
		return s
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	more := map[string]bool{s: true}
	if words := v.words.Load(); words != nil {
		if len(*words) >= v.most && !(*words)[s] {
			return Other
		}
		maps.Copy(more, *words)
	}
	v.words.Store(&more)
	return s
}
