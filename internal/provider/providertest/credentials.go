package providertest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/provider/cred"
)

// upstream is a server that keeps the last request's headers.
func upstream(t *testing.T) (url string, got *http.Header) {
	got = new(http.Header)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { *got = r.Header.Clone() }))
	t.Cleanup(s.Close)
	return s.URL, got
}

func chooses(t *testing.T, k provider.Kind) {
	url, got := upstream(t)
	o := options(k, url)
	o.Key = ""
	o.Credentials = []provider.CredentialOptions{
		{Name: "all", Key: "k-all"}, {Name: "own", Key: "k-own", Teams: []string{"research"}}, {Name: "more", Key: "k-more"},
	}
	p := open(t, o)
	for name, want := range map[string]string{"": "k-all", "all": "k-all", "own": "k-own", "more": "k-more"} {
		r := request(p, nil)
		r.Credential = name
		send(t, p, r)
		if v := got.Get(k.KeyHeader); v != k.KeyPrefix+want {
			t.Errorf("credential %q sends %q", name, v)
		}
	}
	info := p.Info()
	if all, own := strings.Join(info.CredentialsOf("sales"), " "), strings.Join(info.CredentialsOf("research"), " "); all != "all more" || own != "own" {
		t.Errorf("a team without its own uses %q, one with uses %q", all, own)
	}
	r := request(p, nil)
	r.Credential = "nobody's"
	var e *llm.Error
	if _, err := p.Send(t.Context(), &r); !errors.As(err, &e) || e.Billed != llm.BilledNo {
		t.Errorf("a credential that is not there: %v", err)
	}
	for _, bad := range [][]provider.CredentialOptions{{{Key: "x"}}, {{Name: "a", Key: "x"}, {Name: "a", Key: "y"}}} {
		o.Credentials = bad
		if _, err := provider.New("it", o); err == nil || !strings.Contains(err.Error(), "credentials.") {
			t.Errorf("credentials %v: %v", bad, err)
		}
	}
}

func callers(t *testing.T, k provider.Kind) {
	url, got := upstream(t)
	o := options(k, url)
	o.Key, o.Auth = "", "caller"
	p := open(t, o)
	if !p.Info().Caller {
		t.Error("nobody is told that the credential is the caller's")
	}
	try := func(h http.Header) (string, error) {
		r := request(p, nil)
		r.Header = h
		a, err := p.Send(t.Context(), &r)
		if err != nil {
			return "", err
		}
		a.Body.Close()
		return strings.TrimPrefix(got.Get(k.KeyHeader), k.KeyPrefix), nil
	}
	for _, c := range []struct {
		what string
		h    http.Header
		want string
	}{
		{"the header for it first", http.Header{cred.CallerHeader: {"mine"}, "Authorization": {"Bearer other"}}, "mine"},
		{"beside Skein's own key", http.Header{cred.CallerHeader: {"mine"}, "Authorization": {"Bearer sk-skein-1-2"}}, "mine"},
		{"as OpenAI's clients have it", http.Header{"Authorization": {"Bearer mine"}}, "mine"},
		{"as Anthropic's clients have it", http.Header{"X-Api-Key": {"mine"}}, "mine"},
		{"as Google's clients have it", http.Header{"X-Goog-Api-Key": {"mine"}}, "mine"},
		{"past Skein's own key", http.Header{"Authorization": {"Bearer sk-skein-1-2"}, "X-Api-Key": {"mine"}}, "mine"},
	} {
		if v, err := try(c.h); err != nil || v != c.want {
			t.Errorf("%s: %q, %v", c.what, v, err)
		}
	}
	for _, h := range []http.Header{nil, {"Authorization": {"Bearer sk-skein-1-2"}}, {"Authorization": {"AWS4-HMAC-SHA256 Credential=a"}}} {
		var e *llm.Error
		_, err := try(h)
		if !errors.As(err, &e) || e.Status != 401 || e.Blame != llm.BlameKey || !strings.Contains(e.Message, cred.CallerHeader) || strings.Contains(e.Message, "sk-skein-1") {
			t.Errorf("without one: %v", err)
		}
	}
}

// unasked: to an address that is not the kind's own nothing goes that a row does not
// state, whatever the environment holds.
func unasked(t *testing.T, k provider.Kind) {
	for _, name := range append([]string{k.KeyEnv, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, k.OtherKeyEnv...) {
		if name != "" {
			t.Setenv(name, "from-the-environment")
		}
	}
	url, got := upstream(t)
	o := options(k, url)
	o.Key = ""
	if k.Endpoint == "" && k.AddressEnv != "" && k.NeedsKey {
		t.Setenv(k.AddressEnv, "https://elsewhere.invalid")
	}
	o.Complete(os.LookupEnv)
	p := open(t, o)
	send(t, p, request(p, nil))
	for name, v := range *got {
		if strings.Contains(strings.Join(v, ""), "from-the-environment") || name == "Authorization" {
			t.Errorf("%s: %s went to another address", name, v)
		}
	}
}
