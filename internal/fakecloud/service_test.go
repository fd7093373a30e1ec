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
)

var bucket = map[string]fs.FS{"b": fstest.MapFS{
	"apple/1.md": {Data: []byte("0123456789")}, "apple/2.md": {Data: []byte("two")}, "tesla/1.md": {Data: []byte("x")},
}}

func ids(n int) map[string]string {
	return map[string]string{"X-Skein-Command": fmt.Sprintf("run_1/%d/1", n), "X-Skein-Effect": fmt.Sprintf("run_1/%d/1/1", n)}
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

func TestObjectsAreListedReadAndCreatedOnce(t *testing.T) {
	s, url := serve(t, fakecloud.Options{Buckets: bucket})
	list := call(t, "GET", url+"/objects/b?prefix=apple/", "", ids(1))
	var got struct {
		Objects []struct {
			Key  string
			Size int
			ETag string
		}
	}
	if err := json.Unmarshal([]byte(list.body), &got); err != nil || len(got.Objects) != 2 || got.Objects[0].Key != "apple/1.md" || got.Objects[0].Size != 10 || got.Objects[0].ETag == "" {
		t.Errorf("list: %s, %v", list.body, err)
	}
	for spec, want := range map[string]string{"": "200 0123456789", "bytes=2-4": "206 234", "bytes=8-99": "206 89", "bytes=-3": "206 789", "bytes=4-": "206 456789"} {
		r := call(t, "GET", url+"/objects/b/apple/1.md", "", map[string]string{"Range": spec})
		if got := fmt.Sprint(r.status, " ", r.body); got != want {
			t.Errorf("range %q: %s", spec, got)
		}
	}
	if r := call(t, "GET", url+"/objects/b/apple/1.md", "", map[string]string{"Range": "bytes=10-20"}); r.status != 416 {
		t.Errorf("a range beyond the end: %d", r.status)
	}
	if r := call(t, "GET", url+"/objects/b/none", ""); r.status != 404 {
		t.Errorf("an object that is not there: %d", r.status)
	}
	if r := call(t, "GET", url+"/objects/nobucket", ""); r.status != 404 {
		t.Errorf("a bucket that is not there: %d", r.status)
	}
	create := map[string]string{"If-None-Match": "*"}
	if r := call(t, "PUT", url+"/objects/b/new/x", "hello", create, ids(5)); r.status != 201 {
		t.Errorf("put: %d %s", r.status, r.body)
	}
	for n, duplicate := range map[int]bool{5: true, 6: false} {
		r := call(t, "PUT", url+"/objects/b/new/x", "other", create, ids(n))
		if r.status != 412 || r.header.Get("X-Stored-Command") != "run_1/5/1" {
			t.Errorf("put again by %d: %d %v", n, r.status, r.header)
		}
		lines := s.Log().Lines()
		if last := lines[len(lines)-1]; last.Duplicate != duplicate || last.Done {
			t.Errorf("the log says %+v", last)
		}
	}
	if r := call(t, "GET", url+"/objects/b/new/x", ""); r.body != "hello" {
		t.Errorf("it was overwritten: %s", r.body)
	}
}

func TestTableItemsAreCreatedOnce(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	items := url + "/tables/findings/items"
	item := `{"item":{"company":"Coca-Cola","note":"` + strings.Repeat("x", 1500) + `"}}`
	first := call(t, "POST", items+"?key=company", item, ids(1))
	if first.status != 201 || first.header.Get("X-Consumed-Write-Units") != "2" {
		t.Errorf("put: %d %v", first.status, first.header)
	}
	again := call(t, "POST", items+"?key=company", `{"item":{"company":"Coca-Cola","note":"y"}}`, ids(2))
	if again.status != 409 || !strings.Contains(again.body, `"command":"run_1/1/1"`) || !strings.Contains(again.body, "xxx") {
		t.Errorf("put again: %d %s", again.status, again.body)
	}
	if r := call(t, "GET", items+"/Coca-Cola", ""); r.status != 200 || r.header.Get("X-Consumed-Read-Units") != "1" || !strings.Contains(r.body, "xxx") {
		t.Errorf("get: %d %v", r.status, r.header)
	}
	if r := call(t, "GET", items+"/Pepsi", ""); r.status != 404 {
		t.Errorf("get what is not there: %d", r.status)
	}
	if r := call(t, "GET", items+"?limit=5", ""); r.status != 200 || strings.Count(r.body, `"command"`) != 1 {
		t.Errorf("scan: %s", r.body)
	}
	for _, bad := range []string{`{`, `{"item":3}`, `{"item":{"name":"x"}}`, `{"item":{"company":7}}`} {
		if r := call(t, "POST", items+"?key=company", bad); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	done := 0
	for _, ln := range s.Log().Lines() {
		if ln.Done {
			done++
		}
	}
	if done != 1 {
		t.Errorf("%d writes took effect", done)
	}
}

func TestTopicRemembersWhereItIsAskedTo(t *testing.T) {
	for dedup, want := range map[string]int{"": 2, "?dedup=id": 1} {
		s, url := serve(t, fakecloud.Options{})
		for range 2 {
			if r := call(t, "POST", url+"/topics/alerts"+dedup, `{"subject":"Apple: steady","message":"…"}`, ids(9)); r.status != 202 {
				t.Errorf("publish: %d %s", r.status, r.body)
			}
		}
		delivered, duplicates := 0, 0
		for _, ln := range s.Log().Lines() {
			if ln.Done {
				delivered++
			}
			if ln.Duplicate {
				duplicates++
			}
		}
		if delivered != want || delivered+duplicates != 2 {
			t.Errorf("topic%s: delivered %d, %d duplicates", dedup, delivered, duplicates)
		}
	}
}

func TestServiceFaultsSayInTheLogWhatWasDone(t *testing.T) {
	for _, c := range []struct {
		kind   fakecloud.Kind
		status int // 0: no answer
		done   bool
	}{
		{fakecloud.Refuse, 0, false}, {fakecloud.TooMany, 429, false}, {fakecloud.ServerFail, 500, false},
		{fakecloud.FailAfter, 500, true}, {fakecloud.CutOff, 0, true}, {fakecloud.Garbage, 201, true}, {fakecloud.Slow, 201, true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s, url := serve(t, fakecloud.Options{})
			if _, err := s.Order(fakecloud.Fault{Service: "table", Kind: c.kind, Count: 1, Match: fakecloud.Match{Op: "put", Contains: "Apple"}}); err != nil {
				t.Fatal(err)
			}
			r := call(t, "POST", url+"/tables/f/items?key=company", `{"item":{"company":"Apple"}}`, ids(1))
			if r.status != c.status || (r.err != nil) != (c.status == 0) {
				t.Errorf("answered %d, %v", r.status, r.err)
			}
			ln := s.Log().Lines()[0]
			if ln.Done != c.done || ln.Fault != string(c.kind) || ln.Command != "run_1/1/1" || ln.Effect != "run_1/1/1/1" {
				t.Errorf("the log says %+v", ln)
			}
			if billed := len(ln.Readings) > 0; billed != c.done {
				t.Errorf("billed: %v", ln.Readings)
			}
		})
	}
}

func TestUsageExportAddsUpWhatTheLogHas(t *testing.T) {
	dir := t.TempDir()
	s, url := serve(t, fakecloud.Options{Buckets: bucket, Dir: dir})
	if _, err := s.Order(fakecloud.Fault{Service: "objects", Kind: fakecloud.ServerFail, Count: 1}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // one effect that needed three requests, the first of which failed
		call(t, "GET", url+"/objects/b/apple/1.md", "", ids(1))
	}
	call(t, "POST", url+"/tables/f/items?key=company", `{"item":{"company":"Apple"}}`, ids(2))
	call(t, "POST", url+"/topics/alerts", `{"subject":"s","message":"m"}`, ids(3))
	if _, err := s.Order(fakecloud.Fault{Service: "notify", Kind: fakecloud.TooMany, Count: 1}); err != nil {
		t.Fatal(err)
	}
	call(t, "POST", url+"/topics/alerts", `{"subject":"s","message":"m"}`, ids(4))
	call(t, "POST", url+dialects[0].at(true), dialects[0].body(true), dialects[0].header)

	var rows []fakecloud.Consumed
	usage := call(t, "GET", url+"/usage", "")
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
		{ID: "run_1/1/1/1", Service: "objects", Readings: map[string]int64{"requests.get": 2, "bytes.read": 20}},
		{ID: "run_1/2/1/1", Service: "table", Readings: map[string]int64{"requests.write": 1, "units.write": 1}},
		{ID: "run_1/3/1/1", Service: "notify", Readings: map[string]int64{"publishes": 1}},
		{ID: "run_1/4/1/1", Service: "notify", Readings: map[string]int64{}},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}

	onDisk, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if served := call(t, "GET", url+"/log", ""); served.body != string(onDisk) || strings.Count(served.body, "\n") != len(s.Log().Lines()) {
		t.Errorf("GET /log differs from the file:\n%s\n%s", served.body, onDisk)
	}
}
