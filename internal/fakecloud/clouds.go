package fakecloud

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// dated is a version as the newer SDKs write it, in the body too.
var dated = regexp.MustCompile(`^20\d\d-\d\d-\d\d$`)

// address reads what a cloud puts elsewhere than Anthropic itself: on Bedrock and
// Vertex AI the address names the model, the body must state a version and must not
// name a model; on Bedrock it must not ask for a stream either.
func (f messagesFormat) address(at *incoming, in *messagesRequest, body []byte) *apiError {
	if f.service == "" {
		if in.Version != "" {
			return invalid("", "anthropic_version: Extra inputs are not permitted")
		}
		return nil
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // it was decoded before
	old := map[string]string{"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}[f.service]
	switch {
	case in.Version == "":
		return invalid("", "anthropic_version: Field required")
	case in.Version != old && !dated.MatchString(in.Version):
		return invalid("", "anthropic_version: Input should be '%s'", old)
	case members["model"] != nil:
		return invalid("", "model: Extra inputs are not permitted")
	}
	switch {
	case f.service == "bedrock" && members["stream"] != nil:
		return invalid("", "stream: Extra inputs are not permitted")
	case f.service == "vertex" && in.Stream != at.stream:
		return invalid("", "stream: must be what the address says")
	}
	in.Model, in.Stream = at.model, at.stream
	return nil
}

// clouds are the addresses of the model services beside OpenAI's and Anthropic's own.
func (s *Server) clouds(mux *http.ServeMux) {
	mux.HandleFunc("POST /openai/v1/responses", s.model(responsesFormat{}))
	mux.HandleFunc("POST /openai/v1/embeddings", s.embeddings("openai"))
	mux.HandleFunc("POST /openai/v1/responses/input_tokens", s.count(responsesFormat{}))
	mux.HandleFunc("POST /anthropic/v1/messages/count_tokens", s.count(messagesFormat{}))

	mux.HandleFunc("POST /azure/openai/v1/chat/completions", s.model(chatFormat{"azure"}))
	mux.HandleFunc("POST /azure/openai/v1/responses", s.model(responsesFormat{"azure"}))
	mux.HandleFunc("POST /azure/openai/v1/embeddings", s.embeddings("azure"))
	mux.HandleFunc("GET /azure/openai/v1/models", s.listChatModels)
	mux.HandleFunc("POST /azure/models/chat/completions", s.model(chatFormat{"azure"}))
	mux.HandleFunc("POST /azure/openai/v1/responses/input_tokens", s.count(responsesFormat{"azure"}))
	mux.HandleFunc("POST /azure/openai/deployments/{model}/chat/completions", s.deployed(chatFormat{"azure"}))
	mux.HandleFunc("POST /azure/openai/deployments/{model}/embeddings", s.embeddings("azure"))

	mux.HandleFunc("POST /bedrock/model/{model}/converse", s.named(converseFormat{}, false))
	mux.HandleFunc("POST /bedrock/model/{model}/converse-stream", s.named(converseFormat{}, true))
	mux.HandleFunc("POST /bedrock/model/{model}/invoke", s.invoke)
	mux.HandleFunc("POST /bedrock/model/{model}/invoke-with-response-stream", s.named(messagesFormat{"bedrock"}, true))
	mux.HandleFunc("POST /bedrock/model/{model}/count-tokens", s.count(converseFormat{}))
	mux.HandleFunc("GET /bedrock/foundation-models", s.listBedrockModels)

	mux.HandleFunc("/gemini/v1beta/models/{call...}", func(w http.ResponseWriter, r *http.Request) {
		s.google(w, r, "gemini", "google", r.PathValue("call"))
	})
	mux.HandleFunc("GET /gemini/v1beta/models", s.listGeminiModels)
	for _, version := range []string{"v1", "v1beta1"} { // with a project, or with a key alone
		for _, project := range []string{"projects/{project}/locations/{location}/", ""} {
			mux.HandleFunc("/vertex/"+version+"/"+project+"publishers/{publisher}/models/{call...}", func(w http.ResponseWriter, r *http.Request) {
				s.google(w, r, "vertex", r.PathValue("publisher"), r.PathValue("call"))
			})
		}
	}
}

// deployed serves an address that names the model, but not whether to stream.
func (s *Server) deployed(f format) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, f, incoming{header: r.Header, model: r.PathValue("model")})
	}
}

// named serves an address that names model and stream.
func (s *Server) named(f format, stream bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, f, incoming{header: r.Header, model: bedrockModel(r.PathValue("model")), stream: stream})
	}
}

// bedrockModel is a model's id without its region's profile and its account.
func bedrockModel(id string) string {
	if i := strings.LastIndexByte(id, '/'); strings.HasPrefix(id, "arn:") && i >= 0 {
		id = id[i+1:]
	}
	for _, region := range []string{"us.", "eu.", "apac.", "jp.", "au.", "global."} {
		id = strings.TrimPrefix(id, region)
	}
	return id
}

// invoke serves InvokeModel, whose body is in the format of the model's maker.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request) {
	if model := bedrockModel(r.PathValue("model")); strings.Contains(model, "embed") {
		s.embeddings("bedrock")(w, r)
		return
	}
	s.named(messagesFormat{"bedrock"}, false)(w, r)
}

// google serves the calls of the Gemini API and of Vertex AI, which stand behind a
// colon in the address.
func (s *Server) google(w http.ResponseWriter, r *http.Request, service, publisher, call string) {
	model, verb, _ := strings.Cut(call, ":")
	at := incoming{header: r.Header, model: model, stream: strings.HasPrefix(verb, "stream")}
	switch {
	case r.Method == http.MethodGet && verb == "":
		s.oneGeminiModel(w, r, model)
	case r.Method != http.MethodPost:
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
	case publisher == "anthropic" && (verb == "rawPredict" || verb == "streamRawPredict"):
		if model == "count-tokens" {
			s.countWith(w, r, messagesFormat{"vertex"}, "")
			return
		}
		s.serve(w, r, messagesFormat{"vertex"}, at)
	case verb == "generateContent" || verb == "streamGenerateContent":
		sse := at.stream && r.URL.Query().Get("alt") == "sse"
		s.serve(w, r, geminiFormat{service: service, array: at.stream && !sse, sse: sse}, at)
	case verb == "countTokens":
		s.countWith(w, r, geminiFormat{service: service}, model)
	case verb == "embedContent" || verb == "batchEmbedContents" || verb == "predict":
		s.embeddings(service)(w, r)
	default:
		s.sendError(w, geminiFormat{service: service}, &apiError{status: http.StatusNotFound, kind: "not_found_error", message: "Method not found."}, "")
	}
}
