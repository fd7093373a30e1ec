package wire

import "github.com/skein-run/skein/internal/llm"

// ownMessages are the members that Anthropic's Messages has for itself, from its
// reference with all betas (https://platform.claude.com/docs/en/api/messages, read
// 2026-11-24) and from recorded traffic.
var ownMessages = rowsOf(
	// Read into the canonical members as well.
	messagesOwn("", Carried, "", "output_config.effort", "output_format"),
	messagesOwn("messages", Carried, "", "role"), // system text between the turns

	messagesBut("", "inference_geo", Semantic, "where the work is done is a guarantee"),
	messagesBut("", "container", Semantic, "a sandbox at its own provider"),
	messagesBut("", "mcp_servers", Semantic, "servers that the provider itself calls", `[]`),
	// Claude Code asks with every request that no thinking be cleared.
	messagesBut("", "context_management", Semantic, "the provider edits the history",
		`{}`, `{"edits":[]}`, `{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}`, `{"edits":[{"keep":"all","type":"clear_thinking_20251015"}]}`),
	messagesBut("", "tool_choice", Semantic, "a choice of a tool that only its provider has"),
	messagesBut("", "thinking", Semantic, "a way to think that is not known"),
	messagesOwn("", Advisory, "thinking is shown as the provider shows it", "thinking.display"),
	messagesOwn("", Advisory, "a hint of how much work is left", "output_config.task_budget"),
	messagesBut("", "speed", Advisory, "how fast the answer comes", `"standard"`),
	messagesOwn("", Advisory, "labels stay in Skein's own record", "metadata.*"),
	messagesOwn("", Advisory, "caches work by themselves", "cache_control", "diagnostics"),
	messagesOwn("", Neutral, "of the other format's envelope", "anthropic_version", "anthropic_beta", "betas", "user_profile_id"),
	messagesOwn("", Semantic, "another model to fall back to, by its own provider", "fallbacks"),

	messagesBut("parts", "citations", Semantic, "sources are not cited", `{"enabled":false}`, `[]`),
	messagesOwn("parts", Advisory, "a document's context for its reader", "context"),
	messagesOwn("parts", Neutral, "who called the tool", "caller"),
	messagesOwn("parts", Advisory, "a mark that is no cache_control of the known kind", "cache_control"),
	messagesOwn("parts", Neutral, "of an earlier answer's envelope", "parsed_output", "parsed", "index"),

	messagesBut("tools", "defer_loading", Emulated, "all tools are shown at once", `false`),
	messagesBut("tools", "allowed_callers", Semantic, "only its own provider can call tools from code", `["direct"]`),
	messagesOwn("tools", Advisory, "arguments stream as they come", "eager_input_streaming"),
	messagesBut("tools", "input_examples", Semantic, "examples of arguments", `[]`),
	messagesOwn("tools", Neutral, "an ordinary tool", "type"),
	messagesOwn("tools", Advisory, "a mark that is no cache_control of the known kind", "cache_control"),
)

func messagesOwn(holder string, class LossClass, note string, paths ...string) []ExtraFate {
	return ownOf(llm.Messages, holder, class, note, paths...)
}

func messagesBut(holder, path string, class LossClass, note string, neutral ...string) []ExtraFate {
	return ownBut(llm.Messages, holder, path, class, note, neutral...)
}
