package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth/bearer"
)

// bedrockClient signs with the AWS pair of a Skein key, or sends the key as a bearer
// token, which the SDK does over TLS only.
func bedrockClient(w *world, h *counter, asBearer bool, retries int) *bedrockruntime.Client {
	o := bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: &w.url, HTTPClient: &http.Client{Transport: h}, Retryer: aws.NopRetryer{}}
	if retries > 0 {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts = retries + 1 })
	}
	if asBearer {
		o.BaseEndpoint, o.AuthSchemePreference = &w.tls, []string{"httpBearerAuth"}
		o.BearerAuthTokenProvider = bearer.StaticTokenProvider{Token: bearer.Token{Value: w.key.Text()}}
	} else {
		access, secret := w.key.AWS()
		o.Credentials = credentials.NewStaticCredentialsProvider(access, secret, "")
	}
	return bedrockruntime.New(o)
}

// awsStatus: an error in mid-stream has the answer's status, which is no error's.
func awsStatus(err error) (int, string) {
	var e *awshttp.ResponseError
	var said smithy.APIError
	if errors.As(err, &e) && e.HTTPStatusCode() >= 400 && errors.As(err, &said) {
		return e.HTTPStatusCode(), said.ErrorMessage()
	}
	return 0, ""
}

type converseTalker struct {
	c     *bedrockruntime.Client
	p     bedrockruntime.ConverseInput
	calls []string
}

func newConverse(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	return converseTalk(bedrockClient(w, h, false, retries), model, k), nil
}

func newBearerConverse(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	return converseTalk(bedrockClient(w, h, true, retries), model, k), nil
}

func converseTalk(c *bedrockruntime.Client, model string, k wish) *converseTalker {
	to := &converseTalker{c: c}
	p := &to.p
	p.ModelId = &model
	p.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(4000)}
	if k.most > 0 {
		p.InferenceConfig.MaxTokens = aws.Int32(int32(k.most))
	}
	if k.system != "" {
		p.System = []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: k.system}}
		if k.marks {
			p.System = append(p.System, &types.SystemContentBlockMemberCachePoint{Value: types.CachePointBlock{Type: types.CachePointTypeDefault}})
		}
	}
	if k.tools {
		p.ToolConfig = &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
			Name: aws.String(toolName), Description: aws.String(toolDoc), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(weather)}}}}}
	}
	if k.force != "" {
		p.ToolConfig.ToolChoice = &types.ToolChoiceMemberTool{Value: types.SpecificToolChoice{Name: &k.force}}
	}
	if k.thinks {
		p.AdditionalModelRequestFields = document.NewLazyDocument(map[string]any{"thinking": map[string]any{"type": "enabled", "budget_tokens": 1024}})
	}
	if k.schema {
		p.OutputConfig = &types.OutputConfig{TextFormat: &types.OutputFormat{Type: types.OutputFormatTypeJsonSchema,
			Structure: &types.OutputFormatStructureMemberJsonSchema{Value: types.JsonSchemaDefinition{Name: aws.String("place"), Schema: aws.String(string(must(json.Marshal(place))))}}}}
	}
	if k.stop != "" {
		p.InferenceConfig.StopSequences = []string{k.stop}
	}
	return to
}

func (*converseTalker) status(err error) (int, string) { return awsStatus(err) }
func (c *converseTalker) aim(model string)             { c.p.ModelId = &model }

func (c *converseTalker) ask(in input) {
	var blocks []types.ContentBlock
	for i, r := range in.results {
		blocks = append(blocks, &types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: aws.String(c.calls[i]),
			Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: r}}}})
	}
	if in.text != "" {
		blocks = append(blocks, &types.ContentBlockMemberText{Value: in.text})
	}
	if in.image != nil {
		blocks = append(blocks, &types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: in.image}}})
	}
	if in.pdf != nil {
		blocks = append(blocks, &types.ContentBlockMemberDocument{Value: types.DocumentBlock{
			Name: aws.String("page"), Format: types.DocumentFormatPdf, Source: &types.DocumentSourceMemberBytes{Value: in.pdf}}})
	}
	c.p.Messages = append(c.p.Messages, types.Message{Role: types.ConversationRoleUser, Content: blocks})
}

func (c *converseTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	c.ask(in)
	var got conversed
	if stream {
		var err error
		if got, err = c.stream(ctx); err != nil {
			return said{}, err
		}
	} else {
		whole, err := c.c.Converse(ctx, &c.p)
		if err != nil {
			return said{}, err
		}
		m, ok := whole.Output.(*types.ConverseOutputMemberMessage)
		if !ok {
			return said{}, errors.New("the answer has no message")
		}
		got = conversed{m.Value, whole.Usage, whole.StopReason}
	}
	c.p.Messages = append(c.p.Messages, got.m)
	u, read := got.u, int64(aws.ToInt32(got.u.CacheReadInputTokens))
	out := said{stop: string(got.stop), in: int64(*u.InputTokens) + read + int64(aws.ToInt32(u.CacheWriteInputTokens)), out: int64(*u.OutputTokens), cached: &read}
	if s := map[types.StopReason]string{"end_turn": "end", "tool_use": "tools", "max_tokens": "length", "stop_sequence": "sequence"}[got.stop]; s != "" {
		out.stop = s
	}
	c.calls = nil
	for _, b := range got.m.Content {
		switch b := b.(type) {
		case *types.ContentBlockMemberText:
			out.text += b.Value
		case *types.ContentBlockMemberReasoningContent:
			out.thoughts++
		case *types.ContentBlockMemberToolUse:
			args, err := b.Value.Input.MarshalSmithyDocument()
			if err != nil {
				return said{}, err
			}
			c.calls = append(c.calls, *b.Value.ToolUseId)
			out.calls = append(out.calls, toolCall{*b.Value.ToolUseId, *b.Value.Name, string(args)})
		}
	}
	return out, nil
}

type conversed struct {
	m    types.Message
	u    *types.TokenUsage
	stop types.StopReason
}

// stream puts an answer together from its events.
func (c *converseTalker) stream(ctx context.Context) (got conversed, err error) {
	st, err := c.c.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: c.p.ModelId, Messages: c.p.Messages, System: c.p.System, ToolConfig: c.p.ToolConfig,
		InferenceConfig: c.p.InferenceConfig, OutputConfig: c.p.OutputConfig, AdditionalModelRequestFields: c.p.AdditionalModelRequestFields})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, st.GetStream().Close()) }()
	got.m.Role = types.ConversationRoleAssistant
	var block streamedBlock
	for ev := range st.GetStream().Events() {
		switch ev := ev.(type) {
		case *types.ConverseStreamOutputMemberContentBlockStart:
			if call, ok := ev.Value.Start.(*types.ContentBlockStartMemberToolUse); ok {
				block.call = &call.Value
			}
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			block.add(ev.Value.Delta)
		case *types.ConverseStreamOutputMemberContentBlockStop:
			whole, err := block.whole()
			if err != nil {
				return got, err
			}
			got.m.Content = append(got.m.Content, whole)
			block = streamedBlock{}
		case *types.ConverseStreamOutputMemberMessageStop:
			got.stop = ev.Value.StopReason
		case *types.ConverseStreamOutputMemberMetadata:
			got.u = ev.Value.Usage
		}
	}
	if err := st.GetStream().Err(); err != nil {
		return got, err
	}
	if got.u == nil || got.stop == "" {
		return got, errNoEnd
	}
	return got, nil
}

type streamedBlock struct {
	text, args, thought, signature string
	redacted                       []byte
	thinks                         bool
	call                           *types.ToolUseBlockStart
}

func (b *streamedBlock) add(d types.ContentBlockDelta) {
	switch d := d.(type) {
	case *types.ContentBlockDeltaMemberText:
		b.text += d.Value
	case *types.ContentBlockDeltaMemberToolUse:
		b.args += *d.Value.Input
	case *types.ContentBlockDeltaMemberReasoningContent:
		b.thinks = true
		switch r := d.Value.(type) {
		case *types.ReasoningContentBlockDeltaMemberText:
			b.thought += r.Value
		case *types.ReasoningContentBlockDeltaMemberSignature:
			b.signature += r.Value
		case *types.ReasoningContentBlockDeltaMemberRedactedContent:
			b.redacted = append(b.redacted, r.Value...)
		}
	}
}

func (b *streamedBlock) whole() (types.ContentBlock, error) {
	switch {
	case b.call != nil:
		var v any
		if err := json.Unmarshal([]byte(b.args), &v); err != nil {
			return nil, err
		}
		return &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{ToolUseId: b.call.ToolUseId, Name: b.call.Name, Input: document.NewLazyDocument(v)}}, nil
	case b.redacted != nil:
		return &types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberRedactedContent{Value: b.redacted}}, nil
	case b.thinks:
		r := types.ReasoningTextBlock{Text: ptr(b.thought)}
		if b.signature != "" {
			r.Signature = ptr(b.signature)
		}
		return &types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberReasoningText{Value: r}}, nil
	}
	return &types.ContentBlockMemberText{Value: b.text}, nil
}
