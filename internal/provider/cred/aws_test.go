package cred

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// alone takes away whatever of AWS the machine has.
func alone(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return dir
}

// put signs a request with a body, and gives it.
func put(t *testing.T, c Credential, path, body string) (*http.Request, error) {
	t.Helper()
	u := &url.URL{Scheme: "https", Host: "bedrock-runtime.us-east-1.amazonaws.com", RawPath: path}
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: "POST", URL: u, Host: u.Host, ContentLength: int64(len(body)), Header: http.Header{
		"Content-Type": {"application/json"}, "Accept-Encoding": {"identity"}, "X-Amzn-Bedrock-Trace": {"ENABLED"},
	}}
	return r, c.Put(t.Context(), r, []byte(body))
}

const invoke = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"

func bedrock(o AWSOptions) Credential {
	o.Region, o.Service = "us-east-1", "bedrock"
	return AWS(o)
}

// whose is the access key that a request was signed with.
func whose(t *testing.T, c Credential) (string, error) {
	t.Helper()
	r, err := put(t, c, invoke, "{}")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	return id, nil
}

const stsAnswer = `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>ROLE</AccessKeyId>` +
	`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[2]s</Expiration></Credentials>` +
	`<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/skein</Arn><AssumedRoleId>A:skein</AssumedRoleId></AssumedRoleUser></%[1]sResult></%[1]sResponse>`

func TestEachPlaceOfTheDefaultChain(t *testing.T) {
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Form.Get("Action")))
		switch {
		case r.Form.Get("Action") != "":
			fmt.Fprintf(w, stsAnswer, r.Form.Get("Action"), later)
		case strings.HasSuffix(r.URL.Path, "/api/token"):
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "600")
			io.WriteString(w, "imds")
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			io.WriteString(w, "role")
		case strings.HasSuffix(r.URL.Path, "/federation/credentials"):
			fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"s","sessionToken":"t","expiration":%d}}`, time.Now().Add(time.Hour).UnixMilli())
		default:
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"MACHINE","SecretAccessKey":"s","Token":"t","Expiration":%q,"LastUpdated":%q}`, later, later)
		}
	}))
	defer s.Close()
	for _, c := range []struct {
		name  string
		o     AWSOptions
		set   func(t *testing.T, dir string)
		want  string
		asked string
	}{
		{"environment", AWSOptions{}, func(t *testing.T, _ string) {
			t.Setenv("AWS_ACCESS_KEY_ID", "ENV")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
		}, "ENV", ""},
		{"profile", AWSOptions{Profile: "work"}, func(t *testing.T, dir string) {
			write(t, dir, "credentials", "[default]\naws_access_key_id = NO\naws_secret_access_key = s\n[work]\naws_access_key_id = WORK\naws_secret_access_key = s\n")
		}, "WORK", ""},
		{"role_arn of the row", AWSOptions{RoleARN: "arn:aws:iam::1:role/r"}, func(t *testing.T, _ string) {
			t.Setenv("AWS_ACCESS_KEY_ID", "ENV")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
			t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
		}, "ROLE", "POST / AssumeRole"},
		{"role of a profile", AWSOptions{Profile: "work"}, func(t *testing.T, dir string) {
			t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
			write(t, dir, "config", "[profile work]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n[profile base]\naws_access_key_id = B\naws_secret_access_key = s\n")
		}, "ROLE", "POST / AssumeRole"},
		{"web identity", AWSOptions{}, func(t *testing.T, dir string) {
			t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
			t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write(t, dir, "token", "jwt"))
		}, "ROLE", "POST / AssumeRoleWithWebIdentity"},
		{"container", AWSOptions{}, func(t *testing.T, _ string) {
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", s.URL+"/container")
		}, "MACHINE", "GET /container"},
		{"instance", AWSOptions{}, func(t *testing.T, _ string) {
			t.Setenv("AWS_EC2_METADATA_DISABLED", "")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
		}, "MACHINE", "PUT /latest/api/token"},
		{"single sign-on", AWSOptions{Profile: "sso"}, func(t *testing.T, dir string) {
			t.Setenv("AWS_ENDPOINT_URL_SSO", s.URL)
			write(t, dir, "config", "[profile sso]\nsso_session = it\nsso_account_id = 1\nsso_role_name = r\n[sso-session it]\nsso_region = us-east-1\nsso_start_url = https://it.example/start\n")
			write(t, dir, ".aws/sso/cache/"+sha1Hex("it")+".json", `{"accessToken":"a","expiresAt":"`+later+`"}`)
		}, "SSO", "GET /federation/credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked = nil
			c.set(t, alone(t))
			it := bedrock(c.o)
			defer it.Close()
			for range 3 {
				if id, err := whose(t, it); id != c.want || err != nil {
					t.Fatalf("signed by %q, %v", id, err)
				}
			}
			if c.asked == "" && len(asked) > 0 || c.asked != "" && (len(asked) == 0 || asked[0] != c.asked) {
				t.Errorf("asked for %q", asked)
			}
			if n := len(asked); n > 1 && c.name != "instance" {
				t.Errorf("asked %d times for 3 requests: %q", n, asked)
			}
		})
	}
}

func TestAWSFailuresSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name string
		o    AWSOptions
		set  func(t *testing.T, dir string)
		want string
	}{
		{"nothing there", AWSOptions{}, func(*testing.T, string) {}, "AWS_ACCESS_KEY_ID"},
		{"no such profile", AWSOptions{Profile: "gone"}, func(*testing.T, string) {}, "profile"},
		{"signed out", AWSOptions{Profile: "sso"}, func(t *testing.T, dir string) {
			write(t, dir, "config", "[profile sso]\nsso_session = it\nsso_account_id = 1\nsso_role_name = r\n[sso-session it]\nsso_region = us-east-1\nsso_start_url = https://it.example/start\n")
		}, "aws sso login --profile sso"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.set(t, alone(t))
			it := bedrock(c.o)
			defer it.Close()
			_, err := whose(t, it)
			wantUnauthorized(t, err, c.want)
		})
	}
}

func wantUnauthorized(t *testing.T, err error, says string) {
	t.Helper()
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.Unauthorized || e.Blame != llm.BlameCredential || e.Billed != llm.BilledNo {
		t.Fatalf("%#v", err)
	}
	if !strings.Contains(e.Message, says) || strings.Contains(e.Message, "\n") || len(e.Message) > 1000 {
		t.Errorf("it says %q; want it to say %q", e.Message, says)
	}
}

func TestRegionOfAProfile(t *testing.T) {
	dir := alone(t)
	write(t, dir, "config", "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-central-1\n")
	if d, w, n := AWSRegion(""), AWSRegion("work"), AWSRegion("gone"); d != "eu-west-1" || w != "eu-central-1" || n != "" {
		t.Errorf("regions %q, %q, %q", d, w, n)
	}
	t.Setenv("AWS_PROFILE", "work")
	if r := AWSRegion(""); r != "eu-central-1" {
		t.Errorf("the profile in use has %q", r)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}
