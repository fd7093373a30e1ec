package fakecloud

import (
	"cmp"
	"net/http"
)

// failure is an error as OpenAI says it, or as Azure does.
func (f chatFormat) failure(e *apiError, _ string) []byte {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	switch f.service {
	case "azure":
		return azureFailure(e)
	case "vllm":
		return mustJSON(members{"error", members{"message", e.message, "type", cmp.Or(vllmKinds[e.kind], e.kind), "param", orNull(e.param), "code", e.status}})
	}
	kind := e.kind
	switch kind {
	case "authentication_error":
		kind = "invalid_request_error"
	case "rate_limit_error":
		kind = "requests"
	case "overloaded_error":
		kind = "server_error"
	}
	return mustJSON(members{"error", members{"message", e.message, "type", kind,
		"param", orNull(e.param), "code", orNull(e.code)}})
}

// vllmKinds are vLLM's names of errors.
var vllmKinds = map[string]string{"invalid_request_error": "BadRequestError", "authentication_error": "Unauthorized", "server_error": "InternalServerError",
	"overloaded_error": "ServiceUnavailableError", "rate_limit_error": "RateLimitError", "request_forbidden": "Forbidden"}

// azureFailure has numbers as texts, where the gateway in front of the models speaks.
func azureFailure(e *apiError) []byte {
	switch {
	case e.status == http.StatusUnauthorized:
		return mustJSON(members{"error", members{"code", "401", "message", "Access denied due to invalid subscription key or wrong API endpoint. " +
			"Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}})
	case e.status == http.StatusTooManyRequests && e.code == "rate_limit_exceeded":
		return mustJSON(members{"error", members{"code", "RateLimitReached", "message", e.message, "details", e.message}})
	case e.code == "model_not_found":
		return mustJSON(members{"error", members{"type", "invalid_request_error", "code", "DeploymentNotFound", "message", "The API deployment for this resource does not exist. " +
			"If you created the deployment within the last 5 minutes, please wait a moment and try again."}})
	case e.status >= http.StatusInternalServerError:
		return mustJSON(members{"error", members{"code", cmp.Or(e.code, "InternalServerError"), "message", e.message}})
	case e.kind == "":
		m := members{"code", e.code, "message", e.message}
		if e.code == "content_filter" {
			hate := members{"filtered", true, "severity", "high"}
			m = append(m, "param", e.param, "type", nil, "status", e.status, "innererror", members{"code", "ResponsibleAIPolicyViolation",
				"content_filter_result", append(members{"hate", hate}, harmless("self_harm", "sexual", "violence")...)})
		}
		return mustJSON(members{"error", m})
	}
	return mustJSON(members{"error", members{"code", cmp.Or(e.code, "BadRequest"), "message", e.message, "param", e.param, "type", e.kind}})
}

// harmless is what the filter says of text that nobody minds.
func harmless(kinds ...string) members {
	var m members
	for _, k := range kinds {
		m = append(m, k, members{"filtered", false, "severity", "safe"})
	}
	return m
}

func filtered() members { return harmless("hate", "self_harm", "sexual", "violence") }

func promptFiltered() []any {
	m := append(harmless("hate"), "jailbreak", members{"filtered", false, "detected", false})
	return []any{members{"prompt_index", 0, "content_filter_results", append(m, harmless("self_harm", "sexual", "violence")...)}}
}

// responsesFiltered is what the filter says of a whole exchange.
func responsesFiltered() []any {
	var out []any
	for _, from := range []string{"prompt", "completion"} {
		out = append(out, members{"blocked", false, "source_type", from, "content_filter_raw", []any{}, "content_filter_results", filtered(),
			"content_filter_offsets", members{"start_offset", 0, "end_offset", 0, "check_offset", 0}})
	}
	return out
}
