package fakecloud

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
)

// embeddings answers requests for vectors in the service's own format. A text's
// vector is made of its digest, so that the same text has the same one.
func (s *Server) embeddings(service string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := s.ids.next("req_", 24)
		var f format = chatFormat{service}
		base := Line{Service: service, Op: "embed", Attempt: r.Header.Get("X-Client-Request-Id"), Request: id, Model: modelOf(r)}
		switch service {
		case "bedrock":
			f = converseFormat{}
		case "gemini", "vertex":
			f = geminiFormat{service: service}
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			hangUp()
		}
		peek(body, &base)
		if m := modelOf(r); m != "" {
			base.Model = m
		}
		fault, calm := s.faults.hit(faultRequest{service: service, op: "embed", model: base.Model, path: r.URL.RequestURI(), ids: base.Attempt, body: body}, s.opts.Now())
		if fault != nil {
			base.Fault, base.FaultID = string(fault.Kind), fault.ID
		}
		s.log.write(base.with("begin", 0))
		x := &exchange{Server: s, f: f, w: w, r: r, base: base, fault: fault, calm: calm}
		if x.failEarly() {
			return
		}
		if e := s.authorize(r); e != nil {
			s.reject(w, f, e, base)
			return
		}
		out, tokens, err := embed(r.URL.Path, base.Model, body)
		if err != nil {
			s.reject(w, f, invalid("", "%v", err), base)
			return
		}
		u := Usage{Input: tokens}
		x.over(Whole, &u, 0, http.StatusOK, stopEnd)
		send(w, http.StatusOK, f.header(id), mustJSON(out))
	}
}

// modelOf is the model that an address names.
func modelOf(r *http.Request) string {
	if m := r.PathValue("model"); m != "" {
		return bedrockModel(m)
	}
	m, _, _ := strings.Cut(r.PathValue("call"), ":")
	return m
}

type geminiText struct {
	Content struct {
		Parts []struct {
			Text string `json:"text"`
		} `json:"parts"`
	} `json:"content"`
	Dimensions int `json:"outputDimensionality"`
}

func (g *geminiText) text() string {
	var b strings.Builder
	for _, p := range g.Content.Parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

func embed(path, model string, body []byte) (out members, tokens int64, err error) {
	var in struct {
		Input      json.RawMessage `json:"input"`
		Encoding   string          `json:"encoding_format"`
		Dimensions int             `json:"dimensions"`
		InputText  string          `json:"inputText"`
		Texts      []string        `json:"texts"`
		InputType  string          `json:"input_type"`
		Requests   []geminiText    `json:"requests"`
		Instances  []struct {
			Content string `json:"content"`
		} `json:"instances"`
		geminiText
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, err
	}
	count := func(text string) int64 {
		n := textTokens(len(text))
		tokens += n
		return n
	}
	switch {
	case strings.HasSuffix(path, "/embeddings"):
		texts, err := inputs(in.Input)
		if err != nil {
			return nil, 0, err
		}
		data := []any{}
		for i, t := range texts {
			count(t)
			var v any = vector(t, in.Dimensions)
			if in.Encoding == "base64" {
				v = packed(vector(t, in.Dimensions))
			}
			data = append(data, members{"object", "embedding", "index", i, "embedding", v})
		}
		return members{"object", "list", "data", data, "model", model, "usage", members{"prompt_tokens", tokens, "total_tokens", tokens}}, tokens, nil
	case strings.HasSuffix(path, ":batchEmbedContents"):
		list := []any{}
		for _, q := range in.Requests {
			count(q.text())
			list = append(list, members{"values", vector(q.text(), q.Dimensions)})
		}
		return members{"embeddings", list, "usageMetadata", members{"promptTokenCount", tokens}}, tokens, nil
	case strings.HasSuffix(path, ":embedContent"):
		count(in.text())
		return members{"embedding", members{"values", vector(in.text(), in.geminiText.Dimensions)}, "usageMetadata", members{"promptTokenCount", tokens}}, tokens, nil
	case strings.HasSuffix(path, ":predict"):
		list := []any{}
		for _, q := range in.Instances {
			n := count(q.Content)
			list = append(list, members{"embeddings", members{"values", vector(q.Content, 0), "statistics", members{"token_count", n, "truncated", false}}})
		}
		return members{"predictions", list, "metadata", members{"billableCharacterCount", 1}}, tokens, nil
	case strings.Contains(model, "titan"):
		if in.InputText == "" {
			return nil, 0, errors.New("Malformed input request: #: required key [inputText] not found, please reformat your input and try again.")
		}
		count(in.InputText)
		return members{"embedding", vector(in.InputText, in.Dimensions), "inputTextTokenCount", tokens}, tokens, nil
	}
	if in.InputType == "" || len(in.Texts) == 0 {
		return nil, 0, errors.New("input_type and texts are required")
	}
	list := []any{}
	for _, t := range in.Texts {
		count(t)
		list = append(list, vector(t, 0))
	}
	return members{"embeddings", members{"float", list}, "id", "emb", "response_type", "embeddings_by_type", "texts", in.Texts,
		"meta", members{"billed_units", members{"input_tokens", tokens}}}, tokens, nil
}

func inputs(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil && len(many) > 0 {
		return many, nil
	}
	var tokens [][]int64
	if json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0 {
		for _, t := range tokens {
			many = append(many, string(mustJSON(t)))
		}
		return many, nil
	}
	var list []int64
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return []string{string(mustJSON(list))}, nil
	}
	return nil, errors.New("'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.")
}

// vector is n numbers (8 unless told) that a text has for its own, of the kind that a
// float32 holds exactly.
func vector(text string, n int) []float32 {
	if n <= 0 || n > 4096 {
		n = 8
	}
	sum := sha256.Sum256([]byte(text))
	out := make([]float32, n)
	for i := range out {
		out[i] = (float32(sum[i%len(sum)]) - 128) / 256
	}
	return out
}

func packed(v []float32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
