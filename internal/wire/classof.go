package wire

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// The wordings by which a class is known, in lower case. A word is in the body's code
// or type, a text in its message. They are those of recorded traffic and of the
// makers' own lists of errors (read 2026-11-25):
//
//   - https://platform.openai.com/docs/guides/error-codes
//   - https://docs.anthropic.com/en/api/errors
//   - https://learn.microsoft.com/azure/ai-foundry/openai/how-to/content-filters
//   - https://console.groq.com/docs/errors: 498 is a tier without room
//   - https://openrouter.ai/docs/api-reference/errors: 403 is a flagged input
//   - https://docs.fireworks.ai/guides/inference-error-codes: 412 is an account that is
//     suspended, mostly for a bill
//   - https://inference-docs.cerebras.ai/support/error
//   - https://docs.x.ai/docs/debugging, https://api-docs.deepseek.com/quick_start/error_codes,
//     https://docs.cohere.com/reference/errors, https://docs.mistral.ai/api
//   - https://help.aliyun.com/zh/model-studio/error-code, https://platform.moonshot.ai/docs/api/chat
//   - https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors
//   - vLLM, SGLang, llama.cpp (tools/server) and TGI, from their sources
var (
	tooLongWords = []string{"context_length_exceeded", "too_many_prompt_tokens", "string_above_max_length", "exceed_context_size", "too_many_tokens"}
	tooLongTexts = []string{
		"maximum context length", "context window", "prompt is too long", "prompt too long", "context length", "input is too long",
		"total length of all messages is too long",
		"exceed context limit",                          // Anthropic: input and max_tokens together
		"input tokens exceeded", "too many input token", // Bedrock
		"number of input tokens exceeds", "input token count",
		"maximum prompt length",            // xAI
		"too many tokens: size limit",      // Cohere
		"longer than the maximum model",    // vLLM
		"available context size",           // llama.cpp
		"exceeded model token limit",       // Moonshot
		"range of input length",            // Alibaba
		"n_keep",                           // LM Studio
		"`inputs` tokens + `max_new_token", // TGI
	}

	filteredWords = []string{
		"content_filter", "content_policy_violation", "moderation", "responsibleaipolicyviolation",
		"policy_violation", "bio_policy", "datainspectionfailed", "data_inspection_failed",
	}
	filteredTexts = []string{
		"content filtering policy",                       // Anthropic
		"flagged as potentially violating",               // OpenAI, as invalid_prompt
		"requires moderation and your input was flagged", // OpenRouter, with 403
		"violates usage guidelines",                      // xAI, with 403
		"content exists risk",                            // DeepSeek
		"potentially unsafe or sensitive content",        // Z.ai
		"may contain inappropriate content",              // Alibaba
	}

	exhaustedWords = []string{
		"insufficient_quota", "billing_error", "billing_hard_limit_reached", "insufficient_balance", "quota_exceeded",
		"exceeded_current_quota", "usage_not_included", "arrearage", "billing_not_active",
	}
	exhaustedTexts = []string{
		"credit balance is too low", "insufficient balance", currentQuota,
		"specified api usage limits",                           // Anthropic: the limit that the account set itself
		"used all available credits", "monthly spending limit", // xAI, with 403
		"key limit exceeded",             // OpenRouter, with 403
		"out of call volume quota",       // Azure API Management, with 403
		"calls / month",                  // Cohere's trial keys
		"requires billing to be enabled", // Google, with 403
	}

	overloadedWords = []string{"overloaded", "queue_exceeded"} // the latter is Cerebras', with 429
	noModelWords    = []string{"model_not_found", "deploymentnotfound", "not_found_error", "invalid_model", "unknown_model", "model_not_supported", "operationnotsupported"}
	noModelTexts    = []string{
		"model not exist",             // DeepSeek, with 400
		"is not a valid model id",     // OpenRouter, with 400
		"no endpoints found",          // OpenRouter: nobody behind it serves the model as it is asked for
		"model identifier is invalid", // Bedrock, with 400
	}
)

// currentQuota is OpenAI's text of an account without money, and Google's of every 429.
const currentQuota = "exceeded your current quota"

// largerThanLimit is whether a request alone is larger than what the limit of a minute
// allows, so that waiting does not mend it: OpenAI's 429 and Groq's 413 «Request too
// large for gpt-5 … on tokens per min (TPM): Limit 30000, Requested 31000».
func largerThanLimit(said Said) bool {
	return said.Code == "rate_limit_exceeded" && strings.HasPrefix(strings.ToLower(said.Message), "request too large")
}

// classOf is the class of what an upstream says: the more telling wordings first, as
// many vendors say with one status what waiting mends and what it does not.
func classOf(status int, said Said) llm.ErrorClass {
	word := strings.ToLower(said.Code + " " + said.Type)
	text := strings.ToLower(said.Message)
	switch {
	case has(word, tooLongWords...), status != 429 && has(text, tooLongTexts...):
		return llm.ContextOverflow
	case has(word, filteredWords...), status < 500 && has(text, filteredTexts...):
		return llm.Filtered
	case has(word, "resource_exhausted") && !said.Daily, status == 429 && said.RetryAfter > 0 && !said.Daily: // Google, whose text is that of no money, too
		return llm.RateLimited
	case said.Daily, largerThanLimit(said), has(word, exhaustedWords...), status == 402,
		status < 500 && has(text, exhaustedTexts...), status == 412 && has(text, "suspended"):
		return llm.QuotaExhausted
	case has(word, overloadedWords...), status == 498, status == 503, status == 529:
		return llm.Overloaded
	case has(word, "rate_limit", "ratelimit", "too_many_requests"), status == 429:
		return llm.RateLimited
	case has(word, "invalid_api_key", "authentication_error", "account_deactivated"), status == 401:
		return llm.Unauthorized
	case has(text, "api key not valid", "api key expired", "incorrect api key"): // Google and xAI say it with 400
		return llm.Unauthorized
	case status == 404 && said.Param != "" && said.Param != "model", has(text, "item with id"): // something that the request names, such as an item that was kept
		return llm.BadRequest
	case has(word, noModelWords...), status < 500 && has(text, noModelTexts...): // OpenAI says so with 403 where the project may not use the model
		return llm.NotFound
	case has(word, "permission_error", "permission_denied"), status == 403,
		status == 400 && has(text, "location is not supported"): // Google, of where the request comes from
		return llm.Forbidden
	}
	return byStatus(status, word)
}

// byStatus is the class where the words tell nothing more.
func byStatus(status int, word string) llm.ErrorClass {
	switch {
	case status == 404, status == 405, status == 501: // the path is not there, not for this method, or not in this version
		return llm.NotFound
	case status == 408, has(word, "timeout_error"), status == 504, status == 524:
		return llm.TimedOut
	case status == 521, status == 522, status == 523, status == 525, status == 526: // Cloudflare could not reach what stands behind it
		return llm.Unreachable
	case status >= 500, has(word, "api_error", "server_error", "internal_error"):
		return llm.ServerError
	case status == 424, status == 499: // what stands behind a front door failed, or was given up
		return llm.ServerError
	case status >= 400, has(word, "invalid_request", "tool_use_failed", "request_too_large"):
		return llm.BadRequest
	}
	return llm.ServerError
}

func has(s string, any ...string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}
