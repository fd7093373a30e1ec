package gateway_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
)

var weather = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}}

func TestSDKsUseTools(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed %v", streamed), func(t *testing.T) {
			everyway(t, func(t *testing.T, h *house, u *upstream) { toolsOverChat(t, h, streamed) },
				func(t *testing.T, h *house, u *upstream) { toolsOverMessages(t, h, streamed) })
		})
	}
}

func toolsOverChat(t *testing.T, h *house, streamed bool) {
	c := openaiClient(t, h)
	p := chatParams()
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "weather", Parameters: weather})}
	ask := func() openai.ChatCompletion {
		t.Helper()
		if !streamed {
			got, err := c.Chat.Completions.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			return *got
		}
		s := c.Chat.Completions.NewStreaming(t.Context(), p)
		defer s.Close()
		acc := openai.ChatCompletionAccumulator{}
		for s.Next() {
			acc.AddChunk(s.Current())
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		return acc.ChatCompletion
	}
	first := ask().Choices[0]
	if first.FinishReason != "tool_calls" || len(first.Message.ToolCalls) != 1 || first.Message.ToolCalls[0].Function.Name != "weather" || !sameJSON(first.Message.ToolCalls[0].Function.Arguments, `{"city":"Bern"}`) {
		t.Fatalf("it asks for %+v", first)
	}
	p.Messages = append(p.Messages, first.Message.ToParam(), openai.ToolMessage("sunny", first.Message.ToolCalls[0].ID))
	if second := ask().Choices[0]; second.Message.Content != "Hello there" {
		t.Errorf("after the result it says %+v", second)
	}
}

func toolsOverMessages(t *testing.T, h *house, streamed bool) {
	c := anthropicClient(t, h)
	p := messagesParams()
	p.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: weather["properties"], Required: []string{"city"}}}}}
	ask := func() anthropic.Message {
		t.Helper()
		if !streamed {
			got, err := c.Messages.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			return *got
		}
		s := c.Messages.NewStreaming(t.Context(), p)
		defer s.Close()
		var got anthropic.Message
		for s.Next() {
			if err := got.Accumulate(s.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := ask()
	if first.StopReason != "tool_use" || len(first.Content) != 1 || first.Content[0].Name != "weather" || !sameJSON(string(first.Content[0].Input), `{"city":"Bern"}`) {
		t.Fatalf("it asks for %+v", first)
	}
	p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(first.Content[0].ID, "sunny", false)))
	if second := ask(); second.Content[0].Text != "Hello there" {
		t.Errorf("after the result it says %+v", second)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}
