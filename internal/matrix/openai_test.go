package matrix

import (
	"context"
	"errors"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

func openaiClient(w *world, h *counter, retries int) openai.Client {
	return openai.NewClient(option.WithBaseURL(w.url+"/v1"), option.WithAPIKey(w.key.Text()), option.WithHTTPClient(&http.Client{Transport: h}), option.WithMaxRetries(retries))
}

func openaiStatus(err error) (int, string) {
	var e *openai.Error
	if errors.As(err, &e) {
		return e.StatusCode, e.Message
	}
	return 0, ""
}

type chatTalker struct {
	c openai.Client
	p openai.ChatCompletionNewParams
}

func newChat(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	return chatTalk(openaiClient(w, h, retries), model, k), nil
}

// newAzure: with Azure's credentials the SDK takes no transport but Go's own, so that
// what it sends is counted on the way there.
func newAzure(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	count := func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) { return h.see(next(r)) }
	c := openai.NewClient(azure.WithEndpoint(w.url, "2024-10-21"), azure.WithAPIKey(w.key.Text()), azure.WithUnsafeAllowHTTP(),
		option.WithMiddleware(count), option.WithHTTPClient(&http.Client{Transport: w.roots}), option.WithMaxRetries(retries))
	return chatTalk(c, model, k), nil
}

func chatTalk(c openai.Client, model string, k wish) *chatTalker {
	to := &chatTalker{c: c}
	p := &to.p
	p.Model = model
	if k.system != "" {
		p.Messages = append(p.Messages, openai.SystemMessage(k.system))
	}
	if k.tools {
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: toolName, Description: openai.String(toolDoc), Parameters: weather})}
	}
	if k.force != "" {
		p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: k.force})
	}
	if k.thinks {
		p.ReasoningEffort = shared.ReasoningEffortLow
	}
	if k.schema {
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: "place", Schema: place, Strict: openai.Bool(true)}}
	}
	if k.stop != "" {
		p.Stop.OfStringArray = []string{k.stop}
	}
	if k.most > 0 {
		p.MaxCompletionTokens = openai.Int(k.most)
	}
	if k.seed {
		p.Seed = openai.Int(7)
	}
	if k.n {
		p.N = openai.Int(2)
	}
	return to
}

func (*chatTalker) status(err error) (int, string) { return openaiStatus(err) }
func (c *chatTalker) aim(model string)             { c.p.Model = model }

func (c *chatTalker) ask(in input) {
	if in.text != "" {
		parts := []openai.ChatCompletionContentPartUnionParam{openai.TextContentPart(in.text)}
		if in.image != nil {
			parts = append(parts, openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + inBase64(in.image)}))
		}
		if in.pdf != nil {
			parts = append(parts, openai.FileContentPart(openai.ChatCompletionContentPartFileFileParam{
				Filename: openai.String("page.pdf"), FileData: openai.String("data:application/pdf;base64," + inBase64(in.pdf))}))
		}
		if len(parts) == 1 {
			c.p.Messages = append(c.p.Messages, openai.UserMessage(in.text))
		} else {
			c.p.Messages = append(c.p.Messages, openai.UserMessage(parts))
		}
	}
	if len(in.results) > 0 {
		last := c.p.Messages[len(c.p.Messages)-1].OfAssistant
		for i, r := range in.results {
			c.p.Messages = append(c.p.Messages, openai.ToolMessage(r, last.ToolCalls[i].OfFunction.ID))
		}
	}
}

func (c *chatTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	c.ask(in)
	var got openai.ChatCompletion
	if stream {
		c.p.StreamOptions.IncludeUsage = openai.Bool(true)
		st := c.c.Chat.Completions.NewStreaming(ctx, c.p)
		var acc openai.ChatCompletionAccumulator
		for st.Next() {
			if !acc.AddChunk(st.Current()) {
				return said{}, errors.New("a chunk does not fit the stream")
			}
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
	m, u := got.Choices[0].Message, got.Usage
	c.p.Messages = append(c.p.Messages, m.ToParam())
	stop := map[string]string{"stop": "end", "tool_calls": "tools"}[got.Choices[0].FinishReason]
	if stop == "" {
		stop = got.Choices[0].FinishReason
	}
	out := said{text: m.Content, stop: stop, in: u.PromptTokens, out: u.CompletionTokens, cached: ptr(u.PromptTokensDetails.CachedTokens)}
	for _, call := range m.ToolCalls {
		out.calls = append(out.calls, toolCall{call.ID, call.Function.Name, call.Function.Arguments})
	}
	return out, nil
}
