package cloud_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/skein-run/skein/internal/cloud"
)

// get asks an address through the session's pipeline.
func get(t *testing.T, s *cloud.Session, address string) (*http.Response, error) {
	t.Helper()
	p, err := s.AzurePipeline("blob", []string{"https://storage.azure.com/.default"}, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	r, err := runtime.NewRequest(t.Context(), http.MethodGet, address)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.Do(r)
	if resp != nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

// metadata is where a machine's managed identities are asked for, as App Service has
// it: the token of an identity is called as it is.
func metadata(t *testing.T, lasts time.Duration) *service {
	t.Helper()
	s := serve(t, func(w http.ResponseWriter, r asked) {
		u, _ := url.Parse(r.Path)
		answerJSON(w, map[string]any{
			"access_token": "as:" + u.Query().Get("client_id"), "token_type": "Bearer", "resource": u.Query().Get("resource"),
			"expires_on": strconv.FormatInt(time.Now().Add(lasts).Unix(), 10),
		})
	})
	t.Setenv("IDENTITY_ENDPOINT", s.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "x")
	return s
}

func TestAnAzureTokenThatIsThereIsUsedAsItIs(t *testing.T) {
	alone(t)
	s := serve(t, func(w http.ResponseWriter, _ asked) { w.WriteHeader(http.StatusServiceUnavailable) })
	resp, err := get(t, cloud.New(cloud.Options{Azure: cloud.AzureOptions{Token: "stand-in"}}), s.URL+"/blob/acct")
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("got %v, %v", resp, err)
	}
	got := s.asked()
	if len(got) != 1 {
		t.Errorf("it was asked %d times: what may be done again is for the driver to say", len(got))
	}
	if got[0].Header.Get("Authorization") != "Bearer stand-in" {
		t.Errorf("it was asked with %q", got[0].Header.Get("Authorization"))
	}
}

func TestNoAzureTokenGoesOverPlainHTTPToAnotherMachine(t *testing.T) {
	alone(t)
	_, err := get(t, cloud.New(cloud.Options{Azure: cloud.AzureOptions{Token: "stand-in"}}), "http://192.0.2.1/blob")
	if err == nil || !strings.Contains(err.Error(), "use https") {
		t.Errorf("got %v", err)
	}
}

func TestAnAgentsAzureIdentityIsItsOwn(t *testing.T) {
	alone(t)
	machine := metadata(t, time.Hour)
	s := serve(t, func(http.ResponseWriter, asked) {})
	process := cloud.New(cloud.Options{Azure: cloud.AzureOptions{Token: "process"}})
	analyst := process.As(cloud.IdentityOptions{Azure: cloud.AzureIdentity{ClientID: "analyst"}}, nil)
	other := process.As(cloud.IdentityOptions{}, nil)
	for _, session := range []*cloud.Session{process, analyst, analyst, other} {
		if _, err := get(t, session, s.URL); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range s.asked() {
		got = append(got, r.Header.Get("Authorization"))
	}
	want := "Bearer process, Bearer as:analyst, Bearer as:analyst, Bearer process"
	if strings.Join(got, ", ") != want {
		t.Errorf("the requests carry %v; want %s", got, want)
	}
	if n := len(machine.asked()); n != 1 {
		t.Errorf("the machine was asked for a token %d times", n)
	}
}

func TestAnAzureIdentityThatIsNotThereIsSaid(t *testing.T) {
	alone(t)
	s := serve(t, func(w http.ResponseWriter, _ asked) {
		w.WriteHeader(http.StatusBadRequest)
		answerJSON(w, map[string]any{"statusCode": 400, "message": "no such identity"})
	})
	t.Setenv("IDENTITY_ENDPOINT", s.URL)
	t.Setenv("IDENTITY_HEADER", "x")
	_, err := get(t, cloud.New(cloud.Options{Azure: cloud.AzureOptions{ClientID: "nobody"}}), s.URL)
	if err == nil || !strings.Contains(err.Error(), "the identity with the client_id nobody must be attached") {
		t.Errorf("got %v", err)
	}
}

func TestAPodsFederatedTokenIsTheIdentity(t *testing.T) {
	alone(t)
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token")
	_, err := cloud.New(cloud.Options{Azure: cloud.AzureOptions{ClientID: "analyst", Tenant: "11111111-1111-1111-1111-111111111111"}}).Azure()
	if err != nil {
		t.Error(err)
	}
	_, err = cloud.New(cloud.Options{Azure: cloud.AzureOptions{ClientID: "analyst"}}).Azure() // a machine's identity needs no tenant
	if err == nil || !strings.Contains(err.Error(), "clouds.azure.tenant") {
		t.Errorf("without a tenant: %v", err)
	}
}
