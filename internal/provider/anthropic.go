package provider

import "github.com/skein-run/skein/internal/llm"

// anthropic is Anthropic's own API, or anything that speaks Messages.
// https://docs.anthropic.com/en/api/versioning and …/api/errors (read 2026-11);
// the list of models as in anthropic-sdk-go 1.84.0.
var anthropic = &Kind{
	Name: "anthropic", Cloud: "anthropic", Service: "Anthropic API", Generic: true,
	Surfaces: []Surface{
		{Format: llm.Messages, Path: "/v1/messages"},
		{Format: llm.MessagesCount, Path: "/v1/messages/count_tokens"},
	},
	Endpoint: "https://api.anthropic.com", Domains: []string{"api.anthropic.com"}, Models: "/v1/models?limit=1000", Lists: listAnthropic,
	KeyEnv: "ANTHROPIC_API_KEY", AddressEnv: "ANTHROPIC_BASE_URL", NeedsKey: true,
	KeyHeader: "X-Api-Key",
	Bearer:    []string{"sk-ant-oat"}, // what a person's subscription signs in with
	Fixed:     []string{"Anthropic-Version", anthropicVersion},
	Allow:     []string{"Anthropic-Beta", "Anthropic-Version"},
	Override:  []string{"Anthropic-Version"},
	// It takes no client request id of its own; the header is harmless there, and
	// lets a gateway before it, and its log, name the attempt.
	RequestIDHeader: "X-Client-Request-Id", UpstreamID: []string{"Request-Id"},
	special: special{makers: only(llm.MakerAnthropic)},
}

const anthropicVersion = "2023-06-01"
