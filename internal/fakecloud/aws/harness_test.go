package aws_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// world is a stand-in and how the SDK gets there.
type world struct {
	*fakecloud.Server
	url    string
	config sdk.Config
	clock  *clock
}

// clock is one that tests move.
type clock struct{ past atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.past.Load())) }
func (c *clock) advance(by time.Duration) { c.past.Add(int64(by)) }

// start makes a world with some of everything.
func start(t *testing.T) *world {
	t.Helper()
	w := &world{clock: &clock{}}
	s, err := fakecloud.New(fakecloud.Options{Now: w.clock.now, Resources: standin.Resources{
		Buckets: map[string]fs.FS{"filings": fstest.MapFS{
			"acme/2024.txt":  {Data: []byte("acme earned 10 in 2024")},
			"acme/2025.txt":  {Data: []byte("acme earned 12 in 2025")},
			"acme.txt":       {Data: []byte("about acme")},
			"empty.txt":      {},
			"globex/25 é.md": {Data: []byte("naïve café")},
		}},
		Tables: map[string]standin.Table{"findings": {PartitionKey: "company"}, "history": {PartitionKey: "company", SortKey: "period"}},
		Topics: []string{"alerts", "alerts.fifo"},
		Queues: []string{"work", "work.fifo"},
		Functions: map[string]func([]byte) ([]byte, error){
			"echo":  func(b []byte) ([]byte, error) { return b, nil },
			"fails": func([]byte) ([]byte, error) { return nil, errors.New("no such company") },
			"dies":  func([]byte) ([]byte, error) { panic("exit") },
		},
		Secrets: map[string]string{"db-password": "s3cret", "/skein/token": "t0ken"},
		Datasets: map[string]string{"filings": `CREATE TABLE revenue (company TEXT, year INTEGER, amount REAL);
			INSERT INTO revenue VALUES ('Acme', 2024, 10.5), ('Acme', 2025, 12), ('Globex', 2025, NULL);`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Server = s
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Clear()
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.url = srv.URL + "/cloud/aws"
	w.config = sdk.Config{Region: "eu-west-1", BaseEndpoint: sdk.String(w.url), HTTPClient: srv.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
		Retryer:     func() sdk.Retryer { return sdk.NopRetryer{} }}
	return w
}

// agent says for which effect a request is made, as Skein does: at the end of its
// User-Agent.
type agent struct {
	base   http.RoundTripper
	effect string
}

func (a agent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", r.Header.Get("User-Agent")+" skein-effect/"+a.effect)
	return a.base.RoundTrip(r)
}

// as is the configuration of a client that works for an effect.
func (w *world) as(effect string) sdk.Config {
	c := w.config.Copy()
	c.HTTPClient = &http.Client{Transport: agent{http.DefaultTransport, effect}}
	return c
}

// secure is the configuration of a client that gets there over TLS.
func (w *world) secure(t *testing.T) sdk.Config {
	srv := httptest.NewTLSServer(w.Server)
	t.Cleanup(srv.Close)
	c := w.config.Copy()
	c.BaseEndpoint, c.HTTPClient = sdk.String(srv.URL+"/cloud/aws"), srv.Client()
	return c
}

// last is the last line of the log.
func (w *world) last() fakecloud.Line {
	lines := w.Log().Lines()
	return lines[len(lines)-1]
}

// wantLast checks what the last line says was consumed.
func (w *world) wantLast(t *testing.T, service, op string, readings map[string]int64) {
	t.Helper()
	ln := w.last()
	got := map[string]int64{}
	for m, n := range ln.Readings {
		if m != "bytes.read" && m != "bytes.sent" { // what JSON and XML take is the service's affair
			got[m] = n
		}
	}
	if readings == nil {
		readings = map[string]int64{}
	}
	if ln.Service != service || ln.Op != op || !reflect.DeepEqual(got, readings) {
		t.Errorf("the log says %s %s %v; wanted %s %s %v", ln.Service, ln.Op, got, service, op, readings)
	}
}

// wantError checks an error's status and code.
func wantError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var api smithy.APIError
	var resp *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &resp) {
		t.Errorf("the error is %v; wanted %d %s", err, status, code)
		return
	}
	if api.ErrorCode() != code || resp.HTTPStatusCode() != status {
		t.Errorf("the error is %d %s (%s); wanted %d %s", resp.HTTPStatusCode(), api.ErrorCode(), api.ErrorMessage(), status, code)
	}
}

func text(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ptr[T any](v T) *T { return &v }

// ask sends a request that no SDK would.
func (w *world) ask(ctx context.Context, t *testing.T, service, method, path, body string, header map[string]string) *http.Response {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = newReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, content)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}
