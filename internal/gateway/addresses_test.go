package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// Every address as SDKs build it from every base address that people give them,
// against what is understood.
var served = []struct {
	path   string // with its query
	format llm.Format
	model  string // that the address names
	stream string // "yes", "no", or "" where the body says it
	frames wire.Framing
	errors llm.Format // "": format
}{
	{"/v1/chat/completions", llm.Chat, "", "", 0, ""},
	{"/chat/completions", llm.Chat, "", "", 0, ""},
	{"/openai/v1/chat/completions", llm.Chat, "", "", 0, ""},
	{"/openai/chat/completions", llm.Chat, "", "", 0, ""},
	{"/v1/responses", llm.Responses, "", "", 0, ""},
	{"/openai/v1/responses", llm.Responses, "", "", 0, ""},
	{"/v1/responses/input_tokens", llm.ResponsesCount, "", "", 0, ""},
	{"/v1/embeddings", llm.Embeddings, "", "", 0, ""},
	{"/openai/v1/embeddings", llm.Embeddings, "", "", 0, ""},

	// Azure OpenAI, v1 and dated.
	{"/openai/deployments/smart/chat/completions?api-version=2024-10-21", llm.Chat, "smart", "", 0, ""},
	{"/openai/deployments/smart/embeddings?api-version=2024-10-21", llm.Embeddings, "smart", "", 0, ""},
	{"/openai/deployments/smart/responses?api-version=2025-03-01-preview", llm.Responses, "smart", "", 0, ""},
	{"/openai/responses?api-version=2025-03-01-preview", llm.Responses, "", "", 0, ""},

	{"/v1/messages", llm.Messages, "", "", 0, ""},
	{"/v1/messages?beta=true", llm.Messages, "", "", 0, ""},
	{"/messages", llm.Messages, "", "", 0, ""},
	{"/v1/v1/messages", llm.Messages, "", "", 0, ""},
	{"/anthropic/v1/messages", llm.Messages, "", "", 0, ""},
	{"/v1/messages/count_tokens?beta=true", llm.MessagesCount, "", "", 0, ""},
	{"/anthropic/v1/messages/count_tokens", llm.MessagesCount, "", "", 0, ""},

	// Bedrock; names encoded, raw, and as resource names.
	{"/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", llm.Converse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "no", 0, ""},
	{"/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse-stream", llm.Converse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "yes", 0, ""},
	{"/bedrock/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.x-v1%3A0/converse", llm.Converse, "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x-v1:0", "no", 0, ""},
	{"/model/arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x/invoke", llm.Messages, "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x", "no", 0, llm.Converse},
	{"/model/openai%252Fgpt-5/converse", llm.Converse, "openai/gpt-5", "no", 0, ""},
	{"/bedrock/model/smart/invoke-with-response-stream", llm.Messages, "smart", "yes", wire.Chunks, llm.Converse},
	{"/model/amazon.titan-embed-text-v2%3A0/invoke", llm.TitanEmbed, "amazon.titan-embed-text-v2:0", "no", 0, llm.Converse},
	{"/model/cohere.embed-english-v3/invoke", llm.CohereEmbed, "cohere.embed-english-v3", "no", 0, llm.Converse},
	{"/model/smart/count-tokens", llm.ConverseCount, "smart", "", 0, llm.Converse},

	// Gemini.
	{"/v1beta/models/gemini-2.5-pro:generateContent", llm.Gemini, "gemini-2.5-pro", "no", 0, ""},
	{"/v1/models/gemini-2.5-pro:generateContent?key=x", llm.Gemini, "gemini-2.5-pro", "no", 0, ""},
	{"/gemini/v1beta/models/openai/gpt-5:streamGenerateContent?alt=sse", llm.Gemini, "openai/gpt-5", "yes", wire.SSE, ""},
	{"/v1beta/models/gemini-2.5-pro:streamGenerateContent", llm.Gemini, "gemini-2.5-pro", "yes", wire.JSONArray, ""},
	{"/v1beta/models/gemini-2.5-pro:countTokens", llm.GeminiCount, "gemini-2.5-pro", "", 0, ""},
	{"/v1beta/models/gemini-embedding-001:embedContent", llm.GeminiEmbedOne, "gemini-embedding-001", "", 0, ""},
	{"/v1beta/models/gemini-embedding-001:batchEmbedContents", llm.GeminiEmbed, "gemini-embedding-001", "", 0, ""},

	// Vertex AI.
	{"/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:generateContent", llm.Gemini, "gemini-2.5-pro", "no", 0, ""},
	{"/vertex/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse", llm.Gemini, "gemini-2.5-pro", "yes", wire.SSE, ""},
	{"/v1/publishers/google/models/gemini-2.5-pro:streamGenerateContent?key=x&alt=sse", llm.Gemini, "gemini-2.5-pro", "yes", wire.SSE, ""},
	{"/v1beta1/projects/p/locations/eu/publishers/openai/models/gpt-5:generateContent", llm.Gemini, "openai/gpt-5", "no", 0, ""},
	{"/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:countTokens", llm.GeminiCount, "gemini-2.5-pro", "", 0, ""},
	{"/v1/projects/p/locations/eu/publishers/google/models/text-embedding-005:predict", llm.VertexEmbed, "text-embedding-005", "", 0, ""},
	{"/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict", llm.Messages, "claude-sonnet-4-5@20250929", "no", 0, ""},
	{"/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict", llm.Messages, "claude-sonnet-4-5@20250929", "yes", 0, ""},
	{"/v1/projects/p/locations/eu/publishers/anthropic/models/count-tokens:rawPredict", llm.MessagesCount, "", "", 0, ""},
	{"/v1/projects/p/locations/eu/endpoints/openapi/chat/completions", llm.Chat, "", "", 0, ""},
}

// heads is a toy that notes what its scans are told of the address.
type heads struct {
	toy
	got *wire.Head
}

func (h *heads) Scan(body []byte, head *wire.Head) (*wire.Scan, error) {
	s := &wire.Scan{Facts: wire.Facts{Format: h.format, Model: "in-the-body"}}
	h.got = head
	head.Name(&s.Model, &s.Stream)
	return s, nil
}

func TestEveryAddressIsServedAsItsSDKsMeanIt(t *testing.T) {
	toys := map[llm.Format]*heads{}
	of := func(f llm.Format) wire.Codec {
		if toys[f] == nil {
			toys[f] = &heads{toy: toy{format: f}}
		}
		return toys[f]
	}
	var got dispatch.Call
	g := gateway.New(gateway.Config{Guard: guard{}, Codecs: of, Dispatch: doer(func(_ context.Context, c dispatch.Call) error {
		got = c
		e := &llm.Error{Class: llm.RateLimited, Status: 429}
		c.Sink.Close(nil, e)
		return e
	})})
	base, _ := start(t, gateway.ServerConfig{Gateway: g})
	for _, c := range served {
		got = dispatch.Call{}
		resp := post(t, base+c.path, `{}`, "Anthropic-Beta", "one, two")
		answer := text(t, resp.Body)
		if got.Source == nil {
			t.Errorf("%s is not served: %d %s", c.path, resp.StatusCode, answer)
			continue
		}
		f, a := got.Source.Facts(), got.Sink.Answer()
		want := c.model
		if want == "" {
			want = "in-the-body"
		}
		if f.Format != c.format || f.Model != want || a.Model != want || a.Framing != c.frames || f.Stream != (c.stream == "yes") {
			t.Errorf("%s is %s of %q, stream %v, framing %v", c.path, f.Format, f.Model, f.Stream, a.Framing)
		}
		if h := toys[c.format].got; h == nil || h.Streams != (c.stream != "") || fmt.Sprint(h.Betas) != "[one two]" {
			t.Errorf("%s: of the address it says %+v", c.path, h)
		}
		errors := c.errors
		if errors == "" {
			errors = c.format
		}
		if resp.StatusCode != 429 || !strings.Contains(answer, fmt.Sprintf("%q", errors)) {
			t.Errorf("%s: its errors are %d %s, want %s's", c.path, resp.StatusCode, answer, errors)
		}
		if name := resp.Header.Get("X-Amzn-Errortype"); (errors == llm.Converse) != (name == "ThrottlingException") {
			t.Errorf("%s: the error's name for AWS is %q", c.path, name)
		}
		if !gateway.Serves(strings.SplitN(c.path, "?", 2)[0]) {
			t.Errorf("%s does not reach the gateway", c.path)
		}
	}
}

func TestAnUnknownAddressIsToldWhatThereIsToItsSortOfClient(t *testing.T) {
	base, _ := start(t, gateway.ServerConfig{Gateway: newGateway(whole)})
	for _, c := range []struct {
		path   string
		header []string
		format llm.Format
		says   string
	}{
		{"/v1/completions", nil, llm.Chat, "/v1/chat/completions"},
		{"/openai/v1/files", nil, llm.Chat, "/v1/responses"},
		{"/v1/messages/batches", nil, llm.Messages, "/v1/messages/count_tokens"},
		{"/anthropic/v1/complete", nil, llm.Messages, "/v1/messages"},
		{"/model/x/async-invoke", nil, llm.Converse, "/model/{model}/converse-stream"},
		{"/v1beta/models/x:predictLongRunning", nil, llm.Gemini, "/v1beta/models/{model}:generateContent"},
		{"/v1/projects/p/locations/l/publishers/google/models/x:upscale", nil, llm.Gemini, ":rawPredict"},
		{"/v1/other", []string{"X-Goog-Api-Key", "k"}, llm.Gemini, "generateContent"},
		{"/v1/other", []string{"Authorization", "AWS4-HMAC-SHA256 x"}, llm.Converse, "/converse"},
	} {
		resp := post(t, base+c.path, `{}`, c.header...)
		if got := text(t, resp.Body); resp.StatusCode != 404 || !strings.Contains(got, fmt.Sprintf("%q", c.format)) || !strings.Contains(got, c.says) {
			t.Errorf("%s: %d %s", c.path, resp.StatusCode, got)
		}
	}
	for _, path := range []string{"/", "/other", "/api/v1/x", "/metrics", "/modelx/y"} {
		if gateway.Serves(path) {
			t.Errorf("%s would be taken for a model call", path)
		}
	}
}

// A stream's frame has the content type of its framing, and its error the form.
func TestAStreamIsFramedAsItsAddressSays(t *testing.T) {
	for _, c := range []struct{ path, kind, ending string }{
		{"/v1/chat/completions", "text/event-stream; charset=utf-8", "[ferror: overloaded\n\n"},
		{"/model/m/converse-stream", "application/vnd.amazon.eventstream", "[ferror: overloaded\n\n"},
		{"/model/m/invoke-with-response-stream", "application/vnd.amazon.eventstream", "[ferror: overloaded\n\n"},
		{"/v1beta/models/m:streamGenerateContent", "application/json; charset=UTF-8", "[f,\n" + `{"format":"gemini","class":"overloaded","message":"busy"}]`},
		{"/v1beta/models/m:streamGenerateContent?alt=sse", "text/event-stream; charset=utf-8", "[ferror: overloaded\n\n"},
	} {
		s := serve(t, gateway.Config{}, func(_ context.Context, d dispatch.Call) error {
			e := &llm.Error{Class: llm.Overloaded, Status: 503, Message: "busy"}
			if err := d.Sink.Open(&dispatch.Receipt{}); err != nil {
				return err
			}
			if err := d.Sink.Frame([]byte("[f"), nil); err != nil {
				return err
			}
			d.Sink.Close(&dispatch.Receipt{}, e)
			return e
		})
		resp := post(t, s.URL+c.path, `{"model":"m","stream":true}`)
		if got := text(t, resp.Body); resp.Header.Get("Content-Type") != c.kind || got != c.ending {
			t.Errorf("%s: %s\n%q", c.path, resp.Header.Get("Content-Type"), got)
		}
	}
}

// What repeating does not mend is not repeated by AWS's SDKs, which look at the
// status and at the error's name only.
func TestAWSClientsAreToldByStatusAndName(t *testing.T) {
	for _, c := range []struct {
		e      *llm.Error
		status int
		name   string
	}{
		{&llm.Error{Class: llm.RateLimited, Status: 429}, 429, "ThrottlingException"},
		{&llm.Error{Class: llm.BadRequest, Status: 400}, 400, "ValidationException"},
		{&llm.Error{Class: llm.BadRequest, Status: 413}, 413, "ValidationException"},
		{&llm.Error{Class: llm.OverBudget, Status: 402}, 402, "ServiceQuotaExceededException"},
		{&llm.Error{Class: llm.NotFound, Status: 404}, 404, "ResourceNotFoundException"},
		{&llm.Error{Class: llm.Overloaded, Status: 503}, 503, "ServiceUnavailableException"},
		{&llm.Error{Class: llm.TimedOut, Status: 504}, 504, "InternalServerException"},
		{&llm.Error{Class: llm.Unauthorized, Blame: llm.BlameCredential, Status: 401}, 424, "ModelErrorException"},
	} {
		s := serve(t, gateway.Config{}, fails(c.e))
		resp := post(t, s.URL+"/model/m/converse", `{"model":"m"}`)
		if resp.StatusCode != c.status || resp.Header.Get("X-Amzn-Errortype") != c.name || !strings.HasPrefix(resp.Header.Get("X-Amzn-Requestid"), "call_") {
			t.Errorf("%s: %d %v", c.e.Class, resp.StatusCode, resp.Header)
		}
	}
}

func TestBedrocksTokenCountsStandInHeaders(t *testing.T) {
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID, Usage: llm.Usage{Reported: true}}
		r.Usage.Tokens[llm.TokInput], r.Usage.Tokens[llm.TokOutput] = 7, 3
		err := c.Sink.Whole(r, []byte(`{}`), nil)
		c.Sink.Close(r, nil)
		return err
	})
	resp := post(t, s.URL+"/model/m/invoke", `{"model":"m"}`)
	if resp.Header.Get("X-Amzn-Bedrock-Input-Token-Count") != "7" || resp.Header.Get("X-Amzn-Bedrock-Output-Token-Count") != "3" {
		t.Errorf("%v", resp.Header)
	}
	if resp := post(t, s.URL+chatPath, `{"model":"m"}`); resp.Header.Get("X-Amzn-Bedrock-Input-Token-Count") != "" {
		t.Error("an OpenAI client is told so too")
	}
}

// Codex asks for a WebSocket first, and falls back at once where it is told to: with
// any other answer it tries for twenty seconds.
func TestAWebSocketIsDeclinedSoThatItsClientFallsBack(t *testing.T) {
	s := serve(t, gateway.Config{}, whole)
	r, err := http.NewRequest(http.MethodGet, s.URL+"/v1/responses", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if got := text(t, resp.Body); resp.StatusCode != http.StatusUpgradeRequired || !strings.Contains(got, "POST") {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// shapes are what the clients of each service read of an error.
var shapes = map[llm.Format]func(h http.Header, body map[string]any) bool{
	llm.Chat: func(_ http.Header, b map[string]any) bool {
		e, _ := b["error"].(map[string]any)
		return e["message"] != "" && e["type"] != ""
	},
	llm.Messages: func(_ http.Header, b map[string]any) bool { return b["type"] == "error" },
	llm.Gemini: func(_ http.Header, b map[string]any) bool {
		e, _ := b["error"].(map[string]any)
		return e["status"] != "" && e["code"] != nil
	},
	llm.Converse: func(h http.Header, b map[string]any) bool {
		return b["message"] != nil && strings.HasSuffix(h.Get("X-Amzn-Errortype"), "Exception")
	},
}

// shapeOf is the service whose form a format's errors have.
func shapeOf(f llm.Format) llm.Format {
	switch f {
	case llm.Responses, llm.ResponsesCount, llm.Embeddings:
		return llm.Chat
	case llm.MessagesCount:
		return llm.Messages
	case llm.GeminiCount, llm.GeminiEmbed, llm.GeminiEmbedOne, llm.VertexEmbed:
		return llm.Gemini
	case llm.ConverseCount:
		return llm.Converse
	}
	return f
}

// Whatever is wrong with a request, at whatever address, it is told in the form that
// the address's clients read, and is the client's fault.
func TestEveryAddressRefusesInItsOwnShape(t *testing.T) {
	base, _ := start(t, gateway.ServerConfig{Gateway: gateway.New(gateway.Config{Guard: guard{}, Codecs: all.Codec, Dispatch: doer(whole)})})
	locked, _ := start(t, gateway.ServerConfig{Gateway: gateway.New(gateway.Config{Guard: guard{err: auth.ErrMissing}, Codecs: all.Codec, Dispatch: doer(whole)})})
	for _, c := range served {
		errors := c.errors
		if errors == "" {
			errors = c.format
		}
		if all.Codec(c.format) == nil {
			continue
		}
		for name, try := range map[string]struct {
			base, method, body string
			header             []string
			statuses           string
		}{
			"nothing":       {base, "POST", "", nil, "400"},
			"no JSON":       {base, "POST", "{\"a\":", nil, "400"},
			"a list":        {base, "POST", "[]", nil, "400"},
			"wrong types":   {base, "POST", `{"model":7,"messages":7,"input":{},"contents":7,"content":7,"requests":7,"instances":7,"inputText":7,"texts":7}`, nil, "400"},
			"no UTF-8":      {base, "POST", "{\"model\":\"\xff\"}", nil, "400"},
			"deep":          {base, "POST", strings.Repeat(`{"a":[`, 5000), nil, "400"},
			"a form":        {base, "POST", "x", []string{"Content-Type", "multipart/form-data; boundary=x"}, "415 400"},
			"another verb":  {base, "PUT", "{}", nil, "405 400"},
			"without a key": {locked, "POST", "{}", nil, "401 403"},
		} {
			r, err := http.NewRequest(try.method, try.base+c.path, strings.NewReader(try.body))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(try.header); i += 2 {
				r.Header.Set(try.header[i], try.header[i+1])
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatalf("%s, %s: %v", c.path, name, err)
			}
			got := text(t, resp.Body)
			resp.Body.Close()
			var body map[string]any
			if err := json.Unmarshal([]byte(got), &body); err != nil || !strings.Contains(try.statuses, fmt.Sprint(resp.StatusCode)) || !shapes[shapeOf(errors)](resp.Header, body) {
				t.Errorf("%s, %s: %d %s", c.path, name, resp.StatusCode, got)
			}
		}
	}
}

// A path may hold anything.
func FuzzPath(f *testing.F) {
	for _, c := range served {
		f.Add(c.path)
	}
	f.Add("/v1/v1/v1/projects/////locations//publishers/models:predict")
	f.Add("/model/%25%32%35/converse")
	g := gateway.New(gateway.Config{Guard: guard{}, Codecs: codecs, Dispatch: doer(whole)})
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"model":"m"}`))
		r.URL.Path = path
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q: %d", path, w.Code)
		}
	})
}
