package gcp_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// lab is a stand-in with a clock that stands still unless it is told.
type lab struct {
	t    *testing.T
	fake *fakecloud.Server
	url  string // of Google Cloud

	mu  sync.Mutex
	now time.Time
}

const analyst = "analyst@p.iam.gserviceaccount.com"

func resources() standin.Resources {
	return standin.Resources{
		Buckets: map[string]fs.FS{"empty": fstest.MapFS{}, "filings": fstest.MapFS{"acme/q1.txt": {Data: []byte("net income 12")},
			"acme/q2.txt": {Data: []byte("net income 13")}, "bolt/q1.txt": {Data: []byte("loss")}}},
		Tables:    map[string]standin.Table{"findings": {PartitionKey: "company", SortKey: "quarter"}},
		Topics:    []string{"alerts"},
		Queues:    []string{"work"},
		Functions: map[string]func([]byte) ([]byte, error){"echo": func(b []byte) ([]byte, error) { return b, nil }, "broken": func([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }},
		Secrets:   map[string]string{"acme-key": "s3cret"},
		Datasets: map[string]string{"history": `CREATE TABLE quarters (company TEXT, quarter TEXT, income INTEGER, margin REAL, audited BOOLEAN);
			INSERT INTO quarters VALUES ('acme','q1',12,0.5,1), ('acme','q2',13,2,0), ('bolt','q1',-4,NULL,1)`,
			"other": `CREATE TABLE secret (x TEXT); INSERT INTO secret VALUES ('y')`},
		Allowed: map[string][]string{analyst: {"gcs/filings", "firestore/p/(default)/findings", "pubsub/p/topics/alerts", "bigquery/p/history", "secretmanager/p/acme-key", "run/echo"}},
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
	l.url = srv.URL + "/cloud/gcp"
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

// client are the options of Google's own clients for an API below the stand-in.
func (l *lab) client(token, below string) []option.ClientOption {
	return []option.ClientOption{option.WithEndpoint(l.url + below),
		option.WithHTTPClient(&http.Client{Transport: &oauth2.Transport{Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})}})}
}

// wantCode checks an error of Google's clients.
func wantCode(t *testing.T, err error, code int, part string) {
	t.Helper()
	var e *googleapi.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error()+e.Body, part) {
		t.Fatalf("got %v, want %d with %q", err, code, part)
	}
}

type header map[string]string

func (h header) with(more header) header {
	out := maps.Clone(h)
	if out == nil {
		out = header{}
	}
	maps.Copy(out, more)
	return out
}

var owner = header{"Authorization": "Bearer t", "Content-Type": "application/json"}

type answer struct {
	*http.Response
	body string
	err  error
}

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

func (a answer) want(t *testing.T, status int, part string) answer {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	if a.StatusCode != status || !strings.Contains(a.body, part) {
		t.Fatalf("answered %d\n%s\nwant %d with %q", a.StatusCode, a.body, status, part)
	}
	return a
}

func (a answer) json(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (l *lab) last() fakecloud.Line {
	l.t.Helper()
	lines := l.fake.Log().Lines()
	if len(lines) == 0 {
		l.t.Fatal("the log is empty")
	}
	return lines[len(lines)-1]
}

func (l *lab) logged(service, op, resource string, readings map[string]int64) fakecloud.Line {
	l.t.Helper()
	ln := l.last()
	if ln.Service != service || ln.Op != op || ln.Resource != resource || !maps.Equal(ln.Readings, readings) {
		l.t.Fatalf("logged %s %s of %s: %v\nwant %s %s of %s: %v", ln.Service, ln.Op, ln.Resource, ln.Readings, service, op, resource, readings)
	}
	return ln
}

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

// token is an access token of a service account.
func (l *lab) token(email string) string {
	l.t.Helper()
	var out struct{ AccessToken string }
	l.ask("POST", "/v1/projects/-/serviceAccounts/"+email+":generateAccessToken", owner, `{"scope":["https://www.googleapis.com/auth/cloud-platform"],"lifetime":"3600s"}`).
		want(l.t, 200, "expireTime").json(l.t, &out)
	return out.AccessToken
}

// narrowed is a token that a credential access boundary has narrowed.
func (l *lab) narrowed(token, rules string) string {
	l.t.Helper()
	var out struct {
		Token string `json:"access_token"`
	}
	l.exchange(token, rules).want(l.t, 200, "expires_in").json(l.t, &out)
	return out.Token
}

func (l *lab) exchange(token, rules string) answer {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "subject_token": {token}, "options": {`{"accessBoundary":{"accessBoundaryRules":[` + rules + `]}}`}}
	return l.ask("POST", "/v1/token", header{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
}

func (l *lab) bearer(token string) header {
	return owner.with(header{"Authorization": "Bearer " + token})
}

func rule(bucket, condition string, roles ...string) string {
	r := map[string]any{"availableResource": "//storage.googleapis.com/projects/_/buckets/" + bucket}
	for i := range roles {
		roles[i] = "inRole:roles/" + roles[i]
	}
	if r["availablePermissions"] = roles; condition != "" {
		r["availabilityCondition"] = map[string]string{"expression": condition}
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}
