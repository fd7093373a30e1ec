package providertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
)

func complete(t *testing.T, k provider.Kind) {
	for what, v := range map[string]string{
		"Name": k.Name, "Surface": k.Surfaces[0].Path, "Cloud": k.Cloud, "Service": k.Service, "KeyHeader": k.KeyHeader,
	} {
		if v == "" {
			t.Errorf("%s is missing", what)
		}
	}
	for _, names := range [][]string{{k.KeyHeader, k.RequestIDHeader}, k.UpstreamID, k.Allow, k.Override} {
		canonical(t, names)
	}
	seen := map[string]bool{}
	for i := range k.Surfaces {
		s := &k.Surfaces[i]
		canonical(t, slices.Concat(s.Allow, s.Override, []string{s.KeyHeader}))
		if !strings.HasPrefix(s.Path, "/") || s.Stream != "" && !strings.HasPrefix(s.Stream, "/") {
			t.Errorf("%s: paths %q and %q", s.Format, s.Path, s.Stream)
		}
		if id := string(s.Format) + strings.Join(s.Upstreams, " "); seen[id] {
			t.Errorf("%s stands there twice", s.Format)
		} else {
			seen[id] = true
		}
		if !s.Serves(upstreamOf(s)) {
			t.Errorf("%s does not serve %s, of its own pattern", s.Format, upstreamOf(s))
		}
	}
	if k.KeyEnv == "" && k.NeedsKey {
		t.Error("a key is needed, and no variable is named for it")
	}
	o := options(k, "")
	o.Key = ""
	if _, err := provider.New("it", o); k.NeedsKey && (err == nil || !strings.Contains(err.Error(), k.KeyEnv) && !strings.Contains(err.Error(), k.AddressEnv)) {
		t.Errorf("without a key: %v; want an error that names %s", err, k.KeyEnv)
	}
}

func canonical(t *testing.T, names []string) {
	t.Helper()
	for _, n := range names {
		if n != http.CanonicalHeaderKey(n) {
			t.Errorf("header %s is not in its canonical form", n)
		}
	}
}

func sends(t *testing.T, k provider.Kind) {
	var got *http.Request
	var body string
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		if len(k.UpstreamID) > 0 {
			w.Header().Set(k.UpstreamID[0], "req_9")
		}
		io.WriteString(w, "{}")
	})
	for _, s := range p.Info().Surfaces {
		for _, stream := range []bool{false, true} {
			r := request(p, s)
			r.Attempt, r.Body, r.Stream = "call_1/2", []byte(`{"a":1}`), stream
			a, answer := send(t, p, r)
			want := map[string]string{
				"Content-Type": "application/json", "Accept-Encoding": "identity", k.RequestIDHeader: "call_1/2",
				k.KeyHeader: k.KeyPrefix + key, "Accept": "application/json",
			}
			if s.KeyHeader != "" {
				delete(want, k.KeyHeader)
				want[s.KeyHeader] = k.KeyPrefix + key
			}
			if stream {
				want["Accept"] = s.Dialect.Framing.Of(s.Format).ContentType()
			}
			for i := 0; i+1 < len(s.Headers.Fixed); i += 2 {
				want[s.Headers.Fixed[i]] = s.Headers.Fixed[i+1]
			}
			for name, v := range want {
				if name != "" && got.Header.Get(name) != v {
					t.Errorf("%s: %s: %q, want %q", s.Format, name, got.Header.Get(name), v)
				}
			}
			if got.Method != "POST" || body != `{"a":1}` || got.ContentLength != 7 {
				t.Errorf("%s: %s with %q of length %d", s.Format, got.Method, body, got.ContentLength)
			}
			if strings.Contains(got.Header.Get("User-Agent"), "Go-http-client") {
				t.Error("the user agent is the library's")
			}
			if strings.ContainsAny(got.RequestURI, "{}") {
				t.Errorf("%s: posted to %s", s.Format, got.RequestURI)
			}
			id := ""
			if len(k.UpstreamID) > 0 {
				id = "req_9"
			}
			if a.Status != 200 || a.UpstreamID != id || answer != "{}" {
				t.Errorf("%s came back: %d, %q, %q", s.Format, a.Status, a.UpstreamID, answer)
			}
		}
	}
}

// beta is a flag that every cloud takes as it is.
const beta = "context-1m-2025-08-07"

func headers(t *testing.T, k provider.Kind) {
	client := http.Header{
		"Authorization": {"Bearer client"}, "X-Api-Key": {"client"}, "Api-Key": {"client"}, "X-Goog-Api-Key": {"client"},
		"X-Skein-Provider-Key": {"client"}, "Cookie": {"a=b"}, "Connection": {"close"}, "Te": {"trailers"},
		"X-Forwarded-For": {"10.0.0.1"}, "Accept-Encoding": {"br"}, "Host": {"elsewhere"}, "X-Stainless-Os": {"Plan9"},
		"X-Amz-Security-Token": {"client"}, "Openai-Organization": {"client"}, "X-Goog-User-Project": {"client"},
	}
	var allowed []string
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
		for _, n := range allowed {
			if r.Header.Get(n) != client.Get(n) {
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
	for _, s := range p.Info().Surfaces {
		allowed = s.Allow
		for _, n := range allowed {
			client[n] = []string{"from-client"}
			if n == "Anthropic-Beta" {
				client[n] = []string{beta}
			}
		}
		r := request(p, s)
		r.Header = client
		send(t, p, r)
	}
}

func endpoints(t *testing.T, k provider.Kind) {
	var path string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { path = r.URL.Path }))
	defer s.Close()
	own := ""
	if u, err := url.Parse(k.Endpoint); err == nil {
		own = u.Path
	}
	send(t, at(t, k, s.URL+own), request(at(t, k, s.URL+own), nil))
	want := path
	first, _, _ := strings.Cut(k.Surfaces[0].Path, "{") // pieces of it may stand at the endpoint's end
	for n := strings.IndexByte(first[1:], '/') + 1; n > 0 && n < len(first); {
		for _, e := range []string{s.URL + own + first[:n], s.URL + own + first[:n] + "/"} {
			p := at(t, k, e)
			if send(t, p, request(p, nil)); path != want {
				t.Errorf("%s posts to %s, want %s", e, path, want)
			}
		}
		next := strings.IndexByte(first[n+1:], '/')
		if next < 0 {
			break
		}
		n += 1 + next
	}
	p := at(t, k, s.URL+"/team"+own)
	if send(t, p, request(p, nil)); path != "/team"+want {
		t.Errorf("an address with a path of its own posts to %s, want %s", path, "/team"+want)
	}
	for _, bad := range []string{"localhost:8000", "ftp://x/v1", "http://", "http://user:pass@x", "http://x/?a=b"} {
		if _, err := provider.New("it", options(k, bad)); err == nil || !strings.Contains(err.Error(), "endpoint") {
			t.Errorf("endpoint %q: %v", bad, err)
		}
	}
}

// names: a client may name a model, and must not leave the place for it, nor add a
// query.
func names(t *testing.T, k provider.Kind) {
	var uri string
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) { uri = r.RequestURI })
	for _, s := range p.Info().Surfaces {
		if !strings.Contains(s.Path, "{model}") && !strings.Contains(s.Path, "{base}") {
			continue
		}
		r := request(p, s)
		send(t, p, r)
		slashes, query := strings.Count(uri, "/"), strings.Count(uri, "?")
		for _, bad := range []string{"..", ".", "a/../../b", "a/../b", "a?x=y", "a#b", "a%2fb", "a\r\nX: y", "projects/other/locations/europe-west4/publishers/google/models/m", ""} {
			uri = ""
			r.Upstream = bad
			a, err := p.Send(t.Context(), &r)
			if err != nil {
				if e, ok := err.(*llm.Error); !ok || e.Billed != llm.BilledNo {
					t.Errorf("%s: model %q: %v", s.Format, bad, err)
				}
				continue
			}
			a.Body.Close()
			if strings.Count(uri, "/") != slashes || strings.Count(uri, "?") != query || strings.Contains(uri, "/../") || strings.HasSuffix(uri, "/..") {
				t.Errorf("%s: the model %q posts to %s", s.Format, bad, uri)
			}
		}
	}
}
