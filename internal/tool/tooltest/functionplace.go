package tooltest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// functionPlace is a function for one driver: it gives back what it was called with,
// and does otherwise where the payload says so.
type functionPlace struct {
	Place
	session *clouds.Session
	missing string // the URL of one that is not there

	mu       sync.Mutex
	calls    []string       // its payloads, as the function itself saw them
	requests []http.Header  // as they came over the wire
	memory   int64          // megabytes × milliseconds are counted where it is not 0
	kind     price.Source   // of the memory
	failed   effect.Outcome // of a function that ends in an error; "" where the answer tells it
}

// does is the function itself.
func (p *functionPlace) does(payload []byte) ([]byte, error) {
	p.mu.Lock()
	p.calls = append(p.calls, string(payload))
	p.mu.Unlock()
	var in struct {
		Text string
		Fail bool
		Size int
	}
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Fail:
		return nil, errors.New("it is too hot")
	case in.Text != "":
		return []byte(in.Text), nil
	case in.Size > 0:
		return []byte(`"` + strings.Repeat("x", in.Size-2) + `"`), nil
	}
	return payload, nil
}

func (p *functionPlace) called() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

// recorded passes requests on and keeps their headers.
func (p *functionPlace) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Header.Clone())
		p.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// command is what the last request had of the command's id.
func (p *functionPlace) command(t *testing.T) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.requests[len(p.requests)-1]
	if text := h.Get("X-Amz-Client-Context"); text != "" {
		b, err := base64.StdEncoding.DecodeString(text)
		var in struct{ Custom map[string]string }
		if err := errors.Join(err, json.Unmarshal(b, &in)); err != nil {
			t.Fatal(err)
		}
		return in.Custom["skein_command"]
	}
	return h.Get("X-Skein-Command") + h.Get("Idempotency-Key")
}

// newFunctionPlace makes a place for a driver.
func newFunctionPlace(t *testing.T, scheme string) *functionPlace {
	t.Helper()
	p := &functionPlace{}
	if scheme == "http" || scheme == "https" {
		p.ownServer(t, scheme)
		return p
	}
	s, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{Functions: map[string]func([]byte) ([]byte, error){"score": p.does}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p.recorded(s))
	t.Cleanup(func() {
		s.Clear()
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Cloud = s
	at := srv.URL + "/cloud/"
	switch scheme {
	case "awslambda":
		t.Setenv("AWS_ACCESS_KEY_ID", "test")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		p.session = clouds.New(clouds.Options{AWS: clouds.AWSOptions{Region: "us-east-1", Endpoint: at + "aws"}})
		p.URL, p.missing = "awslambda:///arn:aws:lambda:us-east-1:000000000000:function:score?memory=128&timeout=30s", "awslambda:nowhere"
		p.memory, p.kind = 128*30_000, price.Reported
	case "azurefunc":
		t.Setenv("SCORE_KEY", "a-secret-key")
		p.session = clouds.New(clouds.Options{Azure: clouds.AzureOptions{Region: "eastus", Endpoint: at + "azure", Token: "t"}})
		p.URL, p.missing = "azurefunc://app.azurewebsites.net/api/score?key_env=SCORE_KEY&memory=100", "azurefunc://app.azurewebsites.net/api/nowhere?key_env=SCORE_KEY"
		p.memory, p.kind, p.failed = 128*30_000, price.Estimated, effect.Unknown
	case "gcprun":
		p.session = clouds.New(clouds.Options{GCP: clouds.GCPOptions{Endpoint: at + "gcp", Token: "t"}})
		p.URL, p.missing = "gcprun://score-123456789012.us-central1.run.app?memory=512&cpu=1", ""
		p.URL = "gcprun://score.us-central1.run.app?memory=512&cpu=1"
		p.missing = "gcprun://nowhere.us-central1.run.app"
		p.memory, p.kind, p.failed = 512*30_000, price.Estimated, effect.Unknown
	default:
		t.Fatalf("the driver %s: has no place to be tested in: add one to newFunctionPlace", scheme)
	}
	return p
}

// ownServer is a function behind an address of nobody's cloud.
func (p *functionPlace) ownServer(t *testing.T, scheme string) {
	t.Helper()
	h := p.recorded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.URL.Query().Get("code") != "a-secret-key" || len(r.URL.Query()) != 1 {
			http.Error(w, "what is this", http.StatusBadRequest)
			return
		}
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/score?code=a-secret-key", http.StatusTemporaryRedirect)
			return
		case "/score":
		default:
			http.NotFound(w, r)
			return
		}
		answer, err := p.does(body)
		if err != nil {
			http.Error(w, err.Error()+" a-secret-key", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(answer)
	}))
	var srv *httptest.Server
	if scheme == "https" {
		srv = httptest.NewTLSServer(h)
		trust(t, srv)
	} else {
		srv = httptest.NewServer(h)
	}
	t.Cleanup(srv.Close)
	p.URL = srv.URL + "/score?code=a-secret-key&allow_private=true"
	p.missing = srv.URL + "/nowhere?code=a-secret-key&allow_private=true"
	p.failed = effect.Unknown
}

// trust lets this process take the certificate of test servers, which is the same for
// all of them. It is read when the first certificate is verified.
func trust(t *testing.T, srv *httptest.Server) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(path, pemOf(srv.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", path)
}

func pemOf(der []byte) []byte {
	return []byte("-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString(der) + "\n-----END CERTIFICATE-----\n")
}
