package bus

import (
	"context"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/skein-run/skein/internal/cloud"
)

// AzureAuth sends tokens of the session for one of Azure's services, by its scope. The
// session keeps them.
func AzureAuth(s *cloud.Session, scope string) Auth {
	return func(ctx context.Context) (string, string, error) {
		credential, err := s.Azure()
		if err != nil {
			return "", "", err
		}
		t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return "", "", err
		}
		return "Authorization", "Bearer " + t.Token, nil
	}
}

// GoogleWire is a wire whose requests carry the session's token for Google's APIs.
func GoogleWire(s *cloud.Session) (*Wire, error) {
	w := NewWire(nil)
	for _, c := range []*http.Client{w.fresh, w.kept} {
		with, err := s.GCPClient(context.Background(), c.Transport)
		if err != nil {
			return nil, err
		}
		c.Transport = with.Transport
	}
	return w, nil
}

// guarded lets a credential go over https, or to this machine.
func guarded(u *url.URL) error {
	if u.Scheme == "https" || cloud.Loopback(u) {
		return nil
	}
	return &cloud.CredentialError{What: "no credential is sent to " + u.Scheme + "://" + u.Host, Mend: "use https"}
}
