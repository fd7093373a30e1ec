package fakecloud

import (
	"encoding/json"
	"net/http"
	"strings"
)

// embeddings answers requests for vectors in the service's own format. A text's
// vector is made of its digest, so that the same text has the same one.
func (s *Server) embeddings(service string) http.HandlerFunc {
	var f format = chatFormat{strings.TrimPrefix(service, "openai")}
	switch service {
	case "bedrock":
		f = converseFormat{}
	case "gemini", "vertex":
		f = geminiFormat{service: service}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		x, body := s.begin(w, r, f, "embed", incoming{model: modelOf(r)})
		if x == nil {
			return
		}
		if e := noEmbedder(f, service, x.base.Model); e != nil {
			s.reject(w, f, e, x.base)
			return
		}
		out, tokens, e := embed(r.URL.Path, service, x.base.Model, body)
		if e != nil {
			s.reject(w, f, e, x.base)
			return
		}
		defer x.leave()
		if !x.admit(tokens, 0) {
			return
		}
		x.reply(mustJSON(out), f.header(x.base.Request), Usage{Input: tokens}, stopEnd)
	}
}

// noEmbedder is the error where a service has no such model.
func noEmbedder(f format, service, model string) *apiError {
	gemini, _ := f.(geminiFormat)
	switch {
	case service == "openai" && (absent(model) || !strings.HasPrefix(model, "text-embedding-")), service == "azure" && absent(model):
		return &apiError{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
			message: "The model `" + model + "` does not exist or you do not have access to it."}
	case service == "bedrock" && absent(model):
		return invalid("", "The provided model identifier is invalid.")
	case gemini.service != "" && (absent(model) || !strings.Contains(model, "embedding")):
		return gemini.notFound(model, "embedContent")
	}
	return nil
}

// modelOf is the model that an address names.
func modelOf(r *http.Request) string {
	if m := r.PathValue("model"); m != "" {
		return bedrockModel(m)
	}
	m, _, _ := strings.Cut(r.PathValue("call"), ":")
	return m
}

// embed answers in the format that address and model tell.
func embed(path, service, model string, body []byte) (members, int64, *apiError) {
	switch {
	case strings.HasSuffix(path, "/embeddings"):
		return embedOpenAI(model, body)
	case strings.HasSuffix(path, ":predict"):
		return embedPredict(body)
	case strings.Contains(path, "mbedContent"):
		return embedGemini(strings.HasSuffix(path, ":batchEmbedContents"), service == "vertex", body)
	case strings.Contains(model, "titan"):
		return embedTitan(body)
	}
	return embedCohere(body)
}

func embedOpenAI(model string, body []byte) (members, int64, *apiError) {
	var in struct {
		Input      json.RawMessage `json:"input"`
		Encoding   string          `json:"encoding_format"`
		Dimensions *int            `json:"dimensions"`
	}
	if name := stranger(body, names("input model dimensions user encoding_format input_type")); name != "" {
		return nil, 0, invalid("", "Unrecognized request argument supplied: %s", name)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, invalid("", "We could not parse the JSON body of your request: %v", err)
	}
	texts := inputs(in.Input)
	size := 0
	switch {
	case texts == nil:
		return nil, 0, invalid("input", "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.")
	case len(texts) > 2048:
		return nil, 0, invalid("input", "Invalid 'input': array too long. Expected an array with maximum length 2048, but got an array with length %d instead.", len(texts))
	case in.Encoding != "" && in.Encoding != "float" && in.Encoding != "base64":
		return nil, 0, invalid("encoding_format", "Invalid value: '%s'. Supported values are: 'float' and 'base64'.", in.Encoding)
	case in.Dimensions != nil && *in.Dimensions < 1:
		return nil, 0, invalid("dimensions", "Invalid value for 'dimensions': must be greater than 0.")
	case in.Dimensions != nil && strings.Contains(model, "ada"):
		return nil, 0, invalid("dimensions", "This model does not support specifying dimensions.")
	case in.Dimensions != nil:
		size = *in.Dimensions
	}
	data, tokens := []any{}, int64(0)
	for i, t := range texts {
		tokens += textTokens(len(t))
		var v any = vector(t, size)
		if in.Encoding == "base64" {
			v = packed(vector(t, size))
		}
		data = append(data, members{"object", "embedding", "index", i, "embedding", v})
	}
	return members{"object", "list", "data", data, "model", model, "usage", members{"prompt_tokens", tokens, "total_tokens", tokens}}, tokens, nil
}

type geminiText struct {
	Content    geminiContent `json:"content"`
	Dimensions int           `json:"outputDimensionality"`
}

func (g *geminiText) text() string {
	var b strings.Builder
	for _, p := range g.Content.Parts {
		if p.Text != nil {
			b.WriteString(*p.Text)
		}
	}
	return b.String()
}

func embedGemini(batch, vertex bool, body []byte) (members, int64, *apiError) {
	message := "EmbedContentRequest"
	if batch {
		message = "BatchEmbedContentsRequest"
	}
	body, e := protobuf(body, message, vertex)
	if e != nil {
		return nil, 0, e
	}
	var in struct {
		Requests []geminiText `json:"requests"`
		geminiText
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, invalid("", "Invalid JSON payload received. %v", err)
	}
	if !batch {
		in.Requests = []geminiText{in.geminiText}
	}
	if len(in.Requests) == 0 {
		return nil, 0, invalid("", "* BatchEmbedContentsRequest.requests: requests must not be empty")
	}
	list, tokens := []any{}, int64(0)
	for _, q := range in.Requests {
		if len(q.Content.Parts) == 0 {
			return nil, 0, invalid("", "* EmbedContentRequest.content: contents is not specified")
		}
		tokens += textTokens(len(q.text()))
		list = append(list, members{"values", vector(q.text(), q.Dimensions)})
	}
	usage := members{"promptTokenCount", tokens, "promptTokenDetails", modalities(tokens)}
	if batch {
		return members{"embeddings", list, "usageMetadata", usage}, tokens, nil
	}
	return members{"embedding", list[0], "usageMetadata", usage}, tokens, nil
}
