package cloud

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

// GCPInvoke is a client for one service of Cloud Run, or a function, whose requests
// say who asks by an ID token for audience, the service's own address. An agent's
// session asks for it as its service account.
// https://cloud.google.com/run/docs/authenticating/service-to-service
func (s *Session) GCPInvoke(ctx context.Context, audience string, base http.RoundTripper) (*http.Client, error) {
	if s == nil {
		return nil, errNoSession
	}
	return googleClient(s.invoker(audience), base), nil
}

func (s *Session) invoker(audience string) *googleTokens {
	if s.parent != nil && s.id.GCP.ServiceAccount == "" {
		return s.parent.invoker(audience)
	}
	id := "id " + audience
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.gcp[id] == nil {
		if s.mu.gcp == nil {
			s.mu.gcp = map[string]*googleTokens{}
		}
		s.mu.gcp[id] = newGoogleTokens(func(ctx context.Context) (*oauth2.Token, string, error) {
			t, err := s.fetchID(ctx, audience)
			return t, "", err
		})
	}
	return s.mu.gcp[id]
}

func (s *Session) fetchID(ctx context.Context, audience string) (*oauth2.Token, error) {
	o := s.o.GCP
	if o.ServiceAccount == "" {
		if o.Token != "" {
			return &oauth2.Token{AccessToken: o.Token, TokenType: "Bearer"}, nil
		}
		return ownID(ctx, audience, o.Credentials)
	}
	with, err := s.impersonator(ctx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"audience": audience, "includeEmail": true})
	if err != nil {
		return nil, err
	}
	at := s.Endpoint(o.Endpoint, iamCredentials) + "/v1/projects/-/serviceAccounts/" + url.PathEscape(o.ServiceAccount) + ":generateIdToken"
	var out struct {
		Token string `json:"token"`
	}
	err = askGoogle(ctx, at, "application/json", with, body, &out)
	if err == nil && out.Token == "" {
		err = errors.New("the answer holds no token")
	}
	if err != nil {
		return nil, s.noImpersonation("iam.serviceAccounts.getOpenIdToken", err)
	}
	return &oauth2.Token{AccessToken: out.Token, TokenType: "Bearer", Expiry: endOf(out.Token)}, nil
}

// ownID is an ID token of the process itself, which a service account's file gives, or
// the machine where one is attached; a person's sign-in gives none for a service.
func ownID(ctx context.Context, audience, file string) (*oauth2.Token, error) {
	var options []option.ClientOption
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, noGoogle(file, err)
		}
		kind, err := credentialType(data)
		if err != nil {
			return nil, noGoogle(file, err)
		}
		options = append(options, option.WithAuthCredentialsFile(option.CredentialsType(kind), file))
	}
	source, err := idtoken.NewTokenSource(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: within{ctx}}), audience, options...)
	if err == nil {
		var t *oauth2.Token
		if t, err = source.Token(); err == nil {
			return t, nil
		}
	}
	return nil, &CredentialError{
		What: "no ID token of Google could be had for " + audience, Err: err,
		Mend: "name a service account under clouds.gcp.service_account to impersonate, or run where one is attached: a person's own sign-in gives none",
	}
}

// endOf is when an ID token ends, as it says itself; Google's last an hour.
func endOf(token string) time.Time {
	var claims struct {
		End int64 `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) == 3 {
		if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(b, &claims) == nil && claims.End > 0 {
			return time.Unix(claims.End, 0)
		}
	}
	return time.Now().Add(30 * time.Minute)
}
