package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"

	"github.com/skein-run/skein/internal/llm"
)

// counting are the clients' ways to ask how many tokens a request would be.
var counting = []struct {
	name  string
	count func(ctx context.Context, w *world, h *counter, model, text string) (int64, error)
}{
	{"openai responses", func(ctx context.Context, w *world, h *counter, model, text string) (int64, error) {
		c := openaiClient(w, h, 0)
		got, err := c.Responses.InputTokens.Count(ctx, responses.InputTokenCountParams{Model: openai.String(model), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String(text)}})
		if err != nil {
			return 0, err
		}
		return got.InputTokens, nil
	}},
	{"anthropic", func(ctx context.Context, w *world, h *counter, model, text string) (int64, error) {
		c := anthropicClient(w, h, 0)
		got, err := c.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{Model: anthropic.Model(model), Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))}})
		if err != nil {
			return 0, err
		}
		return got.InputTokens, nil
	}},
	{"aws converse", func(ctx context.Context, w *world, h *counter, model, text string) (int64, error) {
		in := types.ConverseTokensRequest{Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}}}
		return awsCount(ctx, w, h, model, &types.CountTokensInputMemberConverse{Value: in})
	}},
	{"aws invoke", func(ctx context.Context, w *world, h *counter, model, text string) (int64, error) {
		p := messagesParams(model, wish{})
		p.Messages = []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))}
		body, err := invokeBody(&p)
		if err != nil {
			return 0, err
		}
		return awsCount(ctx, w, h, model, &types.CountTokensInputMemberInvokeModel{Value: types.InvokeModelTokensRequest{Body: body}})
	}},
	{"genai gemini", func(ctx context.Context, w *world, h *counter, model, text string) (int64, error) {
		c, err := geminiClient(w, h)
		if err != nil {
			return 0, err
		}
		return googleCount(ctx, c, model, text)
	}},
	{"genai vertex", func(ctx context.Context, w *world, h *counter, model, text string) (int64, error) {
		c, err := vertexClient(w, h)
		if err != nil {
			return 0, err
		}
		return googleCount(ctx, c, model, text)
	}},
}

func awsCount(ctx context.Context, w *world, h *counter, model string, in types.CountTokensInput) (int64, error) {
	got, err := bedrockClient(w, h, false, 0).CountTokens(ctx, &bedrockruntime.CountTokensInput{ModelId: &model, Input: in})
	if err != nil {
		return 0, err
	}
	return int64(*got.InputTokens), nil
}

func googleCount(ctx context.Context, c *genai.Client, model, text string) (int64, error) {
	got, err := c.Models.CountTokens(ctx, model, genai.Text(text), nil)
	if err != nil {
		return 0, err
	}
	return int64(got.TotalTokens), nil
}

// tryCount counts a text of 40 bytes, which the stand-ins take for ten tokens and a
// turn's three. Where a provider counts nothing, Skein's own estimate is near that.
func (w *world) tryCount(rs *results) {
	text := strings.Repeat("ten bytes ", 4)
	for i := range counting {
		c := &counting[i]
		as := &client{name: c.name}
		for _, l := range w.lanes {
			h := w.counter()
			n, err := c.count(w.ctx, w, h, l.name, text)
			switch {
			case err == nil && h.requests() != 1:
				err = fmt.Errorf("the SDK sent %d requests", h.requests())
			case err == nil && (n < 8 || n > 20):
				err = fmt.Errorf("%d tokens", n)
			}
			rs.set("count", as, l, false, result{err: err})
		}
	}
}

// embedding are the clients' ways to ask for vectors, of two texts where they can.
var embedding = []struct {
	name  string
	embed func(ctx context.Context, w *world, h *counter, model string, texts []string) ([][]float64, error)
}{
	{"openai", func(ctx context.Context, w *world, h *counter, model string, texts []string) ([][]float64, error) {
		c := openaiClient(w, h, 0)
		got, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts}})
		if err != nil {
			return nil, err
		}
		var out [][]float64
		for _, d := range got.Data {
			out = append(out, d.Embedding)
		}
		return out, nil
	}},
	{"aws invoke titan", func(ctx context.Context, w *world, h *counter, model string, texts []string) ([][]float64, error) {
		c := bedrockClient(w, h, false, 0)
		var out [][]float64
		for _, text := range texts {
			body := must(json.Marshal(map[string]string{"inputText": text}))
			got, err := c.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: &model, Body: body})
			if err != nil {
				return nil, err
			}
			var one struct{ Embedding []float64 }
			if err := json.Unmarshal(got.Body, &one); err != nil {
				return nil, err
			}
			out = append(out, one.Embedding)
		}
		return out, nil
	}},
	{"genai gemini", func(ctx context.Context, w *world, h *counter, model string, texts []string) ([][]float64, error) {
		c, err := geminiClient(w, h)
		if err != nil {
			return nil, err
		}
		var contents []*genai.Content
		for _, text := range texts {
			contents = append(contents, genai.Text(text)...)
		}
		return googleEmbed(ctx, c, model, contents)
	}},
	{"genai vertex", func(ctx context.Context, w *world, h *counter, model string, texts []string) (out [][]float64, err error) {
		c, err := vertexClient(w, h)
		if err != nil {
			return nil, err
		}
		for _, text := range texts { // for models of these names the SDK takes one at a time
			one, err := googleEmbed(ctx, c, model, genai.Text(text))
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
		}
		return out, nil
	}},
}

func googleEmbed(ctx context.Context, c *genai.Client, model string, contents []*genai.Content) (out [][]float64, err error) {
	got, err := c.Models.EmbedContent(ctx, model, contents, nil)
	if err != nil {
		return nil, err
	}
	for _, e := range got.Embeddings {
		var v []float64
		for _, f := range e.Values {
			v = append(v, float64(f))
		}
		out = append(out, v)
	}
	return out, nil
}

// tryEmbed asks for the vectors of two texts. A text's vector is the same each time,
// and another's is another.
func (w *world) tryEmbed(rs *results) {
	for i := range embedding {
		c := &embedding[i]
		as := &client{name: c.name}
		for _, l := range w.lanes {
			if l.embed == "" {
				continue
			}
			got, err := c.embed(w.ctx, w, w.counter(), l.name+"-embed", []string{"granite", "basalt"})
			r := result{err: err}
			if field, ok := l.loss(llm.Embed, l.embed, embedStatus, err); ok {
				r = result{lost: field}
			} else if err == nil && (len(got) != 2 || len(got[0]) < 8 || slices.Equal(got[0], got[1])) {
				r.err = fmt.Errorf("%d vectors", len(got))
			}
			rs.set("embed", as, l, false, r)
		}
	}
}

// embedStatus is how any of the SDKs tells err.
func embedStatus(err error) (status int, message string) {
	for _, tell := range []func(error) (int, string){openaiStatus, awsStatus, new(geminiTalker).status} {
		if status, message = tell(err); status != 0 {
			break
		}
	}
	return status, message
}
