package fakecloud_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// dialect is how a raw client speaks to one of the providers.
type dialect struct {
	name, service string
	whole, stream string // paths
	end           string // what only a whole stream has in it
	denied        int    // the status where a key is wrong, if it is not 401
	header        map[string]string
	body          func(stream bool) string
}

func (d *dialect) at(stream bool) string {
	if stream && d.stream != "" {
		return d.stream
	}
	return d.whole
}

// ends reports whether a body has its format's proper end.
func (d *dialect) ends(body string) bool { return strings.Contains(body, d.end) }

const words = "Repeat these words: the quick brown fox jumps over the lazy dog"

var bearer = map[string]string{"Authorization": "Bearer k", "X-Client-Request-Id": "call_1/1"}

// body fills what is said, and whether to stream, into a request.
func body(format string) func(bool) string {
	return func(stream bool) string {
		return strings.NewReplacer("WORDS", words, "STREAM", fmt.Sprint(stream)).Replace(format)
	}
}

const (
	bedrockClaude = "/bedrock/model/anthropic.claude-sonnet-4-5-20250929-v1:0/"
	vertexGoogle  = "/vertex/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:"
	vertexClaude  = "/vertex/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5:"
	geminiBody    = `{"contents":[{"role":"user","parts":[{"text":"WORDS"}]}]}`
)

var dialects = []dialect{
	{"openai", "openai", "/openai/v1/chat/completions", "", "data: [DONE]", 0, bearer, body(`{"model":"gpt-5.1","stream":STREAM,"messages":[{"role":"user","content":"WORDS"}]}`)},
	{"anthropic", "anthropic", "/anthropic/v1/messages", "", "event: message_stop", 0,
		map[string]string{"X-Api-Key": "k", "Anthropic-Version": "2023-06-01", "X-Client-Request-Id": "call_1/1"},
		body(`{"model":"claude-sonnet-4-5","max_tokens":100,"stream":STREAM,"messages":[{"role":"user","content":"WORDS"}]}`)},
	{"azure", "azure", "/azure/openai/deployments/mine/chat/completions?api-version=2024-10-21", "", "data: [DONE]", 0, bearer,
		body(`{"stream":STREAM,"messages":[{"role":"user","content":"WORDS"}]}`)},
	{"responses", "openai", "/openai/v1/responses", "", "event: response.completed", 0, bearer, body(`{"model":"gpt-5.1","stream":STREAM,"input":"WORDS"}`)},
	{"converse", "bedrock", bedrockClaude + "converse", bedrockClaude + "converse-stream", "metadata", 403, bearer,
		body(`{"messages":[{"role":"user","content":[{"text":"WORDS"}]}]}`)},
	{"invoke", "bedrock", bedrockClaude + "invoke", bedrockClaude + "invoke-with-response-stream", "eyJ0eXBlIjoibWVzc2FnZV9zdG9w", 403, bearer, // its beginning in base64
		body(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"WORDS"}]}`)},
	{"claude on vertex", "vertex", vertexClaude + "rawPredict", vertexClaude + "streamRawPredict", "event: message_stop", 0, bearer,
		body(`{"anthropic_version":"vertex-2023-10-16","max_tokens":100,"stream":STREAM,"messages":[{"role":"user","content":"WORDS"}]}`)},
	{"gemini", "gemini", "/gemini/v1beta/models/gemini-2.5-flash:generateContent", "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
		`"finishReason":"STOP"`, 400, bearer, body(geminiBody)},
	{"gemini array", "gemini", "/gemini/v1beta/models/gemini-2.5-flash:generateContent", "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent",
		`"finishReason": "STOP"`, 400, bearer, body(geminiBody)},
	{"vllm", "vllm", "/vllm/v1/chat/completions", "", "data: [DONE]", 0, bearer, body(`{"model":"local","stream":STREAM,"messages":[{"role":"user","content":"WORDS"}]}`)},
	{"gemini on vertex", "vertex", vertexGoogle + "generateContent", vertexGoogle + "streamGenerateContent?alt=sse", `"finishReason":"STOP"`, 0, bearer, body(geminiBody)},
}

func TestUnknownModelsAreNotFound(t *testing.T) {
	_, url := serve(t, fakecloud.Options{})
	for _, d := range dialects {
		rename := strings.NewReplacer("gpt-5.1", "no-such-model", `"local"`, `"no-such-model"`, "anthropic.claude-sonnet-4-5", "no-such-model", "claude-sonnet-4-5", "no-such-model", "gemini-2.5-flash", "no-such-model", "/mine/", "/no-such/")
		r := post(t, context.Background(), url+rename.Replace(d.at(false)), rename.Replace(d.body(false)), d.header)
		want := http.StatusNotFound
		if d.name == "responses" || d.service == "bedrock" {
			want = http.StatusBadRequest
		}
		if r.status != want {
			t.Errorf("%s: %d %s", d.name, r.status, r.body)
		}
	}
}

// TestAnErrorHasTheServicesShape: clients know errors by their members and headers.
func TestAnErrorHasTheServicesShape(t *testing.T) {
	shapes := map[string][2]string{ // of a key that is wrong, of a request that is
		"openai": {`"code":"invalid_api_key"`, `"type":"invalid_request_error"`}, "responses": {`"code":"invalid_api_key"`, `"type":"invalid_request_error"`},
		"vllm":      {`"type":"Unauthorized","param":null,"code":401`, `"type":"BadRequestError","param":null,"code":400`},
		"azure":     {`{"error":{"code":"401"`, `"type":"invalid_request_error"`},
		"anthropic": {`{"type":"error","error":{"type":"authentication_error"`, `{"type":"error","error":{"type":"invalid_request_error"`},
		"converse":  {`{"message":"The security token`, `{"message":"`}, "invoke": {`{"message":"The security token`, `{"message":"`},
		"claude on vertex": {`"status": "UNAUTHENTICATED"`, `{"type":"error","error":{"type":"invalid_request_error"`},
		"gemini":           {`"reason": "API_KEY_INVALID"`, `"status": "INVALID_ARGUMENT"`}, "gemini array": {`"reason": "API_KEY_INVALID"`, `"status": "INVALID_ARGUMENT"`},
		"gemini on vertex": {`"status": "UNAUTHENTICATED"`, `"status": "INVALID_ARGUMENT"`},
	}
	_, url := serve(t, fakecloud.Options{RequireKey: "k"})
	for _, d := range dialects {
		for i, r := range []reply{
			post(t, context.Background(), url+d.at(false), d.body(false), map[string]string{"Authorization": "Bearer wrong", "Anthropic-Version": "2023-06-01"}),
			post(t, context.Background(), url+d.at(false), strings.Replace(d.body(false), "{", `{"frobnicate":1,"messages":3,"contents":3,"input":3,`, 1), d.header),
		} {
			if !strings.Contains(r.body, shapes[d.name][i]) || r.status < 400 {
				t.Errorf("%s: %d %s", d.name, r.status, r.body)
			}
			if kind := r.header.Get("X-Amzn-Errortype"); (kind != "") != (d.service == "bedrock") {
				t.Errorf("%s: error type %q", d.name, kind)
			}
		}
	}
}
