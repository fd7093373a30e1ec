package fakecloud

import (
	"net/http"
	"strings"
)

// told are the errors that an event may tell, or a body under status 200: each is that
// of the kind that has it with a status.
var told = map[string]Kind{"overloaded": Overloaded, "rate_limit": TooMany, "quota": OutOfQuota, "server": ServerFail, "context": TooLong, "auth": BadKey}

// everyService stands in [failures] for those that are not named there.
const everyService = ""

// failures are the errors of the kinds that have a status, in the words of each
// service. MODEL stands for the model's name.
//
// OpenAI: https://platform.openai.com/docs/guides/error-codes, and for the windows of
// context the texts that people report (openai/openai-agents, microsoft/semantic-kernel).
// Anthropic: https://docs.claude.com/en/api/errors. Bedrock:
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors.
// Google: https://ai.google.dev/gemini-api/docs/troubleshooting,
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors. Azure:
// https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter. vLLM:
// vllm/entrypoints/openai/protocol.py. Read in November 2026.
var failures = map[Kind]map[string]apiError{
	BadKey: {everyService: {status: 401, kind: "authentication_error", code: "invalid_api_key", message: "Incorrect API key provided: ****. You can find your API key at https://platform.openai.com/account/api-keys."}},
	Forbidden: {
		everyService: {status: 403, kind: "request_forbidden", code: "unsupported_country_region_territory", message: "Country, region, or territory not supported"},
		"azure":      {status: 403, code: "403", message: "Access denied due to Virtual Network/Firewall rules."},
		"anthropic":  {status: 403, kind: "permission_error", message: "Your API key does not have permission to use the specified resource."},
		"bedrock":    {status: 403, message: "You don't have access to the model with the specified model ID."},
		"gemini":     {status: 403, message: "Your API key doesn't have the required permissions."},
		"vertex":     {status: 403, message: "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/p/locations/l/publishers/google/models/MODEL' (or it may not exist)."},
	},
	OutOfQuota: {
		everyService: {status: 429, kind: "insufficient_quota", code: "insufficient_quota", message: "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."},
		"azure":      {status: 403, code: "QuotaExceeded", message: "Out of call volume quota. Quota will be replenished in 12 days."},
		"anthropic":  {status: 400, kind: "invalid_request_error", message: "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."},
		"bedrock":    {status: 400, amazon: "ServiceQuotaExceededException", message: "Your request exceeds the service quota for your account."},
		"gemini":     {status: 429, message: "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.", details: []any{quotaFailure("generativelanguage.googleapis.com/generate_requests_per_model_per_day", "GenerateRequestsPerDayPerProjectPerModel")}},
		"vertex":     {status: 403, message: "This API method requires billing to be enabled. Please enable billing on project #p by visiting https://console.developers.google.com/billing/enable?project=p then retry."},
	},
	NoModel: {
		everyService: {status: 404, kind: "invalid_request_error", code: "model_not_found", message: "The model `MODEL` does not exist or you do not have access to it."},
		"anthropic":  {status: 404, kind: "not_found_error", message: "model: MODEL"},
		"bedrock":    {status: 404, message: "The model MODEL could not be found."},
		"gemini":     {status: 404, message: "models/MODEL is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods."},
		"vertex":     {status: 404, message: "Publisher Model `projects/p/locations/l/publishers/google/models/MODEL` not found."},
		"vllm":       {status: 404, kind: "NotFoundError", message: "The model `MODEL` does not exist."},
	},
	TimedOut: {
		everyService: {status: 408, kind: "timeout_error", code: "Timeout", message: "Request timed out."},
		"bedrock":    {status: 408, message: "The request took too long to process. Processing time exceeded the model timeout length."},
	},
	TooLarge: {
		everyService: {status: 413, kind: "invalid_request_error", code: "request_too_large", message: "Request body is too large."},
		"anthropic":  {status: 413, kind: "request_too_large", message: "Request exceeds the maximum size"},
		"gemini":     {status: 400, message: "Request payload size exceeds the limit: 20971520 bytes."},
		"vertex":     {status: 413, message: "Request payload size exceeds the limit: 524288000 bytes."},
	},
	TooMany: {everyService: {status: 429, kind: "rate_limit_error", code: "rate_limit_exceeded", message: "rate limit reached, please slow down"}},
	ServerFail: {
		everyService: {status: 500, kind: "server_error", message: "the server had an error while processing your request"},
		"vllm":       {status: 500, kind: "InternalServerError", message: "EngineCore encountered an issue: an internal error"},
	},
	BadGateway: {everyService: {status: 502, page: true}},
	Unavailable: {
		everyService: {status: 503, kind: "server_error", code: "ServiceUnavailable", message: "The server is currently unavailable, please try again later"},
		"bedrock":    {status: 503, message: "Bedrock is unable to process your request."},
		"gemini":     {status: 503, message: "The model is overloaded. Please try again later."},
		"vertex":     {status: 503, message: "The service is currently unavailable."},
	},
	GatewayTimeout: {
		everyService: {status: 504, page: true},
		"anthropic":  {status: 504, kind: "timeout_error", message: "Request timed out"},
		"gemini":     {status: 504, message: "Deadline expired before operation could complete."},
		"vertex":     {status: 504, message: "Deadline expired before operation could complete."},
	},
	Overloaded: {everyService: {status: 503, kind: "overloaded_error", message: "overloaded"}},
	TooLong: {
		everyService: {status: 400, kind: "invalid_request_error", param: "messages", code: "context_length_exceeded", message: "This model's maximum context length is 128000 tokens. However, your messages resulted in 204308 tokens. Please reduce the length of the messages."},
		"anthropic":  {status: 400, kind: "invalid_request_error", message: "prompt is too long: 200049 tokens > 200000 maximum"},
		"bedrock":    {status: 400, message: "Input is too long for requested model."},
		"gemini":     {status: 400, message: "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."},
		"vertex":     {status: 400, message: "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."},
		"vllm":       {status: 400, kind: "BadRequestError", message: "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens (39000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion."},
	},
	Refusal: {
		everyService: {status: 400, kind: "invalid_request_error", code: "invalid_prompt", message: "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting"},
		"azure":      {status: 400, param: "prompt", code: "content_filter", message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry."},
		"anthropic":  {status: 400, kind: "invalid_request_error", message: "Output blocked by content filtering policy"},
		"bedrock":    {status: 400, message: "The model returned the following errors: Output blocked by content filtering policy"},
	},
}

// failureOf is the error of a kind at a service; nil where the kind has none.
func failureOf(k Kind, f format, model string) *apiError {
	service, _ := f.provider()
	if _, claude := f.(messagesFormat); claude && service == "vertex" && (k == TooLong || k == Refusal) {
		service = "anthropic" // what the model refuses comes in its maker's words
	}
	by, ok := failures[k]
	if !ok {
		return nil
	}
	e, ok := by[service]
	if !ok {
		e = by[everyService]
	}
	if _, responses := f.(responsesFormat); responses && k == TooLong {
		e.param, e.message = "input", "Your input exceeds the context window of this model. Please adjust your input and try again."
	}
	e.message = strings.ReplaceAll(e.message, "MODEL", model)
	return &e
}

// tells is the error that the fault's event tells.
func (x *exchange) tells() *apiError {
	kind := Overloaded
	if x.fault.Tells != "" {
		kind = told[x.fault.Tells]
	}
	return failureOf(kind, x.f, x.base.Model)
}

// quotaFailure says in Google's way which quota was exceeded.
func quotaFailure(metric, id string) members {
	return members{"@type", "type.googleapis.com/google.rpc.QuotaFailure", "violations", []any{members{"quotaMetric", metric, "quotaId", id}}}
}

// proxyPage is what a proxy in front of a service says.
func proxyPage(status int) []byte {
	title := map[int]string{http.StatusBadGateway: "502 Bad Gateway", http.StatusGatewayTimeout: "504 Gateway Time-out"}[status]
	if title == "" {
		title = "Just a moment..."
	}
	return []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}
