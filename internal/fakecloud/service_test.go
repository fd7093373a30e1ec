package fakecloud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// resources are a bucket, a table and a topic.
var resources = standin.Resources{
	Buckets: map[string]fs.FS{"b": fstest.MapFS{"apple/1.md": {Data: []byte("0123456789")}}},
	Tables:  map[string]standin.Table{"f": {PartitionKey: "company"}},
	Topics:  []string{"alerts"},
}

// asks are the requests of Skein's effect n to services of AWS, as they go over the wire.
func asks(service string, n int) map[string]string {
	return map[string]string{
		"Authorization": "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=none",
		"User-Agent":    fmt.Sprintf("a client skein-effect/run_1/%d/1/1", n),
	}
}

func call(t *testing.T, method, url, body string, header ...map[string]string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, h := range header {
		for k, v := range h {
			all[k] = v
		}
	}
	return do(t, req, all)
}

// get reads the object, put puts an item and tell publishes, each for effect n.
func get(t *testing.T, url string, n int) reply {
	t.Helper()
	return call(t, http.MethodGet, url+"/cloud/aws/b/apple/1.md", "", asks("s3", n))
}

func put(t *testing.T, url string, n int) reply {
	t.Helper()
	return call(t, http.MethodPost, url+"/cloud/aws/", `{"TableName":"f","Item":{"company":{"S":"Apple"}}}`, asks("dynamodb", n),
		map[string]string{"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"})
}

func tell(t *testing.T, url string, n int) reply {
	t.Helper()
	return call(t, http.MethodPost, url+"/cloud/aws/", "Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:123456789012:alerts&Subject=s&Message=m",
		asks("sns", n), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

func TestServiceFaultsSayInTheLogWhatWasDone(t *testing.T) {
	for _, c := range []struct {
		kind   fakecloud.Kind
		status int // 0: no answer
		done   bool
	}{
		{fakecloud.Refuse, 0, false}, {fakecloud.TooMany, 400, false}, {fakecloud.ServerFail, 500, false}, {fakecloud.ErrorEvent, 500, false},
		{fakecloud.FailAfter, 500, true}, {fakecloud.CutOff, 0, true}, {fakecloud.NoEnd, 0, true}, {fakecloud.Garbage, 200, true}, {fakecloud.Slow, 200, true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s, url := serve(t, fakecloud.Options{Resources: resources})
			if _, err := s.Order(fakecloud.Fault{Service: "dynamodb", Kind: c.kind, Count: 1, RetryAfter: 1.5, Match: fakecloud.Match{Op: "PutItem", Contains: "Apple"}}); err != nil {
				t.Fatal(err)
			}
			r := put(t, url, 1)
			if r.status != c.status || (r.err != nil) != (c.status == 0) {
				t.Errorf("answered %d, %v", r.status, r.err)
			}
			if late := r.header.Get("Retry-After") == "2"; late != (c.status >= 400) {
				t.Errorf("it says Retry-After %q", r.header.Get("Retry-After"))
			}
			ln := s.Log().Lines()[0]
			if ln.Done != c.done || ln.Fault != string(c.kind) || ln.Command != "run_1/1/1" || ln.Effect != "run_1/1/1/1" || ln.Resource != "f/Apple" && ln.Resource != "f" {
				t.Errorf("the log says %+v", ln)
			}
			if billed := len(ln.Readings) > 0; billed != c.done {
				t.Errorf("billed: %v", ln.Readings)
			}
		})
	}
}

func TestARequestThatIsTooLargeIsRefusedInTheServicesForm(t *testing.T) {
	s, url := serve(t, fakecloud.Options{Resources: resources})
	r := call(t, http.MethodPut, url+"/cloud/aws/b/large", strings.Repeat("x", 33<<20), asks("s3", 1))
	if r.err == nil && (r.status != http.StatusRequestEntityTooLarge || !strings.Contains(r.body, "<Code>EntityTooLarge</Code>")) {
		t.Errorf("answered %d: %s", r.status, r.body)
	}
	if lines := s.Log().Lines(); len(lines) != 1 || lines[0].Done || lines[0].Status != http.StatusRequestEntityTooLarge {
		t.Errorf("the log says %+v", lines)
	}
}

func TestUsageExportAddsUpWhatTheLogHas(t *testing.T) {
	dir := t.TempDir()
	s, url := serve(t, fakecloud.Options{Resources: resources, Dir: dir})
	if _, err := s.Order(fakecloud.Fault{Service: "s3", Kind: fakecloud.ServerFail, Count: 1}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // one effect that needed three requests, the first of which failed
		get(t, url, 1)
	}
	putAnswer, told := put(t, url, 2), tell(t, url, 3)
	if _, err := s.Order(fakecloud.Fault{Service: "sns", Kind: fakecloud.TooMany, Count: 1}); err != nil {
		t.Fatal(err)
	}
	tell(t, url, 4)
	call(t, http.MethodPost, url+dialects[0].at(true), dialects[0].body(true), dialects[0].header)

	var rows []fakecloud.Consumed
	usage := call(t, http.MethodGet, url+"/usage", "")
	for line := range strings.Lines(usage.body) {
		var row fakecloud.Consumed
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	u := ended(s)[0].Usage
	want := []fakecloud.Consumed{
		{ID: "call_1/1", Service: "openai", Readings: map[string]int64{"calls": 1, "input": u.Input, "output": u.Output}},
		{ID: "run_1/1/1/1", Service: "s3", Readings: map[string]int64{"requests.get": 2, "bytes.read": 20}},
		{ID: "run_1/2/1/1", Service: "dynamodb", Readings: map[string]int64{"requests.write": 1, "units.write": 1,
			"bytes.sent": int64(len(`{"TableName":"f","Item":{"company":{"S":"Apple"}}}`)), "bytes.read": int64(len(putAnswer.body))}},
		{ID: "run_1/3/1/1", Service: "sns", Readings: map[string]int64{"publishes": 1,
			"bytes.sent": int64(len("Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:123456789012:alerts&Subject=s&Message=m")),
			"bytes.read": int64(len(told.body))}},
		{ID: "run_1/4/1/1", Service: "sns", Readings: map[string]int64{}},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}

	onDisk, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if served := call(t, http.MethodGet, url+"/log", ""); served.body != string(onDisk) || strings.Count(served.body, "\n") != len(s.Log().Lines()) {
		t.Errorf("GET /log differs from the file:\n%s\n%s", served.body, onDisk)
	}
}
