package provider_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"

	antsdk "github.com/anthropics/anthropic-sdk-go"
	antbedrock "github.com/anthropics/anthropic-sdk-go/bedrock"
	"github.com/anthropics/anthropic-sdk-go/foundry"
	antoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	brtypes "github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/openai/openai-go/v3"
	oaazure "github.com/openai/openai-go/v3/azure"
	oaoption "github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
)

// arrived is what a request was on the wire.
type arrived struct {
	uri    string
	header http.Header
}

// catch is a server that keeps the last request.
func catch(t *testing.T) (string, *arrived) {
	got := new(arrived)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		*got = arrived{r.Method + " " + r.RequestURI, r.Header.Clone()}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

// own are headers in which an SDK speaks of itself.
var own = regexp.MustCompile(`^(User-Agent|Accept|Accept-Encoding|Content-Length|X-Stainless-.*|Amz-Sdk-.*|X-Goog-Api-Client|X-Amzn-Bedrock-Accept|Openai-Platform|Traceparent)$`)

// signed is the part of a signature that says whose it is and for what.
var signed = regexp.MustCompile(`AWS4-HMAC-SHA256 Credential=[^/]+/\d+/[^/]+/[^/]+/aws4_request`)

func shown(name, v string) string {
	if s := signed.FindString(v); s != "" {
		return s
	}
	if name == "X-Amz-Date" {
		return fmt.Sprintf("%d characters", len(v))
	}
	return v
}

const arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"

// TestRequestsAreThoseOfTheSDKs: path, query and headers of each API are what the
// official SDK of its service sends.
func TestRequestsAreThoseOfTheSDKs(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	t.Setenv("AWS_BEARER_TOKEN_BEDROCK", "")
	url, got := catch(t)
	ctx := t.Context()

	oa := openai.NewClient(oaoption.WithAPIKey("k"), oaoption.WithBaseURL(url+"/v1"), oaoption.WithMaxRetries(0))
	az := openai.NewClient(oaazure.WithEndpoint(url, "2025-04-01-preview"), oaazure.WithAPIKey("k"), oaazure.WithUnsafeAllowHTTP(), oaoption.WithMaxRetries(0))
	ant := antsdk.NewClient(antoption.WithAPIKey("k"), antoption.WithBaseURL(url), antoption.WithMaxRetries(0))
	sdk := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "session")}
	br := bedrockruntime.NewFromConfig(sdk, func(o *bedrockruntime.Options) { o.BaseEndpoint = &url; o.RetryMaxAttempts = 1 })
	antbr := antsdk.NewClient(antbedrock.WithConfig(sdk), antoption.WithBaseURL(url), antoption.WithMaxRetries(0))
	gem, err := genai.NewClient(ctx, &genai.ClientConfig{APIKey: "k", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: url}})
	if err != nil {
		t.Fatal(err)
	}

	ver, err := genai.NewClient(ctx, &genai.ClientConfig{
		Project: "acme", Location: "europe-west4", Backend: genai.BackendVertexAI, HTTPClient: &http.Client{}, HTTPOptions: genai.HTTPOptions{BaseURL: url},
	})
	if err != nil {
		t.Fatal(err)
	}
	fou, err := foundry.NewClient(foundry.ClientConfig{APIKey: "k", BaseURL: url + "/anthropic/"}, antoption.WithMaxRetries(0))
	if err != nil {
		t.Fatal(err)
	}

	user := []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}
	antUser := []antsdk.MessageParam{antsdk.NewUserMessage(antsdk.NewTextBlock("hi"))}
	brUser := []brtypes.Message{{Role: "user", Content: []brtypes.ContentBlock{&brtypes.ContentBlockMemberText{Value: "hi"}}}}
	gemUser := genai.Text("hi")
	chat := openai.ChatCompletionNewParams{Model: "m", Messages: user}
	in := responses.ResponseNewParams{Model: "m", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")}}
	embed := openai.EmbeddingNewParams{Model: "m", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("hi")}}
	msg := antsdk.MessageNewParams{Model: "claude-opus-4-6", MaxTokens: 1, Messages: antUser}
	msgARN := msg
	msgARN.Model = arn

	all := []string{"chat", "responses", "embeddings", "responses_count"}
	oaRow := provider.Options{Kind: "openai", Key: "k", Endpoint: url + "/v1", Formats: all}
	azRow := provider.Options{Kind: "azure", Key: "k", Endpoint: url, APIVersion: "2025-04-01-preview"}
	antRow := provider.Options{Kind: "anthropic", Key: "k", Endpoint: url}
	brRow := provider.Options{Kind: "bedrock", Auth: "aws", Region: "us-east-1", Endpoint: url}
	gemRow := provider.Options{Kind: "gemini", Key: "k", Endpoint: url}
	verRow := provider.Options{Kind: "vertex", Auth: "none", Project: "acme", Region: "europe-west4", Endpoint: url}
	fouRow := provider.Options{Kind: "azure", Key: "k", Endpoint: url}
	for _, c := range []struct {
		name     string
		sdk      func()
		row      provider.Options
		format   llm.Format
		upstream string
		stream   bool
	}{
		{"openai chat", func() { _, _ = oa.Chat.Completions.New(ctx, chat) }, oaRow, llm.Chat, "m", false},
		{"openai chat, streamed", func() { oa.Chat.Completions.NewStreaming(ctx, chat).Next() }, oaRow, llm.Chat, "m", true},
		{"openai responses", func() { _, _ = oa.Responses.New(ctx, in) }, oaRow, llm.Responses, "m", false},
		{"openai embeddings", func() { _, _ = oa.Embeddings.New(ctx, embed) }, oaRow, llm.Embeddings, "m", false},
		{"openai count", func() { _, _ = oa.Responses.InputTokens.Count(ctx, responses.InputTokenCountParams{}) }, oaRow, llm.ResponsesCount, "m", false},
		{"azure chat", func() { _, _ = az.Chat.Completions.New(ctx, chat) }, azRow, llm.Chat, "m", false},
		{"azure responses", func() { _, _ = az.Responses.New(ctx, in) }, azRow, llm.Responses, "m", false},
		{"azure embeddings", func() { _, _ = az.Embeddings.New(ctx, embed) }, azRow, llm.Embeddings, "m", false},
		{"anthropic", func() { _, _ = ant.Messages.New(ctx, msg) }, antRow, llm.Messages, "claude-opus-4-6", false},
		{"anthropic, streamed", func() { ant.Messages.NewStreaming(ctx, msg).Next() }, antRow, llm.Messages, "claude-opus-4-6", true},
		{"anthropic count", func() {
			_, _ = ant.Messages.CountTokens(ctx, antsdk.MessageCountTokensParams{Model: "claude-opus-4-6", Messages: antUser})
		}, antRow, llm.MessagesCount, "claude-opus-4-6", false},
		{"bedrock converse", func() {
			_, _ = br.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(arn), Messages: brUser})
		}, brRow, llm.Converse, arn, false},
		{"bedrock converse, streamed", func() {
			_, _ = br.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: aws.String(arn), Messages: brUser})
		}, brRow, llm.Converse, arn, true},
		{"bedrock invoke", func() {
			_, _ = br.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String("amazon.titan-embed-text-v2:0"), Body: []byte("{}"), ContentType: aws.String("application/json")})
		}, brRow, llm.TitanEmbed, "amazon.titan-embed-text-v2:0", false},
		{"bedrock invoke of Claude", func() {
			_, _ = br.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String(arn), Body: []byte("{}"), ContentType: aws.String("application/json")})
		}, brRow, llm.Messages, arn, false},
		{"bedrock invoke of Claude, streamed", func() {
			_, _ = br.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: aws.String(arn), Body: []byte("{}"), ContentType: aws.String("application/json")})
		}, brRow, llm.Messages, arn, true},
		{"bedrock count", func() {
			_, _ = br.CountTokens(ctx, &bedrockruntime.CountTokensInput{
				ModelId: aws.String("anthropic.claude-sonnet-4-5-20250929-v1:0"),
				Input:   &brtypes.CountTokensInputMemberConverse{Value: brtypes.ConverseTokensRequest{Messages: brUser}},
			})
		}, brRow, llm.ConverseCount, arn, false},
		{"anthropic on bedrock", func() { _, _ = antbr.Messages.New(ctx, msgARN) }, brRow, llm.Messages, arn, false},
		{"anthropic on bedrock, streamed", func() { antbr.Messages.NewStreaming(ctx, msgARN).Next() }, brRow, llm.Messages, arn, true},
		{"gemini", func() { _, _ = gem.Models.GenerateContent(ctx, "gemini-2.5-pro", gemUser, nil) }, gemRow, llm.Gemini, "gemini-2.5-pro", false},
		{"gemini, streamed", func() {
			for range gem.Models.GenerateContentStream(ctx, "gemini-2.5-pro", gemUser, nil) {
				break
			}
		}, gemRow, llm.Gemini, "gemini-2.5-pro", true},
		{"gemini count", func() { _, _ = gem.Models.CountTokens(ctx, "gemini-2.5-pro", gemUser, nil) }, gemRow, llm.GeminiCount, "gemini-2.5-pro", false},
		{"vertex", func() { _, _ = ver.Models.GenerateContent(ctx, "gemini-2.5-pro", gemUser, nil) }, verRow, llm.Gemini, "gemini-2.5-pro", false},
		{"vertex, streamed", func() {
			for range ver.Models.GenerateContentStream(ctx, "gemini-2.5-pro", gemUser, nil) {
				break
			}
		}, verRow, llm.Gemini, "gemini-2.5-pro", true},
		{"vertex count", func() { _, _ = ver.Models.CountTokens(ctx, "gemini-2.5-pro", gemUser, nil) }, verRow, llm.GeminiCount, "gemini-2.5-pro", false},
		{"vertex embeddings", func() { _, _ = ver.Models.EmbedContent(ctx, "gemini-embedding-2", gemUser, nil) }, verRow, llm.GeminiEmbedOne, "gemini-embedding-2", false},
		{"foundry", func() { _, _ = fou.Messages.New(ctx, msg) }, fouRow, llm.Messages, "claude-opus-4-6", false},
		{"gemini embeddings", func() { _, _ = gem.Models.EmbedContent(ctx, "gemini-embedding-001", gemUser, nil) }, gemRow, llm.GeminiEmbed, "gemini-embedding-001", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			*got = arrived{}
			c.sdk()
			theirs := *got
			if theirs.uri == "" {
				t.Fatal("the SDK sent nothing")
			}
			*got = arrived{}
			post(t, ctx, c.row, c.format, c.upstream, c.stream, nil)
			if got.uri != theirs.uri {
				t.Errorf("posted to %s, the SDK to %s", got.uri, theirs.uri)
			}
			for name, v := range theirs.header {
				if c.row.Kind == "bedrock" && name == "Anthropic-Version" {
					continue // it stands in the body
				}
				if ours := got.header.Get(name); !own.MatchString(name) && shown(name, ours) != shown(name, v[0]) {
					t.Errorf("%s: %q, the SDK sends %q", name, shown(name, ours), shown(name, v[0]))
				}
			}
		})
	}
}

// post sends an empty object to a surface of a row.
func post(t *testing.T, ctx context.Context, o provider.Options, format llm.Format, upstream string, stream bool, h http.Header) {
	t.Helper()
	p, err := provider.New("it", o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	info := p.Info()
	serves := info.SurfacesOf(upstream)
	i := slices.IndexFunc(serves, func(s *provider.Surface) bool { return s.Format == format })
	if i < 0 {
		t.Fatalf("%s is not served to %s", format, upstream)
	}
	a, err := p.Send(ctx, &provider.Request{Surface: serves[i], Upstream: upstream, Stream: stream, Body: []byte("{}"), Header: h})
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
}
