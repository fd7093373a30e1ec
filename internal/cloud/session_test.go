package cloud_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
)

// alone takes every credential and address of this machine out of the environment.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_DEFAULTS_MODE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER",
		"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_QUOTA_PROJECT", "GOOGLE_CLOUD_PROJECT",
	} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// asked is one request that a service got.
type asked struct {
	Path   string
	Header http.Header
	Form   url.Values
	Body   []byte
}

// service is a service that does what answer says, and remembers what it was asked.
type service struct {
	*httptest.Server
	mu struct {
		sync.Mutex
		asked []asked
	}
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r asked)) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a := asked{Path: r.URL.RequestURI(), Header: r.Header, Body: body}
		a.Form, _ = url.ParseQuery(string(body))
		s.mu.Lock()
		s.mu.asked = append(s.mu.asked, a)
		s.mu.Unlock()
		answer(w, a)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) asked() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.mu.asked...)
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func TestNothingIsSentBeforeSomethingIsAskedFor(t *testing.T) {
	alone(t)
	s := serve(t, func(w http.ResponseWriter, _ asked) { w.WriteHeader(http.StatusTeapot) })
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
	t.Setenv("GCE_METADATA_HOST", s.Listener.Addr().String())
	process := cloud.New(cloud.Options{
		AWS:   cloud.AWSOptions{Endpoint: s.URL, Role: "arn:aws:iam::123456789012:role/skein", Region: "us-east-1"},
		Azure: cloud.AzureOptions{ClientID: "id", Endpoint: s.URL},
		GCP:   cloud.GCPOptions{ServiceAccount: "a@p.iam.gserviceaccount.com", Endpoint: s.URL},
	})
	agent := process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: "arn:aws:iam::123456789012:role/analyst"}}, nil)
	for _, session := range []*cloud.Session{process, agent} {
		if _, err := session.AWS(t.Context(), ""); err != nil {
			t.Error(err)
		}
		if _, err := session.Azure(); err != nil {
			t.Error(err)
		}
		if _, err := session.AzurePipeline("blob", []string{"https://storage.azure.com/.default"}, nil); err != nil {
			t.Error(err)
		}
		if _, err := session.GCP(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := session.GCPStorage(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if _, err := session.GCPInvoke(t.Context(), "https://score-x.a.run.app", nil); err != nil {
			t.Error(err)
		}
	}
	if n := len(s.asked()); n != 0 {
		t.Errorf("%d requests were sent at start-up", n)
	}
}

func TestNoSessionReachesNoCloud(t *testing.T) {
	var none *cloud.Session
	if _, err := none.AWS(t.Context(), "us-east-1"); err == nil {
		t.Error("AWS is reached")
	}
	if _, err := none.Azure(); err == nil {
		t.Error("Azure is reached")
	}
	if _, err := none.GCP(t.Context()); err == nil {
		t.Error("Google Cloud is reached")
	}
	if none.Options() != (cloud.Options{}) {
		t.Error("it has options")
	}
}
