package azure

import (
	"net/http"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"io/fs"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// Whatever comes is answered, with a status, and refused or charged by known meters.
func FuzzRequests(f *testing.F) {
	for _, s := range []struct{ method, path, query, kind, extra, body string }{
		{"PUT", "/blob/a/filings/x", "", "text/plain", "bytes=0-1", "x"},
		{"GET", "/blob/a/filings/x", "", "", "bytes=0-1", ""},
		{"GET", "/blob/a/filings", "restype=container&comp=list&delimiter=/&maxresults=1", "", "", ""},
		{"POST", "/cosmos/a/dbs/d/colls/findings/docs", "", "application/json", `["acme"]`, `{"id":"a","company":"acme"}`},
		{"POST", "/cosmos/a/dbs/d/colls/findings/docs", "q", "application/query+json", `["acme"]`, `{"query":"SELECT * FROM c WHERE c.n >= @a ORDER BY c.n","parameters":[{"name":"@a","value":[1]}]}`},
		{"POST", "/servicebus/n/work/messages", "", "", `{"MessageId":"m"}`, "x"},
		{"POST", "/servicebus/n/work/messages/head", "timeout=0", "", "", ""},
		{"GET", "/servicebus/n/work", "api-version=1", "", "", ""},
		{"POST", "/eventgrid/alerts/api/events", "api-version=1", manyEvents, "", `[{"specversion":"1.0","id":"1","source":"s","type":"t"}]`},
		{"POST", "/queue/a/work/messages", "", "", "", "<QueueMessage><MessageText>x</MessageText></QueueMessage>"},
		{"GET", "/queue/a/work/messages", "numofmessages=2", "", "", ""},
		{"POST", "/tables/a/findings", "", "application/json", "", `{"PartitionKey":"p","RowKey":"r","n":1.5}`},
		{"GET", "/tables/a/findings(PartitionKey='p',RowKey='r')", "", "", "", ""},
		{"GET", "/tables/a/findings()", "$filter=n ge 1 and not (x eq 'y')", "", "", ""},
		{"POST", "/functions/a/api/f", "code=1", "", "", "{}"},
		{"GET", "/keyvault/v/secrets/s", "api-version=1", "", "", ""},
	} {
		f.Add(s.method, s.path, s.query, s.kind, s.extra, s.body)
	}
	c := New(standin.Resources{Buckets: map[string]fs.FS{"filings": fstest.MapFS{"x": {Data: []byte("xyz")}}}, Tables: map[string]standin.Table{"findings": {PartitionKey: "company"}},
		Queues: []string{"work"}, Topics: []string{"alerts"}, Functions: map[string]func([]byte) ([]byte, error){"f": func(b []byte) ([]byte, error) { return b, nil }}, Secrets: map[string]string{"s": "v"}})
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, method, path, query, kind, extra, body string) {
		h := http.Header{"Content-Type": {kind}, "X-Ms-Version": {"2026-02-06"}, "X-Ms-Date": {now.Format(http.TimeFormat)}, "X-Ms-Blob-Type": {"BlockBlob"},
			"X-Ms-Range": {extra}, "X-Ms-Documentdb-Partitionkey": {extra}, "Brokerproperties": {extra}, "If-Match": {"*"}, "Authorization": {"Bearer t"}}
		if len(path) > 7 && path[:7] == "/cosmos" {
			h.Set("Authorization", "type=aad&ver=1.0&sig=t")
			if query != "" {
				h.Set("x-ms-documentdb-isquery", "true")
			}
		}
		if u, err := url.ParseQuery(query); err == nil && (u.Get("timeout") != "0") {
			query += "&timeout=0"
		}
		r := &standin.Request{Request: &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: h}, Body: []byte(body), Address: "http://h", Now: now}
		c.Route(r)
		out := c.Do(r)
		if out.Status < 200 || out.Status > 599 || out.Status/100 != 2 && out.Done && out.Status != 500 {
			t.Fatalf("%+v", out)
		}
		for m, n := range out.Readings {
			if n <= 0 {
				t.Fatalf("%s is %d", m, n)
			}
		}
	})
}

// A query that is read is read the same from what it says when it runs, and never ends
// the process.
func FuzzQueries(f *testing.F) {
	for _, q := range []string{`SELECT * FROM c`, `SELECT TOP 1 * FROM root r WHERE r["a"].b = 'it''s' ORDER BY r.x DESC OFFSET 1 LIMIT 2`,
		`SELECT * FROM c WHERE STARTSWITH(c.a, "x") AND (c.b BETWEEN 1 AND 2.5e3)`} {
		f.Add(q, "n ge 1 or not (a eq 'b''c' and d lt datetime'2026-01-01T00:00:00Z')")
	}
	doc := map[string]any{"a": "x", "b": 2.0, "n": map[string]any{"b": true}}
	f.Fuzz(func(t *testing.T, query, odata string) {
		if q, err := parseQuery(query, map[string]any{"@p": "x"}); err == nil {
			c := &collection{docs: map[docKey]*document{{"\"x\"", "1"}: {members: doc}, {"\"x\"", "2"}: {members: map[string]any{}, order: 1}}}
			if n := len(q.run(c, "")); n > 2 {
				t.Fatalf("%d of two documents", n)
			}
		}
		if p, err := parseFilter(odata); err == nil {
			p.holds(rowKey{"p", "r"}, &row{members: map[string]any{"a": "b", "n": int64(1)}})
		}
	})
}
