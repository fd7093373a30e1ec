package fakecloud

import (
	"encoding/json"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// geminiUsage is usage in Google's terms: cached tokens are inside the prompt,
// thoughts beside the candidates.
func geminiUsage(u Usage, output int64) members {
	prompt := u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h
	m := members{"promptTokenCount", prompt}
	if output > 0 { // absent where nothing but thought came out
		m = append(m, "candidatesTokenCount", output)
	}
	m = append(m, "totalTokenCount", prompt+output+u.Reasoning)
	if u.CacheRead > 0 {
		m = append(m, "cachedContentTokenCount", u.CacheRead)
	}
	m = append(m, "promptTokensDetails", []any{members{"modality", "TEXT", "tokenCount", prompt}})
	if u.Reasoning > 0 {
		m = append(m, "thoughtsTokenCount", u.Reasoning)
	}
	return m
}

func geminiFinish(a *answer) string {
	if a.stop == stopLength {
		return "MAX_TOKENS"
	}
	return "STOP" // also where a tool is to be called
}

// geminiPart is one part; the first call of an answer has the signature, as at
// Google.
func geminiPart(p analyst.Part, text string, signed bool) members {
	switch p.Kind {
	case analyst.Call:
		args := p.Args
		if !json.Valid(args) {
			args = json.RawMessage("{}")
		}
		m := members{"functionCall", members{"name", p.Name, "args", args}}
		if signed {
			m = append(m, "thoughtSignature", thoughtSignature)
		}
		return m
	case analyst.Thinking:
		return members{"text", text, "thought", true}
	}
	return members{"text", text}
}

func (f geminiFormat) whole(a *answer) []byte {
	parts, called := []any{}, false
	for _, p := range a.parts {
		parts = append(parts, geminiPart(p, p.Text, p.Kind == analyst.Call && !called))
		called = called || p.Kind == analyst.Call
	}
	if n := len(parts); n > 0 && !called && a.usage.Reasoning > 0 {
		parts[n-1] = append(parts[n-1].(members), "thoughtSignature", thoughtSignature)
	}
	return mustJSON(f.chunk(a, parts, geminiFinish(a), geminiUsage(a.usage, a.usage.Output)))
}

func (geminiFormat) chunk(a *answer, parts []any, finish string, usage members) members {
	candidate := members{"content", members{"parts", parts, "role", "model"}}
	if finish != "" {
		candidate = append(candidate, "finishReason", finish)
	}
	candidate = append(candidate, "index", 0)
	return members{"candidates", []any{candidate}, "usageMetadata", usage, "modelVersion", a.ask.model, "responseId", a.id}
}

func (f geminiFormat) failure(e *apiError, _ string) []byte {
	status := map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
		500: "INTERNAL", 503: "UNAVAILABLE", 529: "UNAVAILABLE", 413: "INVALID_ARGUMENT"}[e.status]
	m := members{"code", e.status, "message", e.message, "status", status}
	if e.status == http.StatusTooManyRequests && e.retryAfterSec != "" {
		m = append(m, "details", []any{members{"@type", "type.googleapis.com/google.rpc.RetryInfo", "retryDelay", e.retryAfterSec + "s"}})
	}
	return mustJSON(members{"error", m})
}

func (f geminiFormat) open(a *answer) streamer { return &geminiStream{f: f, a: a} }

// geminiStream frames an answer as GenerateContentResponse objects: events with CRLF,
// or elements of one array, printed over lines as Google prints them.
type geminiStream struct {
	f      geminiFormat
	a      *answer
	some   bool
	called bool
	said   int
}

func (s *geminiStream) prelude() []byte { return nil }

func (s *geminiStream) frame(m members) []byte {
	if !s.f.array {
		return append(append([]byte("data: "), mustJSON(m)...), "\r\n\r\n"...)
	}
	var v any
	_ = json.Unmarshal(mustJSON(m), &v) // it was encoded just now
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("fakecloud: print a chunk: " + err.Error())
	}
	before := "[" // the array's
	if s.some {
		before = ",\r\n"
	}
	s.some = true
	return append([]byte(before), b...)
}

func (s *geminiStream) piece(p piece) []byte {
	part := s.a.parts[p.part]
	first := p.kind == analyst.Call && !s.called
	s.called = s.called || p.kind == analyst.Call
	s.said += len(p.text)
	u := s.a.usage
	u.CacheRead, u.Input = 0, u.Input+u.CacheRead // the cache is told of at the end only
	return s.frame(s.f.chunk(s.a, []any{geminiPart(part, p.text, first)}, "", geminiUsage(u, textTokens(s.said))))
}

// end comes, where the model thought, with an empty text that carries the signature.
func (s *geminiStream) end() []byte {
	last := members{"text", ""}
	if s.a.usage.Reasoning > 0 && !s.called {
		last = append(last, "thoughtSignature", thoughtSignature)
	}
	out := s.frame(s.f.chunk(s.a, []any{last}, geminiFinish(s.a), geminiUsage(s.a.usage, s.a.usage.Output)))
	if s.f.array {
		out = append(out, "\r\n]"...)
	}
	return out
}

func (s *geminiStream) failure(e *apiError) []byte {
	e.status = http.StatusServiceUnavailable
	body := s.f.failure(e, "")
	if s.f.array {
		return append([]byte(","), body...)
	}
	return append(append([]byte("data: "), body...), "\r\n\r\n"...)
}

func (s *geminiStream) garbage() []byte {
	if s.f.array {
		return []byte(",{\"candidates\": [{\"cont\x00")
	}
	return []byte("data: {\"candidates\": [{\"cont\x00\r\n\r\n")
}

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
