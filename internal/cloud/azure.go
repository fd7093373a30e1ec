package cloud

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Azure is a credential for Azure's SDKs: the token of the options; or the managed or
// workload identity that they name; or what the default chain finds. Nothing is sent
// before the first token is asked for, and each is kept until shortly before its end.
// With it, client options come from [Session.AzureClient].
func (s *Session) Azure() (azcore.TokenCredential, error) {
	if s == nil {
		return nil, errNoSession
	}
	// An agent without an identity of its own shares the process's tokens.
	if s.parent != nil && s.id.Azure.ClientID == "" {
		return s.parent.Azure()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.azure == nil {
		c, err := s.entra()
		if err != nil {
			return nil, err
		}
		s.mu.azure = c
	}
	return s.mu.azure, nil
}

func (s *Session) entra() (azcore.TokenCredential, error) {
	o := s.o.Azure
	if o.Token != "" {
		return staticToken(o.Token), nil
	}
	var c azcore.TokenCredential
	var err error
	switch {
	case o.ClientID == "":
		c, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{TenantID: o.Tenant})
	case os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		c, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientID: o.ClientID, TenantID: o.Tenant})
	default:
		c, err = azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(o.ClientID)})
	}
	if err != nil {
		return nil, s.noAzure(err)
	}
	return &keptTokens{s: s, from: c, kept: map[string]azcore.AccessToken{}}, nil
}

func (s *Session) noAzure(err error) error {
	mend := "sign in with: az login, run where a managed or workload identity is attached, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
	if id := s.o.Azure.ClientID; id != "" {
		mend = "the identity with the client_id " + id + " must be attached to the machine or the pod that Skein runs on; a pod's needs clouds.azure.tenant or AZURE_TENANT_ID, too"
	}
	return &CredentialError{What: "no Microsoft Entra token could be had", Mend: mend, Err: err}
}

// staticToken is an access token that is there already; when it ends is for the
// service to say.
type staticToken string

func (t staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(t), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// keptTokens keeps tokens by scope: some links of the chain would run a program each
// time that they are asked.
type keptTokens struct {
	s    *Session
	from azcore.TokenCredential

	mu   sync.Mutex
	kept map[string]azcore.AccessToken
}

func (k *keptTokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	id := o.TenantID + " " + strings.Join(o.Scopes, " ")
	if o.Claims == "" { // claims are the service's demand for a token anew
		k.mu.Lock()
		t, ok := k.kept[id]
		k.mu.Unlock()
		if ok && time.Now().Before(t.ExpiresOn.Add(-renewEarly)) && (t.RefreshOn.IsZero() || time.Now().Before(t.RefreshOn)) {
			return t, nil
		}
	}
	t, err := k.from.GetToken(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return t, err
		}
		return t, k.s.noAzure(err)
	}
	k.mu.Lock()
	k.kept[id] = t
	k.mu.Unlock()
	return t, nil
}

// AzureClient are the options of a client of Azure's SDKs over base: no retries, no
// redirects, and a credential goes over plain http to this machine only, as to a
// stand-in.
func (s *Session) AzureClient(base http.RoundTripper) policy.ClientOptions {
	return policy.ClientOptions{
		Retry:                           policy.RetryOptions{MaxRetries: -1},
		Telemetry:                       policy.TelemetryOptions{Disabled: true},
		Transport:                       &http.Client{Transport: base, CheckRedirect: sameHost},
		PerCallPolicies:                 []policy.Policy{guardPolicy{}},
		InsecureAllowCredentialWithHTTP: true, // guardPolicy says where
	}
}

// AzurePipeline is a pipeline for a REST service whose requests carry a bearer token
// for scopes, such as "https://servicebus.azure.net/.default". base is the driver's
// transport; retries are its business, too.
func (s *Session) AzurePipeline(service string, scopes []string, base http.RoundTripper) (runtime.Pipeline, error) {
	c, err := s.Azure()
	if err != nil {
		return runtime.Pipeline{}, err
	}
	options := s.AzureClient(base)
	bearer := runtime.NewBearerTokenPolicy(c, scopes, &policy.BearerTokenOptions{InsecureAllowCredentialWithHTTP: true})
	return runtime.NewPipeline("skein-"+service, "v0", runtime.PipelineOptions{PerRetry: []policy.Policy{bearer}}, &options), nil
}

// guardPolicy lets no request with a credential go over plain http to another machine.
type guardPolicy struct{}

func (guardPolicy) Do(r *policy.Request) (*http.Response, error) {
	if err := guarded(r.Raw().URL); err != nil {
		return nil, err
	}
	return r.Next()
}
