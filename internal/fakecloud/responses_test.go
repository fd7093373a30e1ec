package fakecloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"github.com/skein-run/skein/internal/fakecloud"
)

func TestResponsesGoOnFromWhatIsStored(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	to := responsesTalk(openaiClient(url), wish{tools: true}).(*responsesTalker)
	p := to.p
	p.Input = responses.ResponseNewParamsInputUnion{OfString: openai.String(weatherQuestion)}
	first, err := to.c.Responses.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	p.PreviousResponseID = openai.String(first.ID)
	p.Input = responses.ResponseNewParamsInputUnion{}
	for _, it := range first.Output {
		if it.Type == "function_call" {
			p.Input.OfInputItemList = append(p.Input.OfInputItemList, responses.ResponseInputItemUnionParam{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{
				CallID: openai.String(it.AsFunctionCall().CallID), Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String("sunny")}}})
		}
	}
	second, err := to.c.Responses.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(second.OutputText(), "sunny; sunny") || second.Usage.InputTokens <= first.Usage.InputTokens {
		t.Errorf("%s, %d tokens after %d", second.OutputText(), second.Usage.InputTokens, first.Usage.InputTokens)
	}
	p.Input.OfInputItemList = p.Input.OfInputItemList[:1]
	if _, err := to.c.Responses.New(context.Background(), p); !strings.Contains(saidOpenAI(err), "No tool output found") {
		t.Errorf("one of two results is enough: %v", err)
	}
	p.PreviousResponseID = openai.String("resp_of_somebody_else")
	if _, err := to.c.Responses.New(context.Background(), p); !strings.Contains(saidOpenAI(err), "not found") {
		t.Errorf("an answer that nobody gave: %v", err)
	}
	if n := len(ended(s)); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// TestCustomToolsAreCalledWithText: what Codex sends, a namespace with a tool that
// takes text among the input, is called as Codex expects it.
func TestCustomToolsAreCalledWithText(t *testing.T) {
	_, url := serve(t, fakecloud.Options{})
	h := map[string]string{"Authorization": "Bearer k"}
	tools := `{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions","description":"d","tools":[` +
		`{"type":"custom","name":"exec","description":"runs a script","format":{"type":"grammar","syntax":"lark","definition":"start: /.+/"}},` +
		`{"type":"function","name":"wait","description":"waits","strict":false,"parameters":{"type":"object","properties":{"n":{"type":"number"}}}}]}]}`
	user := `{"type":"message","role":"user","content":[{"type":"input_text","text":"please exec List"}]}`
	ask := func(stream bool, more string) reply {
		return post(t, context.Background(), url+"/openai/v1/responses", fmt.Sprintf(`{"model":"gpt-6.1-codex","store":false,"stream":%v,"include":["reasoning.encrypted_content"],"reasoning":{"effort":"low","summary":"auto"},"input":[%s,%s%s]}`, stream, tools, user, more), h)
	}
	got := ask(true, "")
	for _, want := range []string{`"type":"custom_tool_call"`, `"namespace":"functions"`, "event: response.custom_tool_call_input.delta", "event: response.custom_tool_call_input.done", `"input":"List"`} {
		if !strings.Contains(got.body, want) {
			t.Fatalf("there is no %s in\n%s", want, got.body)
		}
	}
	whole := ask(false, "")
	var in struct{ Output []json.RawMessage }
	if err := json.Unmarshal([]byte(whole.body), &in); err != nil || len(in.Output) != 3 {
		t.Fatalf("%d items: %v", len(in.Output), err)
	}
	var call struct {
		CallID string `json:"call_id"`
	}
	if err := json.Unmarshal(in.Output[2], &call); err != nil {
		t.Fatal(err)
	}
	back := "," + string(bytes.Join([][]byte{in.Output[0], in.Output[1], in.Output[2]}, []byte(","))) +
		`,{"type":"custom_tool_call_output","call_id":"` + call.CallID + `","output":[{"type":"input_text","text":"a.txt"}]}`
	if got := ask(false, back); got.status != http.StatusOK || !strings.Contains(got.body, "a.txt") {
		t.Errorf("the result is not taken: %d %s", got.status, got.body)
	}
}
