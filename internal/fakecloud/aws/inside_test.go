package aws

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

func resources() standin.Resources {
	return standin.Resources{
		Buckets:   map[string]fs.FS{"filings": fstest.MapFS{"a.txt": {Data: []byte("text")}}},
		Tables:    map[string]standin.Table{"findings": {PartitionKey: "company"}, "history": {PartitionKey: "company", SortKey: "period"}},
		Topics:    []string{"alerts", "alerts.fifo"},
		Queues:    []string{"work", "work.fifo"},
		Functions: map[string]func([]byte) ([]byte, error){"echo": func(b []byte) ([]byte, error) { return b, nil }},
		Secrets:   map[string]string{"key": "value"},
		Datasets:  map[string]string{"filings": "CREATE TABLE t (a)"},
	}
}

// ask is a request as the frame hands it over.
func ask(service, method, target, path, body string) *standin.Request {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	r.ContentLength = int64(len(body))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	r.Header.Set("X-Amz-Target", target)
	return &standin.Request{Request: r, Body: []byte(body), Address: "http://127.0.0.1:1/cloud/aws", Now: time.Now()}
}

func TestUploadsThatMeetADeletionConflict(t *testing.T) {
	c := New(resources())
	for name, s := range map[string]struct {
		up   upload
		code string
	}{
		"create":  {upload{bucket: "filings", key: "a.txt", ifNone: true}, "ConditionalRequestConflict"},
		"replace": {upload{bucket: "filings", key: "a.txt", ifMatch: `"x"`}, "NoSuchKey"},
		"put":     {upload{bucket: "filings", key: "a.txt"}, ""},
	} {
		k := c.call(ask("s3", http.MethodPut, "", "/filings/a.txt", "new"))
		if no := c.s3.begin(k, &s.up); no != nil {
			t.Fatalf("%s", no.Body)
		}
		if out := c.Do(ask("s3", http.MethodDelete, "", "/filings/a.txt", "")); !out.Done {
			t.Fatalf("%d %s", out.Status, out.Body)
		}
		out := c.s3.finish(k, s.up, newObject([]byte("new"), map[string]string{}, checksum{}, k.Now, ""))
		if s.code == "" && !out.Done || s.code != "" && !strings.Contains(string(out.Body), "<Code>"+s.code+"<") {
			t.Errorf("%s: %d %s; wanted %q", name, out.Status, out.Body, s.code)
		}
		if out := c.Do(ask("s3", http.MethodPut, "", "/filings/a.txt", "back")); !out.Done {
			t.Fatalf("%d %s", out.Status, out.Body)
		}
	}
}

func TestLongPollingWakesWhenAMessageShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(resources())
		const queue = `"QueueUrl":"http://x/123456789012/work"`
		out := c.Do(ask("sqs", http.MethodPost, "AmazonSQS.SendMessage", "/", `{`+queue+`,"MessageBody":"x","DelaySeconds":5}`))
		if !out.Done {
			t.Fatalf("%s", out.Body)
		}
		for _, s := range []struct {
			wait, hidden string
			comes        bool
			after        time.Duration
		}{
			{"3", "4", false, 3 * time.Second},
			{"20", "4", true, 2 * time.Second},
			{"20", "0", true, 4 * time.Second},
			{"20", "30", true, 0},
			{"20", "30", false, 20 * time.Second},
			{"20", "30", true, 10 * time.Second},
		} {
			start := time.Now()
			out := c.Do(ask("sqs", http.MethodPost, "AmazonSQS.ReceiveMessage", "/", `{`+queue+`,"WaitTimeSeconds":`+s.wait+`,"VisibilityTimeout":`+s.hidden+`}`))
			if took := time.Since(start); bytes.Contains(out.Body, []byte("MessageId")) != s.comes || took != s.after {
				t.Errorf("%+v took %v: %s", s, took, out.Body)
			}
		}
	})
}

func TestNumbersAreExact(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "-0.0": "0", "007": "7", "1.50": "1.5", "1e3": "1000", "-12.5E-3": "-0.0125",
		"1e125": "1" + strings.Repeat("0", 125), "1e-130": "0." + strings.Repeat("0", 129) + "1", ".5": "0.5", "5.": "5"} {
		n, err := readNumber(text)
		if err != nil || n.String() != want {
			t.Errorf("%s is %s, %v; wanted %s", text, n, err, want)
		}
	}
	ordered := []string{"-1e10", "-2", "-1.5", "-0.01", "0", "1e-100", "0.2", "1", "1.01", "10", "1e2"}
	for i, a := range ordered {
		for j, b := range ordered {
			x, errX := readNumber(a)
			y, errY := readNumber(b)
			if n := x.compare(y); errX != nil || errY != nil || (n < 0) != (i < j) || (n > 0) != (i > j) {
				t.Errorf("%s and %s compare as %d", a, b, n)
			}
		}
	}
	for text, size := range map[string]int{"0": 1, "5": 2, "10": 2, "12": 2, "123": 3, "-123": 4, "1e100": 2} {
		if n, err := readNumber(text); err != nil || n.size() != size {
			t.Errorf("%s takes %d bytes, wanted %d", text, n.size(), size)
		}
	}
}

func TestConditions(t *testing.T) {
	var it, values item
	if err := json.Unmarshal([]byte(`{"company":{"S":"Acme"},"n":{"N":"10"},"l":{"L":[{"S":"x"},{"M":{"deep":{"N":"1"}}}]},"tags":{"SS":["a","b"]},"a.b":{"S":"dot"}}`), &it); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{":acme":{"S":"Acme"},":ac":{"S":"Ac"},":9":{"N":"9"},":ten":{"N":"10.0"},":b":{"S":"b"},":S":{"S":"S"},":one":{"N":"1"},":2":{"N":"2"}}`), &values); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"company = :acme": true, "company <> :acme": false, "missed = :acme": false, "missed <> :acme": true, "n = :ten": true, "n > :9": true, "n < :9": false,
		"company > :9": false, "n BETWEEN :9 AND :ten": true, "company IN (:ac, :acme)": true, "begins_with(company, :ac)": true, "contains(company, :ac)": true,
		"contains(tags, :b)": true, "contains(tags, :ac)": false, "attribute_type(company, :S)": true, "size(tags) = :2": true, "size(company) > :2": true, "size(n) > :2": false,
		"attribute_exists(l[1].deep)": true, "attribute_exists(l[2])": false, "l[1].deep = :one": true, "#dot = :ac": false, "attribute_exists(#dot)": true,
		"NOT company = :acme": false, "attribute_not_exists(company) OR n = :ten AND company = :acme": true, "(attribute_not_exists(company) OR n = :ten) AND company = :ac": false,
		"not n = :9 and (company = :acme or missed = :9)": true, ":ac = company": false, "company = company": true,
	} {
		ph := &placeholders{names: map[string]string{"#dot": "a.b"}, values: values, usedN: map[string]bool{}, usedV: map[string]bool{}}
		e, err := parseCondition("ConditionExpression", text, ph)
		if err != nil || e.test(it) != want {
			t.Errorf("%s: %v; wanted %v", text, err, want)
		}
	}
}

func TestPolicies(t *testing.T) {
	p, err := readPolicy(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"S3:Get*","Resource":"arn:aws:s3:::b/*"},
		{"Effect":"Deny","NotAction":"s3:*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/secret/??"},
		{"Effect":"Allow","Action":"s3:PutObject","NotResource":"arn:aws:s3:::b/*","Condition":{"StringEqualsIfExists":{"s3:if-none-match":"*"},"Null":{"s3:prefix":"true"}}},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"ForAllValues:StringLike":{"s3:prefix":["a/*","b/?"]},"StringNotEquals":{"s3:delimiter":"-"}}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		action, resource string
		keys             map[string][]string
		want             bool
	}{
		{"s3:GetObject", "arn:aws:s3:::b/x/y", nil, true},
		{"s3:GetObject", "arn:aws:s3:::c/x", nil, false},
		{"s3:GetObject", "arn:aws:s3:::b/secret/ab", nil, false},
		{"s3:GetObject", "arn:aws:s3:::b/secret/abc", nil, true},
		{"sns:Publish", "arn:aws:sns:::x", nil, false},
		{"s3:PutObject", "arn:aws:s3:::b/x", nil, false},
		{"s3:PutObject", "arn:aws:s3:::c/x", nil, true},
		{"s3:PutObject", "arn:aws:s3:::c/x", map[string][]string{"s3:if-none-match": {"*"}}, true},
		{"s3:PutObject", "arn:aws:s3:::c/x", map[string][]string{"s3:if-none-match": {"etag"}}, false},
		{"s3:ListBucket", "arn:aws:s3:::c", map[string][]string{"s3:prefix": {"a/x"}}, true},
		{"s3:ListBucket", "arn:aws:s3:::c", map[string][]string{"s3:prefix": {"b/xy"}}, false},
		{"s3:ListBucket", "arn:aws:s3:::c", map[string][]string{"s3:prefix": {"a/x"}, "s3:delimiter": {"-"}}, false},
	} {
		if got := p.allows(need{s.action, s.resource, s.keys}); got != s.want {
			t.Errorf("%+v is %v", s, got)
		}
	}
}

func TestRouteNamesServiceOperationAndResource(t *testing.T) {
	c := New(resources())
	for _, s := range []struct{ service, method, target, path, body, want string }{
		{"s3", "GET", "", "/filings/a b/c.txt", "", "s3 GetObject filings/a b/c.txt"},
		{"s3", "GET", "", "/filings?list-type=2&prefix=a", "", "s3 ListObjectsV2 filings"},
		{"s3", "GET", "", "/filings?acl", "", "s3 GET Bucket?acl filings"},
		{"dynamodb", "POST", "DynamoDB_20120810.PutItem", "/", `{"TableName":"findings"}`, "dynamodb PutItem findings"},
		{"dynamodb", "POST", "DynamoDB_20120810.PutItem", "/", `{"TableName":"arn:aws:dynamodb:eu-west-1:1:table/findings"}`, "dynamodb PutItem findings"},
		{"sns", "POST", "", "/", "Action=Publish&TopicArn=arn:aws:sns:us-east-1:123456789012:alerts", "sns Publish alerts"},
		{"sqs", "POST", "AmazonSQS.SendMessage", "/", `{"QueueUrl":"http://x/1/work"}`, "sqs SendMessage work"},
		{"lambda", "POST", "", "/2015-03-31/functions/echo/invocations", "{}", "lambda Invoke echo"},
		{"sts", "POST", "", "/", "Action=AssumeRole&RoleArn=arn:aws:iam::1:role/a", "sts AssumeRole arn:aws:iam::1:role/a"},
		{"ssm", "POST", "AmazonSSM.GetParameter", "/", `{"Name":"/a/b"}`, "ssm GetParameter /a/b"},
		{"kinesis", "POST", "Kinesis.PutRecord", "/", `{}`, "kinesis  "},
	} {
		service, op, resource := c.Route(ask(s.service, s.method, s.target, s.path, s.body))
		if got := service + " " + op + " " + resource; got != s.want {
			t.Errorf("%+v is %q; wanted %q", s, got, s.want)
		}
	}
}
