package cloud_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skein-run/skein/internal/cloud"
)

// iam asks Moto's IAM, or its own interface.
func iam(t *testing.T, moto, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, moto+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if path == "/" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAADMIN/20261101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s, %v", body, resp.StatusCode, out, err)
	}
	return string(out)
}

// The printed policy, judged by somebody else's reading of IAM: a role that has it, and
// nothing else, may do what the grants say and no more. Moto looks at the resources of
// S3 only.
func TestMotoLetsARoleWithThePrintedPolicyDoWhatItNeedsOnly(t *testing.T) {
	moto := os.Getenv("SKEIN_TEST_MOTO_IAM")
	if moto == "" {
		t.Skip("set SKEIN_TEST_MOTO_IAM to the address of a server of Moto that enforces IAM for this test")
	}
	alone(t)
	grants := []cloud.Grant{
		{Cloud: cloud.AWS, Actions: []string{"s3:ListBucket"}, Resource: "arn:aws:s3:::policy-filings"},
		{Cloud: cloud.AWS, Actions: []string{"s3:GetObject"}, Resource: "arn:aws:s3:::policy-filings/*"},
	}
	role := "arn:aws:iam::123456789012:role/policy-analyst"
	printed, err := cloud.Policy(cloud.AWS, cloud.PolicyFor{Agent: "analyst", Grants: grants})
	if err != nil {
		t.Fatal(err)
	}
	form := func(pairs ...string) string {
		v := url.Values{"Version": {"2010-05-08"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v.Encode()
	}
	iam(t, moto, "/moto-api/reset-auth", "inf")
	iam(t, moto, "/moto-api/reset", "")
	iam(t, moto, "/", form("Action", "CreateUser", "UserName", "skein"))
	iam(t, moto, "/", form("Action", "PutUserPolicy", "UserName", "skein", "PolicyName", "assume", "PolicyDocument",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":["`+role+`"]}]}`))
	made := iam(t, moto, "/", form("Action", "CreateAccessKey", "UserName", "skein"))
	iam(t, moto, "/", form("Action", "CreateRole", "RoleName", "policy-analyst", "AssumeRolePolicyDocument",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/skein"},"Action":"sts:AssumeRole"}]}`))
	iam(t, moto, "/", form("Action", "PutRolePolicy", "RoleName", "policy-analyst", "PolicyName", "skein-analyst", "PolicyDocument", printed.Text))
	part := func(name string) string {
		m := regexp.MustCompile("<" + name + ">([^<]+)<").FindStringSubmatch(made)
		if m == nil {
			t.Fatalf("no %s in %s", name, made)
		}
		return m[1]
	}
	t.Setenv("AWS_ACCESS_KEY_ID", part("AccessKeyId"))
	t.Setenv("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey"))
	process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: moto}})
	client := func(s *cloud.Session) *s3.Client {
		c, err := s.AWS(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	}
	for _, name := range []string{"policy-filings", "policy-other"} {
		objects := client(process)
		_, err1 := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		_, err2 := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: aws.String("apple.txt"), Body: strings.NewReader("x")})
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
	}
	iam(t, moto, "/moto-api/reset-auth", "0")
	defer iam(t, moto, "/moto-api/reset-auth", "inf")
	agent := process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: role}}, grants)
	for who, c := range map[string]struct {
		s    *cloud.Session
		want map[string]string
	}{
		"the process": {process, map[string]string{"get": "AccessDenied", "list": "AccessDenied", "buckets": "AccessDenied"}},
		"the agent": {agent, map[string]string{"get": "done", "list": "done", "get other": "AccessDenied", "list other": "AccessDenied",
			"put": "AccessDenied", "delete": "AccessDenied", "buckets": "AccessDenied"}},
	} {
		objects := client(c.s)
		read := func(bucket string) error {
			_, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("apple.txt")})
			return err
		}
		list := func(bucket string) error {
			_, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
			return err
		}
		got := map[string]error{"get": read("policy-filings"), "list": list("policy-filings"), "get other": read("policy-other"), "list other": list("policy-other")}
		_, got["put"] = objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("policy-filings"), Key: aws.String("b"), Body: strings.NewReader("x")})
		_, got["delete"] = objects.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("policy-filings"), Key: aws.String("apple.txt")})
		_, got["buckets"] = objects.ListBuckets(t.Context(), &s3.ListBucketsInput{})
		for what, want := range c.want {
			if r := refusal(got[what]); r != want {
				t.Errorf("%s, %s: %s; want %s", who, what, r, want)
			}
		}
	}
}
