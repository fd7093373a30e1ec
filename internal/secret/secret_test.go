package secret_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/secret"
)

// hidden is every secret of these tests; no error may hold it.
const hidden = "s3cr3t-value"

// kept is a place that keeps secrets, as all three clouds have it: by the name of each.
// times counts the requests.
func kept(t *testing.T, secrets map[string]string) (s *cloud.Session, times *atomic.Int32) {
	t.Helper()
	times = &atomic.Int32{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		times.Add(1)
		body, _ := io.ReadAll(r.Body)
		var in struct {
			SecretID string `json:"SecretId"`
			Name     string
		}
		_ = json.Unmarshal(body, &in)
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		say := func(status int, code string, v any) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.Header().Set("X-Amzn-ErrorType", code)
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(v)
		}
		path := strings.TrimPrefix(r.URL.Path, "/at")
		name, missing, denied := in.SecretID+in.Name, "ResourceNotFoundException", http.StatusBadRequest
		if name == "" {
			name, denied = path, http.StatusForbidden
		}
		if strings.Contains(r.Header.Get("X-Amz-Target"), "SSM") {
			missing = "ParameterNotFound"
		}
		switch value, ok := secrets[name]; {
		case strings.Contains(name, "denied"):
			say(denied, "AccessDeniedException", map[string]string{"message": "no"})
		case strings.Contains(name, "broken"):
			say(http.StatusInternalServerError, "InternalError", map[string]string{"message": "broken"})
		case !ok && in.SecretID+in.Name == "":
			say(http.StatusNotFound, "", map[string]string{})
		case !ok:
			say(http.StatusBadRequest, missing, map[string]string{"message": "not there"})
		case in.SecretID != "":
			say(http.StatusOK, "", map[string]string{"SecretString": value})
		case in.Name != "":
			say(http.StatusOK, "", map[string]any{"Parameter": map[string]string{"Value": value}})
		case strings.HasPrefix(path, "/keyvault/"):
			say(http.StatusOK, "", map[string]string{"value": value})
		default:
			say(http.StatusOK, "", map[string]any{"payload": map[string]string{"data": base64.StdEncoding.EncodeToString([]byte(value))}})
		}
	}))
	t.Cleanup(srv.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	return cloud.New(cloud.Options{
		AWS:   cloud.AWSOptions{Region: "us-east-1", Endpoint: srv.URL},
		Azure: cloud.AzureOptions{Token: "stand-in", Endpoint: srv.URL + "/at"},
		GCP:   cloud.GCPOptions{Token: "stand-in", Endpoint: srv.URL + "/at", Project: "acme"},
	}), times
}

func TestEveryReferenceGivesItsSecret(t *testing.T) {
	session, _ := kept(t, map[string]string{
		"prod/openai":                       hidden + "\n",
		"prod/db":                           `{"password":"` + hidden + `","api.key":"` + hidden + `","port":5432,"in":{"side":"` + hidden + `"}}`,
		"/prod/openai":                      hidden,
		"/keyvault/acme/secrets/openai":     hidden,
		"/keyvault/acme/secrets/openai/v1x": hidden,
		"/v1/projects/acme/secrets/openai/versions/latest:access": hidden,
		"/v1/projects/acme/secrets/openai/versions/3:access":      hidden,
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "openai key"), []byte("  "+hidden+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SKEIN_SECRET_TEST", hidden)
	source := secret.Source{Session: session, Dir: dir}
	for ref, want := range map[string]string{
		"env:SKEIN_SECRET_TEST":                                      hidden,
		"file:openai key":                                            hidden,
		"file:" + dir + "/openai key":                                hidden,
		"aws-secretsmanager:prod/openai":                             hidden,
		"aws-secretsmanager:prod/db#password":                        hidden,
		"aws-secretsmanager:prod/db#api.key":                         hidden,
		"aws-secretsmanager:prod/db#in.side":                         hidden,
		"aws-secretsmanager:prod/db#port":                            "5432",
		"aws-ssm:/prod/openai?region=eu-west-1":                      hidden,
		"azure-keyvault:acme/openai":                                 hidden,
		"azure-keyvault:acme/openai/v1x":                             hidden,
		"gcp-secretmanager:openai":                                   hidden,
		"gcp-secretmanager:projects/acme/secrets/openai":             hidden,
		"gcp-secretmanager:projects/acme/secrets/openai/versions/3":  hidden,
		"azure-keyvault:https://acme.vault.azure.net/secrets/openai": hidden,
		"aws-secretsmanager:prod/db?region=eu-west-1#password":       hidden,
		"aws-secretsmanager:prod/db#password?region=eu-west-1":       hidden,
	} {
		if got, err := source.Read(t.Context(), ref); err != nil || got != want {
			t.Errorf("%s gives %q, %v; want %q", ref, got, err, want)
		}
		if !secret.Is(ref) || secret.Remote(ref) != (strings.HasPrefix(ref, "a") || strings.HasPrefix(ref, "g")) {
			t.Errorf("%s is not known as what it is", ref)
		}
	}
	if got, err := secret.Resolve(t.Context(), session, "env:SKEIN_SECRET_TEST"); err != nil || got != hidden {
		t.Errorf("Resolve gives %q, %v", got, err)
	}
}

func TestWhatIsWrongIsSaidAndNoSecretWithIt(t *testing.T) {
	session, _ := kept(t, map[string]string{
		"empty": "\n", "plain": hidden, "prod/db": `{"password":"` + hidden + `","list":["` + hidden + `"]}`,
	})
	for ref, want := range map[string]string{
		"env:SKEIN_NO_SUCH_VARIABLE":                         "the environment variable SKEIN_NO_SUCH_VARIABLE is not set",
		"file:/no/such/file":                                 "the secret cannot be read: open /no/such/file",
		"file:/dev/null":                                     "the file /dev/null is empty",
		"aws-secretsmanager:missing":                         "aws-secretsmanager:missing: there is no such secret in us-east-1",
		"aws-secretsmanager:denied":                          "lacks the permission secretsmanager:GetSecretValue",
		"aws-secretsmanager:empty":                           "it is empty",
		"aws-secretsmanager:plain#password":                  "it is no JSON object",
		"aws-secretsmanager:prod/db#user":                    `it has no member "user"`,
		"aws-secretsmanager:prod/db#list":                    `its member "list" is no text`,
		"aws-secretsmanager:":                                "names no secret",
		"aws-secretsmanager:plain?zone=x":                    `takes no option "zone"`,
		"aws-secretsmanager:broken":                          "the service answered InternalError",
		"aws-secretmanager:plain":                            "is no reference to a secret: write it as one of env:NAME",
		"aws-ssm:/missing":                                   "there is no such secret in us-east-1",
		"aws-ssm:/denied":                                    "lacks the permission ssm:GetParameter",
		"azure-keyvault:acme/missing":                        "there is no such secret",
		"azure-keyvault:acme/denied":                         "lacks the role Key Vault Secrets User",
		"azure-keyvault:acme":                                "write it as azure-keyvault:VAULT/NAME",
		"azure-keyvault:https://evil.example/secrets/x":      "write it as azure-keyvault:VAULT/NAME",
		"gcp-secretmanager:missing":                          "there is no such secret",
		"gcp-secretmanager:denied":                           "lacks secretmanager.versions.access",
		"gcp-secretmanager:projects/acme/topics/x":           "write it as gcp-secretmanager:projects/PROJECT/secrets/NAME",
		"gcp-secretmanager:projects/../acme/secrets/a%2Fb:x": "write it as gcp-secretmanager:",
		hidden + ":" + hidden:                                "is no reference to a secret",
	} {
		_, err := secret.Resolve(t.Context(), session, ref)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v; want %q", ref, err, want)
		}
		if err != nil && strings.Contains(strings.ReplaceAll(err.Error(), hidden+":…", ""), hidden) {
			t.Errorf("%s: %q holds the secret", ref, err)
		}
	}
}

func TestAPassingFailureIsAskedOnceMore(t *testing.T) {
	session, times := kept(t, nil)
	for _, ref := range []string{"aws-secretsmanager:broken", "azure-keyvault:acme/broken", "gcp-secretmanager:broken"} {
		times.Store(0)
		if _, err := secret.Resolve(t.Context(), session, ref); err == nil || times.Load() != 2 {
			t.Errorf("%s was asked for %d times: %v", ref, times.Load(), err)
		}
	}
	times.Store(0)
	if _, err := secret.Resolve(t.Context(), session, "gcp-secretmanager:missing"); err == nil || times.Load() != 1 {
		t.Errorf("what is not there was asked for %d times: %v", times.Load(), err)
	}
}

func TestADamagedSecretIsNoSecret(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"payload":{"data":%q,"dataCrc32c":"1"}}`, base64.StdEncoding.EncodeToString([]byte(hidden)))
	}))
	defer srv.Close()
	_, err := secret.Resolve(t.Context(), cloud.New(cloud.Options{GCP: cloud.GCPOptions{Token: "stand-in", Endpoint: srv.URL}}), "gcp-secretmanager:projects/p/secrets/s")
	if err == nil || !strings.Contains(err.Error(), "came damaged") {
		t.Errorf("got %v", err)
	}
}

func FuzzReferences(f *testing.F) {
	for _, s := range []string{"env:X", "aws-secretsmanager:a#b?region=c", "azure-keyvault:v/n/1", "gcp-secretmanager:projects/p/secrets/s", "aws-ssm:?#", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		if strings.HasPrefix(ref, "file:") || strings.HasPrefix(ref, "env:") {
			return // whatever is there
		}
		// Without a session nothing can be asked, so every reference ends in an error.
		if v, err := (secret.Source{}).Read(t.Context(), ref); err == nil {
			t.Errorf("%q gives %q", ref, v)
		}
	})
}
