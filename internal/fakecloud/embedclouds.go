package fakecloud

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"unicode/utf8"
)

// embedPredict is Vertex AI's older form; it tells characters, and tokens by text.
func embedPredict(body []byte) (members, int64, *apiError) {
	var in struct {
		Instances []struct {
			Content string `json:"content"`
		} `json:"instances"`
		Parameters struct {
			Dimensions int `json:"outputDimensionality"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(body, &in); err != nil || len(in.Instances) == 0 {
		return nil, 0, invalid("", "Invalid or empty instances: %v", err)
	}
	list, tokens, characters := []any{}, int64(0), 0
	for _, q := range in.Instances {
		n := textTokens(len(q.Content))
		tokens += n
		characters += utf8.RuneCountInString(q.Content)
		list = append(list, members{"embeddings", members{"values", vector(q.Content, in.Parameters.Dimensions),
			"statistics", members{"token_count", n, "truncated", false}}})
	}
	return members{"predictions", list, "metadata", members{"billableCharacterCount", characters}}, tokens, nil
}

// embedTitan is Amazon's own models' form, for one text.
func embedTitan(body []byte) (members, int64, *apiError) {
	var in struct {
		Text       *string `json:"inputText"`
		Dimensions int     `json:"dimensions"`
	}
	malformed := func(what string) *apiError {
		return invalid("", "Malformed input request: %s, please reformat your input and try again.", what)
	}
	if name := stranger(body, names("inputText dimensions normalize embeddingTypes")); name != "" {
		return nil, 0, malformed("#: extraneous key [" + name + "] is not permitted")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, malformed(err.Error())
	}
	if in.Text == nil {
		return nil, 0, malformed("#: required key [inputText] not found")
	}
	if *in.Text == "" {
		return nil, 0, malformed("expected minLength: 1, actual: 0")
	}
	tokens := textTokens(len(*in.Text))
	v := vector(*in.Text, in.Dimensions)
	return members{"embedding", v, "embeddingsByType", members{"float", v}, "inputTextTokenCount", tokens}, tokens, nil
}

// embedCohere is Cohere's form on Bedrock.
func embedCohere(body []byte) (members, int64, *apiError) {
	var in struct {
		Texts []string `json:"texts"`
		Type  string   `json:"input_type"`
		Types []string `json:"embedding_types"`
		Size  int      `json:"output_dimension"`
	}
	malformed := func(what string) *apiError {
		return invalid("", "Malformed input request: %s, please reformat your input and try again.", what)
	}
	if name := stranger(body, names("texts input_type embedding_types output_dimension truncate images inputs max_tokens")); name != "" {
		return nil, 0, malformed("#: extraneous key [" + name + "] is not permitted")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, malformed(err.Error())
	}
	if in.Type == "" || len(in.Texts) == 0 {
		return nil, 0, malformed("#: required key [input_type] or [texts] not found")
	}
	list, tokens := []any{}, int64(0)
	for _, t := range in.Texts {
		tokens += textTokens(len(t))
		list = append(list, vector(t, in.Size))
	}
	out := members{"id", "fakecloud", "response_type", "embeddings_floats", "texts", in.Texts, "embeddings", list}
	if len(in.Types) > 0 {
		out = members{"id", "fakecloud", "response_type", "embeddings_by_type", "texts", in.Texts, "embeddings", members{"float", list}}
	}
	return out, tokens, nil
}

// inputs are texts, or tokens that stand for them; nil where there are none.
func inputs(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil && len(many) > 0 {
		return many
	}
	var tokens [][]int64
	if json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0 {
		for _, t := range tokens {
			many = append(many, string(mustJSON(t)))
		}
		return many
	}
	var list []int64
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return []string{string(mustJSON(list))}
	}
	return nil
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
