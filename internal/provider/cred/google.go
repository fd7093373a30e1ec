package cred

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"

	"github.com/skein-run/skein/internal/cloud"
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
	c, err := cloud.FindGoogle(ctx, g.file, GoogleScope)
	if err != nil {
		return googleToken{}, time.Time{}, err
	}
	t, err := c.TokenSource.Token()
	if err != nil {
		return googleToken{}, time.Time{}, err
	}
	out := googleToken{authorization: []string{"Bearer " + t.AccessToken}}
	if q := cloud.QuotaProject(c.JSON); q != "" {
		out.quota = []string{q}
	}
	return out, t.Expiry, nil
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
