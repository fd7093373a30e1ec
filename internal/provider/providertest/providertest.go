// Package providertest is what every kind of provider must keep, as one suite:
// [Run] plays an upstream on loopback and looks at what arrives there, and at what
// comes back of each way in which an exchange can go.
package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
)

const key = "sk-never-to-be-seen"

// Run holds one kind against the suite.
func Run(t *testing.T, k provider.Kind) {
	t.Run("IsComplete", func(t *testing.T) { complete(t, k) })
	t.Run("SendsWhatTheServiceWants", func(t *testing.T) { sends(t, k) })
	t.Run("PassesOnlyAllowedHeaders", func(t *testing.T) { headers(t, k) })
	t.Run("TakesAnEndpointAsPeopleCopyIt", func(t *testing.T) { endpoints(t, k) })
	t.Run("ReturnsErrorsAsAnswers", func(t *testing.T) { statuses(t, k) })
	t.Run("StreamsAsItComes", func(t *testing.T) { streams(t, k) })
	t.Run("KeepsItsConnections", func(t *testing.T) { reuses(t, k) })
	t.Run("SaysWhatMayHaveBeenBilled", func(t *testing.T) { failures(t, k) })
	t.Run("LetsGoOfTheRequest", func(t *testing.T) { letsGo(t, k) })
	t.Run("ChecksForFree", func(t *testing.T) { checks(t, k) })
	t.Run("NeverShowsTheKey", func(t *testing.T) { secret(t, k) })
}

func open(t *testing.T, k provider.Kind, h http.HandlerFunc) *provider.Provider {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return at(t, k, s.URL)
}

func at(t *testing.T, k provider.Kind, endpoint string) *provider.Provider {
	t.Helper()
	p, err := provider.New("it", provider.Options{Kind: k.Name, Endpoint: endpoint, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func send(t *testing.T, p *provider.Provider, r provider.Request) (*provider.Answer, string) {
	t.Helper()
	a, err := p.Send(t.Context(), &r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	return a, string(b)
}

func complete(t *testing.T, k provider.Kind) {
	for what, v := range map[string]string{
		"Name": k.Name, "Surface": k.Surfaces[0].Path, "Cloud": k.Cloud, "Service": k.Service, "Endpoint": k.Endpoint,
		"KeyEnv": k.KeyEnv, "KeyHeader": k.KeyHeader,
	} {
		if v == "" {
			t.Errorf("%s is missing", what)
		}
	}
	for _, names := range [][]string{{k.KeyHeader, k.RequestIDHeader, k.UpstreamID}, k.Allow, k.Override} {
		for _, n := range names {
			if n != http.CanonicalHeaderKey(n) {
				t.Errorf("header %s is not in its canonical form", n)
			}
		}
	}
	if _, err := provider.New("it", provider.Options{Kind: k.Name}); k.NeedsKey && (err == nil || !strings.Contains(err.Error(), k.KeyEnv)) {
		t.Errorf("without a key: %v; want an error that names %s", err, k.KeyEnv)
	}
}

func sends(t *testing.T, k provider.Kind) {
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Accept-Encoding": "identity", k.KeyHeader: k.KeyPrefix + key, k.RequestIDHeader: "call_1/2",
		} {
			if name != "" && r.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, r.Header.Get(name), want)
			}
		}
		if r.Method != "POST" || string(body) != `{"a":1}` || r.ContentLength != 7 {
			t.Errorf("%s with %q of length %d", r.Method, body, r.ContentLength)
		}
		if strings.Contains(r.Header.Get("User-Agent"), "Go-http-client") {
			t.Error("the user agent is the library's")
		}
		w.Header().Set(k.UpstreamID, "req_9")
		io.WriteString(w, "{}")
	})
	a, body := send(t, p, provider.Request{Attempt: "call_1/2", Body: []byte(`{"a":1}`)})
	if a.Status != 200 || a.UpstreamID != "req_9" || body != "{}" {
		t.Errorf("came back: %d, %q, %q", a.Status, a.UpstreamID, body)
	}
}

func headers(t *testing.T, k provider.Kind) {
	client := http.Header{
		"Authorization": {"Bearer client"}, "X-Api-Key": {"client"}, "Cookie": {"a=b"}, "Connection": {"close"}, "Te": {"trailers"},
		"X-Forwarded-For": {"10.0.0.1"}, "Accept-Encoding": {"br"}, "Host": {"elsewhere"}, "X-Stainless-Os": {"Plan9"},
	}
	for _, n := range k.Allow {
		client[n] = []string{"from-client"}
	}
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
		for _, n := range k.Allow {
			if r.Header.Get(n) != "from-client" {
				t.Errorf("%s is allowed and did not pass: %q", n, r.Header.Get(n))
			}
		}
		for name, values := range r.Header {
			for _, v := range values {
				if strings.Contains(v, "client") && v != "from-client" || v == "a=b" || v == "br" || v == "Plan9" || v == "10.0.0.1" {
					t.Errorf("%s: %s passed", name, v)
				}
			}
		}
	})
	send(t, p, provider.Request{Body: []byte("{}"), Header: client})
}

func endpoints(t *testing.T, k provider.Kind) {
	var path string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { path = r.URL.Path }))
	defer s.Close()
	own, _ := strings.CutPrefix(k.Endpoint, "https://")
	_, prefix, _ := strings.Cut(own, "/")
	for _, e := range []string{s.URL + "/" + prefix, s.URL + "/v1", s.URL + "/v1/", s.URL + "/team/v1"} {
		send(t, at(t, k, e), provider.Request{Body: []byte("{}")})
		if !strings.HasSuffix(path, strings.TrimPrefix(k.Surfaces[0].Path, "/v1")) || strings.Count(path, "/v1") > 1 || strings.Contains(path, "//") {
			t.Errorf("%s posts to %s", e, path)
		}
	}
	for _, bad := range []string{"localhost:8000", "ftp://x/v1", "http://", "http://user:pass@x", "http://x/?a=b"} {
		if _, err := provider.New("it", provider.Options{Kind: k.Name, Endpoint: bad, Key: key}); err == nil || !strings.Contains(err.Error(), "endpoint") {
			t.Errorf("endpoint %q: %v", bad, err)
		}
	}
}

func statuses(t *testing.T, k provider.Kind) {
	for _, status := range []int{400, 401, 429, 500, 503, 529} {
		p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			io.WriteString(w, "no")
		})
		a, body := send(t, p, provider.Request{Body: []byte("{}")})
		if a.Status != status || a.Header.Get("Retry-After") != "7" || body != "no" {
			t.Errorf("status %d came back as %d with %q", status, a.Status, body)
		}
	}
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusTemporaryRedirect)
	})
	if a, _ := send(t, p, provider.Request{Body: []byte("{}")}); a.Status != 307 {
		t.Errorf("a redirect was followed, to %d: it takes the credential elsewhere", a.Status)
	}
}

func streams(t *testing.T, k provider.Kind) {
	next := make(chan struct{})
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("Accept: %q", r.Header.Get("Accept"))
		}
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-next // until the first was read
		io.WriteString(w, "data: 2\n\n")
	})
	a, err := p.Send(t.Context(), &provider.Request{Body: []byte("{}"), Stream: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b := make([]byte, 64)
	n, err := a.Body.Read(b)
	if err != nil || string(b[:n]) != "data: 1\n\n" {
		t.Errorf("the first read gave %q, %v", b[:n], err)
	}
	close(next)
	rest, err := io.ReadAll(a.Body)
	if err != nil || string(rest) != "data: 2\n\n" {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

func reuses(t *testing.T, k provider.Kind) {
	from := map[string]bool{}
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) { from[r.RemoteAddr] = true })
	for range 5 {
		send(t, p, provider.Request{Body: []byte("{}")})
	}
	if len(from) != 1 {
		t.Errorf("5 calls in turn made %d connections", len(from))
	}
}

func failures(t *testing.T, k provider.Kind) {
	want := func(t *testing.T, p *provider.Provider, ctx context.Context, class llm.ErrorClass, billed llm.Billed) {
		t.Helper()
		_, err := p.Send(ctx, &provider.Request{Body: []byte("{}")})
		var e *llm.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no *llm.Error", err)
		}
		if e.Class != class || e.Billed != billed || e.Message == "" {
			t.Errorf("%s, billed %s: %s; want %s, billed %s", e.Class, e.Billed, e.Message, class, billed)
		}
	}
	t.Run("refused", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		want(t, at(t, k, "http://"+addr), t.Context(), llm.Unreachable, llm.BilledNo)
	})
	t.Run("no such name", func(t *testing.T) {
		want(t, at(t, k, "http://skein-test.invalid"), t.Context(), llm.Unreachable, llm.BilledNo)
	})
	t.Run("closed before an answer", func(t *testing.T) {
		p := open(t, k, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
		want(t, p, t.Context(), llm.Unreachable, llm.BilledMaybe)
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that its client goes
			cancel()
			<-r.Context().Done()
		})
		want(t, p, ctx, llm.Canceled, llm.BilledMaybe)
	})
}

// letsGo: the bytes of a request are its owner's again once the answer is closed,
// even where the upstream answered before it had read them. (The race detector
// sees a transport that goes on reading.)
func letsGo(t *testing.T, k provider.Kind) {
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	for range 20 {
		body := bytes.Repeat([]byte("x"), 4<<20)
		a, err := p.Send(t.Context(), &provider.Request{Body: body})
		if err == nil {
			a.Body.Close()
		}
		clear(body)
	}
}

func secret(t *testing.T, k provider.Kind) {
	o := provider.Options{Kind: k.Name, Endpoint: "http://x", Key: key}
	for _, s := range []string{fmt.Sprint(o), fmt.Sprintf("%+v", o), fmt.Sprintf("%#v", o), fmt.Sprint(&o), o.LogValue().String()} {
		if strings.Contains(s, key) {
			t.Errorf("the key is in %q", s)
		}
	}
	_, err := at(t, k, "http://127.0.0.1:1").Send(t.Context(), &provider.Request{Body: []byte("{}")})
	if err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("the error is %v", err)
	}
}

// checks: the free read goes to the list of models, with the credential, and says
// what to mend where it is refused.
func checks(t *testing.T, k provider.Kind) {
	status := 200
	p := open(t, k, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || !strings.HasSuffix(r.URL.Path, k.Models) || r.Header.Get(k.KeyHeader) != k.KeyPrefix+key {
			t.Errorf("%s %s with %q", r.Method, r.URL.Path, r.Header.Get(k.KeyHeader))
		}
		w.WriteHeader(status)
	})
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	status = 401
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "providers.it.key") {
		t.Errorf("a refused credential: %v", err)
	}
}
