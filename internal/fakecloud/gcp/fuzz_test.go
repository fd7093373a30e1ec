package gcp

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// Whatever comes is answered, with a status, and refused or charged by known meters.
func FuzzRequests(f *testing.F) {
	const docs = "/v1/projects/p/databases/(default)/documents"
	for _, s := range []struct{ method, path, query, kind, extra, body string }{
		{"POST", "/upload/storage/v1/b/filings/o", "uploadType=media&name=y&ifGenerationMatch=0", "text/plain", "", "x"},
		{"POST", "/upload/storage/v1/b/filings/o", "uploadType=multipart", "multipart/related; boundary=b", "", "--b\r\n\r\n{\"name\":\"z\"}\r\n--b\r\n\r\nx\r\n--b--\r\n"},
		{"GET", "/storage/v1/b/filings/o/x", "alt=media", "", "bytes=-1", ""},
		{"GET", "/storage/v1/b/filings/o", "delimiter=/&maxResults=1&prefix=a", "", "", ""},
		{"POST", docs + ":commit", "", "", "", `{"writes":[{"update":{"name":"projects/p/databases/(default)/documents/c/d","fields":{"x":{"arrayValue":{"values":[{"mapValue":{}}]}}}},"currentDocument":{"exists":false}}]}`},
		{"POST", docs + ":runQuery", "", "", "", `{"structuredQuery":{"from":[{"collectionId":"c"}],"where":{"fieldFilter":{"field":{"fieldPath":"x"},"op":"EQUAL","value":{"integerValue":"1"}}},"startAt":{"values":[{"nullValue":null}]},"limit":{"value":1}}}`},
		{"POST", docs + ":batchGet", "", "", "", `{"documents":["projects/p/databases/(default)/documents/c/d"]}`},
		{"PATCH", docs + "/c/d", "updateMask.fieldPaths=`a`", "", "", `{"fields":{"a":{"doubleValue":"NaN"}}}`},
		{"POST", "/v1/projects/p/topics/alerts:publish", "", "", "", `{"messages":[{"data":"eA==","attributes":{"a":"b"}}]}`},
		{"POST", "/v1/projects/p/subscriptions/alerts-a:pull", "", "", "", `{"maxMessages":1,"returnImmediately":true}`},
		{"POST", "/bigquery/v2/projects/p/queries", "", "", "", `{"query":"SELECT * FROM d.t WHERE a = ?","useLegacySql":false,"queryParameters":[{"parameterType":{"type":"INT64"},"parameterValue":{"value":"1"}}],"requestId":"r"}`},
		{"GET", "/v1/projects/p/secrets/s/versions/1:access", "", "", "", ""},
		{"POST", "/v1/projects/-/serviceAccounts/a:generateAccessToken", "", "", "", `{"scope":["x"],"lifetime":"1.5s"}`},
		{"POST", "/v1/token", "", "application/x-www-form-urlencoded", "", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&options=%7B%7D"},
		{"POST", "/run/f", "", "", "", "{}"},
	} {
		f.Add(s.method, s.path, s.query, s.kind, s.extra, s.body)
	}
	c := New(standin.Resources{Buckets: map[string]fs.FS{"filings": fstest.MapFS{"x": {Data: []byte("xyz")}}}, Topics: []string{"alerts"}, Secrets: map[string]string{"s": "v"},
		Functions: map[string]func([]byte) ([]byte, error){"f": func(b []byte) ([]byte, error) { return b, nil }}, Datasets: map[string]string{"d": "CREATE TABLE t (a INTEGER)"},
		Allowed: map[string][]string{"a": nil}})
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, method, path, query, kind, extra, body string) {
		var wait struct{ ReturnImmediately bool }
		_ = json.Unmarshal([]byte(body), &wait)
		if !wait.ReturnImmediately && len(path) > 5 && path[len(path)-5:] == ":pull" {
			t.Skip("it would wait")
		}
		h := http.Header{"Content-Type": {kind}, "Range": {extra}, "Authorization": {"Bearer t"}}
		r := &standin.Request{Request: &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: h}, Body: []byte(body), Address: "http://h", Now: now}
		c.Route(r)
		out := c.Do(r)
		if out.Status < 200 || out.Status > 599 {
			t.Fatalf("%+v", out)
		}
		for m, n := range out.Readings {
			if n <= 0 && m != "units.read" {
				t.Fatalf("%s is %d", m, n)
			}
		}
	})
}

// A value that is read is written in a form that is read as the same.
func FuzzValues(f *testing.F) {
	for _, s := range []string{`{"stringValue":"<x>"}`, `{"integerValue":"9223372036854775807"}`, `{"integerValue":7}`, `{"doubleValue":"-Infinity"}`, `{"doubleValue":1e300}`,
		`{"timestampValue":"2026-11-25T09:00:00.123456789+02:00"}`, `{"bytesValue":"-_8"}`, `{"geoPointValue":{"latitude":1.5}}`,
		`{"arrayValue":{"values":[{"nullValue":null},{"booleanValue":true}]}}`, `{"mapValue":{"fields":{"a":{"referenceValue":"r"}}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again value
		if json.Unmarshal(b, &v) != nil {
			return
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		twice, err := json.Marshal(again)
		if err != nil || string(twice) != string(text) || compareValues(v, again) != 0 || v.size() != again.size() {
			t.Fatalf("%s and then %s: %v", text, twice, err)
		}
	})
}
