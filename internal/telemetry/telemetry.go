// Package telemetry shows operators how Skein is doing: [Metrics] for Prometheus,
// a [Tracer] for OpenTelemetry, [Health] for load balancers and supervisors, and
// [Logger] for people. Whoever counts something declares the small interface it
// calls, and Metrics has the methods; whoever traces holds a *Tracer, which may be nil.
//
// Labels are bounded: models and deployments are those of the configuration, and
// any other name a client thinks of counts as "other". Keys, customers and runs are
// never labels, and neither is money, which has a ledger.
package telemetry

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

// Other is the label of every name that the configuration does not have.
const Other = "other"

// Metrics are this process's numbers. All methods are safe for concurrent use, and
// on a nil *Metrics they do nothing.
type Metrics struct {
	registry *prometheus.Registry
	names    atomic.Pointer[names]

	calls          *prometheus.CounterVec
	callSeconds    *prometheus.HistogramVec
	callAttempts   *prometheus.HistogramVec
	firstContent   *prometheus.HistogramVec
	attempts       *prometheus.CounterVec
	attemptSeconds *prometheus.HistogramVec
	tokens         *prometheus.CounterVec
	inFlight       prometheus.Gauge
	commits        prometheus.Histogram
	commitErrors   prometheus.Counter
	commitSize     prometheus.Histogram
	runs           *prometheus.GaugeVec
	runsEnded      *prometheus.CounterVec

	routing routing
	genai   genai
	states  states
	spans   *prometheus.CounterVec
}

type names struct{ models, deployments, agents, tools map[string]bool }

// New makes the metrics of one process, with those of the Go runtime.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: counters("skein_calls_total", "Model calls that ended, by outcome: ok or the class of the error.",
			"model", "outcome"),
		callSeconds: histograms("skein_call_duration_seconds", "From a call's arrival to the end of its answer.",
			prometheus.ExponentialBuckets(0.01, 2, 16), "model"),
		callAttempts: histograms("skein_call_attempts", "Upstream requests that a call took.",
			prometheus.LinearBuckets(1, 1, 6), "model"),
		firstContent: histograms("skein_call_first_content_seconds", "From a call's arrival to the first content of its answer.",
			prometheus.ExponentialBuckets(0.01, 2, 14), "model"),
		attempts: counters("skein_attempts_total", "Upstream requests, by outcome: ok or the class of the error.",
			"model", "deployment", "outcome"),
		attemptSeconds: histograms("skein_attempt_duration_seconds", "From sending an upstream request to the end of its answer.",
			prometheus.ExponentialBuckets(0.01, 2, 16), "deployment"),
		tokens: counters("skein_tokens_total", "Tokens that providers reported, by class.",
			"model", "deployment", "class"),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "skein_calls_in_flight", Help: "Model calls that have arrived and not ended."}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skein_commit_duration_seconds", Help: "From handing a group of records to the disk to their being durable.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)}),
		commitErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skein_commit_errors_total", Help: "Groups of records that could not be made durable."}),
		commitSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skein_commit_records", Help: "Records in a group.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12)}),
		runs: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "skein_runs", Help: "Runs that have not ended, by status."}, []string{"status"}),
		runsEnded: counters("skein_runs_ended_total", "Runs that ended, by status.", "status"),
		routing:   newRouting(),
		genai:     newGenAI(),
		spans: counters("skein_trace_spans_total", "Spans of traces: exported, dropped as the queue was full, or failed as the collector did not take them.",
			"outcome"),
	}
	m.names.Store(&names{})
	for _, outcome := range []string{"exported", "dropped", "failed"} {
		m.spansEnded(outcome, 0) // so that they are there before it happens
	}
	m.registry.MustRegister(slices.Concat(m.routing.all(), m.genai.all(), []prometheus.Collector{&m.states, m.spans})...)
	m.registry.MustRegister(m.calls, m.callSeconds, m.callAttempts, m.firstContent, m.attempts, m.attemptSeconds, m.tokens, m.inFlight,
		m.commits, m.commitErrors, m.commitSize, m.runs, m.runsEnded,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Known says which names may be labels. It may be called again at any time.
func (m *Metrics) Known(models, deployments []string) {
	if m == nil {
		return
	}
	old := m.names.Load()
	m.names.Store(&names{models: set(models), deployments: set(deployments), agents: old.agents, tools: old.tools})
}

// KnownAgents says which agents and tools may be labels. It is not called at the same
// time as [Metrics.Known].
func (m *Metrics) KnownAgents(agents, tools []string) {
	if m == nil {
		return
	}
	old := m.names.Load()
	m.names.Store(&names{models: old.models, deployments: old.deployments, agents: set(agents), tools: set(tools)})
}

// InFlight counts calls in (1) and out (-1).
func (m *Metrics) InFlight(n int) {
	if m != nil {
		m.inFlight.Add(float64(n))
	}
}

// Call counts a call that ended. firstContent is zero where there was no content.
func (m *Metrics) Call(model, outcome string, attempts int, took, firstContent time.Duration) {
	if m == nil {
		return
	}
	model = known(m.names.Load().models, model)
	m.calls.WithLabelValues(model, outcome).Inc()
	m.callSeconds.WithLabelValues(model).Observe(took.Seconds())
	m.callAttempts.WithLabelValues(model).Observe(float64(attempts))
	if firstContent > 0 {
		m.firstContent.WithLabelValues(model).Observe(firstContent.Seconds())
	}
}

// Attempt counts an upstream request that ended and the tokens that its provider
// reported. What it cost is the ledger's to say.
func (m *Metrics) Attempt(model, deployment, outcome string, took time.Duration, u *llm.Usage, _ money.Amount) {
	if m == nil {
		return
	}
	n := m.names.Load()
	model, deployment = known(n.models, model), known(n.deployments, deployment)
	m.attempts.WithLabelValues(model, deployment, outcome).Inc()
	m.attemptSeconds.WithLabelValues(deployment).Observe(took.Seconds())
	if u == nil {
		return
	}
	for class, tokens := range u.Tokens {
		if tokens > 0 {
			m.tokens.WithLabelValues(model, deployment, llm.TokenClass(class).String()).Add(float64(tokens))
		}
	}
}

// Committed reports one group of records.
func (m *Metrics) Committed(records int, took time.Duration, err error) {
	if m == nil {
		return
	}
	if err != nil {
		m.commitErrors.Inc()
		return
	}
	m.commits.Observe(took.Seconds())
	m.commitSize.Observe(float64(records))
}

// RunMoved says that a run went from one status to another; "" is before its
// start and after its end, and final says that to is how it ended.
func (m *Metrics) RunMoved(from, to string, final bool) {
	if m == nil {
		return
	}
	if from != "" {
		m.runs.WithLabelValues(from).Dec()
	}
	switch {
	case final:
		m.runsEnded.WithLabelValues(to).Inc()
	case to != "":
		m.runs.WithLabelValues(to).Inc()
	}
}

// spansEnded counts spans by what became of them.
func (m *Metrics) spansEnded(outcome string, n int) {
	if m != nil {
		m.spans.WithLabelValues(outcome).Add(float64(n))
	}
}

func known(set map[string]bool, name string) string {
	if name == "" || set[name] {
		return name
	}
	return Other
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}
