package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/skein-run/skein/internal/llm"
)

// opened is a provider at an address, which trusts a server's certificate.
func opened(t *testing.T, endpoint string, trusted *x509.Certificate) *Provider {
	t.Helper()
	p, err := New("up", Options{Kind: "vllm", Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if trusted != nil {
		roots := x509.NewCertPool()
		roots.AddCert(trusted)
		p.Reach((&net.Dialer{Timeout: 5 * time.Second}).DialContext, roots)
	}
	return p
}

// failed sends a request that brings no answer.
func failed(t *testing.T, p *Provider) *llm.Error {
	t.Helper()
	a, err := p.Send(t.Context(), &Request{Body: []byte(`{"model":"m"}`), Upstream: "m"})
	var e *llm.Error
	if !errors.As(err, &e) {
		if a != nil {
			_ = a.Body.Close()
		}
		t.Fatalf("%v is no *llm.Error", err)
	}
	return e
}

func TestAHandshakeThatFailsCostsNothingAndSaysWhy(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, x := range map[string]struct {
		endpoint string
		trusted  *x509.Certificate
		says     string
	}{
		"an authority that nobody knows": {secure.URL, nil, "authority"},
		"another name":                   {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), secure.Certificate(), "not for that name"},
		"no TLS at all":                  {strings.Replace(plain.URL, "http:", "https:", 1), nil, "TLS"},
	} {
		e := failed(t, opened(t, x.endpoint, x.trusted))
		if e.Class != llm.Unreachable || e.Blame != llm.BlameProvider || e.Billed != llm.BilledNo || !strings.Contains(e.Message, x.says) {
			t.Errorf("%s: %s of %s, billed %s: %s", name, e.Class, e.Blame, e.Billed, e.Message)
		}
	}
}

// TestAServerThatTakesTheConnectionAndNothingElse: the handshake is given up in time,
// and nothing was sent.
func TestAServerThatTakesTheConnectionAndNothingElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := New("up", Options{Kind: "vllm", Endpoint: "https://" + l.Addr().String(), ConnectTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if e := failed(t, p); e.Class != llm.Unreachable || e.Billed != llm.BilledNo {
		t.Errorf("%s, billed %s: %s", e.Class, e.Billed, e.Message)
	}
}

// TestHTTP2ThatGoesAwayOrResetsIsAConnectionThatBroke: before an answer, it is for
// another connection or deployment to serve the request.
func TestHTTP2ThatGoesAwayOrResetsIsAConnectionThatBroke(t *testing.T) {
	for name, end := range map[string]func(f *http2.Framer, stream uint32) error{
		"RST_STREAM": func(f *http2.Framer, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeInternal) },
		"GOAWAY":     func(f *http2.Framer, stream uint32) error { return f.WriteGoAway(stream, http2.ErrCodeInternal, nil) },
		"an end":     func(*http2.Framer, uint32) error { return nil },
	} {
		endpoint, cert := rawHTTP2(t, end)
		e := failed(t, opened(t, endpoint, cert))
		if e.Class != llm.Unreachable || e.Blame != llm.BlameProvider || e.Billed != llm.BilledMaybe {
			t.Errorf("%s: %s of %s, billed %s: %s", name, e.Class, e.Blame, e.Billed, e.Message)
		}
	}
}

// rawHTTP2 is a server that reads one request to its end, ends it in a way of its own,
// and hangs up.
func rawHTTP2(t *testing.T, end func(f *http2.Framer, stream uint32) error) (endpoint string, cert *x509.Certificate) {
	t.Helper()
	donor := httptest.NewTLSServer(http.NotFoundHandler()) // of its certificate
	donor.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: donor.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = oneRequest(c, end)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "https://" + l.Addr().String(), donor.Certificate()
}

func oneRequest(c net.Conn, end func(f *http2.Framer, stream uint32) error) error {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return err
	}
	f := http2.NewFramer(c, c)
	if err := f.WriteSettings(); err != nil {
		return err
	}
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			return err
		}
		if d, ok := fr.(*http2.DataFrame); ok && d.StreamEnded() {
			return end(f, d.StreamID)
		}
	}
}

// TestAnUpstreamIsSpokenToInHTTP2: many requests share a connection.
func TestAnUpstreamIsSpokenToInHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto+" "+r.RemoteAddr) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	p, from := opened(t, s.URL, s.Certificate()), ""
	for range 3 {
		a, err := p.Send(t.Context(), &Request{Body: []byte("{}"), Upstream: "m"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if err != nil || !strings.HasPrefix(string(b), "HTTP/2.0 ") || from != "" && from != string(b) {
			t.Errorf("%s, %v; want HTTP/2 from %s", b, err, from)
		}
		from = string(b)
	}
}

// TestConnectionsAge: also one that is never idle is left after a while, so that a
// provider whose name moved is followed; what runs on it goes on to its end.
func TestConnectionsAge(t *testing.T) {
	next := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr+"\n")
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/long" {
			<-next
		}
		_, _ = io.WriteString(w, "end")
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trust := func(tr *http.Transport) *http.Transport { tr.TLSClientConfig = &tls.Config{RootCAs: roots}; return tr }
	get := func(tr *http.Transport, path string) (from string, body io.ReadCloser) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		n, err := io.ReadAtLeast(resp.Body, b, 8)
		if err != nil {
			t.Fatal(err)
		}
		from, _, _ = strings.Cut(string(b[:n]), "\n")
		return from, resp.Body
	}

	now := time.Now()
	p := newPool(func() *http.Transport { return newTransport(Options{}) }, now)
	defer p.close()
	first := trust(p.at(now))
	long, body := get(first, "/long") // keeps its connection busy
	defer body.Close()
	short, other := get(p.at(now.Add(connectionAge-1)), "/")
	_ = other.Close()
	if short != long {
		t.Errorf("a young pool has the connections %s and %s", long, short)
	}
	second := p.at(now.Add(connectionAge))
	if second == first || p.at(now.Add(connectionAge+time.Second)) != second {
		t.Fatal("after its age there is not one new pool")
	}
	fresh, other := get(trust(second), "/")
	_ = other.Close()
	if fresh == long {
		t.Errorf("the new pool uses the old connection %s", fresh)
	}
	close(next)
	if rest, err := io.ReadAll(body); err != nil || string(rest) != "end" {
		t.Errorf("what ran on the old connection came to %q, %v", rest, err)
	}
}

// TestEveryAnswerTellsItsQuota: a refusal, too.
func TestEveryAnswerTellsItsQuota(t *testing.T) {
	for _, status := range []int{200, 429, 503} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("x-ratelimit-limit-requests", "60")
			w.Header().Set("x-ratelimit-remaining-requests", "0")
			w.Header().Set("x-ratelimit-reset-requests", "2m59.56s")
			w.WriteHeader(status)
		}))
		p, err := New("up", Options{Kind: "groq", Key: "k", Endpoint: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Send(t.Context(), &Request{Body: []byte("{}"), Upstream: "m"})
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if want := bucketOf(60, 0, 179560*time.Millisecond); !a.HasQuota || a.Quota.Requests != want || a.Quota.Tokens.Known {
			t.Errorf("%d: %+v, %v; want %+v requests", status, a.Quota, a.HasQuota, want)
		}
		_ = p.Close()
		s.Close()
	}
}
