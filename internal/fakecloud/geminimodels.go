package fakecloud

import "net/http"

var geminiModels = []string{"gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview", "gemini-embedding-001"}

func (s *Server) listGeminiModels(w http.ResponseWriter, r *http.Request) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, geminiFormat{service: "gemini"}, e, "")
		return
	}
	data := []any{}
	for _, m := range geminiModels {
		data = append(data, geminiModel(m))
	}
	writeJSON(w, http.StatusOK, members{"models", data})
}

func geminiModel(name string) members {
	return members{"name", "models/" + name, "version", "001", "displayName", name, "inputTokenLimit", 1048576, "outputTokenLimit", 65536,
		"supportedGenerationMethods", []any{"generateContent", "countTokens"}}
}

func (s *Server) oneGeminiModel(w http.ResponseWriter, r *http.Request, name string) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, geminiFormat{service: "gemini"}, e, "")
		return
	}
	writeJSON(w, http.StatusOK, geminiModel(name))
}
