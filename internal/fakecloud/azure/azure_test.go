package azure_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// lab is a stand-in with a clock that stands still unless it is told.
type lab struct {
	t    *testing.T
	fake *fakecloud.Server
	url  string // of Azure

	mu  sync.Mutex
	now time.Time
}

func resources() standin.Resources {
	return standin.Resources{
		Buckets: map[string]fs.FS{"empty": fstest.MapFS{}, "filings": fstest.MapFS{"acme/q1.txt": {Data: []byte("net income 12")},
			"acme/q2.txt": {Data: []byte("net income 13")}, "bolt/q1.txt": {Data: []byte("loss")}}},
		Tables:    map[string]standin.Table{"findings": {PartitionKey: "company", SortKey: "quarter"}},
		Topics:    []string{"alerts", "exact?dedup=10m", "orders.fifo"},
		Queues:    []string{"work", "once?dedup=2m"},
		Functions: map[string]func([]byte) ([]byte, error){"echo": func(b []byte) ([]byte, error) { return b, nil }, "broken": func([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }},
		Secrets:   map[string]string{"acme-key": "s3cret"},
		Allowed: map[string][]string{"analyst": {"blob/acct/filings", "cosmos/acct/db/findings", "tables/acct/findings", "queue/acct/work", "servicebus/ns/alerts",
			"eventgrid/alerts", "functions/app/echo", "keyvault/vault/acme-key"}},
	}
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	var err error
	l.fake, err = fakecloud.New(fakecloud.Options{Resources: resources(), Now: func() time.Time {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.now
	}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(l.fake)
	t.Cleanup(func() {
		l.fake.Clear()
		srv.Close()
		if err := l.fake.Close(); err != nil {
			t.Error(err)
		}
	})
	l.url = srv.URL + "/cloud/azure"
	return l
}

func (l *lab) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *lab) order(f fakecloud.Fault) {
	l.t.Helper()
	if _, err := l.fake.Order(f); err != nil {
		l.t.Fatal(err)
	}
}

type header map[string]string

type answer struct {
	*http.Response
	body string
	err  error
}

// ask sends a request as one of the effects of a command.
func (l *lab) ask(method, path string, h header, body string) answer {
	return l.as("run_1/1/0", method, path, h, body)
}

func (l *lab) as(command, method, path string, h header, body string) answer {
	req, err := http.NewRequest(method, l.url+path, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("User-Agent", "test skein-effect/"+command+"/1")
	for k, v := range h {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp, string(b), err}
}

// want checks the status of an answer and a part of its body or error code.
func (a answer) want(t *testing.T, status int, part string) answer {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	if a.StatusCode != status || !strings.Contains(a.body+"\n"+a.Header.Get("x-ms-error-code"), part) {
		t.Fatalf("answered %d %s\n%s\nwant %d with %q", a.StatusCode, a.Header.Get("x-ms-error-code"), a.body, status, part)
	}
	return a
}

func (a answer) json(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// last is the last line of the log.
func (l *lab) last() fakecloud.Line {
	l.t.Helper()
	lines := l.fake.Log().Lines()
	if len(lines) == 0 {
		l.t.Fatal("the log is empty")
	}
	return lines[len(lines)-1]
}

// logged checks the last line: what was asked of what, and what it is charged.
func (l *lab) logged(service, op, resource string, readings map[string]int64) fakecloud.Line {
	l.t.Helper()
	ln := l.last()
	if ln.Service != service || ln.Op != op || ln.Resource != resource || !maps.Equal(ln.Readings, readings) {
		l.t.Fatalf("logged %s %s of %s: %v\nwant %s %s of %s: %v", ln.Service, ln.Op, ln.Resource, ln.Readings, service, op, resource, readings)
	}
	return ln
}

// race asks the same from many at once, and counts the statuses.
func race(n int, ask func(i int) answer) map[int]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for i := range n {
		wg.Go(func() {
			a := ask(i)
			mu.Lock()
			defer mu.Unlock()
			if a.err != nil {
				got[-1]++
				return
			}
			got[a.StatusCode]++
		})
	}
	wg.Wait()
	return got
}

func TestWhatIsNoServiceIsSaid(t *testing.T) {
	l := newLab(t)
	l.ask("GET", "/nothing/here", nil, "").want(t, 404, "there is no such service here")
	l.ask("PATCH", "/blob/acct/filings/x", storageKey, "").want(t, 400, "InvalidUri")
}

// An identity of its own reaches what it was allowed, and of everything else the
// service refuses it in its own words.
func TestIdentityReachesWhatItMay(t *testing.T) {
	l := newLab(t)
	storage := func(h header) header {
		return header{"Authorization": "Bearer as:analyst", "x-ms-version": "2026-02-06"}.with(h)
	}
	plain := header{"Authorization": "Bearer as:analyst"}
	cosmos := func(h header) header {
		return cosmosHeader.with(header{"Authorization": "type%3Daad%26ver%3D1.0%26sig%3Das:analyst"}).with(h)
	}
	part := header{"x-ms-documentdb-partitionkey": `["acme"]`}
	for _, c := range []struct {
		name, method, allowed, forbidden string
		h                                header
		body                             string
		ok, no                           int
		says                             string
	}{
		{"blob", "GET", "/blob/acct/filings/acme/q1.txt", "/blob/acct/empty/x", storage(nil), "", 200, 403, "AuthorizationPermissionMismatch"},
		{"blob of another account", "GET", "/blob/acct/filings/acme/q1.txt", "/blob/other/filings/acme/q1.txt", storage(nil), "", 200, 403, "AuthorizationPermissionMismatch"},
		{"a name that begins alike", "GET", "/blob/acct/filings?restype=container", "/blob/acct/filings2?restype=container", storage(nil), "", 200, 403, "AuthorizationPermissionMismatch"},
		{"cosmos", "GET", "/cosmos/acct/dbs/db/colls/findings/docs/none", "/cosmos/acct/dbs/other/colls/findings/docs/none", cosmos(part), "", 404, 403, "does not have required RBAC permissions"},
		{"tables", "GET", "/tables/acct/findings()", "/tables/acct/other()", storage(nil), "", 200, 403, "AuthorizationPermissionMismatch"},
		{"queue", "GET", "/queue/acct/work?comp=metadata", "/queue/acct/once?comp=metadata", storage(nil), "", 200, 403, "AuthorizationPermissionMismatch"},
		{"service bus", "POST", "/servicebus/ns/alerts/messages", "/servicebus/ns/work/messages", plain, "x", 201, 401, "Send&#39; claim(s) are required"},
		{"service bus description", "POST", "/servicebus/ns/alerts/messages", "/servicebus/ns/other/messages", plain, "x", 201, 401, "claim(s) are required"},
		{"event grid", "POST", "/eventgrid/alerts/api/events?api-version=2018-01-01", "/eventgrid/exact/api/events?api-version=2018-01-01",
			plain.with(header{"Content-Type": "application/cloudevents+json"}), `{"specversion":"1.0","id":"1","source":"s","type":"t"}`, 200, 403, "permission to send data"},
		{"functions", "POST", "/functions/app/api/echo", "/functions/app/api/broken", plain, "{}", 200, 403, ""},
		{"key vault", "GET", "/keyvault/vault/secrets/acme-key?api-version=7.4", "/keyvault/vault/secrets/other?api-version=7.4", plain, "", 200, 403, "Forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.ask(c.method, c.allowed, c.h, c.body).want(t, c.ok, "")
			l.ask(c.method, c.forbidden, c.h, c.body).want(t, c.no, c.says)
			if l.last().Done {
				t.Fatal("what was refused is logged as done")
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		l.ask("GET", "/blob/acct/filings/acme/q1.txt", header{"Authorization": "Bearer as:nobody", "x-ms-version": "2026-02-06"}, "").want(t, 403, "AuthorizationPermissionMismatch")
	})
	t.Run("description", func(t *testing.T) {
		l.ask("GET", "/servicebus/ns/alerts?api-version=2021-05", plain, "").want(t, 401, "Manage&#39; claim(s)")
	})
}

// Nothing is served to who brings no credential, or one in the wrong form.
func TestCredentialsHaveTheirForm(t *testing.T) {
	l := newLab(t)
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", header{"x-ms-version": "2026-02-06"}, "").want(t, 401, "NoAuthenticationInformation")
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", header{"x-ms-version": "2026-02-06", "Authorization": "Basic eA=="}, "").want(t, 400, "InvalidAuthenticationInfo")
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", header{"Authorization": "Bearer t"}, "").want(t, 400, "MissingRequiredHeader")
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", header{"Authorization": "Bearer t", "x-ms-version": "2015-02-21"}, "").want(t, 400, "InvalidHeaderValue")
	l.ask("GET", "/cosmos/acct/dbs/db/colls/findings", cosmosHeader.with(header{"Authorization": "Bearer t"}), "").want(t, 401, "not in the form")
	l.ask("GET", "/cosmos/acct/dbs/db/colls/findings", cosmosHeader.with(header{"x-ms-date": "today"}), "").want(t, 401, "RFC 1123")
	l.ask("POST", "/servicebus/ns/work/messages", nil, "x").want(t, 401, "MissingToken")
	l.ask("POST", "/eventgrid/alerts/api/events?api-version=2018-01-01", nil, "[]").want(t, 401, "aeg-sas-key")
	l.ask("POST", "/functions/app/api/echo", nil, "{}").want(t, 401, "")
	a := l.ask("GET", "/keyvault/vault/secrets/acme-key?api-version=7.4", nil, "").want(t, 401, "AKV10000")
	if !strings.Contains(a.Header.Get("WWW-Authenticate"), `resource="https://vault.azure.net"`) {
		t.Fatalf("the challenge is %q", a.Header.Get("WWW-Authenticate"))
	}
}

func (h header) with(more header) header {
	out := maps.Clone(h)
	if out == nil {
		out = header{}
	}
	maps.Copy(out, more)
	return out
}
