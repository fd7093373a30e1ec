package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// impersonate takes on the session's service account with the token of who may.
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
func (s *Session) impersonate(ctx context.Context, with *oauth2.Token, scopes []string) (*oauth2.Token, error) {
	account := s.o.GCP.ServiceAccount
	body, err := json.Marshal(map[string]any{"scope": scopes, "lifetime": "3600s"})
	if err != nil {
		return nil, err
	}
	at := s.Endpoint(s.o.GCP.Endpoint, iamCredentials) +
		"/v1/projects/-/serviceAccounts/" + url.PathEscape(account) + ":generateAccessToken"
	var out struct {
		AccessToken string    `json:"accessToken"`
		ExpireTime  time.Time `json:"expireTime"`
	}
	err = askGoogle(ctx, at, "application/json", with, body, &out)
	if err == nil && (out.AccessToken == "" || out.ExpireTime.IsZero()) {
		err = errors.New("the answer holds no token")
	}
	if err != nil {
		return nil, s.noImpersonation("iam.serviceAccounts.getAccessToken", err)
	}
	return &oauth2.Token{AccessToken: out.AccessToken, TokenType: "Bearer", Expiry: out.ExpireTime}, nil
}

// noImpersonation is that the session's service account could not be taken on, and
// which permission is missing.
func (s *Session) noImpersonation(permission string, err error) error {
	account := s.o.GCP.ServiceAccount
	e := &CredentialError{
		What: "the service account " + account + " cannot be impersonated", Err: err,
		Mend: "check that it exists, and that the IAM Service Account Credentials API is enabled and can be reached",
	}
	var said *googleError
	if errors.As(err, &said) && said.status == http.StatusForbidden {
		e.Mend = permission + " on " + account + " is missing: give whoever Skein runs as the role roles/iam.serviceAccountTokenCreator on it"
	}
	return e
}

const iamCredentials = "https://iamcredentials.googleapis.com"

// mostRules is how many buckets a credential access boundary has room for.
// https://cloud.google.com/iam/docs/downscoping-short-lived-credentials, read 2026-11.
const mostRules = 10

// boundaryRule is one rule of a credential access boundary.
type boundaryRule struct {
	AvailableResource    string             `json:"availableResource"`
	AvailablePermissions []string           `json:"availablePermissions"`
	Condition            *boundaryCondition `json:"availabilityCondition,omitempty"`
}

type boundaryCondition struct {
	Expression string `json:"expression"`
}

// narrowed gives tokens for Cloud Storage.
func (s *Session) narrowed() *googleTokens {
	if s.grants == nil {
		return s.google(GoogleScope)
	}
	whole := s.google(GoogleScope)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.storage == nil {
		s.mu.storage = newGoogleTokens(func(ctx context.Context) (*oauth2.Token, string, error) {
			t, err := whole.get(ctx)
			if err != nil {
				return nil, "", err
			}
			t, err = s.downscope(ctx, t)
			return t, "", err
		})
	}
	return s.mu.storage
}

// downscope exchanges a token for one that is good for the buckets of the grants only.
func (s *Session) downscope(ctx context.Context, whole *oauth2.Token) (*oauth2.Token, error) {
	rules, err := boundary(s.grants)
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(map[string]any{"accessBoundary": map[string]any{"accessBoundaryRules": rules}})
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token":        {whole.AccessToken},
		"options":              {string(options)},
	}
	at := s.Endpoint(s.o.GCP.Endpoint, "https://sts.googleapis.com") + "/v1/token"
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	err = askGoogle(ctx, at, "application/x-www-form-urlencoded", nil, []byte(form.Encode()), &out)
	if err == nil && out.AccessToken == "" {
		err = errors.New("the answer holds no token")
	}
	if err != nil {
		return nil, &CredentialError{
			What: "the token cannot be narrowed to the agent's buckets", Err: err,
			Mend: "check that the buckets exist and that sts.googleapis.com can be reached",
		}
	}
	t := &oauth2.Token{AccessToken: out.AccessToken, TokenType: "Bearer", Expiry: whole.Expiry} // as its source, where it does not say
	if out.ExpiresIn > 0 {
		t.Expiry = time.Now().Add(time.Duration(out.ExpiresIn) * time.Second)
	}
	return t, nil
}

const bucketPrefix = "//storage.googleapis.com/projects/_/buckets/"

// boundary are the rules for the buckets among the grants. Permissions are given as
// predefined roles: the boundary takes roles only, and what the account itself may do
// is the other bound.
func boundary(grants []Grant) ([]boundaryRule, error) {
	byBucket := map[string]*boundaryRule{}
	var rules []*boundaryRule
	for _, g := range grants {
		bucket, ok := strings.CutPrefix(g.Resource, bucketPrefix)
		if g.Cloud != GCP || !ok {
			continue
		}
		bucket, _, _ = strings.Cut(bucket, "/")
		key := bucket + "\n" + g.Within
		rule := byBucket[key]
		if rule == nil {
			rule = &boundaryRule{AvailableResource: bucketPrefix + bucket}
			if g.Within != "" {
				rule.Condition = &boundaryCondition{Expression: g.Within}
			}
			byBucket[key] = rule
			rules = append(rules, rule)
		}
		if g.Role != "" {
			rule.AvailablePermissions = append(rule.AvailablePermissions, "inRole:"+g.Role)
		}
	}
	switch {
	case len(rules) == 0:
		return nil, &CredentialError{What: "the agent has no bucket among its resources", Mend: "name it among the agent's tools"}
	case len(rules) > mostRules:
		return nil, &CredentialError{
			What: fmt.Sprintf("the agent has %d buckets, and a credential access boundary has room for %d", len(rules), mostRules),
			Mend: "split it into two agents",
		}
	}
	out := make([]boundaryRule, len(rules))
	for i, r := range rules {
		r.AvailablePermissions = sorted(r.AvailablePermissions)
		out[i] = *r
	}
	return out, nil
}

// googleError is what a service of Google's said.
type googleError struct {
	status  int
	message string
}

func (e *googleError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.message) }

// identityClient is for Google's services of identity, beside the metered ones.
var identityClient = &http.Client{Timeout: 20 * time.Second, CheckRedirect: sameHost}

func askGoogle(ctx context.Context, at, kind string, with *oauth2.Token, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := guarded(r.URL); err != nil {
		return err
	}
	r.Header.Set("Content-Type", kind)
	if with != nil {
		r.Header.Set("Authorization", "Bearer "+with.AccessToken)
	}
	resp, err := identityClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return &googleError{resp.StatusCode, googleMessage(data)}
	}
	return json.Unmarshal(data, into)
}

// googleMessage is the text of an error: {"error":{"message":…}} of the APIs, or
// {"error":…,"error_description":…} of the exchange of tokens.
func googleMessage(data []byte) string {
	var f struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
	}
	if json.Unmarshal(data, &f) != nil {
		return "no reason is given"
	}
	var api struct {
		Message string `json:"message"`
	}
	var code string
	if json.Unmarshal(f.Error, &api) == nil && api.Message != "" {
		return api.Message
	}
	_ = json.Unmarshal(f.Error, &code) // anything else has no text
	return or(f.Description, or(code, "no reason is given"))
}
