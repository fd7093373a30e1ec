package fakecloud_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/bedrock"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/vertex"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/skein-run/skein/internal/fakecloud"
)

type messagesTalker struct {
	c anthropic.Client
	p anthropic.MessageNewParams
}

func newMessagesTalker(_ *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return messagesTalk(anthropicClient(url), "claude-sonnet-4-5", w)
}

func newBedrockMessagesTalker(t *testing.T, s *fakecloud.Server, _ string, w wish) talker {
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")}
	c := anthropic.NewClient(bedrock.WithConfig(cfg), option.WithBaseURL(under(t, s, "/bedrock")), option.WithMaxRetries(0))
	return messagesTalk(c, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", w)
}

func newVertexMessagesTalker(t *testing.T, s *fakecloud.Server, _ string, w wish) talker {
	creds := &google.Credentials{TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "t"})}
	c := anthropic.NewClient(vertex.WithCredentials(context.Background(), "us-east5", "proj", creds), option.WithBaseURL(under(t, s, "/vertex")), option.WithMaxRetries(0))
	return messagesTalk(c, "claude-sonnet-4-5@20250929", w)
}

func messagesTalk(c anthropic.Client, model string, w wish) talker {
	to := &messagesTalker{c: c}
	to.p.Model, to.p.MaxTokens = anthropic.Model(model), 4000
	if w.model != "" {
		to.p.Model = anthropic.Model(w.model)
	}
	if w.tools {
		to.p.Tools = anthropicWeather().Tools
	}
	if w.thinks {
		to.p.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	}
	return to
}

func (*messagesTalker) status(err error) int {
	var e *anthropic.Error
	if errors.As(err, &e) && e.StatusCode >= 400 {
		return e.StatusCode
	}
	return 0
}

func (c *messagesTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	var blocks []anthropic.ContentBlockParamUnion
	if n := len(c.p.Messages); n > 0 {
		i := 0
		for _, b := range c.p.Messages[n-1].Content {
			if b.OfToolUse != nil {
				blocks = append(blocks, anthropic.NewToolResultBlock(b.OfToolUse.ID, in.results[i], false))
				i++
			}
		}
	}
	if in.image != nil {
		blocks = append(blocks, anthropic.NewImageBlockBase64("image/png", base64.StdEncoding.EncodeToString(in.image)))
	}
	if in.text != "" {
		blocks = append(blocks, anthropic.NewTextBlock(in.text))
	}
	c.p.Messages = append(c.p.Messages, anthropic.NewUserMessage(blocks...))
	var got anthropic.Message
	if stream {
		st := c.c.Messages.NewStreaming(ctx, c.p)
		for st.Next() {
			if err := got.Accumulate(st.Current()); err != nil {
				return said{}, err
			}
		}
		if err := st.Err(); err != nil {
			return said{}, err
		}
	} else {
		whole, err := c.c.Messages.New(ctx, c.p)
		if err != nil {
			return said{}, err
		}
		got = *whole
	}
	c.p.Messages = append(c.p.Messages, got.ToParam())
	u := got.Usage
	out := said{stop: string(got.StopReason), in: u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens, out: u.OutputTokens}
	for _, b := range got.Content {
		switch b.Type {
		case "text":
			out.text += b.Text
		case "thinking", "redacted_thinking":
			out.thoughts++
		case "tool_use":
			out.calls = append(out.calls, toolCall{b.ID, b.Name, string(b.Input)})
		}
	}
	return out, nil
}
