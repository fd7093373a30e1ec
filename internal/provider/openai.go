package provider

import "github.com/skein-run/skein/internal/llm"

// openAI is OpenAI, or with another endpoint anything that speaks Chat Completions.
//
// Responses stands first: it carries what the other formats have and Chat
// Completions has not, namely reasoning with its state (so that a reasoning model
// goes on thinking between tool calls), summaries of it, and images and files in
// tool results. What only Chat Completions has (stop sequences, seed, n > 1,
// penalties, audio) makes `dispatch` take that for the requests that use it.
//
// https://platform.openai.com/docs/api-reference/debugging-requests: the client's
// own id goes into X-Client-Request-Id, ASCII and at most 512 characters (read 2026-11).
// https://platform.openai.com/docs/guides/your-data has the regional addresses, and
// …/docs/models which API serves which model.
var openAI = &Kind{
	Name: "openai", Cloud: "openai", Service: "OpenAI API", Generic: true,
	Surfaces: []Surface{
		{Format: llm.Responses, Path: "/responses", Not: openAIChatOnly, Optional: true, Headers: Headers{Allow: []string{
			// Codex says with these which form of the API its body is written for.
			"X-Codex-Beta-Features", "X-Openai-Internal-Codex-Responses-Lite",
		}}},
		{Format: llm.Chat, dialect: "openai", Path: "/chat/completions", Not: openAIResponsesOnly},
		{Format: llm.Embeddings, Path: "/embeddings"},
		{Format: llm.ResponsesCount, Path: "/responses/input_tokens", Not: openAIChatOnly, Optional: true},
	},
	Endpoint: "https://api.openai.com/v1", Domains: []string{"api.openai.com"}, Models: "/models",
	KeyEnv: "OPENAI_API_KEY", AddressEnv: "OPENAI_BASE_URL", NeedsKey: true,
	KeyHeader: "Authorization", KeyPrefix: "Bearer ",
	Allow:           []string{"Openai-Beta"},
	RequestIDHeader: "X-Client-Request-Id", UpstreamID: []string{"X-Request-Id"},
	special: special{makers: only(llm.MakerOpenAI)},
}

// openAIChatOnly are the models that have no Responses API: those that hear and
// speak, and the ones made for search in Chat Completions.
var openAIChatOnly = []string{"gpt-*audio*", "gpt-*-search-preview*", "gpt-*-search-api*"}

// openAIResponsesOnly are the models that have no Chat Completions.
var openAIResponsesOnly = []string{"o1-pro*", "o3-pro*", "gpt-5*-pro*", "gpt-5*-codex*", "codex-*", "*-deep-research*", "computer-use-preview*"}
