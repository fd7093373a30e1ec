package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"golang.org/x/oauth2"
	"google.golang.org/genai"
)

func geminiClient(w *world, h *counter) (*genai.Client, error) {
	return genai.NewClient(context.Background(), &genai.ClientConfig{APIKey: w.key.Text(), Backend: genai.BackendGeminiAPI, HTTPClient: &http.Client{Transport: h},
		HTTPOptions: genai.HTTPOptions{BaseURL: w.url}})
}

// vertexClient is Google's SDK for Vertex AI, whose token is a Skein key.
func vertexClient(w *world, h *counter) (*genai.Client, error) {
	signed := &http.Client{Transport: &oauth2.Transport{Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: w.key.Text()}), Base: h}}
	return genai.NewClient(context.Background(), &genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "proj", Location: "us-east5", HTTPClient: signed,
		HTTPOptions: genai.HTTPOptions{BaseURL: w.url}})
}

type geminiTalker struct {
	c        *genai.Client
	model    string
	config   genai.GenerateContentConfig
	contents []*genai.Content
	calls    []*genai.FunctionCall
}

func newGemini(w *world, h *counter, model string, k wish, _ int) (talker, error) {
	c, err := geminiClient(w, h)
	return geminiTalk(c, model, k), err
}

func newVertexGemini(w *world, h *counter, model string, k wish, _ int) (talker, error) {
	c, err := vertexClient(w, h)
	return geminiTalk(c, model, k), err
}

func geminiTalk(c *genai.Client, model string, k wish) *geminiTalker {
	to := &geminiTalker{c: c, model: model}
	p := &to.config
	if k.system != "" {
		p.SystemInstruction = genai.NewContentFromText(k.system, genai.RoleUser)
	}
	if k.tools {
		p.Tools = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: toolName, Description: toolDoc, ParametersJsonSchema: weather}}}}
	}
	if k.force != "" {
		p.ToolConfig = &genai.ToolConfig{FunctionCallingConfig: &genai.FunctionCallingConfig{Mode: genai.FunctionCallingConfigModeAny, AllowedFunctionNames: []string{k.force}}}
	}
	if k.thinks {
		p.ThinkingConfig = &genai.ThinkingConfig{IncludeThoughts: true, ThinkingLevel: genai.ThinkingLevelLow}
	}
	if k.schema {
		p.ResponseMIMEType, p.ResponseJsonSchema = "application/json", place
	}
	if k.stop != "" {
		p.StopSequences = []string{k.stop}
	}
	p.MaxOutputTokens = int32(k.most)
	if k.seed {
		p.Seed = ptr(int32(7))
	}
	if k.n {
		p.CandidateCount = 2
	}
	return to
}

func (*geminiTalker) status(err error) (int, string) {
	var e genai.APIError
	if errors.As(err, &e) {
		return e.Code, e.Message
	}
	return 0, ""
}

func (c *geminiTalker) aim(model string) { c.model = model }

func (c *geminiTalker) ask(in input) {
	turn := &genai.Content{Role: genai.RoleUser}
	for i, r := range in.results {
		part := genai.NewPartFromFunctionResponse(c.calls[i].Name, map[string]any{"output": r})
		part.FunctionResponse.ID = c.calls[i].ID
		turn.Parts = append(turn.Parts, part)
	}
	if in.text != "" {
		turn.Parts = append(turn.Parts, genai.NewPartFromText(in.text))
	}
	if in.image != nil {
		turn.Parts = append(turn.Parts, genai.NewPartFromBytes(in.image, "image/png"))
	}
	if in.pdf != nil {
		turn.Parts = append(turn.Parts, genai.NewPartFromBytes(in.pdf, "application/pdf"))
	}
	c.contents = append(c.contents, turn)
}

func (c *geminiTalker) say(ctx context.Context, stream bool, in input) (said, error) {
	c.ask(in)
	answer := &genai.Content{Role: genai.RoleModel}
	var out said
	take := func(got *genai.GenerateContentResponse) {
		if u := got.UsageMetadata; u != nil && u.TotalTokenCount > 0 {
			out.in, out.out = int64(u.PromptTokenCount), int64(u.CandidatesTokenCount+u.ThoughtsTokenCount)
			out.cached = ptr(int64(u.CachedContentTokenCount))
		}
		for _, cand := range got.Candidates {
			if cand.FinishReason != "" {
				out.stop = string(cand.FinishReason)
			}
			if cand.Content == nil {
				continue
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
			return said{}, errNoEnd
		}
	} else {
		got, err := c.c.Models.GenerateContent(ctx, c.model, c.contents, &c.config)
		if err != nil {
			return said{}, err
		}
		take(got)
	}
	c.contents = append(c.contents, answer)
	if s := map[string]string{"STOP": "end", "MAX_TOKENS": "length"}[out.stop]; s != "" {
		out.stop = s
	}
	c.calls = nil
	for _, p := range answer.Parts {
		switch {
		case p.FunctionCall != nil:
			args, err := json.Marshal(p.FunctionCall.Args)
			if err != nil {
				return said{}, err
			}
			c.calls = append(c.calls, p.FunctionCall)
			out.calls = append(out.calls, toolCall{p.FunctionCall.ID, p.FunctionCall.Name, string(args)})
			if out.stop == "end" {
				out.stop = "tools"
			}
		case p.Thought:
			out.thoughts++
		default:
			out.text += p.Text
		}
	}
	return out, nil
}
