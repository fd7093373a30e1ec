package provider

import (
	"errors"
	"net/url"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider/cred"
)

// azure is Azure OpenAI and the other models of Azure AI Foundry. What Azure calls a
// deployment is the upstream's name. With the v1 API it stands in the body; a row
// with an api_version speaks the older API, whose paths name it.
//
// Claude is served by its maker's own API, under a path of its own.
//
// Paths and headers are those of openai-go 3.96.0 (azure) and anthropic-sdk-go 1.84.0
// (foundry), and of recorded requests; a test holds them so. See also
// https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle and
// https://learn.microsoft.com/azure/foundry/foundry-models/how-to/use-foundry-models-claude.
var azure = &Kind{
	Name: "azure", Cloud: "azure", Service: "Azure OpenAI",
	Surfaces: azureSurfaces("/openai/v1", "/openai/v1", ""),
	Domains: []string{
		"openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com",
		"openai.azure.us", "cognitiveservices.azure.us", "openai.azure.cn",
	},
	Lists:  listNone,
	KeyEnv: "AZURE_OPENAI_API_KEY", OtherKeyEnv: []string{"AZURE_API_KEY"}, AddressEnv: "AZURE_OPENAI_ENDPOINT", NeedsKey: true,
	Auth:      []string{authKey, authEntra},
	KeyHeader: "Api-Key", Bearer: []string{"eyJ"}, // a token of Entra, as a caller may bring one
	Allow:           []string{"Openai-Beta"},
	RequestIDHeader: "X-Ms-Client-Request-Id", UpstreamID: []string{"Apim-Request-Id", "X-Request-Id", "Request-Id"},
	special: special{settle: settleAzure, hints: azureHints, surfaces: azureRow, makers: azureMakers, lists: azureLists},
}

// azureSurfaces are the APIs below a base, and below one that names the deployment.
func azureSurfaces(base, named, query string) []Surface {
	claude := []string{"*claude*"}
	return []Surface{
		{Format: llm.Responses, Path: base + "/responses" + query, Not: append(claude, openAIChatOnly...)},
		{Format: llm.Chat, dialect: "azure", Path: named + "/chat/completions" + query, Not: append(claude, openAIResponsesOnly...)},
		{Format: llm.Messages, dialect: "foundry-messages", Path: "/anthropic/v1/messages", Upstreams: claude, KeyHeader: "X-Api-Key", Headers: messagesHeaders},
		{Format: llm.Embeddings, Path: named + "/embeddings" + query, Not: claude},
		{Format: llm.MessagesCount, dialect: "foundry-messages", Path: "/anthropic/v1/messages/count_tokens", Upstreams: claude, KeyHeader: "X-Api-Key", Headers: messagesHeaders},
	}
}

func azureRow(o *Options) []Surface {
	if o.APIVersion == "" {
		return nil
	}
	return azureSurfaces("/openai", "/openai/deployments/{model}", "?api-version="+url.QueryEscape(o.APIVersion))
}

func settleAzure(o *Options, env lookup) error {
	if o.Endpoint == "" {
		o.Endpoint = env.get("AZURE_OPENAI_ENDPOINT")
	}
	if o.Endpoint == "" {
		return errors.New("endpoint is missing; set it to the resource's address, such as https://NAME.openai.azure.com, or set AZURE_OPENAI_ENDPOINT")
	}
	return nil
}

// azureLists are the models that the resource could deploy: no names to ask for, but
// read with the same credential.
func azureLists(p *Provider) []listPage {
	if p.o.APIVersion == "" {
		return []listPage{{p.base.String() + "/openai/v1/models", listNone}}
	}
	return []listPage{{p.base.String() + "/openai/models?api-version=" + url.QueryEscape(p.o.APIVersion), listNone}}
}

// azureScope is what a token is asked for: the sovereign clouds have names of their
// own.
func azureScope(host string) string {
	if strings.HasSuffix(host, ".azure.us") {
		return "https://cognitiveservices.azure.us/.default"
	}
	if strings.HasSuffix(host, ".azure.cn") {
		return "https://cognitiveservices.azure.cn/.default"
	}
	return cred.EntraScope
}
