package fakecloud_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/skein-run/skein/internal/fakecloud"
)

func bedrockClient(url string) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: aws.String(url + "/bedrock"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), Retryer: aws.NopRetryer{}})
}

type converseTalker struct {
	c     *bedrockruntime.Client
	p     bedrockruntime.ConverseInput
	calls []string
}

func newConverseTalker(_ *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	to := &converseTalker{c: bedrockClient(url)}
	to.p.ModelId = aws.String("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
	if w.model != "" {
		to.p.ModelId = aws.String(w.model)
	}
	to.p.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(4000)}
	if w.tools {
		to.p.ToolConfig = &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
			Name: aws.String("get_weather"), Description: aws.String("the weather of a city"),
			InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(weather)}}}}}
	}
	if w.thinks {
		to.p.AdditionalModelRequestFields = document.NewLazyDocument(map[string]any{"thinking": map[string]any{"type": "enabled", "budget_tokens": 1024}})
	}
	return to
}

func (*converseTalker) status(err error) int {
	var e *awshttp.ResponseError
	if errors.As(err, &e) && e.HTTPStatusCode() >= 400 {
		return e.HTTPStatusCode()
	}
	return 0
}

func (c *converseTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	var blocks []types.ContentBlock
	if in.text != "" {
		blocks = append(blocks, &types.ContentBlockMemberText{Value: in.text})
	}
	if in.image != nil {
		blocks = append(blocks, &types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: in.image}}})
	}
	for i, r := range in.results {
		blocks = append(blocks, &types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: aws.String(c.calls[i]),
			Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: r}}}})
	}
	c.p.Messages = append(c.p.Messages, types.Message{Role: types.ConversationRoleUser, Content: blocks})
	var m types.Message
	var u *types.TokenUsage
	var stop types.StopReason
	if stream {
		var err error
		if m, u, stop, err = c.stream(ctx); err != nil {
			return said{}, err
		}
	} else {
		got, err := c.c.Converse(ctx, &c.p)
		if err != nil {
			return said{}, err
		}
		m, u, stop = got.Output.(*types.ConverseOutputMemberMessage).Value, got.Usage, got.StopReason
	}
	c.p.Messages = append(c.p.Messages, m)
	c.calls = nil
	out := said{stop: string(stop), in: int64(*u.InputTokens) + int64(aws.ToInt32(u.CacheReadInputTokens)) + int64(aws.ToInt32(u.CacheWriteInputTokens)), out: int64(*u.OutputTokens)}
	for _, b := range m.Content {
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

// stream puts a message together from its events.
func (c *converseTalker) stream(ctx context.Context) (m types.Message, u *types.TokenUsage, stop types.StopReason, err error) {
	got, err := c.c.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: c.p.ModelId, Messages: c.p.Messages, ToolConfig: c.p.ToolConfig,
		InferenceConfig: c.p.InferenceConfig, AdditionalModelRequestFields: c.p.AdditionalModelRequestFields})
	if err != nil {
		return m, nil, "", err
	}
	defer func() { err = errors.Join(err, got.GetStream().Close()) }()
	m.Role = types.ConversationRoleAssistant
	var text, args, thought, signature string
	var call *types.ToolUseBlockStart
	for ev := range got.GetStream().Events() {
		switch ev := ev.(type) {
		case *types.ConverseStreamOutputMemberContentBlockStart:
			call = &ev.Value.Start.(*types.ContentBlockStartMemberToolUse).Value
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			switch d := ev.Value.Delta.(type) {
			case *types.ContentBlockDeltaMemberText:
				text += d.Value
			case *types.ContentBlockDeltaMemberToolUse:
				args += *d.Value.Input
			case *types.ContentBlockDeltaMemberReasoningContent:
				switch r := d.Value.(type) {
				case *types.ReasoningContentBlockDeltaMemberText:
					thought += r.Value
				case *types.ReasoningContentBlockDeltaMemberSignature:
					signature = r.Value
				}
			}
		case *types.ConverseStreamOutputMemberContentBlockStop:
			switch {
			case call != nil:
				var v any
				if err := json.Unmarshal([]byte(args), &v); err != nil {
					return m, nil, "", err
				}
				m.Content = append(m.Content, &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{ToolUseId: call.ToolUseId, Name: call.Name, Input: document.NewLazyDocument(v)}})
			case signature != "":
				m.Content = append(m.Content, &types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberReasoningText{
					Value: types.ReasoningTextBlock{Text: aws.String(thought), Signature: aws.String(signature)}}})
			default:
				m.Content = append(m.Content, &types.ContentBlockMemberText{Value: text})
			}
			text, args, thought, signature, call = "", "", "", "", nil
		case *types.ConverseStreamOutputMemberMessageStop:
			stop = ev.Value.StopReason
		case *types.ConverseStreamOutputMemberMetadata:
			u = ev.Value.Usage
		}
	}
	if err := got.GetStream().Err(); err != nil {
		return m, nil, "", err
	}
	if u == nil || stop == "" {
		return m, nil, "", errors.New("the stream has no end")
	}
	return m, u, stop, nil
}
