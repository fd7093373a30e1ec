package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-run/skein/internal/llm"
)

// genai are the metrics of OpenTelemetry's conventions for generative AI, under the
// names and with the buckets that they have in Prometheus (names.go says which version):
// of Skein as the client of upstreams, as the server of its own clients, and of agents
// and tools.
type genai struct {
	operation  *prometheus.HistogramVec // gen_ai.client.operation.duration
	firstChunk *prometheus.HistogramVec // gen_ai.client.operation.time_to_first_chunk
	tokens     *prometheus.HistogramVec // gen_ai.client.token.usage
	request    *prometheus.HistogramVec // gen_ai.server.request.duration
	firstToken *prometheus.HistogramVec // gen_ai.server.time_to_first_token
	agent      *prometheus.HistogramVec // gen_ai.invoke_agent.duration
	tool       *prometheus.HistogramVec // gen_ai.execute_tool.duration
}

var (
	secondsBuckets = prometheus.ExponentialBuckets(0.01, 2, 14)
	tokenBuckets   = prometheus.ExponentialBuckets(1, 4, 14)
	firstBuckets   = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	agentBuckets   = prometheus.ExponentialBuckets(1, 2, 16) // ours: runs go on for hours
)

func newGenAI() genai {
	const op, provider, model, failed = "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type"
	return genai{
		operation: histograms("gen_ai_client_operation_duration_seconds", "Requests to upstreams: from sending one to the end of its answer.",
			secondsBuckets, op, provider, model, failed),
		firstChunk: histograms("gen_ai_client_operation_time_to_first_chunk_seconds", "Requests to upstreams: from sending one to the first content of its answer.",
			firstBuckets, op, provider, model),
		tokens: histograms("gen_ai_client_token_usage", "Tokens of requests to upstreams, as reported.",
			tokenBuckets, op, provider, model, "gen_ai_token_type"),
		request: histograms("gen_ai_server_request_duration_seconds", "Calls of clients and runs: from arrival to the end of the answer.",
			secondsBuckets, op, model, failed),
		firstToken: histograms("gen_ai_server_time_to_first_token_seconds", "Calls of clients and runs: from arrival to the first content.",
			firstBuckets, op, model),
		agent: histograms("gen_ai_invoke_agent_duration_seconds", "Runs: from the start to the end.",
			agentBuckets, "gen_ai_agent_name", failed),
		tool: histograms("gen_ai_execute_tool_duration_seconds", "Effects of tools.",
			secondsBuckets, "gen_ai_tool_name", failed),
	}
}

func (g *genai) all() []prometheus.Collector {
	return []prometheus.Collector{g.operation, g.firstChunk, g.tokens, g.request, g.firstToken, g.agent, g.tool}
}

// Upstream is one request to an upstream that has ended.
type Upstream struct {
	Operation  llm.Operation
	Provider   string // the kind of it
	Model      string // its name there
	Deployment string // whose upstream it is; that of one that is not known is no label
	Outcome    string // ok, or the class of the error
	Took       time.Duration
	First      time.Duration // zero: no content
	Usage      *llm.Usage    // nil: not known
}

// Upstream counts a request to an upstream, as OpenTelemetry's conventions have it.
func (m *Metrics) Upstream(u Upstream) {
	if m == nil {
		return
	}
	op, provider, model := operation(u.Operation), ProviderName(u.Provider), Other
	if m.names.Load().deployments[u.Deployment] {
		model = m.routing.upstreams.word(u.Model)
	}
	m.genai.operation.WithLabelValues(op, provider, model, failure(u.Outcome)).Observe(u.Took.Seconds())
	if u.First > 0 {
		m.genai.firstChunk.WithLabelValues(op, provider, model).Observe(u.First.Seconds())
	}
	if u.Usage != nil && u.Usage.Reported {
		m.genai.tokens.WithLabelValues(op, provider, model, "input").Observe(float64(u.Usage.InputTokens()))
		if u.Operation != llm.Embed {
			m.genai.tokens.WithLabelValues(op, provider, model, "output").Observe(float64(u.Usage.OutputTokens()))
		}
	}
}

// Served counts a call that ended, as OpenTelemetry's conventions have it. first is
// zero where there was no content.
func (m *Metrics) Served(op llm.Operation, model, outcome string, took, first time.Duration) {
	if m == nil {
		return
	}
	model = m.model(model)
	m.genai.request.WithLabelValues(operation(op), model, failure(outcome)).Observe(took.Seconds())
	if first > 0 {
		m.genai.firstToken.WithLabelValues(operation(op), model).Observe(first.Seconds())
	}
}

// RunEnded counts a run that ended.
func (m *Metrics) RunEnded(agent, status string, failed bool, took time.Duration) {
	if m == nil {
		return
	}
	if !failed {
		status = ""
	}
	m.genai.agent.WithLabelValues(known(m.names.Load().agents, agent), status).Observe(took.Seconds())
}

// ToolEnded counts an effect that ended: ok, or what is known of one that failed.
func (m *Metrics) ToolEnded(tool, outcome string, took time.Duration) {
	if m != nil {
		m.genai.tool.WithLabelValues(known(m.names.Load().tools, tool), failure(outcome)).Observe(took.Seconds())
	}
}

// failure is an outcome as error.type, which is empty where all is well.
func failure(outcome string) string {
	if outcome == "ok" {
		return ""
	}
	return outcome
}
