package table

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// What Cosmos DB and Table Storage share: a pipeline of azcore's, which each request
// passes once, and the two ways to show who asks.

var azureAccount = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,42}[a-z0-9]$`)

// azureREST is a client of a service. authorize puts a credential on a request, as the
// last thing before it is sent.
func azureREST(u *resource.URL, service string, said func(answer) fault, authorize func(*policy.Request) error) (*rest, error) {
	base := effect.NewBase()
	options := u.Session.AzureClient(nil)
	options.Transport = unled(counting(base))
	pipeline := runtime.NewPipeline("skein", "v0", runtime.PipelineOptions{PerRetry: []policy.Policy{authorizing(authorize)}}, &options)
	return &rest{base: base, service: service, said: said, send: func(r *http.Request) (*http.Response, error) {
		req, err := runtime.NewRequestFromRequest(r)
		if err != nil {
			return nil, err
		}
		runtime.SkipBodyDownload(req) // it is read within bounds
		return pipeline.Do(req)
	}}, nil
}

// unled is a client that follows no redirect, not even to the same place: what was to be
// written would be asked for, and found.
func unled(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// versionForm is what entity tags are made of, and leaves out what means "any" or stands
// between two of them.
var versionForm = regexp.MustCompile(`^(W/)?"?[A-Za-z0-9_+/=:.%~'-]{1,1000}"?$`)

// checkTag refuses what is no entity tag; "" is none given.
func checkTag(version string) error {
	if version == "" || versionForm.MatchString(version) {
		return nil
	}
	return refuse("%q is no version of an item: give it as it was shown", cut(version, 80))
}

type authorizing func(*policy.Request) error

func (a authorizing) Do(r *policy.Request) (*http.Response, error) {
	if err := a(r); err != nil {
		return nil, err
	}
	return r.Next()
}

// entra gives the token of the session's identity for a scope.
func entra(u *resource.URL, scope string) (func(context.Context) (string, error), error) {
	credential, err := u.Session.Azure()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		return t.Token, err
	}, nil
}

// ownAccount says that a key of an account may be used: it opens everything in it, so
// it stands neither for an agent's own identity nor for a token that is given.
func ownAccount(u *resource.URL) bool {
	o := u.Session.Options().Azure
	return o.Token == "" && o.ClientID == ""
}

// accountKey is a key of an account as the portal shows it.
type accountKey []byte

func readAccountKey(variable, text string) (accountKey, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("%s is not a key of an account: it is base64, as the portal shows it", variable)
	}
	return key, nil
}

func (k accountKey) sign(text string) string {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
