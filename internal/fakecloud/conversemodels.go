package fakecloud

import (
	"net/http"
)

func (s *Server) listBedrockModels(w http.ResponseWriter, r *http.Request) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, converseFormat{}, e, s.ids.next("", 24))
		return
	}
	data := []any{}
	for _, m := range bedrockModels {
		data = append(data, members{"modelId", m, "modelName", m, "modelArn", "arn:aws:bedrock:us-east-1::foundation-model/" + m})
	}
	writeJSON(w, http.StatusOK, members{"modelSummaries", data})
}

var bedrockModels = []string{"anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0", "amazon.titan-embed-text-v2:0"}
