package fakecloud_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"golang.org/x/oauth2"
	"google.golang.org/genai"

	"github.com/skein-run/skein/internal/fakecloud"
)

type geminiTalker struct {
	c        *genai.Client
	model    string
	config   genai.GenerateContentConfig
	contents []*genai.Content
}

func geminiClient(t *testing.T, url string) *genai.Client {
	t.Helper()
	c, err := genai.NewClient(context.Background(), &genai.ClientConfig{APIKey: "k", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: url + "/gemini"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func vertexClient(t *testing.T, url string) *genai.Client {
	t.Helper()
	h := &http.Client{Transport: &oauth2.Transport{Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "t"}), Base: &http.Transport{DisableKeepAlives: true}}}
	c, err := genai.NewClient(context.Background(), &genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "proj", Location: "us-east5", HTTPClient: h,
		HTTPOptions: genai.HTTPOptions{BaseURL: url + "/vertex"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newGeminiTalker(t *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return geminiTalk(geminiClient(t, url), w)
}

func newVertexTalker(t *testing.T, _ *fakecloud.Server, url string, w wish) talker {
	return geminiTalk(vertexClient(t, url), w)
}

func geminiTalk(c *genai.Client, w wish) talker {
	to := &geminiTalker{c: c, model: "gemini-3-flash-preview"}
	if w.model != "" {
		to.model = w.model
	}
	if w.tools {
		to.config.Tools = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "get_weather", Description: "the weather of a city", ParametersJsonSchema: weather}}}}
	}
	if w.thinks {
		to.config.ThinkingConfig = &genai.ThinkingConfig{IncludeThoughts: true, ThinkingLevel: genai.ThinkingLevelLow}
	}
	return to
}

func (*geminiTalker) status(err error) int {
	var e genai.APIError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func (c *geminiTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	turn := &genai.Content{Role: "user"}
	if in.text != "" {
		turn.Parts = append(turn.Parts, genai.NewPartFromText(in.text))
	}
	if in.image != nil {
		turn.Parts = append(turn.Parts, genai.NewPartFromBytes(in.image, "image/png"))
	}
	for _, r := range in.results {
		turn.Parts = append(turn.Parts, genai.NewPartFromFunctionResponse("get_weather", map[string]any{"output": r}))
	}
	c.contents = append(c.contents, turn)
	answer := &genai.Content{Role: "model"}
	out := said{}
	take := func(got *genai.GenerateContentResponse) {
		if u := got.UsageMetadata; u != nil && u.TotalTokenCount > 0 {
			out.in, out.out = int64(u.PromptTokenCount), int64(u.CandidatesTokenCount+u.ThoughtsTokenCount)
		}
		for _, cand := range got.Candidates {
			if cand.FinishReason != "" {
				out.stop = string(cand.FinishReason)
			}
			for _, p := range cand.Content.Parts {
				if p.Text != "" || p.FunctionCall != nil || len(p.ThoughtSignature) > 0 { // an empty text would be sent as nothing
					answer.Parts = append(answer.Parts, p)
				}
			}
		}
	}
	if stream {
		for got, err := range c.c.Models.GenerateContentStream(ctx, c.model, c.contents, &c.config) {
			if err != nil {
				return said{}, err
			}
			take(got)
		}
		if out.stop == "" {
			return said{}, errors.New("the stream has no end")
		}
	} else {
		got, err := c.c.Models.GenerateContent(ctx, c.model, c.contents, &c.config)
		if err != nil {
			return said{}, err
		}
		take(got)
	}
	c.contents = append(c.contents, answer)
	for _, p := range answer.Parts {
		switch {
		case p.FunctionCall != nil:
			args, err := json.Marshal(p.FunctionCall.Args)
			if err != nil {
				return said{}, err
			}
			out.calls = append(out.calls, toolCall{p.FunctionCall.ID, p.FunctionCall.Name, string(args)})
		case p.Thought:
			out.thoughts++
		default:
			out.text += p.Text
		}
	}
	return out, nil
}
