package fakecloud

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// usage is usage in Google's terms: cached tokens are inside the prompt, thoughts
// beside the candidates. Vertex AI tells of the traffic too.
func (f geminiFormat) usage(u Usage) members {
	prompt := u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h
	m := members{"promptTokenCount", prompt}
	if u.Output > 0 { // absent where nothing but thought came out
		m = append(m, "candidatesTokenCount", u.Output)
	}
	m = append(m, "totalTokenCount", prompt+u.Output+u.Reasoning)
	if f.service == "vertex" {
		m = append(m, "trafficType", "ON_DEMAND")
	}
	m = append(m, "promptTokensDetails", modalities(prompt))
	if f.service == "vertex" && u.Output > 0 {
		m = append(m, "candidatesTokensDetails", modalities(u.Output))
	}
	if u.CacheRead > 0 {
		m = append(m, "cachedContentTokenCount", u.CacheRead, "cacheTokensDetails", modalities(u.CacheRead))
	}
	if u.Reasoning > 0 {
		m = append(m, "thoughtsTokenCount", u.Reasoning)
	}
	return m
}

func modalities(n int64) []any { return []any{members{"modality", "TEXT", "tokenCount", n}} }

func geminiFinish(a *answer) string {
	switch a.stop {
	case stopLength:
		return "MAX_TOKENS"
	case stopFiltered:
		return "SAFETY"
	}
	return "STOP" // also where a tool is to be called
}

// geminiSaid is one part; the first call of an answer has the signature, as at
// Google.
func geminiSaid(p analyst.Part, text string, signed bool) members {
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
		parts = append(parts, geminiSaid(p, p.Text, p.Kind == analyst.Call && !called))
		called = called || p.Kind == analyst.Call
	}
	if n := len(parts); n > 0 && !called && a.usage.Reasoning > 0 {
		parts[n-1] = append(parts[n-1].(members), "thoughtSignature", thoughtSignature)
	}
	return mustJSON(f.chunk(a, parts, geminiFinish(a), f.usage(a.usage)))
}

func (f geminiFormat) chunk(a *answer, parts []any, finish string, usage members) members {
	candidate := members{"content", members{"parts", parts, "role", "model"}}
	if f.service == "vertex" {
		candidate = members{"content", members{"role", "model", "parts", parts}}
		if finish != "" {
			candidate = append(candidate, "finishReason", finish)
		}
		return members{"candidates", []any{candidate}, "usageMetadata", usage, "modelVersion", a.ask.model,
			"createTime", time.Unix(a.created, 0).UTC().Format("2006-01-02T15:04:05.000000Z"), "responseId", a.id}
	}
	if finish != "" {
		candidate = append(candidate, "finishReason", finish)
	}
	candidate = append(candidate, "index", 0)
	return members{"candidates", []any{candidate}, "usageMetadata", usage, "modelVersion", a.ask.model, "responseId", a.id}
}

// googleStatus are Google's names of errors, by status.
var googleStatus = map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED",
	413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}

func (f geminiFormat) failure(e *apiError, _ string) []byte {
	m := members{"code", e.status, "message", e.message, "status", googleStatus[e.status]}
	details := e.details
	switch {
	case e.kind == "bad_key":
		m[3] = "API key not valid. Please pass a valid API key."
		details = []any{members{"@type", "type.googleapis.com/google.rpc.ErrorInfo", "reason", "API_KEY_INVALID", "domain", "googleapis.com",
			"metadata", members{"service", "generativelanguage.googleapis.com"}}}
	case e.status == http.StatusTooManyRequests && e.retryAfterSec != "":
		details = append(slices.Clip(details), members{"@type", "type.googleapis.com/google.rpc.RetryInfo", "retryDelay", e.retryAfterSec + "s"})
	}
	if details != nil {
		m = append(m, "details", details)
	}
	return append(printed(members{"error", m}), '\n')
}

// printed is m over lines, as Google prints what is not an event.
func printed(m members) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, mustJSON(m), "", "  "); err != nil {
		panic("fakecloud: print an answer: " + err.Error()) // it was encoded just now
	}
	return b.Bytes()
}

func (f geminiFormat) open(a *answer) streamer {
	return &geminiStream{f: f, a: a, sent: newTally(f.thought(), a)}
}

// geminiStream frames an answer as GenerateContentResponse objects: events with CRLF,
// or elements of one array, printed over lines as Google prints them.
type geminiStream struct {
	f      geminiFormat
	a      *answer
	some   bool
	called bool
	sent   *tally
}

func (s *geminiStream) prelude() []byte { return nil }

func (s *geminiStream) frame(m members) []byte {
	if !s.f.array {
		return append(append([]byte("data: "), mustJSON(m)...), "\r\n\r\n"...)
	}
	before := "[" // the array's
	if s.some {
		before = ",\r\n"
	}
	s.some = true
	return append([]byte(before), printed(m)...)
}

func (s *geminiStream) piece(p piece) []byte {
	part := s.a.parts[p.part]
	first := p.kind == analyst.Call && !s.called
	s.called = s.called || p.kind == analyst.Call
	s.sent.add(p)
	usage := members{"trafficType", "ON_DEMAND"} // Vertex AI tells of tokens at the end only
	if s.f.service != "vertex" {
		u := *s.sent.usage()
		u.CacheRead, u.Input = 0, u.Input+u.CacheRead // the cache is told of at the end only
		usage = s.f.usage(u)
	}
	return s.frame(s.f.chunk(s.a, []any{geminiSaid(part, p.text, first)}, "", usage))
}

// end comes, where the model thought, with an empty text that carries the signature.
func (s *geminiStream) end() []byte {
	last := members{"text", ""}
	if s.a.usage.Reasoning > 0 && !s.called {
		last = append(last, "thoughtSignature", thoughtSignature)
	}
	out := s.frame(s.f.chunk(s.a, []any{last}, geminiFinish(s.a), s.f.usage(s.a.usage)))
	if s.f.array {
		out = append(out, "\r\n]"...)
	}
	return out
}

func (s *geminiStream) failure(e *apiError) []byte {
	m := members{"error", members{"code", e.status, "message", e.message, "status", googleStatus[e.status]}}
	if s.f.array {
		return append(s.frame(m), "\r\n]"...)
	}
	return s.frame(m)
}

func (s *geminiStream) garbage() []byte {
	const broken = "{\"candidates\": [{\"cont\x00"
	if s.f.array && s.some {
		return []byte("," + broken)
	} else if s.f.array {
		return []byte("[" + broken)
	}
	return []byte("data: " + broken + "\r\n\r\n")
}

func (s *geminiStream) malformed() []byte {
	if !s.f.array {
		return s.garbage()
	}
	return s.frame(members{"candidates", 3}) // what is no JSON would be the array's end
}

func (s *geminiStream) ping() []byte {
	if s.f.array {
		return []byte("\r\n")
	}
	return []byte(keepAlive)
}

// blocked is the answer to a prompt that the filter minds: it has no candidates.
func (f geminiFormat) blocked(model string) (contentType string, body []byte) {
	m := members{"promptFeedback", members{"blockReason", "PROHIBITED_CONTENT"}, "usageMetadata", f.usage(Usage{}), "modelVersion", model}
	switch {
	case f.sse:
		return f.streamType(), append(append([]byte("data: "), mustJSON(m)...), "\r\n\r\n"...)
	case f.array:
		return f.streamType(), append(append([]byte("["), printed(m)...), "\r\n]"...)
	}
	return "application/json; charset=UTF-8", mustJSON(m)
}
