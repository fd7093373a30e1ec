package telemetry

import "github.com/skein-run/skein/internal/llm"

// The attributes of spans: OpenTelemetry's conventions for generative AI, and Skein's
// own, under its name. The conventions have no releases yet, and are in "development":
// names may change there. These are of
// https://github.com/open-telemetry/semantic-conventions-genai, which stands on the
// general conventions v1.41 and v1.42: docs/gen-ai/gen-ai-spans.md and
// gen-ai-agent-spans.md at commit 002c8a6e, and gen-ai-metrics.md at 004902b8 (read
// 2026-11-25).
const (
	attrOperation     = "gen_ai.operation.name"
	attrProvider      = "gen_ai.provider.name"
	attrRequestModel  = "gen_ai.request.model"
	attrStream        = "gen_ai.request.stream"
	attrResponseModel = "gen_ai.response.model"
	attrFinish        = "gen_ai.response.finish_reasons"
	attrFirstChunk    = "gen_ai.response.time_to_first_chunk"
	attrInput         = "gen_ai.usage.input_tokens"
	attrOutput        = "gen_ai.usage.output_tokens"
	attrCacheRead     = "gen_ai.usage.cache_read.input_tokens"
	attrCacheWrite    = "gen_ai.usage.cache_creation.input_tokens"
	attrReasoning     = "gen_ai.usage.reasoning.output_tokens"
	attrAgent         = "gen_ai.agent.name"
	attrTool          = "gen_ai.tool.name"
	attrToolType      = "gen_ai.tool.type"
	attrToolCall      = "gen_ai.tool.call.id"
	attrServer        = "server.address"
	attrPort          = "server.port"
	attrErrorType     = "error.type"
	attrStatus        = "http.response.status_code"

	attrCall       = "skein.call.id"
	attrFormat     = "skein.call.format"
	attrAttempts   = "skein.call.attempts"
	attrCallInput  = "skein.call.input_tokens"
	attrCallOutput = "skein.call.output_tokens"
	attrAttempt    = "skein.attempt.id"
	attrNumber     = "skein.attempt.number"
	attrHedge      = "skein.attempt.hedge"
	attrSeam       = "skein.attempt.seam"
	attrFallback   = "skein.attempt.fallback"
	attrUpstreamID = "skein.attempt.upstream_id"
	attrDeployment = "skein.deployment"
	attrOutcome    = "skein.outcome"
	attrBlame      = "skein.blame"
	attrCost       = "skein.cost"
	attrRun        = "skein.run.id"
	attrStep       = "skein.run.step"
	attrSteps      = "skein.run.steps"
	attrRunStatus  = "skein.run.status"
	attrBy         = "skein.run.by"
	attrResumed    = "skein.run.resumed"
	attrTry        = "skein.effect.try"
	attrClass      = "skein.effect.class"
)

// operation is the convention's word; it has none for counting tokens.
func operation(op llm.Operation) string {
	switch op {
	case llm.Embed:
		return "embeddings"
	case llm.Count:
		return "count_tokens"
	}
	return "chat"
}

// providers are the convention's names where they are not ours.
var providers = map[string]string{
	"azure":    "azure.ai.openai",
	"bedrock":  "aws.bedrock",
	"gemini":   "gcp.gemini",
	"vertex":   "gcp.vertex_ai",
	"mistral":  "mistral_ai",
	"moonshot": "moonshot_ai",
	"xai":      "x_ai",
}

// ProviderName is the convention's name of a kind of provider, or the kind's own
// where it has none.
func ProviderName(kind string) string {
	if name, ok := providers[kind]; ok {
		return name
	}
	return kind
}

// finish is a reason to stop in the words of the convention's schema of messages.
func finish(s llm.StopReason) string {
	switch s {
	case llm.StopEnd, llm.StopSequence:
		return "stop"
	case llm.StopTools:
		return "tool_call"
	case llm.StopRefusal:
		return "content_filter"
	case llm.StopContext:
		return "length"
	}
	return string(s)
}
