package cloud_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/cloud"
)

const analystAccount = "analyst@acme.iam.gserviceaccount.com"

// identityOfGoogle is IAM credentials, STS and a service, in one: each token that it
// gives is named after who asked for it.
func identityOfGoogle(t *testing.T, lasts time.Duration) *service {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r asked) {
		bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case strings.HasSuffix(r.Path, ":generateAccessToken"):
			answerJSON(w, map[string]any{"accessToken": bearer + ">analyst", "expireTime": time.Now().Add(lasts).UTC().Format(time.RFC3339)})
		case strings.HasSuffix(r.Path, ":generateIdToken"):
			answerJSON(w, map[string]any{"token": bearer + ">id"})
		case strings.HasSuffix(r.Path, "/v1/token"):
			answerJSON(w, map[string]any{"access_token": r.Form.Get("subject_token") + ">narrow", "expires_in": 3600, "token_type": "Bearer"})
		case strings.HasSuffix(r.Path, "/file-token"):
			answerJSON(w, map[string]any{"access_token": "file", "expires_in": 3600, "token_type": "Bearer"})
		}
	})
}

// bearers are the tokens with which a path was asked.
func bearers(s *service, path string) (all []string) {
	for _, r := range s.asked() {
		if r.Path == path {
			all = append(all, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}
	}
	return all
}

func fetch(t *testing.T, c *http.Client, err error, address string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func TestAnAgentsServiceAccountIsImpersonatedAndItsStorageNarrowed(t *testing.T) {
	alone(t)
	s := identityOfGoogle(t, time.Hour)
	process := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Token: "process", Endpoint: s.URL + "/cloud/gcp"}})
	agent := process.As(cloud.IdentityOptions{GCP: cloud.GCPIdentity{ServiceAccount: analystAccount}}, []cloud.Grant{
		{Cloud: cloud.GCP, Resource: "//storage.googleapis.com/projects/_/buckets/filings", Role: "roles/storage.objectViewer", Actions: []string{"storage.objects.get"}},
		{Cloud: cloud.GCP, Resource: "//storage.googleapis.com/projects/_/buckets/out", Role: "roles/storage.objectCreator", Within: "resource.name.startsWith('projects/_/buckets/out/objects/a/')"},
		{Cloud: cloud.GCP, Resource: "//pubsub.googleapis.com/projects/acme/topics/alerts", Role: "roles/pubsub.publisher"},
	})
	for range 2 {
		c, err := agent.GCPClient(t.Context(), http.DefaultTransport)
		fetch(t, c, err, s.URL+"/topic")
		c, err = agent.GCPStorage(t.Context(), http.DefaultTransport)
		fetch(t, c, err, s.URL+"/bucket")
		c, err = agent.GCPInvoke(t.Context(), "https://score.a.run.app", http.DefaultTransport)
		fetch(t, c, err, s.URL+"/run")
		c, err = process.GCPStorage(t.Context(), http.DefaultTransport)
		fetch(t, c, err, s.URL+"/own")
	}
	for path, want := range map[string]string{
		"/topic": "process>analyst", "/bucket": "process>analyst>narrow", "/run": "process>id", "/own": "process",
		"/cloud/gcp/v1/projects/-/serviceAccounts/" + analystAccount + ":generateAccessToken": "process",
	} {
		got := bearers(s, path)
		if len(got) == 0 || got[0] != want || got[len(got)-1] != want {
			t.Errorf("%s is asked with %v, want %s", path, got, want)
		}
	}
	var exchanges int
	for _, r := range s.asked() {
		if r.Path != "/cloud/gcp/v1/token" {
			continue
		}
		exchanges++
		want := `{"accessBoundary":{"accessBoundaryRules":[` +
			`{"availableResource":"//storage.googleapis.com/projects/_/buckets/filings","availablePermissions":["inRole:roles/storage.objectViewer"]},` +
			`{"availableResource":"//storage.googleapis.com/projects/_/buckets/out","availablePermissions":["inRole:roles/storage.objectCreator"],"availabilityCondition":{"expression":"resource.name.startsWith('projects/_/buckets/out/objects/a/')"}}]}}`
		if r.Form.Get("options") != want {
			t.Errorf("the boundary is\n%s\nwant\n%s", r.Form.Get("options"), want)
		}
	}
	if exchanges != 1 {
		t.Errorf("the token was exchanged %d times", exchanges)
	}
}

func TestGoogleTokensAreRenewedBeforeTheirEnd(t *testing.T) {
	alone(t)
	s := identityOfGoogle(t, 4*time.Minute) // sooner than is waited for
	session := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Token: "process", ServiceAccount: analystAccount, Endpoint: s.URL}})
	tokens, err := session.GCP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if tok, err := tokens.Token(); err != nil || tok.AccessToken != "process>analyst" {
			t.Fatalf("got %v, %v", tok, err)
		}
	}
	if n := len(s.asked()); n != 2 {
		t.Errorf("it was asked for %d times, want 2", n)
	}
	s.Close() // nobody gives tokens any more, and the last is good still
	if tok, err := tokens.Token(); err != nil || tok.AccessToken != "process>analyst" {
		t.Errorf("got %v, %v", tok, err)
	}
}

// accountFile is the file of a service account whose tokens are given at an address.
func accountFile(t *testing.T, at string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "skein@acme.iam.gserviceaccount.com", "token_uri": at,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "project_id": "acme",
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.json")
	write(t, file, string(body))
	return file
}

// Whoever should give a token and does not answer holds nobody up for longer than wanted:
// neither the one who asks nor those who wait behind.
func TestASilentTokenServiceIsNotWaitedFor(t *testing.T) {
	alone(t)
	arrived := make(chan struct{}, 2)
	s := serve(t, func(http.ResponseWriter, asked) {
		arrived <- struct{}{}
		<-t.Context().Done()
	})
	c, err := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Credentials: accountFile(t, s.URL)}}).GCPClient(t.Context(), http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(r); err == nil {
			t.Error("there was a token")
		}
	}
}

func TestAServiceAccountsFileIsUsed(t *testing.T) {
	alone(t)
	s := identityOfGoogle(t, time.Hour)
	file := accountFile(t, s.URL+"/file-token")
	c, err := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Credentials: file}}).GCPClient(t.Context(), http.DefaultTransport)
	fetch(t, c, err, s.URL+"/named")
	if err := os.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file); err != nil { // put back by alone
		t.Fatal(err)
	}
	c, err = cloud.New(cloud.Options{}).GCPClient(t.Context(), http.DefaultTransport)
	fetch(t, c, err, s.URL+"/found")
	for _, path := range []string{"/named", "/found"} {
		if got := bearers(s, path); len(got) != 1 || got[0] != "file" {
			t.Errorf("%s is asked with %v", path, got)
		}
	}
}

func TestWhatGoogleRefusesSaysWhatIsMissing(t *testing.T) {
	alone(t)
	s := serve(t, func(w http.ResponseWriter, _ asked) {
		w.WriteHeader(http.StatusForbidden)
		answerJSON(w, map[string]any{"error": map[string]any{"code": 403, "message": "Permission denied"}})
	})
	session := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Token: "hidden", ServiceAccount: analystAccount, Endpoint: s.URL}})
	for name, ask := range map[string]func() (*http.Client, error){
		"iam.serviceAccounts.getAccessToken": func() (*http.Client, error) { return session.GCPClient(t.Context(), nil) },
		"iam.serviceAccounts.getOpenIdToken": func() (*http.Client, error) { return session.GCPInvoke(t.Context(), "https://score.a.run.app", nil) },
	} {
		c, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Get("https://127.0.0.1:1/")
		if err == nil || !strings.Contains(err.Error(), name+" on "+analystAccount+" is missing") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("got %v", err)
		}
	}
	c, err := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Credentials: "/no/such.json"}}).GCPClient(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Get("https://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "check the file /no/such.json") {
		t.Errorf("got %v", err)
	}
}

func TestNoGoogleTokenGoesElsewhere(t *testing.T) {
	alone(t)
	other := serve(t, func(http.ResponseWriter, asked) {})
	s := serve(t, func(w http.ResponseWriter, _ asked) {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	c, err := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Token: "stand-in"}}).GCPClient(t.Context(), http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get("http://192.0.2.1/"); err == nil || !strings.Contains(err.Error(), "use https") {
		t.Errorf("over plain http to another machine: %v", err)
	}
	resp, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || len(other.asked()) != 0 {
		t.Error("a redirect to another host is followed")
	}
}

func TestACrowdWaitsForOneTokenAndNobodyLongerThanItsContext(t *testing.T) {
	alone(t)
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ asked) {
		<-release
		answerJSON(w, map[string]any{"accessToken": "t", "expireTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	})
	c, err := cloud.New(cloud.Options{GCP: cloud.GCPOptions{Token: "process", ServiceAccount: analystAccount, Endpoint: s.URL}}).GCPClient(t.Context(), roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://pubsub.googleapis.com/", nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(r)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	var crowd sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		crowd.Go(func() { errs[i] = ask(t.Context()) })
	}
	for len(s.asked()) == 0 { // until one of them asks
		runtime.Gosched()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ask(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("one who has gone hears %v", err)
	}
	close(release)
	crowd.Wait()
	if err := errors.Join(errs...); err != nil || len(s.asked()) != 1 {
		t.Errorf("the token was asked for %d times: %v", len(s.asked()), err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
