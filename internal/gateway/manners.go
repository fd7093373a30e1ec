package gateway

import (
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// manners are what a service's clients look for around an answer's body.
type manners struct {
	requestID string // the header with the id that an SDK shows with an error
	// errorType says in a header which error it is, and may mend the status.
	errorType func(h http.Header, status int, e *llm.Error) int
}

// mannersOf are those of the format in which errors are told.
func mannersOf(errors llm.Format) *manners {
	if m := mannersBy[errors]; m != nil {
		return m
	}
	return &plain
}

var (
	plain = manners{requestID: "X-Request-Id"}
	aws   = manners{requestID: "X-Amzn-Requestid", errorType: awsError}

	mannersBy = map[llm.Format]*manners{
		llm.Messages: {requestID: "Request-Id"}, llm.MessagesCount: {requestID: "Request-Id"},
		llm.Converse: &aws, llm.ConverseCount: &aws,
		llm.Gemini: {}, llm.GeminiCount: {}, llm.GeminiEmbed: {}, llm.GeminiEmbedOne: {}, llm.VertexEmbed: {},
	}
)

// awsErrors are the errors that Bedrock's runtime documents, by status.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (read 2026-11)
var awsErrors = map[int]string{
	http.StatusBadRequest:          "ValidationException",
	http.StatusUnauthorized:        "UnrecognizedClientException",
	http.StatusPaymentRequired:     "ServiceQuotaExceededException",
	http.StatusForbidden:           "AccessDeniedException",
	http.StatusNotFound:            "ResourceNotFoundException",
	http.StatusRequestTimeout:      "ModelTimeoutException",
	http.StatusFailedDependency:    "ModelErrorException",
	http.StatusTooManyRequests:     "ThrottlingException",
	http.StatusInternalServerError: "InternalServerException",
	http.StatusServiceUnavailable:  "ServiceUnavailableException",
}

// awsError names the error where AWS's SDKs look for its name. They know nothing of
// x-should-retry and repeat every 500, 502, 503 and 504, so what repeating does not
// mend is the model's error.
func awsError(h http.Header, status int, e *llm.Error) int {
	if status >= 500 && shouldRetry(e) == "false" {
		status = http.StatusFailedDependency
	}
	name := awsErrors[status]
	switch {
	case name != "":
	case status >= 500:
		name = awsErrors[http.StatusInternalServerError]
	default:
		name = awsErrors[http.StatusBadRequest]
	}
	h.Set("X-Amzn-Errortype", name)
	return status
}

// idPrefix is how the ids of a format's answers begin.
var idPrefix = map[llm.Format]string{llm.Chat: "chatcmpl-", llm.Messages: "msg_", llm.Responses: "resp_"}

// betas are the flags of the client's beta headers.
func betas(h http.Header) (out []string) {
	for _, v := range h["Anthropic-Beta"] {
		for flag := range strings.SplitSeq(v, ",") {
			if flag = strings.TrimSpace(flag); flag != "" {
				out = append(out, flag)
			}
		}
	}
	return out
}

// bodyCodec is the codec of a body whose form is its model's own: by the model's
// name where it says what it is, else by the body. What is neither of the embedding
// models' is Messages.
func (g *Gateway) bodyCodec(at *place, model string, body []byte) wire.Codec {
	format := at.Format
	switch {
	case strings.Contains(model, "titan-embed"):
		format = llm.TitanEmbed
	case strings.Contains(model, "cohere.embed"):
		format = llm.CohereEmbed
	case gjson.GetBytes(body, "messages").Exists():
	case gjson.GetBytes(body, "inputText").Exists():
		format = llm.TitanEmbed
	case gjson.GetBytes(body, "input_type").Exists():
		format = llm.CohereEmbed
	}
	if c := g.c.Codecs(format); c != nil {
		return c
	}
	return at.codec
}

// mayUse reports whether the caller may use a model under the name that it gives:
// its own name, or one that stands for it.
func (g *Gateway) mayUse(p *auth.Principal, name string) bool {
	if p.MayUse(name) {
		return true
	}
	real := g.c.Dispatch.Resolve(name)
	return real != "" && real != name && p.MayUse(real)
}

// serviceErrors are the formats in which a service's clients are told errors.
var serviceErrors = map[service]llm.Format{
	openAI: llm.Chat, anthropic: llm.Messages, bedrock: llm.Converse, gemini: llm.Gemini, vertex: llm.Gemini,
}

// caller is whose client asks, where the path does not say it: by what it sends.
func caller(r *http.Request, of service) service {
	h := r.Header
	switch {
	case len(h["Anthropic-Version"]) > 0:
		return anthropic
	case of != "":
		return of
	case len(h["X-Goog-Api-Key"]) > 0:
		return gemini
	case len(h["X-Api-Key"]) > 0:
		return anthropic
	case strings.HasPrefix(h.Get("Authorization"), "AWS4-"):
		return bedrock
	}
	return openAI
}

// callersCodec is the format in which a caller of such a path wants to be spoken to.
func (g *Gateway) callersCodec(r *http.Request, of service) wire.Codec {
	if c := g.c.Codecs(serviceErrors[caller(r, of)]); c != nil {
		return c
	}
	return g.c.Codecs(llm.Chat)
}

// unknown says what there is instead, to this sort of client.
func (g *Gateway) unknown(r *http.Request, of service) *llm.Error {
	of = caller(r, of)
	var b strings.Builder
	b.WriteString("there is no " + cut(r.Method) + " " + cut(r.URL.Path) + " here; Skein serves")
	for i := range addresses {
		a := &addresses[i]
		if serviceOf[firstPiece(a.Path)] == of && g.c.Codecs(a.Format) != nil {
			b.WriteString(" POST " + before[firstPiece(a.Path)] + a.Path + ",")
		}
	}
	b.WriteString(" GET /v1/models, and other services' paths; see the manual")
	return &llm.Error{
		Class: llm.NotFound, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusNotFound, Code: "unknown_url", Message: b.String(),
	}
}

// serviceOf is whose an address is, by the first piece of its path, and before what
// its SDK puts before it.
var (
	serviceOf = map[string]service{
		"chat": openAI, "responses": openAI, "embeddings": openAI, "deployments": openAI, "messages": anthropic,
		"model": bedrock, "models": gemini, "publishers": vertex, "endpoints": vertex,
	}
	before = map[string]string{
		"chat": "/v1", "responses": "/v1", "embeddings": "/v1", "deployments": "/openai", "messages": "/v1", "models": "/v1beta",
		"publishers": "/v1/projects/{project}/locations/{location}", "endpoints": "/v1/projects/{project}/locations/{location}",
	}
)
