package cred

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// EntraScope is what tokens for Azure's model services are asked for, as in openai-go.
// https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity.
const EntraScope = "https://cognitiveservices.azure.com/.default"

// entra is a token of Microsoft Entra ID.
type entra struct {
	scope  string
	tokens *fresh[[]string]

	// options are those of the chain; a test points them at itself.
	options *azidentity.DefaultAzureCredentialOptions

	once   sync.Mutex
	source azcore.TokenCredential
}

// Entra gets tokens with what the default chain of the Azure SDK finds:
// environment, workload identity, managed identity, and the tools that a developer
// has signed in with.
func Entra(scope string) Credential {
	e := &entra{scope: scope}
	e.tokens = newFresh(e.fetch)
	return e
}

func (e *entra) Put(ctx context.Context, r *http.Request, _ []byte) error {
	v, err := e.tokens.get(ctx)
	if err != nil {
		return failed("no Microsoft Entra token could be had",
			"sign in with: az login, run where a managed or workload identity is attached, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; the identity needs the role Cognitive Services OpenAI User", err)
	}
	r.Header["Authorization"] = v
	return nil
}

func (e *entra) Refused()     { e.tokens.forget() }
func (e *entra) Close() error { return e.tokens.close() }

func (e *entra) fetch(ctx context.Context) ([]string, time.Time, error) {
	source, err := e.chain()
	if err != nil {
		return nil, time.Time{}, err
	}
	t, err := source.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{e.scope}})
	if err != nil {
		return nil, time.Time{}, err
	}
	return []string{"Bearer " + t.Token}, t.ExpiresOn, nil
}

func (e *entra) chain() (azcore.TokenCredential, error) {
	e.once.Lock()
	defer e.once.Unlock()
	if e.source == nil {
		c, err := azidentity.NewDefaultAzureCredential(e.options)
		if err != nil {
			return nil, err
		}
		e.source = c
	}
	return e.source, nil
}
