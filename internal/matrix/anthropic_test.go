package matrix

import (
	"context"
	"errors"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/bedrock"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/vertex"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

func anthropicClient(w *world, h *counter, retries int) anthropic.Client {
	return anthropic.NewClient(option.WithBaseURL(w.url), option.WithAPIKey(w.key.Text()), option.WithHTTPClient(&http.Client{Transport: h}), option.WithMaxRetries(retries))
}

type messagesTalker struct {
	c anthropic.Client
	p anthropic.MessageNewParams
	// send sends a turn, where it is not the SDK's own client that does.
	send func(ctx context.Context, stream bool, p *anthropic.MessageNewParams) (anthropic.Message, error)
	tell func(err error) (int, string)
}

func newMessages(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	return messagesTalk(anthropicClient(w, h, retries), model, k), nil
}

// newBedrockMessages is Anthropic's SDK for Bedrock, which signs with the AWS pair of
// a Skein key.
func newBedrockMessages(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	access, secret := w.key.AWS()
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(access, secret, "")}
	c := anthropic.NewClient(bedrock.WithConfig(cfg), option.WithBaseURL(w.url), option.WithHTTPClient(&http.Client{Transport: h}), option.WithMaxRetries(retries))
	return messagesTalk(c, model, k), nil
}

// newVertexMessages is Anthropic's SDK for Vertex AI, whose token is a Skein key.
func newVertexMessages(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	token := &google.Credentials{TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: w.key.Text()})}
	signed := &http.Client{Transport: &oauth2.Transport{Source: token.TokenSource, Base: h}}
	c := anthropic.NewClient(vertex.WithCredentials(context.Background(), "us-east5", "proj", token),
		option.WithBaseURL(w.url), option.WithHTTPClient(signed), option.WithMaxRetries(retries))
	return messagesTalk(c, model, k), nil
}

func messagesTalk(c anthropic.Client, model string, k wish) *messagesTalker {
	to := &messagesTalker{c: c, p: messagesParams(model, k)}
	to.send, to.tell = to.direct, anthropicStatus
	return to
}

func messagesParams(model string, k wish) (p anthropic.MessageNewParams) {
	p.Model, p.MaxTokens = anthropic.Model(model), 4000
	if k.most > 0 {
		p.MaxTokens = k.most
	}
	if k.system != "" {
		block := anthropic.TextBlockParam{Text: k.system}
		if k.marks {
			block.CacheControl = anthropic.NewCacheControlEphemeralParam()
		}
		p.System = []anthropic.TextBlockParam{block}
	}
	if k.tools {
		p.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: toolName, Description: anthropic.String(toolDoc),
			InputSchema: anthropic.ToolInputSchemaParam{Properties: weather["properties"], Required: []string{"city"}}}}}
	}
	if k.force != "" {
		p.ToolChoice = anthropic.ToolChoiceParamOfTool(k.force)
	}
	if k.thinks {
		p.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	}
	if k.schema {
		p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: place}
	}
	if k.stop != "" {
		p.StopSequences = []string{k.stop}
	}
	return p
}

func (m *messagesTalker) status(err error) (int, string) { return m.tell(err) }
func (m *messagesTalker) aim(model string)               { m.p.Model = anthropic.Model(model) }

func anthropicStatus(err error) (int, string) {
	var e *anthropic.Error
	if errors.As(err, &e) {
		return e.StatusCode, e.Error()
	}
	return 0, ""
}

func (m *messagesTalker) direct(ctx context.Context, stream bool, p *anthropic.MessageNewParams) (got anthropic.Message, err error) {
	if !stream {
		whole, err := m.c.Messages.New(ctx, *p)
		if err != nil {
			return got, err
		}
		return *whole, nil
	}
	st := m.c.Messages.NewStreaming(ctx, *p)
	for st.Next() {
		if err := got.Accumulate(st.Current()); err != nil {
			return got, err
		}
	}
	if st.Err() == nil && got.StopReason == "" {
		return got, errNoEnd
	}
	return got, st.Err()
}

func (m *messagesTalker) ask(in input) {
	var blocks []anthropic.ContentBlockParamUnion
	if n := len(m.p.Messages); n > 0 {
		i := 0
		for _, b := range m.p.Messages[n-1].Content {
			if b.OfToolUse != nil && i < len(in.results) {
				blocks = append(blocks, anthropic.NewToolResultBlock(b.OfToolUse.ID, in.results[i], false))
				i++
			}
		}
	}
	if in.image != nil {
		blocks = append(blocks, anthropic.NewImageBlockBase64("image/png", inBase64(in.image)))
	}
	if in.pdf != nil {
		blocks = append(blocks, anthropic.NewDocumentBlock(anthropic.Base64PDFSourceParam{Data: inBase64(in.pdf)}))
	}
	if in.text != "" {
		blocks = append(blocks, anthropic.NewTextBlock(in.text))
	}
	m.p.Messages = append(m.p.Messages, anthropic.NewUserMessage(blocks...))
}

func (m *messagesTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	m.ask(in)
	got, err := m.send(ctx, stream, &m.p)
	if err != nil {
		return said{}, err
	}
	m.p.Messages = append(m.p.Messages, got.ToParam())
	u := got.Usage
	out := said{stop: string(got.StopReason), in: u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens, out: u.OutputTokens, cached: &u.CacheReadInputTokens}
	if s := map[anthropic.StopReason]string{"end_turn": "end", "tool_use": "tools", "max_tokens": "length", "stop_sequence": "sequence"}[got.StopReason]; s != "" {
		out.stop = s
	}
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
