package cred

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// googleAlone takes away whatever of Google the machine has.
func googleAlone(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GOOGLE_") || strings.HasPrefix(name, "GCE_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", dir)
	return dir
}

func serviceAccount(t *testing.T, tokenURL string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "acme", "client_email": "a@acme.iam.gserviceaccount.com",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokenURL,
	})
	return string(b)
}

func TestEachSortOfGoogleCredential(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = append(asked, r.URL.Path+" "+r.Form.Get("grant_type"))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Metadata-Flavor", "Google")
		if strings.HasSuffix(r.URL.Path, "/project/project-id") {
			io.WriteString(w, "acme")
			return
		}
		fmt.Fprint(w, `{"access_token":"ya29.it","expires_in":3600,"token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}`)
	}))
	defer s.Close()
	for _, c := range []struct {
		name  string
		file  func(t *testing.T, dir string) string
		quota string
		asked string
	}{
		{"a service account's file", func(t *testing.T, dir string) string {
			return write(t, dir, "sa.json", serviceAccount(t, s.URL+"/sa"))
		}, "", "/sa urn:ietf:params:oauth:grant-type:jwt-bearer"},
		{"GOOGLE_APPLICATION_CREDENTIALS", func(t *testing.T, dir string) string {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, dir, "sa.json", serviceAccount(t, s.URL+"/env")))
			return ""
		}, "", "/env urn:ietf:params:oauth:grant-type:jwt-bearer"},
		{"workload identity", func(t *testing.T, dir string) string {
			token := write(t, dir, "token", "jwt")
			return write(t, dir, "wi.json", `{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
				"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"`+s.URL+`/sts","credential_source":{"file":"`+token+`"}}`)
		}, "", "/sts urn:ietf:params:oauth:grant-type:token-exchange"},
		{"the machine", func(t *testing.T, _ string) string {
			t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(s.URL, "http://"))
			return ""
		}, "", "/computeMetadata/v1/instance/service-accounts/default/token "},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked = nil
			it := Google(c.file(t, googleAlone(t)))
			defer it.Close()
			for range 3 {
				r := &http.Request{Header: http.Header{}}
				if err := it.Put(t.Context(), r, nil); err != nil {
					t.Fatal(err)
				}
				if r.Header.Get("Authorization") != "Bearer ya29.it" || r.Header.Get("X-Goog-User-Project") != c.quota {
					t.Errorf("headers: %v", r.Header)
				}
			}
			tokens := 0
			for _, a := range asked {
				if a == c.asked {
					tokens++
				}
			}
			if tokens != 1 {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

func TestGoogleFailuresSayWhatToDo(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"invalid_grant"}`)
	}))
	defer s.Close()
	dir := googleAlone(t)
	for name, c := range map[string]struct{ file, want string }{
		"no such file":         {dir + "/gone.json", "check the file"},
		"no JSON":              {write(t, dir, "a.json", "key"), "not JSON"},
		"another file":         {write(t, dir, "b.json", `{"type":"oauth_client"}`), "oauth_client"},
		"what was taken away":  {write(t, dir, "c.json", serviceAccount(t, s.URL)), "invalid_grant"},
		"a named file is gone": {"", "gcloud auth application-default login"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", dir+"/gone.json")
			it := Google(c.file)
			defer it.Close()
			wantUnauthorized(t, it.Put(t.Context(), &http.Request{Header: http.Header{}}, nil), c.want)
		})
	}
}

func TestProjectOfAFile(t *testing.T) {
	dir := googleAlone(t)
	file := write(t, dir, "sa.json", `{"type":"service_account","project_id":"acme"}`)
	if p := GoogleProject(file); p != "acme" {
		t.Errorf("project %q", p)
	}
	if p := GoogleProject(""); p != "" {
		t.Errorf("project %q of no file", p)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	if p := GoogleProject(""); p != "acme" {
		t.Errorf("project %q", p)
	}
}
