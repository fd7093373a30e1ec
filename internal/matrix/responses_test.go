package matrix

import (
	"context"
	"errors"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

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
	switch {
	case got.IncompleteDetails.Reason == "max_output_tokens":
		out.stop = "length"
	case got.Status != "completed":
		out.stop = string(got.Status)
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
