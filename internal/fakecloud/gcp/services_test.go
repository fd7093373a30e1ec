package gcp_test

import (
	"encoding/base64"
	"testing"

	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/secretmanager/v1"

	"github.com/skein-run/skein/internal/fakecloud"
)

func TestSecretManagerServesGooglesClient(t *testing.T) {
	l := newLab(t)
	s, err := secretmanager.NewService(t.Context(), l.client("t", "/")...)
	if err != nil {
		t.Fatal(err)
	}
	access := s.Projects.Secrets.Versions.Access
	got, err := access("projects/p/secrets/acme-key/versions/latest").Do()
	if err != nil || got.Name != "projects/p/secrets/acme-key/versions/1" || got.Payload.DataCrc32c == 0 {
		t.Fatalf("%+v: %v", got, err)
	}
	if data, err := base64.StdEncoding.DecodeString(got.Payload.Data); err != nil || string(data) != "s3cret" {
		t.Fatalf("%q: %v", data, err)
	}
	if ln := l.last(); ln.Service != "secretmanager" || ln.Op != "AccessSecretVersion" || ln.Resource != "acme-key" || ln.Readings["requests.read"] != 1 {
		t.Fatalf("%+v", ln)
	}
	_, err = access("projects/p/secrets/none/versions/latest").Do()
	wantCode(t, err, 404, "NOT_FOUND")
	_, err = access("projects/p/secrets/acme-key/versions/2").Do()
	wantCode(t, err, 404, "NOT_FOUND")
	l.order(fakecloud.Fault{Service: "secretmanager", Kind: fakecloud.ServerFail, Count: 1})
	l.ask("GET", "/v1/projects/p/secrets/acme-key/versions/latest:access", owner, "").want(t, 500, "INTERNAL")
}

// A function runs for who brings an identity token for its own address.
func TestRunNeedsAnIdentityToken(t *testing.T) {
	l := newLab(t)
	s, err := iamcredentials.NewService(t.Context(), l.client("t", "/")...)
	if err != nil {
		t.Fatal(err)
	}
	identity := func(audience string) header {
		t.Helper()
		got, err := s.Projects.ServiceAccounts.GenerateIdToken("projects/-/serviceAccounts/"+analyst, &iamcredentials.GenerateIdTokenRequest{Audience: audience, IncludeEmail: true}).Do()
		if err != nil {
			t.Fatal(err)
		}
		return l.bearer(got.Token)
	}
	mine := identity(l.url + "/run/echo")
	l.ask("POST", "/run/echo", mine, `{"a":1}`).want(t, 200, `{"a":1}`)
	if ln := l.logged("run", "Invoke", "echo", map[string]int64{"invocations": 1, "bytes.sent": 7, "bytes.read": 7}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", "/run/echo", header{"X-Serverless-Authorization": mine["Authorization"]}, `1`).want(t, 200, `1`)
	l.ask("POST", "/run/broken", mine, `{}`).want(t, 401, "Unauthorized") // another audience
	l.ask("POST", "/run/broken", identity(l.url+"/run/broken"), `{}`).want(t, 403, "Forbidden")
	l.ask("POST", "/run/echo", l.bearer(l.token(analyst)), `{}`).want(t, 401, "Unauthorized") // an access token
	l.ask("POST", "/run/echo", nil, `{}`).want(t, 401, "Unauthorized")
	l.ask("GET", "/storage/v1/b/filings/o", mine, "").want(t, 401, "invalid authentication credentials")
	l.ask("POST", "/run/broken", owner, `{}`).want(t, 500, "Internal Server Error")
	if ln := l.last(); !ln.Done || ln.Readings["invocations"] != 1 {
		t.Fatalf("a function that failed has run: %+v", ln)
	}
	l.ask("POST", "/run/none", owner, `{}`).want(t, 404, "Not Found")
	l.order(fakecloud.Fault{Service: "run", Kind: fakecloud.TooMany, Count: 1})
	l.ask("POST", "/run/echo", owner, `{}`).want(t, 429, "Too Many Requests")
	if l.last().Done {
		t.Fatal("it ran")
	}
}
