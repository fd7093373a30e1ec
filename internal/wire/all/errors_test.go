package all_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// told is what a vendor answers, and what it must be taken for: class, on whom it
// falls, whether it costs, and what it says of trying again.
type told struct {
	who     string
	format  llm.Format
	dialect string
	status  int
	header  string // Name: value; Name: value
	body    string
	want    string
}

const google = `{"error":{"code":%d,"message":%q,"status":%q,"details":[%s]}}`

func byGoogle(code int, message, status string, details ...string) string {
	return fmt.Sprintf(google, code, message, status, strings.Join(details, ","))
}

const (
	retryInfo = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}`
	perDay    = `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}`
)

func info(reason string) string {
	return `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"` + reason + `","domain":"googleapis.com"}`
}

var errorTable = []told{
	// A credential, or what it may do.
	{"OpenAI, a bad key", llm.Chat, "openai", 401, "", `{"error":{"message":"Incorrect API key provided: sk-x.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, "unauthorized credential no"},
	{"OpenAI, a closed account", llm.Responses, "", 401, "", `{"error":{"message":"The account was deactivated","type":"invalid_request_error","code":"account_deactivated"}}`, "unauthorized credential no"},
	{"OpenAI, a key without the scope", llm.Chat, "openai", 403, "", `{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: model.request","type":"invalid_request_error","param":null,"code":null}}`, "forbidden credential no"},
	{"OpenAI, a project without the model", llm.Chat, "openai", 403, "", `{"error":{"message":"Project does not have access to model gpt-5","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, "not_found deployment no"},
	{"Anthropic, a bad key", llm.Messages, "", 401, "X-Should-Retry: false", `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, "unauthorized credential no; not again"},
	{"Anthropic, no permission", llm.Messages, "", 403, "", `{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission to use the specified resource."}}`, "forbidden credential no"},
	{"Azure, a bad key", llm.Chat, "azure", 401, "", `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}`, "unauthorized credential no"},
	{"Azure, a firewall", llm.Chat, "azure", 403, "", `{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}`, "forbidden credential no"},
	{"AWS, an action that is not allowed", llm.Converse, "", 403, "X-Amzn-Errortype: AccessDeniedException:http://internal.amazon.com/coral/com.amazon.bedrock/", `{"message":"User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/x"}`, "forbidden credential no"},
	{"AWS, a model that was not taken", llm.Converse, "", 403, "X-Amzn-Errortype: AccessDeniedException", `{"message":"You don't have access to the model with the specified model ID."}`, "forbidden deployment no"},
	{"AWS, an expired token", llm.Converse, "", 403, "X-Amzn-Errortype: ExpiredTokenException", `{"message":"The security token included in the request is expired"}`, "unauthorized credential no"},
	{"Gemini, a bad key with 400", llm.Gemini, "gemini", 400, "", byGoogle(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", info("API_KEY_INVALID")), "unauthorized credential no"},
	{"Gemini by Chat, an expired key", llm.Chat, "google-openai", 400, "", "[" + byGoogle(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT", info("API_KEY_INVALID")) + "]", "unauthorized credential no"},
	{"Gemini by Chat, from where it is not sold", llm.Chat, "google-openai", 400, "", "[" + byGoogle(400, "User location is not supported for the API use.", "FAILED_PRECONDITION") + "]", "forbidden credential no"},
	{"Vertex, no permission", llm.Gemini, "vertex-gemini", 403, "", byGoogle(403, "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist).", "PERMISSION_DENIED", info("IAM_PERMISSION_DENIED")), "forbidden credential no"},
	{"Vertex, a token that ended", llm.Gemini, "vertex-gemini", 401, "", byGoogle(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED", info("ACCESS_TOKEN_EXPIRED")), "unauthorized credential no"},
	{"Claude on Vertex, no permission", llm.Messages, "vertex-messages", 403, "", byGoogle(403, "Permission denied", "PERMISSION_DENIED"), "forbidden credential no"},
	{"DeepSeek, a bad key", llm.Chat, "deepseek", 401, "", `{"error":{"message":"Authentication Fails, Your api key: ****-key is invalid","type":"authentication_error","param":null,"code":"invalid_request_error"}}`, "unauthorized credential no"},

	// Money.
	{"OpenAI, no money", llm.Chat, "openai", 429, "X-Should-Retry: false", `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, "quota_exhausted credential no; not again"},
	{"Anthropic, no credit, with 400", llm.Messages, "", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}`, "quota_exhausted credential no"},
	{"Anthropic, its own limit reached", llm.Messages, "", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}`, "quota_exhausted credential no"},
	{"AWS, a service quota", llm.Converse, "", 400, "X-Amzn-Errortype: ServiceQuotaExceededException", `{"message":"Your request exceeds the service quota for your account."}`, "quota_exhausted credential no"},
	{"Azure, a volume quota", llm.Chat, "azure", 403, "", `{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 2.12:00:00."}`, "quota_exhausted credential no"},
	{"Vertex, no billing", llm.Gemini, "vertex-gemini", 403, "", byGoogle(403, "This API method requires billing to be enabled.", "PERMISSION_DENIED", info("BILLING_DISABLED")), "quota_exhausted credential no"},
	{"xAI, out of credits, with 403", llm.Chat, "xai", 403, "", `{"code":"The caller does not have permission to execute the specified operation","error":"Your team has either used all available credits or reached its monthly spending limit."}`, "quota_exhausted credential no"},
	{"OpenRouter, no credits", llm.Chat, "openrouter", 402, "", `{"error":{"code":402,"message":"Insufficient credits"}}`, "quota_exhausted credential no"},
	{"OpenRouter, a key's limit", llm.Chat, "openrouter", 403, "", `{"error":{"code":403,"message":"Key limit exceeded (total limit)."}}`, "quota_exhausted credential no"},
	{"DeepSeek, no money", llm.Chat, "deepseek", 402, "", `{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}`, "quota_exhausted credential no"},
	{"Fireworks, suspended", llm.Chat, "fireworks", 412, "", `{"error":{"message":"Account x is suspended, possibly due to reaching the monthly spending limit","type":"error"}}`, "quota_exhausted credential no"},

	// Rates.
	{"OpenAI, a rate", llm.Chat, "openai", 429, "Retry-After-Ms: 250; Retry-After: 1", `{"error":{"message":"Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 20s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, "rate_limited quota_group no; after 250ms"},
	{"OpenAI, a rate, without a header", llm.Chat, "openai", 429, "", `{"error":{"message":"Rate limit reached. Please try again in 20s.","type":"tokens","code":"rate_limit_exceeded"}}`, "rate_limited quota_group no; after 20s"},
	{"OpenAI, more than the limit", llm.Chat, "openai", 429, "", `{"error":{"message":"Request too large for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Requested 31000. The input or output tokens must be reduced in order to run successfully.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, "quota_exhausted request no"},
	{"Groq, more than the limit, with 413", llm.Chat, "groq", 413, "", "{\"error\":{\"message\":\"Request too large for model `openai/gpt-oss-120b` in organization `org_x` on tokens per minute (TPM): Limit 8000, Requested 11881, please reduce your message size and try again.\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}", "quota_exhausted request no"},
	{"Groq, a day's tokens, that come back", llm.Chat, "groq", 429, "Retry-After: 864", `{"error":{"message":"Rate limit reached for model x on tokens per day (TPD): Limit 100000, Used 99000, Requested 2000. Please try again in 14m24s.","type":"tokens","code":"rate_limit_exceeded"}}`, "rate_limited quota_group no; after 14m24s"},
	{"OpenAI, a rate in a stream", llm.Responses, "", 200, "", `{"error":{"message":"Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2m59.56s. Visit https://platform.openai.com.","type":"tokens","code":"rate_limit_exceeded"}}`, "rate_limited quota_group no; after 2m59.56s"},
	{"Azure, a rate, by its front door", llm.Chat, "azure", 429, "X-Ms-Retry-After-Ms: 1500; Retry-After: 2", `{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded call rate limit."}}`, "rate_limited quota_group no; after 1.5s"},
	{"Azure, a rate in words", llm.Chat, "azure", 429, "", `{"error":{"code":"429","message":"Requests have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds."}}`, "rate_limited quota_group no; after 26s"},
	{"a rate with no number", llm.Chat, "", 429, "", `{"error":{"message":"Too many requests, please try again in a few minutes."}}`, "rate_limited quota_group no"},
	{"Anthropic, a rate", llm.Messages, "", 429, "Retry-After: 12; X-Should-Retry: true", `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 400,000 input tokens per minute."}}`, "rate_limited quota_group no; after 12s; again"},
	{"Azure, a rate", llm.Chat, "azure", 429, "Retry-After: 7", `{"error":{"code":"RateLimitReached","message":"Your requests have exceeded rate limit."}}`, "rate_limited quota_group no; after 7s"},
	{"a proxy's rate, as a date", llm.Chat, "", 429, "Date: Wed, 25 Nov 2026 03:00:00 GMT; Retry-After: Wed, 25 Nov 2026 03:01:30 GMT", `slow down`, "rate_limited quota_group no; after 1m30s"},
	{"AWS, throttling", llm.Converse, "", 429, "X-Amzn-Errortype: ThrottlingException", `{"message":"Too many requests, please wait before trying again."}`, "rate_limited quota_group no"},
	{"AWS, a day's tokens", llm.Converse, "", 429, "X-Amzn-Errortype: ThrottlingException", `{"message":"Too many tokens per day, please wait before trying again."}`, "quota_exhausted quota_group no"},
	{"Claude on Bedrock, throttling", llm.Messages, "bedrock-messages", 429, "X-Amzn-Errortype: ThrottlingException", `{"message":"Too many tokens, please wait before trying again."}`, "rate_limited quota_group no"},
	{"Gemini, a rate", llm.Gemini, "gemini", 429, "", byGoogle(429, "You exceeded your current quota, please check your plan and billing details.", "RESOURCE_EXHAUSTED", retryInfo), "rate_limited quota_group no; after 34.5s"},
	{"Gemini, a day's requests", llm.Gemini, "gemini", 429, "", byGoogle(429, "You exceeded your current quota.", "RESOURCE_EXHAUSTED", perDay), "quota_exhausted quota_group no"},
	{"Google, a rate with 403", llm.Gemini, "vertex-gemini", 403, "", byGoogle(403, "Quota exceeded for quota metric", "PERMISSION_DENIED", info("RATE_LIMIT_EXCEEDED")), "rate_limited quota_group no"},
	{"Claude on Vertex, a rate", llm.Messages, "vertex-messages", 429, "", byGoogle(429, "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model", "RESOURCE_EXHAUSTED", retryInfo), "rate_limited quota_group no; after 34.5s"},
	{"Gemini by Chat, a rate", llm.Chat, "google-openai", 429, "", "[" + byGoogle(429, "You exceeded your current quota, please check your plan and billing details. Please retry in 34.5s.", "RESOURCE_EXHAUSTED") + "]", "rate_limited quota_group no; after 34.5s"},
	{"Gemini by Chat, a day's requests", llm.Chat, "google-openai", 429, "", "[" + byGoogle(429, "You exceeded your current quota.", "RESOURCE_EXHAUSTED", perDay, retryInfo) + "]", "quota_exhausted quota_group no; after 34.5s"},
	{"Llama on Vertex, a rate, in a list", llm.Chat, "google-openai", 429, "", "[" + byGoogle(429, "Resource exhausted.", "RESOURCE_EXHAUSTED", retryInfo) + "\n]", "rate_limited quota_group no; after 34.5s"},
	{"OpenRouter, a provider's rate", llm.Chat, "openrouter", 429, "", `{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"temporarily rate-limited upstream"}},"user_id":"u"}`, "rate_limited quota_group no"},

	// No such model.
	{"OpenAI, no model", llm.Responses, "", 400, "", `{"error":{"message":"The requested model 'gpt-5.2-proo' does not exist.","type":"invalid_request_error","param":"model","code":"model_not_found"}}`, "not_found deployment no"},
	{"Anthropic, no model", llm.Messages, "", 404, "", `{"type":"error","error":{"type":"not_found_error","message":"model: claude-sonet-4-5"}}`, "not_found deployment no"},
	{"Azure, no deployment", llm.Chat, "azure", 404, "", `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, "not_found deployment no"},
	{"Azure, not this API", llm.Chat, "azure", 400, "", `{"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model"}}`, "not_found deployment no"},
	{"AWS, no model", llm.Converse, "", 400, "X-Amzn-Errortype: ValidationException", `{"message":"The provided model identifier is invalid."}`, "not_found deployment no"},
	{"Mistral, no model", llm.Chat, "mistral", 400, "", `{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}`, "not_found deployment no"},
	{"DeepSeek, no model", llm.Chat, "deepseek", 400, "", `{"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, "not_found deployment no"},
	{"OpenRouter, no model", llm.Chat, "openrouter", 400, "", `{"error":{"code":400,"message":"x/y is not a valid model ID"},"user_id":"u"}`, "not_found deployment no"},
	{"OpenRouter, nobody who serves it", llm.Chat, "openrouter", 404, "", `{"error":{"code":404,"message":"No endpoints found that support tool use."}}`, "not_found deployment no"},
	{"a server without the path", llm.Chat, "vllm", 405, "", `{"detail":"Method Not Allowed"}`, "not_found deployment no"},

	// The request.
	{"OpenAI, a bad field", llm.Chat, "openai", 400, "", `{"error":{"message":"Invalid 'messages[3]'.","type":"invalid_request_error","param":"messages[3]","code":"invalid_value"}}`, "bad_request request no"},
	{"Anthropic, too large", llm.Messages, "", 413, "", `{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`, "bad_request request no"},
	{"Mistral, a field it does not know", llm.Chat, "mistral", 422, "", `{"detail":[{"loc":["body","x"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}`, "bad_request request no"},

	// Too long, in each vendor's words.
	{"OpenAI", llm.Responses, "", 400, "", `{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}`, "context_overflow request no"},
	{"Anthropic", llm.Messages, "", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 3333404 tokens > 200000 maximum"}}`, "context_overflow request no"},
	{"Anthropic, with the cap", llm.Messages, "", 400, "", "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000\"}}", "context_overflow request no"},
	{"Bedrock, Nova", llm.Converse, "", 400, "X-Amzn-Errortype: ValidationException", `{"message":"The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again."}`, "context_overflow request no"},
	{"Bedrock, Claude", llm.Converse, "", 400, "X-Amzn-Errortype: ValidationException", `{"message":"The model returned the following errors: Input is too long for requested model."}`, "context_overflow request no"},
	{"Bedrock, embeddings", llm.TitanEmbed, "bedrock-embed", 400, "X-Amzn-Errortype: ValidationException", `{"message":"400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 9000"}`, "context_overflow request no"},
	{"Vertex", llm.Gemini, "vertex-gemini", 400, "", byGoogle(400, "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).", "INVALID_ARGUMENT"), "context_overflow request no"},
	{"xAI", llm.Chat, "xai", 400, "", `{"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 131072 but the request contains 137000 tokens."}`, "context_overflow request no"},
	{"DeepSeek", llm.Chat, "deepseek", 400, "", `{"error":{"message":"This model's maximum context length is 1048565 tokens. However, you requested 1250025 tokens","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, "context_overflow request no"},
	{"Mistral", llm.Chat, "mistral", 400, "", `{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_error","code":"3051"}`, "context_overflow request no"},
	{"Cohere", llm.CohereEmbed, "", 400, "", `{"error_type":"TOO_MANY_TOKENS","id":"x","message":"too many tokens: size limit exceeded by 25836 tokens."}`, "context_overflow request no"},
	{"Groq", llm.Chat, "groq", 400, "", `{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, "context_overflow request no"},
	{"Perplexity", llm.Chat, "perplexity", 400, "", `{"error":{"message":"The total length of all messages is too long.","type":"too_many_prompt_tokens","code":400}}`, "context_overflow request no"},
	{"vLLM", llm.Chat, "vllm", 400, "", `{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096.","type":"BadRequestError","param":null,"code":400}}`, "context_overflow request no"},
	{"SGLang", llm.Chat, "sglang", 400, "", `{"object":"error","message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","code":400}`, "context_overflow request no"},
	{"llama.cpp", llm.Chat, "llamacpp", 400, "", `{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}`, "context_overflow request no"},
	{"LM Studio", llm.Chat, "lmstudio", 400, "", `{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}`, "context_overflow request no"},
	{"Moonshot", llm.Chat, "moonshot", 400, "", `{"error":{"message":"Invalid request: Your request exceeded model token limit: 8192","type":"invalid_request_error"}}`, "context_overflow request no"},
	{"Alibaba, too long", llm.Chat, "alibaba", 400, "", `{"error":{"code":"invalid_parameter_error","message":"Range of input length should be [1, 30720]","type":"invalid_request_error"}}`, "context_overflow request no"},
	{"Ollama", llm.Chat, "ollama", 400, "", `{"error":{"message":"prompt too long; exceeded max context length by 1119046 tokens","type":"invalid_request_error"}}`, "context_overflow request no"},
	{"TGI", llm.Chat, "huggingface", 422, "", "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000\",\"error_type\":\"validation\"}", "context_overflow request no"},

	// Content that is refused.
	{"Azure, a filtered prompt", llm.Chat, "azure", 400, "", `{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, "filtered request maybe"},
	{"Azure, a filtered prompt with 200", llm.Chat, "azure", 200, "", `{"error":{"message":"The response was filtered","code":"content_filter","status":400}}`, "filtered request maybe"},
	{"OpenAI, flagged", llm.Responses, "", 400, "", `{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","param":null,"code":"invalid_prompt"}}`, "filtered request maybe"},
	{"OpenAI, a policy", llm.Responses, "", 400, "", `{"error":{"message":"no","type":"invalid_request_error","code":"cyber_policy_violation"}}`, "filtered request maybe"},
	{"Anthropic, an output filter", llm.Messages, "", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`, "filtered request maybe"},
	{"xAI, with 403", llm.Chat, "xai", 403, "", `{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_CSAM"}`, "filtered request maybe"},
	{"OpenRouter, with 403", llm.Chat, "openrouter", 403, "", `{"error":{"code":403,"message":"The chosen model requires moderation and your input was flagged for \"violence\"","metadata":{"reasons":["violence"]}}}`, "filtered request maybe"},
	{"DeepSeek", llm.Chat, "deepseek", 400, "", `{"error":{"message":"Content Exists Risk","type":"invalid_request_error","code":"invalid_request_error"}}`, "filtered request maybe"},
	{"Alibaba", llm.Chat, "alibaba", 400, "", `{"error":{"message":"Input data may contain inappropriate content.","type":"data_inspection_failed","code":"data_inspection_failed"}}`, "filtered request maybe"},

	// What is theirs to mend.
	{"OpenAI, a server's error", llm.Chat, "openai", 500, "X-Should-Retry: true", `{"error":{"message":"The server had an error","type":"server_error"}}`, "server_error provider maybe; again"},
	{"OpenAI, overloaded", llm.Responses, "", 503, "Retry-After: 3", `{"error":{"message":"Our servers are currently overloaded.","type":"service_unavailable_error","code":"server_is_overloaded"}}`, "overloaded provider no; after 3s"},
	{"Anthropic, overloaded", llm.Messages, "", 529, "", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, "overloaded provider no"},
	{"Anthropic, too slow", llm.Messages, "", 504, "", `{"type":"error","error":{"type":"timeout_error","message":"Request timed out"}}`, "timed_out provider maybe"},
	{"Anthropic, an error in a stream", llm.Messages, "", 200, "", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, "overloaded provider no"},
	{"OpenAI, an error in a stream", llm.Responses, "", 200, "", `{"error":{"message":"slow","code":"rate_limit_exceeded"}}`, "rate_limited quota_group no"},
	{"OpenRouter, an error with 200", llm.Chat, "openrouter", 200, "", `{"error":{"code":502,"message":"Upstream error"}}`, "server_error provider maybe"},
	{"Gemini, an error with 200", llm.Gemini, "gemini", 200, "", byGoogle(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"), "overloaded provider no"},
	{"AWS, a model that is not ready", llm.Converse, "", 429, "X-Amzn-Errortype: ModelNotReadyException", `{"message":"not ready"}`, "overloaded provider no"},
	{"AWS, a model's timeout", llm.Converse, "", 408, "X-Amzn-Errortype: ModelTimeoutException", `{"message":"slow"}`, "timed_out provider maybe"},
	{"AWS, a model's error", llm.Converse, "", 424, "X-Amzn-Errortype: ModelErrorException", `{"message":"broke"}`, "server_error provider maybe"},
	{"AWS, unavailable", llm.Converse, "", 503, "X-Amzn-Errortype: ServiceUnavailableException", `{"message":"later"}`, "overloaded provider no"},
	{"Groq, a tier without room", llm.Chat, "groq", 498, "", `{"error":{"message":"Flex tier capacity exceeded","type":"capacity"}}`, "overloaded provider no"},
	{"Cerebras, a queue that is full", llm.Chat, "cerebras", 429, "", `{"message":"We're experiencing high traffic right now!","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}`, "overloaded provider no"},
	{"Moonshot, overloaded", llm.Chat, "moonshot", 429, "", `{"error":{"message":"The engine is currently overloaded","type":"engine_overloaded_error"}}`, "overloaded provider no"},
	{"a request that came too slowly", llm.Chat, "", 408, "", ``, "timed_out provider maybe"},
	{"a proxy's page", llm.Messages, "", 502, "Content-Type: text/html", `<html><body>Bad gateway</body></html>`, "server_error provider maybe"},
	{"a proxy's page from Google", llm.Gemini, "gemini", 502, "Content-Type: text/html", `<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>`, "server_error provider maybe"},
	{"a load balancer's 503", llm.Converse, "", 503, "", `no healthy upstream`, "overloaded provider no"},
	{"a gateway's timeout", llm.Chat, "", 504, "", ``, "timed_out provider maybe"},
	{"Cloudflare, nothing behind it", llm.Chat, "", 521, "", `error code: 521`, "unreachable provider no"},
	{"Cloudflare, no answer in time", llm.Chat, "", 524, "", `error code: 524`, "timed_out provider maybe"},
	{"something behind a front door failed", llm.Chat, "azure", 424, "", `{"detail":"failed dependency"}`, "server_error provider maybe"},
	{"no body at all", llm.Responses, "", 500, "", ``, "server_error provider maybe"},
}

func TestWhatAVendorSaysIsTakenForWhatItIs(t *testing.T) {
	for _, x := range errorTable {
		h := http.Header{}
		for line := range strings.SplitSeq(x.header, "; ") {
			if name, v, ok := strings.Cut(line, ": "); ok {
				h.Set(name, v)
			}
		}
		d, _ := wire.DialectByName(x.dialect)
		e := all.Codec(x.format).DecodeError(x.status, h, []byte(x.body), d)
		if got := inWords(e); got != x.want || e.Message == "" {
			t.Errorf("%s (%s, %d): %s; want %s\n%s", x.who, x.format, x.status, got, x.want, x.body)
		}
	}
}

func inWords(e *llm.Error) string {
	s := fmt.Sprintf("%s %s %s", e.Class, e.Blame, e.Billed)
	if e.RetryAfter > 0 {
		s += "; after " + e.RetryAfter.String()
	}
	switch e.Retry {
	case llm.RetryYes:
		s += "; again"
	case llm.RetryNo:
		s += "; not again"
	}
	return s
}

// TestRecordedErrorsHaveAClassOfTheirOwn: none of the errors that real services gave
// is taken for one that says something else of whose fault it is.
func TestRecordedErrorsHaveAClassOfTheirOwn(t *testing.T) {
	want := map[int][]llm.ErrorClass{
		400: {llm.BadRequest, llm.ContextOverflow, llm.NotFound, llm.Unauthorized},
		401: {llm.Unauthorized},
		403: {llm.Unauthorized},
		404: {llm.NotFound},
		429: {llm.RateLimited},
	}
	seen := map[llm.ErrorClass]int{}
	for file, format := range map[string]llm.Format{
		"chat": llm.Chat, "responses": llm.Responses, "messages": llm.Messages, "gemini": llm.Gemini, "converse": llm.Converse, "embeddings": llm.Embeddings,
	} {
		for _, x := range wiretest.Recorded(t, file) {
			if x.Response.Status < 400 {
				continue
			}
			body := []byte(x.Response.Body)
			if len(body) == 0 {
				body = []byte(x.Response.BodyText)
			}
			h := http.Header{}
			for name, v := range x.Response.Headers {
				h.Set(name, v)
			}
			e := all.Codec(format).DecodeError(x.Response.Status, h, body, nil)
			seen[e.Class]++
			ok := false
			for _, class := range want[x.Response.Status] {
				ok = ok || e.Class == class
			}
			if !ok {
				t.Errorf("%s: %d is %s: %s", x.ID, x.Response.Status, inWords(e), body)
			}
		}
	}
	b, err := json.Marshal(seen)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("recorded errors by class: %s", b)
}
