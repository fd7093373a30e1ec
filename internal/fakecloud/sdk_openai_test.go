package fakecloud_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"github.com/skein-run/skein/internal/fakecloud"
)

func azureClient(url string) openai.Client {
	return openai.NewClient(azure.WithEndpoint(url+"/azure", "2024-10-21"), azure.WithAPIKey("k"), azure.WithUnsafeAllowHTTP(), option.WithMaxRetries(0))
}

// azureV1Client speaks to the paths that are OpenAI's own.
func azureV1Client(url string) openai.Client {
	return openai.NewClient(option.WithBaseURL(url+"/azure/openai/v1"), option.WithHeader("Api-Key", "k"), option.WithAPIKey("k"), option.WithMaxRetries(0))
}

func openaiStatus(err error) int {
	var e *openai.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

type chatTalker struct {
	c openai.Client
	p openai.ChatCompletionNewParams
}

func newChatTalker(_ *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return chatTalk(openaiClient(url), w)
}

func newAzureChatTalker(_ *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return chatTalk(azureClient(url), w)
}

func chatTalk(c openai.Client, w wish) talker {
	to := &chatTalker{c: c}
	if w.tools {
		to.p.Tools = askWeather(false).Tools
	}
	to.p.Model = "gpt-5.1"
	if w.model != "" {
		to.p.Model = w.model
	}
	return to
}

func (*chatTalker) status(err error) int { return openaiStatus(err) }

func (c *chatTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	if in.text != "" {
		parts := []openai.ChatCompletionContentPartUnionParam{openai.TextContentPart(in.text)}
		if in.image != nil {
			parts = append(parts, openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: dataURL(in.image)}))
		}
		c.p.Messages = append(c.p.Messages, openai.UserMessage(parts))
	}
	if len(in.results) > 0 {
		last := c.p.Messages[len(c.p.Messages)-1].OfAssistant
		for i, r := range in.results {
			c.p.Messages = append(c.p.Messages, openai.ToolMessage(r, last.ToolCalls[i].OfFunction.ID))
		}
	}
	var got openai.ChatCompletion
	if stream {
		c.p.StreamOptions.IncludeUsage = openai.Bool(true)
		st := c.c.Chat.Completions.NewStreaming(ctx, c.p)
		var acc openai.ChatCompletionAccumulator
		for st.Next() {
			acc.AddChunk(st.Current())
		}
		if err := st.Err(); err != nil {
			return said{}, err
		}
		got = acc.ChatCompletion
	} else {
		whole, err := c.c.Chat.Completions.New(ctx, c.p)
		if err != nil {
			return said{}, err
		}
		got = *whole
	}
	if len(got.Choices) == 0 {
		return said{}, errors.New("no choice came")
	}
	m := got.Choices[0].Message
	c.p.Messages = append(c.p.Messages, m.ToParam())
	out := said{text: m.Content, stop: got.Choices[0].FinishReason, in: got.Usage.PromptTokens, out: got.Usage.CompletionTokens}
	for _, call := range m.ToolCalls {
		out.calls = append(out.calls, toolCall{call.ID, call.Function.Name, call.Function.Arguments})
	}
	return out, nil
}

func dataURL(b []byte) string { return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b) }

type responsesTalker struct {
	c     openai.Client
	p     responses.ResponseNewParams
	calls []string
}

func newResponsesTalker(_ *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return responsesTalk(openaiClient(url), w)
}

func newAzureResponsesTalker(_ *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return responsesTalk(azureV1Client(url), w)
}

func responsesTalk(c openai.Client, w wish) talker {
	to := &responsesTalker{c: c}
	to.p.Model = "gpt-5.1"
	if w.model != "" {
		to.p.Model = w.model
	}
	if w.tools {
		to.p.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "get_weather", Description: openai.String("the weather of a city"), Parameters: weather}}}
	}
	if w.thinks {
		to.p.Store = openai.Bool(false)
		to.p.Include = []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent}
		to.p.Reasoning = shared.ReasoningParam{Effort: shared.ReasoningEffortLow, Summary: shared.ReasoningSummaryAuto}
	}
	return to
}

func (*responsesTalker) status(err error) int { return openaiStatus(err) }

func (c *responsesTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	if in.text != "" {
		content := responses.ResponseInputMessageContentListParam{{OfInputText: &responses.ResponseInputTextParam{Text: in.text}}}
		if in.image != nil {
			content = append(content, responses.ResponseInputContentUnionParam{OfInputImage: &responses.ResponseInputImageParam{Detail: "auto", ImageURL: openai.String(dataURL(in.image))}})
		}
		c.p.Input.OfInputItemList = append(c.p.Input.OfInputItemList, responses.ResponseInputItemParamOfMessage(content, responses.EasyInputMessageRoleUser))
	}
	for i, r := range in.results {
		c.p.Input.OfInputItemList = append(c.p.Input.OfInputItemList, responses.ResponseInputItemUnionParam{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{
			CallID: openai.String(c.calls[i]), Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String(r)}}})
	}
	var got responses.Response
	if stream {
		st := c.c.Responses.NewStreaming(ctx, c.p)
		text := ""
		for st.Next() {
			switch ev := st.Current(); ev.Type {
			case "response.output_text.delta":
				text += ev.Delta
			case "response.completed", "response.incomplete":
				got = ev.Response
			case "error", "response.failed":
				return said{}, errors.New(ev.Type + " " + ev.Message)
			}
		}
		if err := st.Err(); err != nil {
			return said{}, err
		}
		if got.ID == "" {
			return said{}, errors.New("the stream has no end")
		}
		if text != got.OutputText() {
			return said{}, errors.New("the deltas are not the text: " + text)
		}
	} else {
		whole, err := c.c.Responses.New(ctx, c.p)
		if err != nil {
			return said{}, err
		}
		got = *whole
	}
	out := said{text: got.OutputText(), stop: string(got.Status), in: got.Usage.InputTokens, out: got.Usage.OutputTokens}
	c.calls = nil
	for _, it := range got.Output {
		switch it.Type {
		case "message":
			c.p.Input.OfInputItemList = append(c.p.Input.OfInputItemList, responses.ResponseInputItemUnionParam{OfOutputMessage: ptr(it.AsMessage().ToParam())})
		case "reasoning":
			out.thoughts++
			c.p.Input.OfInputItemList = append(c.p.Input.OfInputItemList, responses.ResponseInputItemUnionParam{OfReasoning: ptr(it.AsReasoning().ToParam())})
		case "function_call":
			call := it.AsFunctionCall()
			c.calls = append(c.calls, call.CallID)
			out.calls = append(out.calls, toolCall{call.CallID, call.Name, call.Arguments})
			c.p.Input.OfInputItemList = append(c.p.Input.OfInputItemList, responses.ResponseInputItemUnionParam{OfFunctionCall: ptr(call.ToParam())})
		}
	}
	return out, nil
}

func ptr[T any](v T) *T { return &v }
