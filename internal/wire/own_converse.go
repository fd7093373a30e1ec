package wire

import "github.com/skein-run/skein/internal/llm"

// ownConverse are the members that Bedrock's Converse has for itself, from its
// reference (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
// read 2026-11-24) and from recorded traffic.
var ownConverse = rowsOf(
	// Said in the words of the model's maker, and read into the canonical members.
	converseOwn("", Carried, "", "additionalModelRequestFields.thinking", "additionalModelRequestFields.reasoning_config",
		"additionalModelRequestFields.reasoningConfig", "additionalModelRequestFields.reasoning_effort", "additionalModelRequestFields.output_config",
		"additionalModelRequestFields.top_k", "additionalModelRequestFields.k", "additionalModelRequestFields.inferenceConfig"),
	converseOwn("", Neutral, "beta flags go by their own table", "additionalModelRequestFields.anthropic_beta"),
	converseOwn("", Neutral, "nothing is said there", "additionalModelRequestFields"),
	converseBut("", "additionalModelRequestFields.tools", Semantic, "tools that only their maker has", `[]`),
	converseOwn("", Semantic, "a choice among tools in their maker's words", "additionalModelRequestFields.tool_choice"),
	converseOwn("", Advisory, "bookkeeping", "additionalModelRequestFields.metadata"),

	converseBut("", "guardrailConfig", Semantic, "its own provider's filter of what is asked and answered", `{}`),
	converseBut("", "promptVariables", Semantic, "the prompt is kept by its own provider", `{}`),
	converseBut("", "additionalModelResponseFieldPaths", Advisory, "more of what the model's own API answers", `[]`),
	converseBut("", "performanceConfig", Advisory, "how fast the answer comes", `{}`, `{"latency":"standard"}`),
	converseBut("", "requestMetadata", Advisory, "labels that are no strings", `{}`),
	converseBut("", "serviceTier", Advisory, "a tier in a form that is not known", `{}`),
	converseBut("", "outputConfig", Semantic, "a form of the answer that is not known", `{}`),
	converseBut("", "toolConfig.toolChoice", Semantic, "a choice in a form that is not known", `{}`),

	converseOwn("parts", Neutral, "the text of it is the same", "json"),
	converseOwn("parts", Neutral, "of an earlier answer's envelope", "type"),
	converseOwn("parts", Neutral, "a result that is no failure", "toolResult.status"),
	converseOwn("parts", Neutral, "an ordinary call and its result", "toolUse.type", "toolResult.type"),
	converseBut("parts", "document.citations", Semantic, "sources are not cited", `{"enabled":false}`),
	converseOwn("parts", Advisory, "a document's context for its reader", "document.context"),
	converseOwn("parts", Neutral, "the pieces of an earlier answer", "citationsContent.content", "citationsContent.citations"),
)

func converseOwn(holder string, class LossClass, note string, paths ...string) []ExtraFate {
	return ownOf(llm.Converse, holder, class, note, paths...)
}

func converseBut(holder, path string, class LossClass, note string, neutral ...string) []ExtraFate {
	return ownBut(llm.Converse, holder, path, class, note, neutral...)
}
