package fakecloud

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// count answers how many tokens a request would be. It is free: the log has it, and
// the usage export has not.
func (s *Server) count(f format) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.countWith(w, r, f, modelOf(r)) }
}

// opCount is what the log calls it.
const opCount = "count"

func (s *Server) countWith(w http.ResponseWriter, r *http.Request, f format, model string) {
	x, body := s.begin(w, r, f, opCount, incoming{model: model})
	if x == nil {
		return
	}
	at := incoming{header: r.Header, model: model}
	invoked := bytes.Contains(body, []byte(`"invokeModel"`))
	body, e := countedBody(f, body, &at)
	if e == nil {
		var a *ask
		reader := f
		if _, ok := f.(converseFormat); ok && invoked {
			reader = messagesFormat{"bedrock"}
		}
		if a, e = reader.decode(&at, body); e == nil {
			e = s.history.recall(a)
		}
		if e == nil {
			n := prefixes("", a)
			x.reply(countAnswer(f, n[len(n)-1].tokens), f.header(x.base.Request), Usage{}, "")
			return
		}
	}
	s.reject(w, f, e, x.base)
}

// countedBody is the request that is to be counted, where it lies in another one,
// with what only an answer would need.
func countedBody(f format, body []byte, at *incoming) ([]byte, *apiError) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "The request body is not valid JSON: %v", err)
	}
	switch f := f.(type) {
	case messagesFormat:
		if f.service == "vertex" { // where only the body names the model of a count
			if json.Unmarshal(in["model"], &at.model) != nil || at.model == "" {
				return nil, invalid("", "model: Field required")
			}
			delete(in, "model")
		}
		if in["max_tokens"] != nil {
			return nil, invalid("", "max_tokens: Extra inputs are not permitted")
		}
		in["max_tokens"] = json.RawMessage("64000")
		return mustJSON(in), nil
	case geminiFormat:
		body, e := protobuf(body, "CountTokensRequest", f.service == "vertex")
		if e != nil {
			return nil, e
		}
		in = nil
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, invalid("", "Invalid JSON payload received. %v", err)
		}
		if q := in["generateContentRequest"]; q != nil {
			return q, nil
		}
		return body, nil
	case converseFormat:
		return amazonCounted(in["input"], at)
	}
	if in["input"] == nil { // a conversation without an end is counted too
		in["input"] = json.RawMessage(`""`)
	}
	return mustJSON(in), nil
}

// amazonCounted is what Bedrock is to count: a request to Converse, or one to
// InvokeModel as text that stands for bytes.
func amazonCounted(raw json.RawMessage, at *incoming) (json.RawMessage, *apiError) {
	var input struct {
		Converse json.RawMessage `json:"converse"`
		Invoke   *struct {
			Body string `json:"body"`
		} `json:"invokeModel"`
	}
	if err := json.Unmarshal(raw, &input); err != nil {
		return nil, invalid("", "The input of the request cannot be read: %v", err)
	}
	switch {
	case !strings.Contains(at.model, "anthropic."):
		return nil, invalid("", "The provided model doesn't support counting tokens.")
	case given(input.Converse):
		return input.Converse, nil
	case input.Invoke == nil:
		return nil, invalid("", "The input must be one of converse and invokeModel.")
	}
	body, err := base64.StdEncoding.DecodeString(input.Invoke.Body)
	if err != nil {
		return nil, invalid("", "The body of input.invokeModel is not base64: %v", err)
	}
	return body, nil
}

func countAnswer(f format, n int64) []byte {
	switch f := f.(type) {
	case geminiFormat:
		m := members{"totalTokens", n}
		if f.service == "vertex" {
			m = append(m, "totalBillableCharacters", n*bytesPerToken)
		}
		return mustJSON(append(m, "promptTokensDetails", modalities(n)))
	case converseFormat:
		return mustJSON(members{"inputTokens", n})
	case responsesFormat:
		return mustJSON(members{"object", "response.input_tokens", "input_tokens", n})
	}
	return mustJSON(members{"input_tokens", n})
}
