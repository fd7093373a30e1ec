package provider

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider/cred"
)

// vertex is Google Vertex AI: Gemini, Claude, and the open models that it serves
// with Chat Completions (publisher/model).
//
// Paths are those of Google's genai 1.77.0 and anthropic-sdk-go 1.84.0 (vertex), the
// hosts of locations too, and of recorded requests; a test holds them so. Open models
// as the Vercel AI SDK asks them (2026-08). See also
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.
var vertex = &Kind{
	Name: "vertex", Cloud: "gcp", Service: "Google Vertex AI",
	Surfaces: []Surface{
		{Format: llm.Gemini, dialect: "vertex-gemini", Path: vertexBeta + ":generateContent", Stream: vertexBeta + ":streamGenerateContent?alt=sse",
			Upstreams: vertexGoogle, Not: []string{"*embedding*"}, Headers: Headers{Allow: []string{"X-Vertex-Ai-Llm-Request-Type"}}},
		{Format: llm.Messages, dialect: "vertex-messages", Path: vertexV1 + ":rawPredict", Stream: vertexV1 + ":streamRawPredict",
			Upstreams: vertexClaude, Headers: Headers{Allow: []string{"Anthropic-Beta", "X-Vertex-Ai-Llm-Request-Type"}}},
		{Format: llm.Chat, Path: "/v1/projects/{project}/locations/{region}/endpoints/openapi/chat/completions",
			Upstreams: []string{"*/*"}, Not: slices.Concat(vertexGoogle, vertexClaude)},
		{Format: llm.GeminiCount, dialect: "vertex-gemini", Path: vertexBeta + ":countTokens", Upstreams: vertexGoogle},
		// The model is in the body.
		{Format: llm.MessagesCount, dialect: "vertex-count",
			Path:      "/v1/projects/{project}/locations/{region}/publishers/anthropic/models/count-tokens:rawPredict",
			Upstreams: vertexClaude, Headers: Headers{Allow: []string{"Anthropic-Beta"}}},
		{Format: llm.GeminiEmbedOne, Path: vertexBeta + ":embedContent", Upstreams: []string{"*gemini-embedding*"}, Not: []string{"*gemini-embedding-001"}},
		{Format: llm.VertexEmbed, Path: vertexV1 + ":predict", Upstreams: []string{"*text-embedding-*", "*gemini-embedding-001", "*text-multilingual-embedding-*"}},
	},
	Domains: []string{"googleapis.com"},
	Lists:   listVertex,
	// Without a project a key asks in express mode.
	KeyHeader: "X-Goog-Api-Key", Auth: []string{authGoogle}, Bearer: []string{"ya29."},
	AddressEnv: "GOOGLE_VERTEX_BASE_URL",
	special: special{
		settle: settleVertex, hints: vertexHints, endpoint: func(o *Options) string { return "https://" + vertexHost(o.Region) },
		escape: vertexName, makers: vertexMakers, lists: vertexLists,
	},
}

// What Gemini has comes to v1beta1 first, which is where Google's own SDK asks.
const (
	vertexV1   = "/v1/projects/{project}/locations/{region}/{model}"
	vertexBeta = "/v1beta1/projects/{project}/locations/{region}/{model}"
)

var (
	vertexGoogle = []string{"gemini*", "google/*", "*publishers/google/*", "*endpoints/*"}
	vertexClaude = []string{"claude*", "anthropic/*", "*publishers/anthropic/*"}
)

func settleVertex(o *Options, env lookup) error {
	if o.Region == "" {
		o.Region = env.first("GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_LOCATION", "GOOGLE_CLOUD_REGION", "CLOUD_ML_REGION")
	}
	if o.Region == "" {
		o.Region = "global"
	}
	if o.Project == "" {
		o.Project = env.first("GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")
	}
	if o.Project == "" {
		o.Project = cred.GoogleProject(o.CredentialsFile)
	}
	switch {
	case o.Project == "" && o.Key == "" && len(o.Credentials) == 0:
		return errors.New("project is missing; set it to the Google Cloud project's id, or set GOOGLE_CLOUD_PROJECT")
	case !plain(o.Region):
		return fmt.Errorf("region %q is none; want one such as europe-west4, eu, us or global", o.Region)
	case !plain(o.Project):
		return fmt.Errorf("project %q is no project's id", o.Project)
	}
	return nil
}

// vertexHost is where a location is served.
func vertexHost(region string) string {
	switch region {
	case "global":
		return "aiplatform.googleapis.com"
	case "eu", "us":
		return "aiplatform." + region + ".rep.googleapis.com"
	}
	return region + "-aiplatform.googleapis.com"
}

// vertexName is the resource of a model below a location: publishers/P/models/M, or
// endpoints/E for a tuned one. A name that states the whole place must state the
// row's own: clients may name models, and must not choose whose project pays.
func vertexName(p *Provider, upstream string) (string, error) {
	if rest, ok := strings.CutPrefix(upstream, "projects/"); ok {
		own := p.o.Project + "/locations/" + p.info.Region + "/"
		if rest, ok = strings.CutPrefix(rest, own); !ok {
			return "", fmt.Errorf("%s is not in projects/%s", upstream, strings.TrimSuffix(own, "/"))
		}
		upstream = rest
	}
	parts := strings.Split(upstream, "/")
	switch {
	case len(parts) == 1 && strings.HasPrefix(upstream, "claude"):
		parts = []string{"publishers", "anthropic", "models", upstream}
	case len(parts) == 1:
		parts = []string{"publishers", "google", "models", upstream}
	case len(parts) == 2 && parts[0] != "endpoints":
		parts = []string{"publishers", parts[0], "models", parts[1]}
	case len(parts) == 2, len(parts) == 4 && parts[0] == "publishers" && parts[2] == "models":
	default:
		return "", errors.New(upstream + " names no model; want gemini-2.5-flash, claude-sonnet-4-5, publishers/P/models/M or endpoints/E")
	}
	for i := range parts {
		if parts[i] == "" || strings.Trim(parts[i], ".") == "" {
			return "", errors.New(upstream + " names no model")
		}
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/"), nil
}

func vertexLists(p *Provider) []listPage {
	base := p.base.String() + "/v1beta1/publishers/"
	return []listPage{
		{base + "google/models?pageSize=200", listVertex},
		{base + "anthropic/models?pageSize=200", listVertex},
	}
}
