package fakecloud

import (
	"encoding/json"
	"io"
	"net/http"
)

// count answers how many tokens a request would be; it costs nothing, so the log has
// it with no readings.
func (s *Server) count(service string, f format) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.countWith(w, r, service, f, modelOf(r)) }
}

func (s *Server) countWith(w http.ResponseWriter, r *http.Request, service string, f format, model string) {
	id := s.ids.next("req_", 24)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		hangUp()
	}
	if e := s.authorize(r); e != nil {
		s.sendError(w, f, e, id)
		return
	}
	at := incoming{header: r.Header, model: model}
	body, e := countedBody(f, body, &at)
	if e == nil {
		var a *ask
		if a, e = f.decode(&at, body); e == nil {
			n := prefixes("", a)
			send(w, http.StatusOK, f.header(id), countAnswer(f, n[len(n)-1].tokens))
			return
		}
	}
	s.sendError(w, f, e, id)
}

// countedBody is the request that is to be counted, where it lies in another one,
// with what only an answer would need.
func countedBody(f format, body []byte, at *incoming) ([]byte, *apiError) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "The request body is not valid JSON: %v", err)
	}
	switch f.(type) {
	case messagesFormat:
		if in["max_tokens"] != nil {
			return nil, invalid("", "max_tokens: Extra inputs are not permitted")
		}
		in["max_tokens"] = json.RawMessage("64000")
		return mustJSON(in), nil
	case geminiFormat:
		if q := in["generateContentRequest"]; q != nil {
			return q, nil
		}
	case converseFormat:
		var input struct {
			Converse json.RawMessage `json:"converse"`
		}
		if json.Unmarshal(in["input"], &input) != nil || input.Converse == nil {
			return nil, invalid("", "input.converse is missing")
		}
		return input.Converse, nil
	}
	return body, nil
}

func countAnswer(f format, n int64) []byte {
	switch f.(type) {
	case geminiFormat:
		return mustJSON(members{"totalTokens", n, "promptTokensDetails", []any{members{"modality", "TEXT", "tokenCount", n}}})
	case converseFormat:
		return mustJSON(members{"inputTokens", n})
	case responsesFormat:
		return mustJSON(members{"object", "response.input_tokens", "input_tokens", n})
	}
	return mustJSON(members{"input_tokens", n})
}
