package cred

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/oauth2/google"
)

// GoogleScope is what tokens for Google Cloud's model services are asked for.
const GoogleScope = "https://www.googleapis.com/auth/cloud-platform"

// googleTokens are access tokens of Google.
type googleTokens struct {
	file   string
	tokens *fresh[googleToken]
}

type googleToken struct {
	authorization []string
	quota         []string // the project that a person's own credential charges
}

// Google gets tokens with what a file of credentials says: a service account, a
// workload identity, a person's. Without a file it is what Application Default
// Credentials find.
func Google(file string) Credential {
	g := &googleTokens{file: file}
	g.tokens = newFresh(g.fetch)
	return g
}

func (g *googleTokens) Put(ctx context.Context, r *http.Request, _ []byte) error {
	t, err := g.tokens.get(ctx)
	if err != nil {
		mend := "sign in with: gcloud auth application-default login, set GOOGLE_APPLICATION_CREDENTIALS or credentials_file to a service account's file, or run where a service account is attached"
		if g.file != "" {
			mend = "check the file " + g.file
		}
		return failed("no Google credential could be had", mend, err)
	}
	r.Header["Authorization"] = t.authorization
	if t.quota != nil {
		r.Header["X-Goog-User-Project"] = t.quota
	}
	return nil
}

func (g *googleTokens) Refused()     { g.tokens.forget() }
func (g *googleTokens) Close() error { return g.tokens.close() }

// fetch makes the credential anew each time: what Google's library gives keeps its
// token to the last seconds, and a file may have been replaced.
func (g *googleTokens) fetch(ctx context.Context) (googleToken, time.Time, error) {
	c, err := g.credentials(ctx)
	if err != nil {
		return googleToken{}, time.Time{}, err
	}
	t, err := c.TokenSource.Token()
	if err != nil {
		return googleToken{}, time.Time{}, err
	}
	out := googleToken{authorization: []string{"Bearer " + t.AccessToken}}
	if q := quotaProject(c.JSON); q != "" {
		out.quota = []string{q}
	}
	return out, t.Expiry, nil
}

func (g *googleTokens) credentials(ctx context.Context) (*google.Credentials, error) {
	if g.file == "" {
		return google.FindDefaultCredentials(ctx, GoogleScope)
	}
	data, err := os.ReadFile(g.file)
	if err != nil {
		return nil, err
	}
	kind, err := credentialType(data)
	if err != nil {
		return nil, err
	}
	return google.CredentialsFromJSONWithType(ctx, data, kind, GoogleScope)
}

// fileTypes are the sorts of credential that a file may hold.
var fileTypes = []google.CredentialsType{
	google.ServiceAccount, google.AuthorizedUser, google.ExternalAccount, google.ExternalAccountAuthorizedUser, google.ImpersonatedServiceAccount,
}

func credentialType(data []byte) (google.CredentialsType, error) {
	var f struct{ Type google.CredentialsType }
	if err := json.Unmarshal(data, &f); err != nil {
		return "", fmt.Errorf("it is no file of credentials: it is not JSON")
	}
	if !slices.Contains(fileTypes, f.Type) {
		return "", fmt.Errorf("it is no file of credentials: its type is %q", f.Type)
	}
	return f.Type, nil
}

// quotaProject is the project that a person's own credential is charged to; a
// service account has its own.
func quotaProject(data []byte) string {
	var f struct {
		Type  google.CredentialsType
		Quota string `json:"quota_project_id"`
	}
	if json.Unmarshal(data, &f) != nil || f.Type != google.AuthorizedUser {
		return ""
	}
	if q := os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT"); q != "" {
		return q
	}
	return f.Quota
}

// GoogleProject is the project that a file of credentials states; "" is the file
// that Application Default Credentials would read. It reads files only.
func GoogleProject(file string) string {
	if file == "" {
		file = os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
	}
	if file == "" {
		return ""
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	var f struct {
		Project string `json:"project_id"`
		Quota   string `json:"quota_project_id"`
	}
	_ = json.Unmarshal(data, &f) // another sort of file states none
	return orDefault(f.Project, f.Quota)
}
