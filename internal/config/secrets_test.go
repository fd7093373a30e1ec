package config_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/skein-run/skein/internal/config"
)

// manager is Secret Manager with one secret of each name that begins with "there".
func manager(t *testing.T, value string) (address string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.Contains(r.URL.Path, "/secrets/there") || r.Header.Get("Authorization") != "Bearer stand-in" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"payload":{"data":%q}}`, base64.StdEncoding.EncodeToString([]byte(value)))
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

const withSecrets = `
version: 1
clouds: {gcp: {project: acme, token: "${secret:env:TOKEN}", endpoint: "${AT}"}}
providers:
  a: {kind: openai, key: "gcp-secretmanager:there"}
  b: {kind: openai, key: "${secret:gcp-secretmanager:there}"}
tools:
  history: {sql: "postgres://skein:${secret:gcp-secretmanager:there}@db/prices"}
agents:
  x: {model: m, goal: "${secret:gcp-secretmanager:there-too} $${secret:left alone}"}
models:
  m: {deployments: [{provider: a, upstream: x}]}
`

func TestSecretsStandInValues(t *testing.T) {
	const value = "p@ss/${HOME}:w&rd"
	at, asked := manager(t, value)
	c := parse(t, withSecrets, "AT", at, "TOKEN", "stand-in", "HOME", "expanded")
	for what, pair := range map[string][2]string{
		"a key":                {c.Providers["a"].Key, value},
		"a key inside a value": {c.Providers["b"].Key, value},
		"a password in a URL":  {c.Tools["history"].SQL, "postgres://skein:p%40ss%2F%24%7BHOME%7D%3Aw%26rd@db/prices"},
		"a text":               {c.Agents["x"].Goal, value + " ${secret:left alone}"},
		"the token":            {c.Clouds.GCP.Token, "stand-in"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("two secrets were asked for %d times", n)
	}
}

func TestOfflineNothingIsAskedFor(t *testing.T) {
	at, asked := manager(t, "value")
	path := filepath.Join(t.TempDir(), "skein.yaml")
	if err := os.WriteFile(path, []byte(withSecrets), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadOffline(path, environ("AT", at, "TOKEN", "stand-in"))
	if err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 0 {
		t.Error("something was sent")
	}
	if c.Providers["a"].Key == "" || strings.Contains(c.Providers["a"].Key, "gcp-") || c.Clouds.GCP.Token != "stand-in" {
		t.Errorf("got %+v and %+v", c.Providers["a"], c.Clouds.GCP)
	}
}

func TestASecretThatCannotBeReadIsSaidWithItsLine(t *testing.T) {
	at, _ := manager(t, "value")
	_, err := config.Parse("skein.yaml", []byte(`
version: 1
clouds: {gcp: {project: acme, token: "stand-in", endpoint: "`+at+`"}, aws: {role: "${secret:gcp-secretmanager:there}"}}
providers:
  a: {kind: openai, key: "gcp-secretmanager:missing"}
  b: {kind: openai, endpoint: "http://h/v1", key: "${secret:gcp-secretmanager:missing}"}
  c: {kind: openai, key: "gcp-secretmanger:there"}
`), environ())
	if err == nil {
		t.Fatal("it is accepted")
	}
	for _, want := range []string{
		"skein.yaml:3: clouds: gcp-secretmanager:there cannot be read before it is known as whom the clouds are asked",
		"skein.yaml:5: providers.a.key: gcp-secretmanager:missing: there is no such secret",
		"skein.yaml:6: gcp-secretmanager:missing: there is no such secret",
		"skein.yaml:7: providers.c.key: gcp-secretmanger:… is no reference to a secret: write it as one of env:NAME",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it says nothing of %q:\n%v", want, err)
		}
	}
}

// A secret is none the less one for how it is written where it stands.
func TestNoMistakeHoldsASecretInAnotherForm(t *testing.T) {
	at, _ := manager(t, `s3cr3t/va+lue"\x`)
	_, err := config.Parse("skein.yaml", []byte(`
version: 1
clouds: {gcp: {project: acme, token: "stand-in", endpoint: "`+at+`"}}
budgets: [{scope: "agent:a", limit: "${secret:gcp-secretmanager:there}"}]
drain: "x://${secret:gcp-secretmanager:there}"
`), environ())
	if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "lue") || strings.Count(err.Error(), "…") < 2 {
		t.Errorf("it says %v", err)
	}
}

func TestNoMistakeHoldsASecret(t *testing.T) {
	at, _ := manager(t, "s3cr3t-value")
	_, err := config.Parse("skein.yaml", []byte(`
version: 1
listen: "${secret:gcp-secretmanager:there}"
clouds: {gcp: {project: acme, token: "stand-in", endpoint: "`+at+`"}}
budgets: [{scope: "agent:${secret:gcp-secretmanager:there}", limit: "${secret:gcp-secretmanager:there}"}]
drain: "${secret:gcp-secretmanager:there}"
`), environ())
	if err == nil || strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "…") {
		t.Errorf("it says %v", err)
	}
}
