package cloud_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/skein-run/skein/internal/cloud"
)

const analystRole = "arn:aws:iam::123456789012:role/analyst"

var filings = []cloud.Grant{{Cloud: cloud.AWS, Actions: []string{"s3:GetObject"}, Resource: "arn:aws:s3:::filings/*"}}

// stsFor is an STS whose n-th keys are called key-n and last for as long as lasts says.
func stsFor(t *testing.T, lasts func(n int) time.Duration) *service {
	t.Helper()
	n := 0
	return serve(t, func(w http.ResponseWriter, r asked) {
		if r.Form.Get("Action") != "AssumeRole" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		n++
		d := lasts(n)
		if d == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>key-%d</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t-%d</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			n, n, time.Now().Add(d).UTC().Format(time.RFC3339))
	})
}

func hour(int) time.Duration { return time.Hour }

// signedBy is the id of the key that signed a request.
func signedBy(r asked) string {
	_, after, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(after, "/")
	return id
}

func keysOf(t *testing.T, s *cloud.Session) (aws.Credentials, error) {
	t.Helper()
	c, err := s.AWS(t.Context(), "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	return c.Credentials.Retrieve(t.Context())
}

func TestTheProcessAssumesItsRoleAndWithItThatOfTheAgent(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	s := stsFor(t, hour)
	process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1", Role: "arn:aws:iam::123456789012:role/skein", ExternalID: "x-1", Endpoint: s.URL + "/cloud/aws/"}})
	agent := process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole}}, filings)
	keys, err := keysOf(t, agent)
	if err != nil || keys.AccessKeyID != "key-2" || keys.SessionToken != "t-2" {
		t.Fatalf("got %+v, %v", keys, err)
	}
	if again, err := keysOf(t, agent); err != nil || again.AccessKeyID != "key-2" {
		t.Errorf("the keys are not kept: %v, %v", again.AccessKeyID, err)
	}
	got := s.asked()
	if len(got) != 2 {
		t.Fatalf("STS was asked %d times", len(got))
	}
	own, its := got[0], got[1]
	if own.Form.Get("RoleArn") != "arn:aws:iam::123456789012:role/skein" || own.Form.Get("ExternalId") != "x-1" || own.Form.Has("Policy") || signedBy(own) != "AKIABASE" {
		t.Errorf("the process's role is asked for by %s as %v", signedBy(own), own.Form)
	}
	want := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::filings/*"]}]}`
	if its.Form.Get("RoleArn") != analystRole || its.Form.Has("ExternalId") || its.Form.Get("Policy") != want || signedBy(its) != "key-1" {
		t.Errorf("the agent's role is asked for by %s as %v", signedBy(its), its.Form)
	}
	if strings.TrimRight(its.Path, "/") != "/cloud/aws" {
		t.Errorf("STS is asked at %s", its.Path)
	}
}

func TestAnAgentWithoutARoleHasThatOfTheProcessNarrowed(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	s := stsFor(t, hour)
	process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1", Role: analystRole, Endpoint: s.URL}})
	if _, err := keysOf(t, process.As(cloud.IdentityOptions{}, filings)); err != nil {
		t.Fatal(err)
	}
	got := s.asked()
	if len(got) != 1 || got[0].Form.Get("RoleArn") != analystRole || !strings.Contains(got[0].Form.Get("Policy"), "filings") {
		t.Errorf("asked %v", got)
	}
}

func TestAnAgentWithoutGrantsMayDoNothing(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	s := stsFor(t, hour)
	process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1", Endpoint: s.URL}})
	if _, err := keysOf(t, process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole}}, nil)); err != nil {
		t.Fatal(err)
	}
	if p := s.asked()[0].Form.Get("Policy"); p != `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"]}]}` {
		t.Errorf("the session's policy is %q", p)
	}
}

func TestARolesKeysAreRenewedBeforeTheirEnd(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	// The first end so soon that they are asked for anew; then STS is away for two
	// tries, and they are good still; then it is back.
	s := stsFor(t, func(n int) time.Duration {
		return []time.Duration{4 * time.Minute, 0, 0, time.Hour}[n-1]
	})
	agent := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Endpoint: s.URL}}).As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole}}, filings)
	for i, want := range []string{"key-1", "key-1", "key-4", "key-4"} {
		if keys, err := keysOf(t, agent); err != nil || keys.AccessKeyID != want {
			t.Errorf("use %d: got %s, %v; want %s", i+1, keys.AccessKeyID, err, want)
		}
	}
}

func TestARoleThatCannotBeAssumedSaysWhatIsMissing(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden-secret")
	for code, want := range map[string]string{
		"AccessDenied":         "sts:AssumeRole on " + analystRole + " is missing",
		"PackedPolicyTooLarge": "fewer AWS resources",
		"ValidationError":      "arn:aws:iam::ACCOUNT:role/NAME",
		"InvalidClientTokenId": "renew them",
	} {
		s := serve(t, func(w http.ResponseWriter, _ asked) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, code)
		})
		session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: s.URL}}).As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole}}, filings)
		c, err := session.AWS(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s3.NewFromConfig(c).ListBuckets(t.Context(), nil)
		var credential *cloud.CredentialError
		if !errors.As(err, &credential) || !strings.Contains(credential.Error(), want) || strings.Contains(err.Error(), "hidden-secret") {
			t.Errorf("%s: got %v", code, err)
		}
		if n := len(s.asked()); n != 1 {
			t.Errorf("%s: STS was asked %d times, which no answer of it asks for", code, n)
		}
	}
}

func TestProfilesOfTheSharedFilesAreUsed(t *testing.T) {
	alone(t)
	s := serve(t, func(w http.ResponseWriter, _ asked) { w.WriteHeader(http.StatusNoContent) })
	write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile work]\nregion = eu-north-1\n[default]\nregion = us-west-2\n")
	write(t, os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s\n")
	for name, c := range map[string]struct {
		options        cloud.AWSOptions
		ask            string
		region, signer string
	}{
		"the default":         {cloud.AWSOptions{}, "", "us-west-2", "AKIADEFAULT"},
		"a profile":           {cloud.AWSOptions{Profile: "work"}, "", "eu-north-1", "AKIAWORK"},
		"a region of its own": {cloud.AWSOptions{Profile: "work", Region: "eu-west-3"}, "", "eu-west-3", "AKIAWORK"},
		"the resource's":      {cloud.AWSOptions{Profile: "work", Region: "eu-west-3"}, "ap-south-1", "ap-south-1", "AKIAWORK"},
	} {
		c.options.Endpoint = s.URL
		session := cloud.New(cloud.Options{AWS: c.options})
		// Another region before changes nothing of the default.
		if _, err := session.AWS(t.Context(), "sa-east-1"); err != nil {
			t.Fatal(err)
		}
		got, err := session.AWS(t.Context(), c.ask)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := sts.NewFromConfig(got).GetCallerIdentity(t.Context(), nil); err == nil && got.Region != c.region {
			t.Errorf("%s: the region is %s, want %s", name, got.Region, c.region)
		}
		last := s.asked()[len(s.asked())-1]
		if signedBy(last) != c.signer || !strings.Contains(last.Header.Get("Authorization"), "/"+c.region+"/sts/") {
			t.Errorf("%s: signed %s", name, last.Header.Get("Authorization"))
		}
	}
}

func TestWhatIsMissingIsSaidWithItsMend(t *testing.T) {
	alone(t)
	_, err := cloud.New(cloud.Options{}).AWS(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "clouds.aws.region") {
		t.Errorf("without a region: %v", err)
	}
	_, err = cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Profile: "nobody"}}).AWS(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "clouds.aws.profile") {
		t.Errorf("without the profile: %v", err)
	}
	_, err = keysOf(t, cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1"}}))
	if err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

func TestTheSDKsRetryNothing(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	s := serve(t, func(w http.ResponseWriter, _ asked) { w.WriteHeader(http.StatusServiceUnavailable) })
	c, err := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: s.URL}}).AWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(c).ListBuckets(t.Context(), nil); err == nil || len(s.asked()) != 1 {
		t.Errorf("it was asked %d times: %v", len(s.asked()), err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMistakesOfOptionsAreSaid(t *testing.T) {
	got := map[string]string{}
	cloud.Options{
		AWS:   cloud.AWSOptions{ExternalID: "x", Endpoint: "127.0.0.1:7900"},
		Azure: cloud.AzureOptions{Token: "t", ClientID: "c", Endpoint: "http://127.0.0.1:7900/cloud/azure"},
		GCP:   cloud.GCPOptions{Token: "t", Credentials: "f", ServiceAccount: "analyst"},
	}.Mistakes(func(field, text string) { got["clouds."+field] = text })
	cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: "analyst"}}.Mistakes(func(field, text string) { got["identity."+field] = text })
	for field, want := range map[string]string{
		"clouds.aws.external_id": "without a role", "clouds.aws.endpoint": "http://127.0.0.1:7900/cloud/aws", "clouds.azure.client_id": "beside a token",
		"clouds.gcp.credentials": "beside a token", "clouds.gcp.service_account": "its email", "identity.aws.role": "arn:aws:iam::",
	} {
		if !strings.Contains(got[field], want) {
			t.Errorf("%s: %q", field, got[field])
		}
		delete(got, field)
	}
	if len(got) > 0 {
		t.Errorf("more is wrong than there is: %v", got)
	}
	cloud.Options{AWS: cloud.AWSOptions{Role: analystRole, ExternalID: "x"}, GCP: cloud.GCPOptions{ServiceAccount: analystAccount}}.Mistakes(func(field, text string) {
		t.Errorf("%s: %s", field, text)
	})
}

func TestAConditionThatIsNoneIsNotLeftOut(t *testing.T) {
	grants := []cloud.Grant{{Cloud: cloud.AWS, Actions: []string{"s3:ListBucket"}, Resource: "arn:aws:s3:::filings", Within: "resource.name == 'x'"}}
	if d, err := cloud.Policy(cloud.AWS, cloud.PolicyFor{Agent: "analyst", Grants: grants}); err == nil {
		t.Errorf("it is left out:\n%s", d.Text)
	}
}
