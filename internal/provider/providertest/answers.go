package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
)

func statuses(t *testing.T, k provider.Kind) {
	for _, status := range []int{400, 401, 429, 500, 503, 529} {
		p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			io.WriteString(w, "no")
		})
		a, body := send(t, p, request(p, nil))
		if a.Status != status || wire.RetryAfter(a.Header).Seconds() != 7 || body != "no" {
			t.Errorf("status %d came back as %d with %q", status, a.Status, body)
		}
	}
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("retry-after-ms", "1500")
		w.Header().Set("x-amzn-errortype", "ThrottlingException")
		w.WriteHeader(429)
	})
	if a, _ := send(t, p, request(p, nil)); wire.RetryAfter(a.Header).Milliseconds() != 1500 || a.Header.Get("X-Amzn-Errortype") == "" {
		t.Errorf("headers of a refusal: %v", a.Header)
	}
	p = serve(t, k, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusTemporaryRedirect)
	})
	if a, _ := send(t, p, request(p, nil)); a.Status != 307 {
		t.Errorf("a redirect was followed, to %d: it takes the credential elsewhere", a.Status)
	}
}

func streams(t *testing.T, k provider.Kind) {
	next := make(chan struct{})
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-next // until the first was read
		io.WriteString(w, "data: 2\n\n")
	})
	r := request(p, nil)
	r.Stream = true
	a, err := p.Send(t.Context(), &r)
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
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) { from[r.RemoteAddr] = true })
	for range 5 {
		send(t, p, request(p, nil))
	}
	if len(from) != 1 {
		t.Errorf("5 calls in turn made %d connections", len(from))
	}
}

func failures(t *testing.T, k provider.Kind) {
	want := func(t *testing.T, p *provider.Provider, ctx context.Context, class llm.ErrorClass, billed llm.Billed) {
		t.Helper()
		r := request(p, nil)
		_, err := p.Send(ctx, &r)
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
	t.Run("closed before an answer", func(t *testing.T) {
		p := serve(t, k, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
		want(t, p, t.Context(), llm.Unreachable, llm.BilledMaybe)
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
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
	p := at(t, k, "http://"+hasty(t))
	for range 20 {
		body := bytes.Repeat([]byte("x"), 4<<20)
		r := request(p, nil)
		r.Body = body
		a, err := p.Send(t.Context(), &r)
		if err == nil {
			a.Body.Close()
		}
		clear(body)
	}
}

// hasty is a server that answers at the first byte and hangs up.
func hasty(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			if _, err := c.Read(make([]byte, 1)); err == nil {
				io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func secret(t *testing.T, k provider.Kind) {
	o := options(k, "http://x")
	c := provider.CredentialOptions{Name: "a", Key: key}
	o.Credentials = []provider.CredentialOptions{c}
	for _, s := range []string{fmt.Sprint(o), fmt.Sprintf("%+v", o), fmt.Sprintf("%#v", o), fmt.Sprint(&o), o.LogValue().String(), fmt.Sprintf("%#v", c)} {
		if strings.Contains(s, key) {
			t.Errorf("the key is in %q", s)
		}
	}
	p := at(t, k, "http://127.0.0.1:1")
	r := request(p, nil)
	_, err := p.Send(t.Context(), &r)
	if err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("the error is %v", err)
	}
}

// checks: the free read carries the credential, and says what to mend where it is
// refused.
func checks(t *testing.T, k provider.Kind) {
	status := 200
	p := serve(t, k, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.ContentLength > 0 || r.Header.Get(k.KeyHeader) != k.KeyPrefix+key {
			t.Errorf("%s %s with %q", r.Method, r.URL.Path, r.Header.Get(k.KeyHeader))
		}
		w.WriteHeader(status)
	})
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, status = range []int{401, 403} {
		if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "providers.it.key") {
			t.Errorf("a credential that is refused with %d: %v", status, err)
		}
	}
	status = 404
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "http://") {
		t.Errorf("another service: %v", err)
	}
}
