package fakecloud

import (
	"encoding/json"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// converseUsage is usage in Bedrock's terms: inputTokens leaves the cached ones out,
// and the cache's counts come twice.
func converseUsage(u Usage) members {
	write := u.CacheWrite + u.CacheWrite1h
	m := members{"inputTokens", u.Input, "outputTokens", u.Output + u.Reasoning, "totalTokens", u.Input + u.CacheRead + write + u.Output + u.Reasoning,
		"cacheReadInputTokens", u.CacheRead, "cacheReadInputTokenCount", u.CacheRead, "cacheWriteInputTokens", write, "cacheWriteInputTokenCount", write}
	if write > 0 {
		details := []any{}
		if u.CacheWrite > 0 {
			details = append(details, members{"inputTokens", u.CacheWrite, "ttl", "5m"})
		}
		if u.CacheWrite1h > 0 {
			details = append(details, members{"inputTokens", u.CacheWrite1h, "ttl", "1h"})
		}
		m = append(m, "cacheDetails", details)
	}
	return append(m, "serverToolUsage", members{})
}

func converseStop(a *answer) string {
	switch a.stop {
	case stopTools:
		return "tool_use"
	case stopLength:
		return "max_tokens"
	case stopSequence:
		return "stop_sequence"
	case stopFiltered:
		return "content_filtered"
	}
	return "end_turn"
}

func (converseFormat) whole(a *answer) []byte {
	content := []any{}
	for _, p := range a.parts {
		switch p.Kind {
		case analyst.Text:
			content = append(content, members{"text", p.Text})
		case analyst.Thinking:
			if p.Name == redacted {
				content = append(content, members{"reasoningContent", members{"redactedContent", seal(makerAnthropic, redacted)}})
				continue
			}
			content = append(content, members{"reasoningContent", members{"reasoningText", members{"text", p.Text, "signature", seal(makerAnthropic, p.Text)}}})
		case analyst.Call:
			input := p.Args
			if !json.Valid(input) {
				input = json.RawMessage("{}")
			}
			content = append(content, members{"toolUse", members{"input", input, "name", p.Name, "toolUseId", p.ID, "type", "tool_use"}})
		}
	}
	return mustJSON(members{
		"metrics", members{"latencyMs", 12}, "output", members{"message", members{"content", content, "role", "assistant"}},
		"stopReason", converseStop(a), "usage", converseUsage(a.usage),
	})
}

// failure has the kind of error in a header, which only errors carry.
func (converseFormat) failure(e *apiError, _ string) []byte {
	return mustJSON(members{"message", e.message})
}

// amazonErrors are the names of errors, by status.
var amazonErrors = map[int]string{
	400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException", 404: "ResourceNotFoundException",
	408: "ModelTimeoutException", 413: "ValidationException", 424: "ModelErrorException", 429: "ThrottlingException", 500: "InternalServerException", 502: "ServiceUnavailableException", 503: "ServiceUnavailableException",
}

func (f converseFormat) open(a *answer) streamer { return &converseStream{f: f, a: a} }

// converseStream frames an answer as ConverseStream's events.
type converseStream struct {
	f converseFormat
	a *answer
}

func (s *converseStream) event(kind string, m members) []byte {
	return amazonEvent(kind, mustJSON(append(m, "p", pad(len(kind)+len(m)))))
}

func (s *converseStream) prelude() []byte {
	return s.event("messageStart", members{"role", "assistant"})
}

// piece: a start is sent for tools only.
func (s *converseStream) piece(p piece) []byte {
	var out []byte
	if p.first && p.kind == analyst.Call {
		out = s.event("contentBlockStart", members{"contentBlockIndex", p.part, "start", members{"toolUse", members{"name", p.name, "toolUseId", p.id}}})
	}
	delta := func(d members) {
		out = append(out, s.event("contentBlockDelta", members{"contentBlockIndex", p.part, "delta", d})...)
	}
	switch {
	case p.kind == analyst.Call:
		delta(members{"toolUse", members{"input", p.text}})
	case p.kind == analyst.Thinking && p.name == redacted:
		delta(members{"reasoningContent", members{"redactedContent", seal(makerAnthropic, redacted)}})
	case p.kind == analyst.Thinking:
		delta(members{"reasoningContent", members{"text", p.text}})
		if p.last {
			delta(members{"reasoningContent", members{"signature", seal(makerAnthropic, s.a.parts[p.part].Text)}})
		}
	default:
		delta(members{"text", p.text})
	}
	if p.last {
		out = append(out, s.event("contentBlockStop", members{"contentBlockIndex", p.part})...)
	}
	return out
}

func (s *converseStream) end() []byte {
	out := s.event("messageStop", members{"stopReason", converseStop(s.a)})
	return append(out, s.event("metadata", members{"metrics", members{"latencyMs", 12}, "usage", converseUsage(s.a.usage)})...)
}

func (s *converseStream) failure(e *apiError) []byte {
	return amazonException(exceptionOf(e), e.message)
}

func (s *converseStream) garbage() []byte { return []byte("\x00\x00\x00\x40\x00\x00\x00\x10broken") }

func (s *converseStream) malformed() []byte {
	return amazonEvent("contentBlockDelta", []byte("{\"contentBlockIndex\":0,\"del"))
}

func (s *converseStream) ping() []byte { return nil } // there are none
