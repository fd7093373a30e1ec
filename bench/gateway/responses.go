package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

var responses = &format{
	name: "responses", before: "/v1/responses",
	credential: "Authorization: Bearer ",
	body: func(model, more string) string {
		return fmt.Sprintf(`{"model":%q,"instructions":%q,"input":[{"role":"user","content":[{"type":"input_text","text":%q}]}],"max_output_tokens":400,"temperature":0.2,"store":false%s}`, model, system, filing, more)
	},
	canned: cannedResponses(), read: readResponses,
	ended:    endsWith("event: response.completed\n", fmt.Sprintf(`"output_tokens":%d`, outputTokens), "}\n\n"),
	provider: "kind: openai, formats: [responses]", base: "/v1",
}

func readResponses(body []byte) (text string, in, out int, err error) {
	var a struct {
		Output []struct {
			Content []struct{ Text string }
		}
		Usage struct {
			Input  int `json:"input_tokens"`
			Output int `json:"output_tokens"`
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", 0, 0, err
	}
	if len(a.Output) != 1 || len(a.Output[0].Content) != 1 {
		return "", 0, 0, errors.New("it has not one item of one part")
	}
	return a.Output[0].Content[0].Text, a.Usage.Input, a.Usage.Output, nil
}

func cannedResponses() *canned {
	const id = "msg_02cbfd68e4ae57b500695cb5baff7c8195976581ed7c4d5108"
	usage := fmt.Sprintf(`{"input_tokens":%d,"input_tokens_details":{"cached_tokens":0},"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":%d}`,
		inputTokens, outputTokens, inputTokens+outputTokens)
	response := func(status, output, usage string) string {
		return fmt.Sprintf(`{"id":"resp_02cbfd68e4ae57b500695cb5b9f0a08195","object":"response","created_at":1764000000,"status":%q,"background":false,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":400,"model":"bench-model-2026-01-01","output":%s,"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"service_tier":"default","store":false,"temperature":0.2,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":%s,"user":null,"metadata":{}}`,
			status, output, usage)
	}
	part := func(text string) string {
		return fmt.Sprintf(`{"type":"output_text","annotations":[],"logprobs":[],"text":%s}`, quoted(text))
	}
	item := func(status, content string) string {
		return fmt.Sprintf(`{"id":%q,"type":"message","status":%q,"content":[%s],"role":"assistant"}`, id, status, content)
	}
	done := item("completed", part(answerText))
	c := &canned{plain: []byte(response("completed", "["+done+"]", usage)), streamType: eventStream}
	n := 0
	event := func(kind, members string) []byte {
		n++
		return sseEvent(kind, fmt.Sprintf(`{"type":%q,"sequence_number":%d,%s}`, kind, n-1, members))
	}
	const place = `"item_id":"` + id + `","output_index":0,"content_index":0,`
	begun := `"response":` + response("in_progress", "[]", "null")
	c.chunks = append(c.chunks, event("response.created", begun), event("response.in_progress", begun),
		event("response.output_item.added", `"output_index":0,"item":`+item("in_progress", "")),
		event("response.content_part.added", place+`"part":`+part("")))
	for i := range pieces {
		c.chunks = append(c.chunks, event("response.output_text.delta", fmt.Sprintf(place+`"delta":%s,"logprobs":[],"obfuscation":"PrD7L1olzdTEz"`, quoted(piece(i)))))
	}
	c.chunks = append(c.chunks, event("response.output_text.done", place+`"text":`+string(quoted(answerText))+`,"logprobs":[]`),
		event("response.content_part.done", place+`"part":`+part(answerText)),
		event("response.output_item.done", `"output_index":0,"item":`+done))
	c.end = event("response.completed", `"response":`+response("completed", "["+done+"]", usage))
	return c
}
