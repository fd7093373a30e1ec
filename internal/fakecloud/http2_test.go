package fakecloud_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// http2Server serves on a port, without TLS or behind it, and gives a client's transport
// that neither retries nor speaks anything else.
func http2Server(t *testing.T, secure bool) (s *fakecloud.Server, address string, tr *http.Transport) {
	t.Helper()
	s, err := fakecloud.New(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	var roots *x509.CertPool
	address = "http://" + l.Addr().String()
	if secure {
		cert, pool, err := fakecloud.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		protocols.SetUnencryptedHTTP2(false)
		protocols.SetHTTP2(true)
		roots = pool
		address = "https://" + l.Addr().String()
		go func() { done <- s.ServeTLS(ctx, l, &tls.Config{Certificates: []tls.Certificate{cert}}) }()
	} else {
		go func() { done <- s.Serve(ctx, l) }()
	}
	tr = &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, address, tr
}

func ask2(t *testing.T, tr http.RoundTripper, address string, d *dialect, stream bool) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, address+d.at(stream), io.NopCloser(strings.NewReader(d.body(stream)))) // which cannot be sent again
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range d.header {
		req.Header.Set(k, v)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b), err}
}

// wasReset is how a client of HTTP/2 sees a reset. The kernel tells it once: where that
// was to the client's own write, of an acknowledgement, its read sees an end.
const wasReset = "connection reset by peer|unexpected EOF|broken pipe"

func TestHTTP2BreaksInItsOwnWays(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, c := range []struct {
			kind   fakecloud.Kind
			status int
			says   string // the error, as a pattern
			whole  bool
		}{
			{fakecloud.GoAwayEarly, 0, "Request.Body was written", false}, // GOAWAY: the client would send it again, if it could
			{fakecloud.RSTStreamEarly, 0, "INTERNAL_ERROR", false},
			{fakecloud.ResetEarly, 0, wasReset, false},
			{fakecloud.Refuse, 0, "INTERNAL_ERROR", false},
			{fakecloud.GoAway, 200, "server sent GOAWAY and closed the connection", false},
			{fakecloud.RSTStream, 200, "INTERNAL_ERROR", false},
			{fakecloud.CutOff, 200, "INTERNAL_ERROR", false},
			{fakecloud.Reset, 200, wasReset, false},
			{fakecloud.GoAwayOn, 200, "", true},
			{fakecloud.NoEnd, 200, "", false},
		} {
			for i := range dialects {
				d := &dialects[i]
				for _, stream := range []bool{true, false} {
					s, address, tr := http2Server(t, secure)
					if _, err := s.Order(fakecloud.Fault{Kind: c.kind, Count: 1, AfterChunks: 2}); err != nil {
						t.Fatal(err)
					}
					got := ask2(t, tr, address, d, stream)
					said := ""
					if got.err != nil {
						said = got.err.Error()
					}
					if got.status != c.status || (said == "") != (c.says == "") || !regexp.MustCompile(c.says).MatchString(said) || stream && d.ends(got.body) != c.whole {
						t.Errorf("%s at %s, stream=%v, TLS=%v: %d %q\n%s", c.kind, d.name, stream, secure, got.status, said, got.body)
					}
					e := ended(s)
					if len(e) != 1 || e[0].Proto != "HTTP/2.0" || stream && c.status == 200 && !c.whole && e[0].Chunks != 2 {
						t.Errorf("%s: the log says %+v", c.kind, e)
					}
					if e[0].Sent != int64(len(got.body)) {
						t.Errorf("%s at %s: the log says %d bytes, and %d came", c.kind, d.name, e[0].Sent, len(got.body))
					}
					if again := ask2(t, tr, address, d, true); again.err != nil || !d.ends(again.body) {
						t.Errorf("%s: after the fault: %v", c.kind, again.err)
					}
					if i > 1 {
						break
					}
				}
			}
		}
	}
}

// TestARequestLeftOutByGOAWAYIsSentAgainByTheClient: net/http does so by itself, on a new
// connection.
func TestARequestLeftOutByGOAWAYIsSentAgainByTheClient(t *testing.T) {
	s, address, tr := http2Server(t, true)
	if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.GoAwayEarly, Count: 1}); err != nil {
		t.Fatal(err)
	}
	d := &dialects[0]
	req, err := http.NewRequest(http.MethodPost, address+d.at(true), strings.NewReader(d.body(true)))
	if err != nil {
		t.Fatal(err)
	}
	got := do2(t, tr, req, d.header)
	if got.err != nil || !d.ends(got.body) || len(ended(s)) != 2 {
		t.Errorf("%v after %d requests", got.err, len(ended(s)))
	}
}

func do2(t *testing.T, tr http.RoundTripper, req *http.Request, header map[string]string) reply {
	t.Helper()
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b), err}
}
