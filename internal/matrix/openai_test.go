package matrix

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
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

type responsesTalker struct {
	c     openai.Client
	p     responses.ResponseNewParams
	calls []string
}

func newResponses(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	to := &responsesTalker{c: openaiClient(w, h, retries)}
	p := &to.p
	p.Model, p.Store = model, openai.Bool(false)
	if k.system != "" {
		p.Instructions = openai.String(k.system)
	}
	if k.tools {
		p.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: toolName, Description: openai.String(toolDoc), Parameters: weather, Strict: openai.Bool(false)}}}
	}
	if k.force != "" {
		p.ToolChoice.OfFunctionTool = &responses.ToolChoiceFunctionParam{Name: k.force}
	}
	if k.thinks {
		p.Include = []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent}
		p.Reasoning = shared.ReasoningParam{Effort: shared.ReasoningEffortLow, Summary: shared.ReasoningSummaryAuto}
	}
	if k.schema {
		p.Text.Format.OfJSONSchema = &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "place", Schema: place, Strict: openai.Bool(true)}
	}
	if k.most > 0 {
		p.MaxOutputTokens = openai.Int(k.most)
	}
	return to, nil
}

func (*responsesTalker) status(err error) (int, string) { return openaiStatus(err) }
func (c *responsesTalker) aim(model string)             { c.p.Model = model }

func (c *responsesTalker) add(it responses.ResponseInputItemUnionParam) {
	c.p.Input.OfInputItemList = append(c.p.Input.OfInputItemList, it)
}

func (c *responsesTalker) ask(in input) {
	if in.text != "" {
		content := responses.ResponseInputMessageContentListParam{{OfInputText: &responses.ResponseInputTextParam{Text: in.text}}}
		if in.image != nil {
			content = append(content, responses.ResponseInputContentUnionParam{OfInputImage: &responses.ResponseInputImageParam{
				Detail: "auto", ImageURL: openai.String("data:image/png;base64," + inBase64(in.image))}})
		}
		if in.pdf != nil {
			content = append(content, responses.ResponseInputContentUnionParam{OfInputFile: &responses.ResponseInputFileParam{
				Filename: openai.String("page.pdf"), FileData: openai.String("data:application/pdf;base64," + inBase64(in.pdf))}})
		}
		c.add(responses.ResponseInputItemParamOfMessage(content, responses.EasyInputMessageRoleUser))
	}
	for i, r := range in.results {
		c.add(responses.ResponseInputItemUnionParam{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{
			CallID: openai.String(c.calls[i]), Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String(r)}}})
	}
}

func (c *responsesTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	c.ask(in)
	var got responses.Response
	if stream {
		var err error
		if got, err = c.stream(ctx); err != nil {
			return said{}, err
		}
	} else {
		whole, err := c.c.Responses.New(ctx, c.p)
		if err != nil {
			return said{}, err
		}
		got = *whole
	}
	u := got.Usage
	out := said{text: got.OutputText(), stop: "end", in: u.InputTokens, out: u.OutputTokens, cached: ptr(u.InputTokensDetails.CachedTokens)}
	if got.Status != "completed" {
		out.stop = strings.TrimSuffix(strings.TrimPrefix(got.IncompleteDetails.Reason, "max_output_"), "tokens") + string(got.Status)
	}
	if got.IncompleteDetails.Reason == "max_output_tokens" {
		out.stop = "length"
	}
	c.calls = nil
	for _, it := range got.Output {
		switch it.Type {
		case "message":
			c.add(responses.ResponseInputItemUnionParam{OfOutputMessage: ptr(it.AsMessage().ToParam())})
		case "reasoning":
			out.thoughts++
			c.add(responses.ResponseInputItemUnionParam{OfReasoning: ptr(it.AsReasoning().ToParam())})
		case "function_call":
			call := it.AsFunctionCall()
			c.calls = append(c.calls, call.CallID)
			out.calls = append(out.calls, toolCall{call.CallID, call.Name, call.Arguments})
			c.add(responses.ResponseInputItemUnionParam{OfFunctionCall: ptr(call.ToParam())})
			if out.stop == "end" {
				out.stop = "tools"
			}
		}
	}
	return out, nil
}

// stream reads events to their end; what the deltas say is what the answer holds.
func (c *responsesTalker) stream(ctx context.Context) (got responses.Response, err error) {
	st := c.c.Responses.NewStreaming(ctx, c.p)
	text := ""
	for st.Next() {
		switch ev := st.Current(); ev.Type {
		case "response.output_text.delta":
			text += ev.Delta
		case "response.completed", "response.incomplete":
			got = ev.Response
		case "error", "response.failed":
			return got, errors.New(ev.Type + " " + ev.Message + ev.Response.Error.Message)
		}
	}
	switch {
	case st.Err() != nil:
		return got, st.Err()
	case got.ID == "":
		return got, errNoEnd
	case text != got.OutputText():
		return got, errors.New("the deltas are not the text: " + text)
	}
	return got, nil
}
