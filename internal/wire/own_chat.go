package wire

import "github.com/skein-run/skein/internal/llm"

// ownChat are the members that Chat Completions and the vendors who speak it have
// for themselves. From OpenAI's reference and from those of the vendors in
// dialects.go; each that was seen in recorded traffic is here.
var ownChat = rowsOf(
	// Read into the canonical members as well, and kept for vendors that know them.
	chatOwn("", Carried, "", "top_k", "random_seed", "reasoning", "thinking", "enable_thinking"),
	chatOwn("messages", Carried, "", "reasoning_details", "reasoning", "reasoning_content", "extra_content", "annotations"),
	chatOwn("parts", Carried, "", "extra_content"),
	chatBut("messages", "prefix", Carried, "", `false`), // a last assistant turn is one anyway
	chatBut("messages", "partial", Carried, "", `false`),

	// OpenAI's.
	chatBut("", "logit_bias", Semantic, "no such member", `{}`),
	chatOwn("", Neutral, "text is what there is", "modalities"),
	chatBut("", "audio", Semantic, "how an answer in sound is to be"),
	chatBut("", "verbosity", Semantic, "no such member", `"medium"`),
	chatBut("", "web_search_options", Semantic, "a search by its own provider"),
	chatBut("", "functions", Semantic, "the form of old; use tools", `[]`),
	chatBut("", "function_call", Semantic, "the form of old; use tool_choice", `"auto"`),
	chatBut("", "tool_choice", Semantic, "a choice among some of the tools, or of a tool that only its provider has"),
	chatBut("", "response_format", Semantic, "a form of output that only its vendor has"),
	chatBut("", "moderation", Semantic, "a check by its own provider"),
	chatOwn("", Advisory, "it only makes the answer quicker", "prediction"),
	chatOwn("", Advisory, "bookkeeping", "safety_identifier", "metadata", "trace", "session_id", "request_id", "user_id"),
	chatOwn("", Advisory, "a cache hint", "prompt_cache_retention", "prompt_cache_options", "cache_prompt"),
	chatOwn("", Neutral, "how the other format streams", "stream_options.*", "tool_stream", "incremental_output"),
	chatBut("messages", "audio", Semantic, "an earlier answer in sound"),
	chatBut("messages", "images", Carried, "", `[]`),
	chatBut("messages", "function_call", Semantic, "the form of old; use tool_calls"),
	chatBut("messages", "role", Semantic, "the form of old; use tool"),
	chatOwn("messages", Neutral, "there are none", "tool_calls"),
	chatOwn("messages", Advisory, "a mark at the message; put it on a part", "cache_control"),
	chatOwn("messages", Neutral, "of an earlier answer's envelope",
		"provider_metadata", "provider_specific_fields", "native_finish_reason", "executed_tools", "channel", "id", "object", "index", "finish_reason"),
	chatOwn("messages", Neutral, "put there by OpenAI's library, which read it out of the content", "parsed"),
	chatOwn("parts", Neutral, "put there by OpenAI's library, which read them out of the arguments", "function.parsed_arguments"),
	chatOwn("parts", Neutral, "a place in a stream", "index"),
	chatOwn("parts", Advisory, "a cache hint", "prompt_cache_breakpoint"),
	chatOwn("parts", Advisory, "only thinking that its maker signed is taken back", "thinking"),
	chatOwn("parts", Advisory, "how closely it is looked at", "image_url.*", "file.*", "input_audio.*"),
	chatOwn("parts", Carried, "", "input_audio"),
	chatOwn("parts", Advisory, "a mark that is no cache_control of the known kind", "cache_control"),
	chatOwn("parts", Neutral, "of an earlier answer's envelope", "provider_specific_fields", "provider_metadata", "annotations"),
	chatOwn("tools", Advisory, "a mark that is no cache_control of the known kind", "cache_control"),

	// Gateways: OpenRouter, Vercel, LiteLLM.
	chatOwn("", Neutral, "usage is always told", "usage"),
	chatOwn("", Neutral, "thinking is a part of its own", "include_reasoning", "reasoning_format"),
	chatOwn("", Advisory, "another gateway's routing",
		"provider", "models", "route", "preset", "providerOptions", "max_price", "fallbacks", "caching", "num_retries", "timeout"),
	chatBut("", "transforms", Advisory, "another gateway's editing", `[]`),
	chatBut("", "plugins", Semantic, "tools that another gateway runs", `[]`),

	// Sampling that only some servers know.
	chatBut("", "min_p", Semantic, "no such member", `0`, `0.0`),
	chatBut("", "top_a", Semantic, "no such member", `0`, `0.0`, `1`),
	chatBut("", "typical_p", Semantic, "no such member", `1`, `1.0`),
	chatBut("", "repetition_penalty", Semantic, "no such member", `1`, `1.0`),
	chatBut("", "repeat_penalty", Semantic, "no such member", `1`, `1.0`),
	chatBut("", "length_penalty", Semantic, "no such member", `1`, `1.0`),
	chatBut("", "do_sample", Semantic, "no such member", `true`),
	chatBut("", "best_of", Semantic, "no such member", `1`),
	chatBut("", "use_beam_search", Semantic, "no such member", `false`),
	chatBut("", "ignore_eos", Semantic, "no such member", `false`),
	chatBut("", "min_tokens", Semantic, "no such member", `0`),
	chatBut("", "stop_token_ids", Semantic, "ids of its own tokens", `[]`),
	chatBut("", "include_stop_str_in_output", Semantic, "no such member", `false`),
	chatBut("", "echo", Semantic, "the prompt is not told again", `false`),
	chatBut("", "prompt_logprobs", Semantic, "no such member"),
	chatBut("", "truncate_prompt_tokens", Semantic, "the server cuts the prompt"),
	chatOwn("", Semantic, "a form of output that only its server has",
		"guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar", "json_schema", "regex", "ebnf"),
	chatOwn("", Semantic, "how its server writes the prompt",
		"chat_template", "chat_template_kwargs", "prompt_mode", "mm_processor_kwargs", "options", "nvext"),
	chatBut("", "add_generation_prompt", Semantic, "how its server writes the prompt", `true`),
	chatBut("", "continue_final_message", Semantic, "the answer begins anew instead of going on", `false`),
	chatBut("", "skip_special_tokens", Advisory, "how tokens are shown", `true`),
	chatBut("", "spaces_between_special_tokens", Advisory, "how tokens are shown", `true`),
	chatOwn("", Advisory, "how its server works", "priority", "keep_alive", "ttl", "draft_model", "cache_salt", "id_slot", "n_keep"),

	// Vendors' own.
	chatBut("", "safe_prompt", Semantic, "a safety text by its own provider", `false`),
	chatOwn("", Semantic, "safety by its own provider", "safety_model", "user_security_context"),
	chatOwn("", Semantic, "a search by its own provider",
		"search_parameters", "search_settings", "data_sources", "search_domain_filter", "search_recency_filter",
		"search_after_date_filter", "search_before_date_filter", "last_updated_after_filter", "last_updated_before_filter",
		"search_language_filter", "compound_custom", "documents", "include_domains", "exclude_domains"),
	chatBut("", "search_mode", Semantic, "a search by its own provider", `"web"`),
	chatBut("", "enable_search", Semantic, "a search by its own provider", `false`),
	chatBut("", "disable_search", Neutral, "there is no search"),
	chatBut("", "return_images", Semantic, "a search by its own provider", `false`),
	chatBut("", "return_related_questions", Semantic, "questions that only its provider finds", `false`),
	chatBut("", "enable_search_classifier", Neutral, "there is no search"),
	chatBut("", "deferred", Semantic, "the answer is fetched later", `false`),
	chatBut("", "clear_thinking", Neutral, "earlier thinking goes with its turn"),
	chatBut("", "disable_reasoning", Semantic, "no such member", `false`),
	chatBut("", "thinking_budget", Advisory, "how much its own models think"),
	chatBut("", "disable_tool_validation", Advisory, "arguments are checked as the provider does"),
	chatBut("", "citation_options", Semantic, "sources are not cited", `"disabled"`),
)

func chatOwn(holder string, class LossClass, note string, paths ...string) []ExtraFate {
	return ownOf(llm.Chat, holder, class, note, paths...)
}

func chatBut(holder, path string, class LossClass, note string, neutral ...string) []ExtraFate {
	return ownBut(llm.Chat, holder, path, class, note, neutral...)
}
