package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

var gemini = &format{
	name: "gemini", before: "/v1beta/models/", after: ":generateContent", streams: ":streamGenerateContent?alt=sse", named: true,
	credential: "X-Goog-Api-Key: ",
	body: func(_, _ string) string {
		return fmt.Sprintf(`{"systemInstruction":{"parts":[{"text":%q}]},"contents":[{"role":"user","parts":[{"text":%q}]}],"generationConfig":{"maxOutputTokens":400,"temperature":0.2}}`, system, filing)
	},
	canned: cannedGemini(), read: readGemini, ended: endedGemini,
	provider: "kind: gemini",
}

func readGemini(body []byte) (text string, in, out int, err error) {
	var a struct {
		Candidates []struct {
			Content struct {
				Parts []struct{ Text string }
			}
		}
		UsageMetadata struct{ PromptTokenCount, CandidatesTokenCount int }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", 0, 0, err
	}
	if len(a.Candidates) != 1 || len(a.Candidates[0].Content.Parts) != 1 {
		return "", 0, 0, errors.New("it has not one candidate of one part")
	}
	return a.Candidates[0].Content.Parts[0].Text, a.UsageMetadata.PromptTokenCount, a.UsageMetadata.CandidatesTokenCount, nil
}

// endedGemini wants the reason why it ended, the usage and the end of an event. The
// format has no terminal event; Google writes a space after a colon, others do not.
func endedGemini(rest []byte) error {
	rest = bytes.ReplaceAll(rest, []byte(`": `), []byte(`":`))
	switch {
	case !bytes.Contains(rest, []byte(`"finishReason":"STOP"`)):
		return errors.New("a stream ended without a reason")
	case !bytes.Contains(rest, fmt.Appendf(nil, `"candidatesTokenCount":%d`, outputTokens)):
		return errors.New("a stream ended without its usage")
	case !bytes.HasSuffix(rest, []byte("}\r\n\r\n")) && !bytes.HasSuffix(rest, []byte("}\n\n")):
		return errors.New("a stream ended within an event")
	}
	return nil
}

func cannedGemini() *canned {
	answer := func(text, more string, out int) string {
		return fmt.Sprintf(`{"candidates": [{"content": {"parts": [{"text": %s}],"role": "model"},%s"index": 0}],"usageMetadata": {"promptTokenCount": %d,"candidatesTokenCount": %d,"totalTokenCount": %d,"promptTokensDetails": [{"modality": "TEXT","tokenCount": %d}]},"modelVersion": "bench-model","responseId": "StkEarfIJY6_qtsP9tjeuQs"}`,
			quoted(text), more, inputTokens, out, inputTokens+out, inputTokens)
	}
	const stopped = `"finishReason": "STOP",`
	c := &canned{plain: []byte(answer(answerText, stopped, outputTokens)), streamType: "text/event-stream"}
	for i := range pieces {
		more := ""
		if i == pieces-1 {
			more = stopped
		}
		c.chunks = append(c.chunks, fmt.Appendf(nil, "data: %s\r\n\r\n", answer(piece(i), more, i+1)))
	}
	return c
}
