package cred

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func azureAlone(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AZURE_") || strings.HasPrefix(name, "IDENTITY_") || strings.HasPrefix(name, "MSI_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("PATH", "") // no tools of a developer's
}

func TestManagedIdentity(t *testing.T) {
	azureAlone(t)
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("resource"))
		if r.Header.Get("X-Identity-Header") != "secret" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"eyJ.it","expires_on":"%d","resource":"r","token_type":"Bearer"}`, time.Now().Add(24*time.Hour).Unix())
	}))
	defer s.Close()
	t.Setenv("IDENTITY_ENDPOINT", s.URL)
	t.Setenv("IDENTITY_HEADER", "secret")
	it := Entra(EntraScope)
	defer it.Close()
	for range 3 {
		r := &http.Request{Header: http.Header{}}
		if err := it.Put(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		if r.Header.Get("Authorization") != "Bearer eyJ.it" {
			t.Errorf("headers: %v", r.Header)
		}
	}
	if len(asked) != 1 || asked[0] != "https://cognitiveservices.azure.com" {
		t.Errorf("asked for %q", asked)
	}
}

func TestEntraFailuresSayWhatToDo(t *testing.T) {
	azureAlone(t)
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	t.Setenv("IDENTITY_ENDPOINT", s.URL)
	t.Setenv("IDENTITY_HEADER", "secret")
	it := Entra("https://elsewhere.example/.default") // the SDK keeps tokens for the process
	defer it.Close()
	wantUnauthorized(t, it.Put(t.Context(), &http.Request{Header: http.Header{}}, nil), "az login")
}

// TestIdentitiesOfTheEnvironment: a secret, and a workload's own token, are taken to
// the authority of the tenant.
func TestIdentitiesOfTheEnvironment(t *testing.T) {
	var asked []string
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			base := s.URL + "/acme"
			fmt.Fprintf(w, `{"authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token","issuer":"%[1]s"}`, base)
			return
		}
		_ = r.ParseForm()
		asked = append(asked, r.URL.Path+" "+r.Form.Get("client_secret")+r.Form.Get("client_assertion")+" "+r.Form.Get("scope"))
		fmt.Fprint(w, `{"access_token":"eyJ.it","expires_in":3600,"token_type":"Bearer"}`)
	}))
	defer s.Close()
	for name, c := range map[string]struct {
		set  func(t *testing.T)
		want string
	}{
		"secret": {func(t *testing.T) { t.Setenv("AZURE_CLIENT_SECRET", "hush") }, "hush"},
		"workload": {func(t *testing.T) {
			t.Setenv("AZURE_FEDERATED_TOKEN_FILE", write(t, t.TempDir(), "token", "jwt"))
		}, "jwt"},
	} {
		t.Run(name, func(t *testing.T) {
			azureAlone(t)
			asked = nil
			t.Setenv("AZURE_TENANT_ID", "acme")
			t.Setenv("AZURE_CLIENT_ID", "app")
			t.Setenv("AZURE_AUTHORITY_HOST", s.URL)
			c.set(t)
			it := Entra("https://" + name + ".example/.default").(*entra)
			it.options = &azidentity.DefaultAzureCredentialOptions{DisableInstanceDiscovery: true}
			it.options.Transport = s.Client()
			defer it.Close()
			for range 3 {
				r := &http.Request{Header: http.Header{}}
				if err := it.Put(t.Context(), r, nil); err != nil {
					t.Fatal(err)
				}
				if r.Header.Get("Authorization") != "Bearer eyJ.it" {
					t.Errorf("headers: %v", r.Header)
				}
			}
			if len(asked) != 1 || !strings.HasPrefix(asked[0], "/acme/token "+c.want) || !strings.Contains(asked[0], name+".example/.default") {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}
