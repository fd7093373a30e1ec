package fakecloud_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/skein-run/skein/internal/fakecloud"
)

// serve starts a stand-in on a loopback port.
func serve(t *testing.T, o fakecloud.Options) (*fakecloud.Server, string) {
	t.Helper()
	s, err := fakecloud.New(o)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Clear()
		hs.CloseClientConnections()
		hs.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, hs.URL
}

func openaiClient(url string) openai.Client {
	return openai.NewClient(openaioption.WithBaseURL(url+"/openai/v1"), openaioption.WithAPIKey("k"), openaioption.WithMaxRetries(0))
}

func anthropicClient(url string) anthropic.Client {
	return anthropic.NewClient(anthropicoption.WithBaseURL(url+"/anthropic"), anthropicoption.WithAPIKey("k"), anthropicoption.WithMaxRetries(0))
}

var weather = map[string]any{
	"type": "object", "required": []string{"city"},
	"properties": map[string]any{"city": map[string]any{"type": "string"}},
}

func askWeather(stream bool) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{
		Model:    "gpt-5.1",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is the weather in Paris and in Rome?")},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "get_weather", Description: openai.String("the weather of a city"), Parameters: weather})},
	}
	if stream {
		p.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	return p
}

func TestOpenAISDKStreamedIsTheSameAsWhole(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	c := openaiClient(url)
	ctx := context.Background()

	whole, err := c.Chat.Completions.New(ctx, askWeather(false))
	if err != nil {
		t.Fatal(err)
	}
	stream := c.Chat.Completions.NewStreaming(ctx, askWeather(true))
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Fatal("a chunk does not fit the stream")
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]openai.ChatCompletion{"whole": *whole, "streamed": acc.ChatCompletion} {
		m := got.Choices[0].Message
		if len(m.ToolCalls) != 2 || got.Choices[0].FinishReason != "tool_calls" {
			t.Fatalf("%s: %d calls, finish reason %s", name, len(m.ToolCalls), got.Choices[0].FinishReason)
		}
		for i, city := range []string{"Paris", "Rome"} {
			if call := m.ToolCalls[i].Function; call.Name != "get_weather" || call.Arguments != `{"city":"`+city+`"}` {
				t.Errorf("%s: call %d is %s(%s)", name, i, call.Name, call.Arguments)
			}
		}
		if m.Content == "" {
			t.Errorf("%s: nothing was said before the calls", name)
		}
	}
	if whole.Usage.TotalTokens == 0 || whole.Usage.TotalTokens != acc.Usage.TotalTokens {
		t.Errorf("usage: whole %d, streamed %d tokens", whole.Usage.TotalTokens, acc.Usage.TotalTokens)
	}
	ends := ended(s)
	if len(ends) != 2 || ends[0].Usage.Output != whole.Usage.CompletionTokens || *ends[0].Usage != *ends[1].Usage {
		t.Errorf("the log has other usage: %+v", ends)
	}
}

func TestOpenAISDKToolResultsComeBack(t *testing.T) {
	_, url := serve(t, fakecloud.Options{})
	c := openaiClient(url)
	p := askWeather(false)
	first, err := c.Chat.Completions.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	p.Messages = append(p.Messages, first.Choices[0].Message.ToParam())
	for _, call := range first.Choices[0].Message.ToolCalls {
		p.Messages = append(p.Messages, openai.ToolMessage("sunny, 21 degrees", call.ID))
	}
	second, err := c.Chat.Completions.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if m := second.Choices[0].Message; len(m.ToolCalls) != 0 || !strings.Contains(m.Content, "sunny, 21 degrees") {
		t.Errorf("the answer does not tell what the tools gave: %q", m.Content)
	}
	if second.Usage.PromptTokens <= first.Usage.PromptTokens {
		t.Error("a longer conversation has no more tokens")
	}

	p.Messages = p.Messages[:len(p.Messages)-1]
	if _, err := c.Chat.Completions.New(context.Background(), p); !strings.Contains(saidOpenAI(err), "tool_call_ids did not have response messages") {
		t.Errorf("a call without its result is accepted: %v", err)
	}
}

func anthropicWeather() anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: "claude-sonnet-4-5", MaxTokens: 500,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("What is the weather in Paris and in Rome?"))},
		Tools: []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", Description: anthropic.String("the weather of a city"),
			InputSchema: anthropic.ToolInputSchemaParam{Properties: weather["properties"], Required: []string{"city"}}}}},
	}
}

func TestAnthropicSDKStreamedIsTheSameAsWhole(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	c := anthropicClient(url)
	ctx := context.Background()
	whole, err := c.Messages.New(ctx, anthropicWeather())
	if err != nil {
		t.Fatal(err)
	}
	stream := c.Messages.NewStreaming(ctx, anthropicWeather())
	var acc anthropic.Message
	kinds := map[string]int{}
	for stream.Next() {
		kinds[stream.Current().Type]++
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]anthropic.Message{"whole": *whole, "streamed": acc} {
		if len(got.Content) != 3 || got.Content[0].Type != "text" || got.StopReason != "tool_use" {
			t.Fatalf("%s: %d blocks, stop reason %s", name, len(got.Content), got.StopReason)
		}
		for i, city := range []string{"Paris", "Rome"} {
			var input struct{ City string }
			if err := json.Unmarshal(got.Content[i+1].Input, &input); err != nil || input.City != city {
				t.Errorf("%s: call %d has %s: %v", name, i, got.Content[i+1].Input, err)
			}
		}
	}
	if whole.Usage.OutputTokens != acc.Usage.OutputTokens || whole.Usage.InputTokens != acc.Usage.InputTokens {
		t.Errorf("usage: whole %+v, streamed %+v", whole.Usage, acc.Usage)
	}
	for _, kind := range []string{"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s event came", kind)
		}
	}
	if ends := ended(s); len(ends) != 2 || ends[1].Usage.Input != acc.Usage.InputTokens {
		t.Errorf("the log has other usage: %+v", ends)
	}
}

func TestAnthropicSDKToolResultsComeBack(t *testing.T) {
	_, url := serve(t, fakecloud.Options{})
	c := anthropicClient(url)
	p := anthropicWeather()
	first, err := c.Messages.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	p.Messages = append(p.Messages, first.ToParam())
	var results []anthropic.ContentBlockParamUnion
	for _, b := range first.Content {
		if b.Type == "tool_use" {
			results = append(results, anthropic.NewToolResultBlock(b.ID, "no such city", true))
		}
	}
	p.Messages = append(p.Messages, anthropic.NewUserMessage(results...))
	second, err := c.Messages.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if got := second.Content[0].Text; !strings.Contains(got, "failed (no such city)") {
		t.Errorf("the answer does not tell of the failure: %q", got)
	}
	p.Messages[2] = anthropic.NewUserMessage(results[0])
	if _, err := c.Messages.New(context.Background(), p); err == nil || !strings.Contains(err.Error(), "without `tool_result` blocks") {
		t.Errorf("a call without its result is accepted: %v", err)
	}
}

func TestOutputCapCutsWithLength(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	oc, ac := openaiClient(url), anthropicClient(url)
	hello := []openai.ChatCompletionMessageParamUnion{openai.UserMessage("say hello")}
	got, err := oc.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model: "gpt-5.1", Messages: hello, MaxCompletionTokens: openai.Int(4)})
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Choices[0]; c.FinishReason != "length" || got.Usage.CompletionTokens != 4 || len(c.Message.Content) > 16 {
		t.Errorf("chat: %s after %d tokens: %q", c.FinishReason, got.Usage.CompletionTokens, c.Message.Content)
	}
	if _, err := oc.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model: "gpt-5.1", Messages: hello, MaxTokens: openai.Int(4)}); !strings.Contains(saidOpenAI(err), "max_completion_tokens") {
		t.Errorf("a reasoning model takes max_tokens: %v", err)
	}
	p := anthropicWeather()
	p.MaxTokens = 8
	msg, err := ac.Messages.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if msg.StopReason != "max_tokens" || msg.Usage.OutputTokens > 8 {
		t.Errorf("messages: %s after %d tokens", msg.StopReason, msg.Usage.OutputTokens)
	}
	if n := len(ended(s)); n != 3 {
		t.Errorf("%d requests in the log", n)
	}
}

func TestModelsAreListed(t *testing.T) {
	_, url := serve(t, fakecloud.Options{})
	om, err := openaiClientPtr(url).Models.List(context.Background())
	if err != nil || len(om.Data) == 0 {
		t.Errorf("openai: %v, %v", om, err)
	}
	am, err := anthropicClientPtr(url).Models.List(context.Background(), anthropic.ModelListParams{})
	if err != nil || len(am.Data) == 0 {
		t.Errorf("anthropic: %v, %v", am, err)
	}
}

// saidOpenAI is the message of an error that the API answered; "" where it is none.
func saidOpenAI(err error) string {
	var e *openai.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}

func openaiClientPtr(url string) *openai.Client       { c := openaiClient(url); return &c }
func anthropicClientPtr(url string) *anthropic.Client { c := anthropicClient(url); return &c }

// ended are the ends of model requests in the log.
func ended(s *fakecloud.Server) []fakecloud.Line {
	var out []fakecloud.Line
	for _, ln := range s.Log().Lines() {
		if ln.Event == "end" {
			out = append(out, ln)
		}
	}
	return out
}

func TestAnAnswerFollowsTheSchemaInEitherFormat(t *testing.T) {
	_, url := serve(t, fakecloud.Options{})
	schema := map[string]any{"type": "object", "required": []string{"a"}, "properties": map[string]any{"a": map[string]any{"type": "string"}}}
	ac, oc := anthropicClient(url), openaiClient(url)
	p := anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 100, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("say hello"))}}
	p.OutputConfig = anthropic.OutputConfigParam{Format: anthropic.JSONOutputFormatParam{Schema: schema}}
	msg, err := ac.Messages.New(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	chat, err := oc.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model: "gpt-5.1", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("say hello")},
		ResponseFormat: openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "x", Schema: schema}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for format, text := range map[string]string{"messages": msg.Content[0].Text, "chat": chat.Choices[0].Message.Content} {
		var got struct{ A *string }
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.A == nil {
			t.Errorf("%s: %q, %v", format, text, err)
		}
	}
}
