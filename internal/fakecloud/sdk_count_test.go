package fakecloud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"

	"github.com/skein-run/skein/internal/fakecloud"
)

func TestSDKsEmbed(t *testing.T) {
	texts := []string{"the first text", "the second"}
	openaiEmbed := func(c openai.Client, model string) func(ctx context.Context) ([][]float64, int64, error) {
		return func(ctx context.Context) (out [][]float64, tokens int64, err error) {
			got, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts}, Dimensions: openai.Int(4)})
			if err != nil {
				return nil, 0, err
			}
			for _, d := range got.Data {
				out = append(out, d.Embedding)
			}
			return out, got.Usage.PromptTokens, nil
		}
	}
	invoke := func(url, model string, bodies ...any) func(ctx context.Context) ([][]float64, int64, error) {
		return func(ctx context.Context) (out [][]float64, tokens int64, err error) {
			for _, b := range bodies {
				body, err := json.Marshal(b)
				if err != nil {
					return nil, 0, err
				}
				got, err := bedrockClient(url).InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String(model), Body: body, ContentType: aws.String("application/json")})
				if err != nil {
					return nil, 0, err
				}
				var in struct {
					Embedding  []float64
					Embeddings [][]float64
					Tokens     int64 `json:"inputTextTokenCount"`
				}
				if err := json.Unmarshal(got.Body, &in); err != nil {
					return nil, 0, err
				}
				if in.Embedding != nil {
					in.Embeddings = [][]float64{in.Embedding}
				}
				out, tokens = append(out, in.Embeddings...), tokens+in.Tokens
			}
			return out, tokens, nil
		}
	}
	for name, embed := range map[string]func(t *testing.T, url string) func(ctx context.Context) ([][]float64, int64, error){
		"openai": func(_ *testing.T, url string) func(context.Context) ([][]float64, int64, error) {
			return openaiEmbed(openaiClient(url), "text-embedding-3-small")
		},
		"azure": func(_ *testing.T, url string) func(context.Context) ([][]float64, int64, error) {
			return openaiEmbed(azureClient(url), "my-deployment")
		},
		"titan": func(_ *testing.T, url string) func(context.Context) ([][]float64, int64, error) {
			return invoke(url, "amazon.titan-embed-text-v2:0", map[string]any{"inputText": texts[0], "dimensions": 4}, map[string]any{"inputText": texts[1], "dimensions": 4})
		},
		"cohere": func(_ *testing.T, url string) func(context.Context) ([][]float64, int64, error) {
			return invoke(url, "cohere.embed-v4:0", map[string]any{"texts": texts, "input_type": "search_document", "output_dimension": 4})
		},
		"gemini": func(t *testing.T, url string) func(context.Context) ([][]float64, int64, error) {
			return func(ctx context.Context) (out [][]float64, tokens int64, err error) {
				contents := []*genai.Content{genai.NewContentFromText(texts[0], "user"), genai.NewContentFromText(texts[1], "user")}
				got, err := geminiClient(t, url).Models.EmbedContent(ctx, "gemini-embedding-001", contents, &genai.EmbedContentConfig{OutputDimensionality: genai.Ptr[int32](4)})
				if err != nil {
					return nil, 0, err
				}
				for _, e := range got.Embeddings {
					v := make([]float64, len(e.Values))
					for i, x := range e.Values {
						v[i] = float64(x)
					}
					out = append(out, v)
				}
				return out, 0, nil
			}
		},
		"vertex": func(t *testing.T, url string) func(context.Context) ([][]float64, int64, error) {
			return func(ctx context.Context) (out [][]float64, tokens int64, err error) {
				for _, text := range texts {
					got, err := vertexClient(t, url).Models.EmbedContent(ctx, "gemini-embedding-001", genai.Text(text), &genai.EmbedContentConfig{OutputDimensionality: genai.Ptr[int32](4)})
					if err != nil {
						return nil, 0, err
					}
					v := make([]float64, len(got.Embeddings[0].Values))
					for i, x := range got.Embeddings[0].Values {
						v[i] = float64(x)
					}
					out, tokens = append(out, v), tokens+int64(got.Embeddings[0].Statistics.TokenCount)
				}
				return out, tokens, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := serve(t, fakecloud.Options{})
			got, tokens, err := embed(t, url)(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 2 || len(got[0]) != 4 || fmt.Sprint(got[0]) == fmt.Sprint(got[1]) {
				t.Fatalf("vectors %v", got)
			}
			logged := int64(0)
			for _, e := range ended(s) {
				logged += e.Usage.Input
				if e.Usage.Output != 0 || e.Op != "embed" {
					t.Errorf("the log has %+v", e)
				}
			}
			if logged != 7 || tokens != 0 && tokens != logged {
				t.Errorf("%d tokens, and the log has %d", tokens, logged)
			}
			var billed int64
			for _, row := range fakecloud.Export(s.Log().Lines()) {
				billed += row.Readings["input"]
			}
			if billed != logged {
				t.Errorf("%d tokens are billed", billed)
			}
		})
	}
}

func TestSDKsCountTokensForNothing(t *testing.T) {
	const prompt = "How many tokens are these?" // 26 bytes: 7 tokens, and 3 for the message
	for name, count := range map[string]func(t *testing.T, s *fakecloud.Server, url string) (int64, error){
		"openai": func(_ *testing.T, _ *fakecloud.Server, url string) (int64, error) {
			c := openaiClient(url)
			got, err := c.Responses.InputTokens.Count(context.Background(), responses.InputTokenCountParams{Model: openai.String("gpt-5.1"), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String(prompt)}})
			if err != nil {
				return 0, err
			}
			return got.InputTokens, nil
		},
		"anthropic": func(_ *testing.T, _ *fakecloud.Server, url string) (int64, error) {
			c := anthropicClient(url)
			return countClaude(c, "claude-sonnet-4-5", prompt)
		},
		"claude on vertex": func(t *testing.T, s *fakecloud.Server, url string) (int64, error) {
			return countClaude(newVertexMessagesTalker(t, s, url, wish{}).(*messagesTalker).c, "claude-sonnet-4-5@20250929", prompt)
		},
		"bedrock": func(_ *testing.T, _ *fakecloud.Server, url string) (int64, error) {
			return countBedrock(url, &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: []types.Message{
				{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: prompt}}}}}})
		},
		"claude on bedrock": func(_ *testing.T, _ *fakecloud.Server, url string) (int64, error) {
			body := `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"user","content":"` + prompt + `"}]}`
			return countBedrock(url, &types.CountTokensInputMemberInvokeModel{Value: types.InvokeModelTokensRequest{Body: []byte(body)}})
		},
		"gemini": func(t *testing.T, _ *fakecloud.Server, url string) (int64, error) {
			return countGoogle(geminiClient(t, url), prompt)
		},
		"vertex": func(t *testing.T, _ *fakecloud.Server, url string) (int64, error) {
			return countGoogle(vertexClient(t, url), prompt)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := serve(t, fakecloud.Options{})
			got, err := count(t, s, url)
			if err != nil || got != 10 {
				t.Fatalf("%d tokens: %v", got, err)
			}
			if e := ended(s); len(e) != 1 || e[0].Op != "count" || e[0].Ended != fakecloud.Whole {
				t.Errorf("the log has %+v", e)
			}
			if rows := fakecloud.Export(s.Log().Lines()); len(rows) != 0 {
				t.Errorf("it is billed: %+v", rows)
			}
			if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.ServerFail, Match: fakecloud.Match{Op: "count"}}); err != nil {
				t.Fatal(err)
			}
			if n, err := count(t, s, url); err == nil {
				t.Errorf("a fault was ordered, and it counted %d", n)
			}
		})
	}
}

func countClaude(c anthropic.Client, model, prompt string) (int64, error) {
	got, err := c.Messages.CountTokens(context.Background(), anthropic.MessageCountTokensParams{Model: anthropic.Model(model),
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(prompt))}})
	if err != nil {
		return 0, err
	}
	return got.InputTokens, nil
}

func countBedrock(url string, in types.CountTokensInput) (int64, error) {
	got, err := bedrockClient(url).CountTokens(context.Background(), &bedrockruntime.CountTokensInput{ModelId: aws.String("anthropic.claude-sonnet-4-5-20250929-v1:0"), Input: in})
	if err != nil {
		return 0, err
	}
	return int64(*got.InputTokens), nil
}

func countGoogle(c *genai.Client, prompt string) (int64, error) {
	got, err := c.Models.CountTokens(context.Background(), "gemini-2.5-flash", genai.Text(prompt), nil)
	if err != nil {
		return 0, err
	}
	return int64(got.TotalTokens), nil
}
