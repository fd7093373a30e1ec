package chat_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/chat"
)

func TestErrorsAreClassifiedByStatusAndBody(t *testing.T) {
	for _, x := range []struct {
		name   string
		status int
		body   string
		class  llm.ErrorClass
		blame  llm.Blame
		billed llm.Billed
	}{
		{"OpenAI, bad key", 401, `{"error":{"message":"Incorrect API key provided: sk-abc.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, llm.Unauthorized, llm.BlameCredential, llm.BilledNo},
		{"OpenAI, no such model", 404, `{"error":{"message":"The model x does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, llm.NotFound, llm.BlameDeployment, llm.BilledNo},
		{"OpenAI, a bad field", 400, `{"error":{"message":"Invalid","type":"invalid_request_error","param":"messages[3]","code":"invalid_value"}}`, llm.BadRequest, llm.BlameRequest, llm.BilledNo},
		{"OpenAI, too long", 400, `{"error":{"message":"This model's maximum context length is 8 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}`, llm.ContextOverflow, llm.BlameRequest, llm.BilledNo},
		{"OpenAI, rate", 429, `{"error":{"message":"Rate limit reached for gpt-5.1","type":"tokens","code":"rate_limit_exceeded"}}`, llm.RateLimited, llm.BlameQuota, llm.BilledNo},
		{"OpenAI, quota", 429, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`, llm.QuotaExhausted, llm.BlameCredential, llm.BilledNo},
		{"OpenAI, server", 500, `{"error":{"message":"The server had an error","type":"server_error"}}`, llm.ServerError, llm.BlameProvider, llm.BilledMaybe},
		{"OpenAI, overloaded", 503, `{"error":{"message":"Overloaded"}}`, llm.Overloaded, llm.BlameProvider, llm.BilledNo},
		{"Azure, numbers as text", 401, `{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}`, llm.Unauthorized, llm.BlameCredential, llm.BilledNo},
		{"Azure, filtered", 400, `{"error":{"message":"filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, llm.Filtered, llm.BlameRequest, llm.BilledMaybe},
		{"Azure, filtered with status 200", 200, `{"error":{"message":"filtered","code":"content_filter","status":400}}`, llm.Filtered, llm.BlameRequest, llm.BilledMaybe},
		{"Azure, rate", 429, `{"error":{"code":"RateLimitReached","message":"exceeded rate limit"}}`, llm.RateLimited, llm.BlameQuota, llm.BilledNo},
		{"Azure, no deployment", 404, `{"error":{"code":"DeploymentNotFound","message":"The API deployment does not exist"}}`, llm.NotFound, llm.BlameDeployment, llm.BilledNo},
		{"OpenRouter, number", 429, `{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"slow down"}},"user_id":"u"}`, llm.RateLimited, llm.BlameQuota, llm.BilledNo},
		{"OpenRouter, credits", 402, `{"error":{"code":402,"message":"Insufficient credits"}}`, llm.QuotaExhausted, llm.BlameCredential, llm.BilledNo},
		{"OpenRouter, in a 200", 200, `{"error":{"code":502,"message":"Upstream error"}}`, llm.ServerError, llm.BlameProvider, llm.BilledMaybe},
		{"Mistral", 401, `{"detail":"Invalid API Key"}`, llm.Unauthorized, llm.BlameCredential, llm.BilledNo},
		{"Mistral, a list", 422, `{"detail":[{"loc":["body","x"],"msg":"extra"}]}`, llm.BadRequest, llm.BlameRequest, llm.BilledNo},
		{"Ollama, text", 400, `{"error":"model requires more system memory"}`, llm.BadRequest, llm.BlameRequest, llm.BilledNo},
		{"Ollama, too long", 400, `{"error":{"message":"prompt too long; exceeded max context length by 5 tokens","type":"invalid_request_error"}}`, llm.ContextOverflow, llm.BlameRequest, llm.BilledNo},
		{"xAI, bad key with 400", 400, `{"code":"invalid-argument","error":"Incorrect API key provided: xai"}`, llm.Unauthorized, llm.BlameCredential, llm.BilledNo},
		{"Google, bad key with 400", 400, `{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}`, llm.Unauthorized, llm.BlameCredential, llm.BilledNo},
		{"Groq", 400, `{"error":{"message":"Failed to call a function","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"secret"}}`, llm.BadRequest, llm.BlameRequest, llm.BilledNo},
		{"Perplexity, too long", 400, `{"error":{"message":"The total length of all messages is too long.","type":"too_many_prompt_tokens","code":400}}`, llm.ContextOverflow, llm.BlameRequest, llm.BilledNo},
		{"a proxy's page", 502, `<html><body>Bad gateway</body></html>`, llm.ServerError, llm.BlameProvider, llm.BilledMaybe},
		{"a gateway's timeout", 504, ``, llm.TimedOut, llm.BlameProvider, llm.BilledMaybe},
		{"forbidden", 403, `{"message":"no"}`, llm.Forbidden, llm.BlameCredential, llm.BilledNo},
		{"nothing at all", 500, ``, llm.ServerError, llm.BlameProvider, llm.BilledMaybe},
	} {
		t.Run(x.name, func(t *testing.T) {
			e := chat.Codec{}.DecodeError(x.status, nil, []byte(x.body), nil)
			if e.Class != x.class || e.Blame != x.blame || e.Billed != x.billed || e.Message == "" {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestErrorsQuoteNoCredential(t *testing.T) {
	e := chat.Codec{}.DecodeError(401, nil, []byte(`{"error":{"message":"Incorrect API key provided: sk-abc","code":"invalid_api_key"}}`), nil)
	if e.Message != "the provider refused the credential" {
		t.Error(e.Message)
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	for _, x := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "20", 20 * time.Second},
		{"Retry-After", "0.5", 500 * time.Millisecond},
		{"Retry-After-Ms", "250", 250 * time.Millisecond},
		{"Retry-After-Ms", "0", 0},
		{"Retry-After", "soon", 0},
		{"Retry-After", "-1", 0},
	} {
		h := http.Header{}
		h.Set(x.name, x.value)
		if e := (chat.Codec{}).DecodeError(429, h, nil, nil); e.RetryAfter != x.want {
			t.Errorf("%s: %s: %v", x.name, x.value, e.RetryAfter)
		}
	}
}

// retried are the statuses that the official library sends again by itself.
func retried(status int) bool {
	return status == 408 || status == 409 || status == 429 || status >= 500
}

func TestClientsRetryOnlyWhatWaitingMends(t *testing.T) {
	mends := map[llm.ErrorClass]bool{
		llm.RateLimited: true, llm.Overloaded: true, llm.ServerError: true, llm.Unreachable: true, llm.TimedOut: true,
		llm.BrokenStream: true, llm.Malformed: true, llm.Busy: true, llm.Internal: true, llm.Unauthorized: true, llm.Forbidden: true,
	}
	for _, class := range []llm.ErrorClass{llm.BadRequest, llm.Unauthorized, llm.Forbidden, llm.NotFound, llm.RateLimited, llm.QuotaExhausted,
		llm.ContextOverflow, llm.Filtered, llm.Overloaded, llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed,
		llm.OverBudget, llm.Busy, llm.Canceled, llm.Lossy, llm.Internal} {
		status, body := chat.Codec{}.EncodeError(&llm.Error{Class: class, Message: "m", Param: "p"})
		if retried(status) != mends[class] {
			t.Errorf("%s: status %d", class, status)
		}
		var shape struct {
			Error struct{ Message, Type, Code, Param string }
		}
		if err := json.Unmarshal(body, &shape); err != nil || shape.Error.Message != "m" || shape.Error.Type == "" {
			t.Errorf("%s: %s: %v", class, body, err)
		}
		e := chat.Codec{}.DecodeError(status, nil, body, nil)
		if class == llm.OverBudget && e.Class != llm.QuotaExhausted {
			t.Errorf("over budget reads as %s", e.Class)
		}
	}
	if status, _ := (chat.Codec{}).EncodeError(&llm.Error{Class: llm.Unauthorized, Blame: llm.BlameKey}); status != 401 {
		t.Errorf("the client's own bad key gets %d", status)
	}
}
