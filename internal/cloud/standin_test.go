package cloud_test

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// refusal is how a service refused something: the code of its answer.
func refusal(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

func TestAnAgentsSessionReachesItsResourcesAndNoOthers(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	now := time.Now()
	f, err := fakecloud.New(fakecloud.Options{
		Resources: standin.Resources{
			Buckets: map[string]fs.FS{
				"filings": fstest.MapFS{"a/apple.txt": {Data: []byte("x")}, "b/tesla.txt": {Data: []byte("x")}},
				"other":   fstest.MapFS{"a/apple.txt": {Data: []byte("x")}},
			},
			Tables: map[string]standin.Table{"findings": {PartitionKey: "company"}, "other": {PartitionKey: "company"}},
		},
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(f)
	defer hs.Close()
	process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: hs.URL + "/cloud/aws"}})
	agent := process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole}}, []cloud.Grant{
		{Cloud: cloud.AWS, Actions: []string{"s3:ListBucket"}, Resource: "arn:aws:s3:::filings", Within: `{"StringLike":{"s3:prefix":"a/*"}}`},
		{Cloud: cloud.AWS, Actions: []string{"s3:GetObject"}, Resource: "arn:aws:s3:::filings/a/*"},
		{Cloud: cloud.AWS, Actions: []string{"dynamodb:GetItem", "dynamodb:PutItem"}, Resource: "arn:aws:dynamodb:us-east-1:*:table/findings"},
	})
	for who, c := range map[string]struct {
		session *cloud.Session
		want    map[string]string
	}{
		"the process": {process, map[string]string{
			"get a/": "done", "get b/": "done", "get other": "done", "list a/": "done", "list": "done", "put": "done", "put other": "done", "delete": "done", "tables": "done"}},
		"the agent": {agent, map[string]string{
			"get a/": "done", "get b/": "AccessDenied", "get other": "AccessDenied", "list a/": "done", "list": "AccessDenied",
			"put": "done", "put other": "AccessDeniedException", "delete": "AccessDeniedException", "tables": "AccessDeniedException"}},
	} {
		config, err := c.session.AWS(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		objects, items := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }), dynamodb.NewFromConfig(config)
		get := func(bucket, key string) error {
			out, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			if err == nil {
				err = out.Body.Close()
			}
			return err
		}
		key := map[string]types.AttributeValue{"company": &types.AttributeValueMemberS{Value: "Apple"}}
		put := func(table string) error {
			_, err := items.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: key})
			return err
		}
		got := map[string]error{"get a/": get("filings", "a/apple.txt"), "get b/": get("filings", "b/tesla.txt"), "get other": get("other", "a/apple.txt"), "put": put("findings"), "put other": put("other")}
		_, got["list a/"] = objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("filings"), Prefix: aws.String("a/")})
		_, got["list"] = objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("filings")})
		_, got["delete"] = items.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("findings"), Key: key})
		_, got["tables"] = items.ListTables(t.Context(), &dynamodb.ListTablesInput{})
		for what, want := range c.want {
			if r := refusal(got[what]); r != want {
				t.Errorf("%s, %s: %s; want %s", who, what, r, want)
			}
		}
	}
	tried := agent.TryForbidden(t.Context())
	if len(tried) < 4 {
		t.Errorf("%d reads were tried", len(tried))
	}
	for _, x := range tried {
		if x.Allowed || x.Err != nil {
			t.Errorf("%s: allowed %v, %v", x.What, x.Allowed, x.Err)
		}
	}
	if tried := process.TryForbidden(t.Context()); tried != nil {
		t.Errorf("of the process itself nothing is to be refused: %v", tried)
	}
}

// A role against Moto, which knows nothing of session policies, but all of the form of
// what is asked.
func TestMotoGivesTheRole(t *testing.T) {
	moto := os.Getenv("SKEIN_TEST_MOTO")
	if moto == "" {
		t.Skip("set SKEIN_TEST_MOTO to the address of Moto's server")
	}
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: moto, Role: "arn:aws:iam::123456789012:role/skein"}})
	keys, err := keysOf(t, process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole, ExternalID: "x-1"}}, analyst))
	if err != nil || !strings.HasPrefix(keys.AccessKeyID, "ASIA") || keys.SessionToken == "" || time.Until(keys.Expires) < 50*time.Minute {
		t.Errorf("got %s until %s, %v", keys.AccessKeyID, keys.Expires, err)
	}
}
