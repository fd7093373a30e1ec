package wire

import "github.com/skein-run/skein/internal/llm"

// ownResponses are the members that OpenAI's Responses has for itself, from its
// reference (https://platform.openai.com/docs/api-reference/responses, read
// 2026-11-24), from what Codex sends, from xAI and OpenRouter, and from recorded
// traffic.
var ownResponses = rowsOf(
	// How the request was written: needed to write it again.
	responsesOwn("", Neutral, "how it was written", "input", "stream", "stream_options.*", "tool_choice.named", "top_logprobs"),
	responsesOwn("", Carried, "", "tools", "reasoning", "text", "reasoning.generate_summary", "reasoning.summary.older"),
	responsesBut("", "text.format", Semantic, "a form of output that only its vendor has", `{"type":"text"}`),
	responsesOwn("messages", Neutral, "how it was written", "instructions", "input", "content", "type", "id", "status"),
	responsesOwn("parts", Neutral, "how it was written",
		"type", "id", "status", "arguments", "output", "summary", "annotations", "logprobs", "encrypted_content",
		"item.role", "item.type", "item.id", "item.status", "item.content"),

	// What is kept for the client.
	responsesBut("", "store", Advisory, "the answer is not kept: it cannot be continued by its id", `false`),
	responsesOwn("", Semantic, "an earlier answer that its provider keeps", "previous_response_id"),
	responsesOwn("", Semantic, "a conversation that its provider keeps", "conversation"),
	responsesOwn("", Semantic, "a prompt that its provider keeps", "prompt"),
	responsesOwn("", Semantic, "an item that only its provider keeps: a client that sets store to false sends it whole; in the Vercel AI SDK that is providerOptions.openai.store", "input.item_reference"),
	responsesBut("", "background", Semantic, "the answer is fetched later", `false`),

	responsesOwn("", Emulated, "only the tools that are allowed are shown", "tool_choice.allowed_tools"),
	responsesOwn("", Semantic, "a choice of a tool that only its provider has", "tool_choice"),
	responsesOwn("", Emulated, "its tools are shown from the beginning", "input.additional_tools", "input.tool_search_output", "input.tool_search_call"),
	responsesOwn("", Emulated, "all tools are shown at once", "tools.tool_search"),
	// Beside tools of the client's own; alone it is a tool of the provider's, and semantic.
	responsesOwn("", Advisory, "a search of the web by its own provider; the client's own tools are there", "tools.web_search", "tools.web_search_preview"),
	responsesOwn("", Neutral, "a bound on calls of the provider's own tools, of which there are none", "max_tool_calls"),

	responsesOwn("", Neutral, "thinking always comes with what its maker needs to take it back", "include.reasoning.encrypted_content"),
	responsesOwn("", Carried, "", "include.message.output_text.logprobs"),
	responsesOwn("", Neutral, "of the provider's own tools, of which there are none", "include.*", "include"),
	responsesBut("", "truncation", Advisory, "a history that is too long is refused, not shortened", `"disabled"`),
	responsesBut("", "context_management", Advisory, "a history that is too long is refused, not shortened", `[]`),
	responsesBut("", "text.verbosity", Advisory, "a wish for longer or shorter answers", `"medium"`),
	responsesOwn("", Advisory, "held to the schema as far as the target does so by itself", "text.format.strict.default"),
	responsesOwn("", Advisory, "which earlier thinking is read again", "reasoning.context"),
	responsesBut("", "reasoning.mode", Semantic, "a way to think that only its models have", `"standard"`),
	responsesOwn("", Semantic, "a check by its own provider", "moderation"),
	responsesOwn("", Semantic, "a style that only its models have", "personality"),
	responsesOwn("", Advisory, "bookkeeping", "safety_identifier", "client_metadata", "metadata", "access_programs"),
	responsesOwn("", Advisory, "a cache hint", "prompt_cache_retention", "prompt_cache_options", "prompt_cache_diagnostics"),

	// Of items and their parts.
	responsesOwn("messages", Advisory, "bookkeeping", "internal_chat_message_metadata_passthrough"),
	responsesOwn("parts", Advisory, "bookkeeping", "internal_chat_message_metadata_passthrough", "item.internal_chat_message_metadata_passthrough"),
	responsesOwn("messages", Advisory, "which message is the final answer", "phase"),
	responsesOwn("parts", Advisory, "which message is the final answer", "item.phase"),
	responsesOwn("parts", Emulated, "its namespace stands before its name", "namespace"),
	responsesOwn("parts", Neutral, "its namespace stands before its name", "name"),
	responsesOwn("parts", Neutral, "thinking is one text", "content"),
	responsesOwn("parts", Neutral, "who ran the search", "execution"),
	responsesOwn("parts", Emulated, "its tools are shown from the beginning", "tools"),
	responsesBut("parts", "caller", Semantic, "a call that its provider's program made", `{"type":"direct"}`),
	responsesOwn("parts", Advisory, "how closely it is looked at", "detail"),
	responsesOwn("parts", Advisory, "a cache hint", "prompt_cache_breakpoint"),
	responsesOwn("parts", Neutral, "of an earlier answer's envelope", "created_by", "success", "parsed", "parsed_arguments", "item.created_by", "acknowledged_safety_checks"),

	// Of tools.
	responsesBut("tools", "type", Emulated, "a function whose one argument is the text", `"tool_search"`),
	responsesOwn("tools", Emulated, "the grammar is described, not enforced", "format"),
	responsesOwn("tools", Neutral, "described with what its input is", "description"),
	responsesOwn("tools", Emulated, "its namespace stands before its name", "namespace"),
	responsesOwn("tools", Neutral, "its namespace stands before its name", "name"),
	responsesOwn("tools", Neutral, "an item in the history brought it", "loaded"),
	responsesOwn("tools", Neutral, "the client runs it", "execution"),
	responsesOwn("tools", Advisory, "held to the schema as far as the target does so by itself", "strict.default"),
	responsesBut("tools", "defer_loading", Emulated, "all tools are shown at once", `false`),
	responsesBut("tools", "allowed_callers", Semantic, "only its own provider can call tools from code", `["direct"]`),
	responsesOwn("tools", Advisory, "what a tool gives back is not described", "output_schema"),
	responsesBut("tools", "async", Advisory, "the result comes with the next request", `false`),
	responsesBut("tools", "supports_async", Advisory, "the result comes with the next request", `false`),

	// Vendors and gateways.
	responsesOwn("", Advisory, "another gateway's routing", "provider", "models", "route", "preset", "session_id", "trace"),
	responsesBut("", "transforms", Advisory, "another gateway's editing", `[]`),
	responsesBut("", "plugins", Semantic, "tools that another gateway runs", `[]`),
	responsesOwn("", Semantic, "a search by its own provider", "search_parameters"),
	responsesOwn("", Semantic, "how its server writes the prompt", "chat_template_kwargs", "mm_processor_kwargs"),
	responsesBut("", "top_k", Semantic, "no such member", `0`, `-1`),
	responsesBut("", "min_p", Semantic, "no such member", `0`, `0.0`),
	responsesBut("", "repetition_penalty", Semantic, "no such member", `1`, `1.0`),
	responsesBut("", "presence_penalty", Semantic, "no such member", `0`, `0.0`),
	responsesBut("", "frequency_penalty", Semantic, "no such member", `0`, `0.0`),
	responsesOwn("", Advisory, "how its server works", "priority", "request_id", "cache_salt"),
)

func responsesOwn(holder string, class LossClass, note string, paths ...string) []ExtraFate {
	return ownOf(llm.Responses, holder, class, note, paths...)
}

func responsesBut(holder, path string, class LossClass, note string, neutral ...string) []ExtraFate {
	return ownBut(llm.Responses, holder, path, class, note, neutral...)
}
