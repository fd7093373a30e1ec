package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// dial opens a connection on which a test says what it likes.
func dial(t testing.TB, base string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func say(t testing.TB, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

// Some clients close their sending side once the request is out. To the server
// that looks like going away; it must not look like an answer to them.
func TestAClientThatIsTakenForGoneGetsNoEmptyAnswer(t *testing.T) {
	for name, end := range map[string]func(c dispatch.Call) error{
		"gone":   func(c dispatch.Call) error { c.Sink.Close(nil, gone()); return gone() },
		"silent": func(c dispatch.Call) error { c.Sink.Close(&dispatch.Receipt{}, nil); return nil },
	} {
		for _, stream := range []string{"false", "true"} {
			s := serve(t, gateway.Config{}, func(ctx context.Context, c dispatch.Call) error {
				<-ctx.Done()
				return end(c)
			})
			conn := dial(t, s.URL)
			body := `{"model":"m","stream":` + stream + `}`
			say(t, conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(body), body))
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(conn); strings.Contains(string(b), "200 OK") {
				t.Errorf("%s, stream %s: it got %q, %v", name, stream, b, err)
			}
		}
	}
}

// A refusal comes before the body is read, and net/http waits for the rest of it.
func TestABodyThatNobodyReadsDoesNotHoldItsConnectionForEver(t *testing.T) {
	g := gateway.New(gateway.Config{Dispatch: doer(whole), Codecs: codecs, Guard: guard{err: auth.ErrMissing},
		Options: gateway.Options{BodyTimeout: 50 * time.Millisecond}})
	base, _ := startWith(t, gateway.ServerConfig{Gateway: g, Live: http.NotFoundHandler()}, 50*time.Millisecond)
	for _, path := range []string{chatPath, "/v1/models", "/v1/nothing", "/healthz", "/nothing"} {
		conn := dial(t, base)
		say(t, conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		if b, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: the connection is still there: %v after %q", path, err, b)
		}
	}
	// The same for one that was let in, and is too slow.
	g = gateway.New(gateway.Config{Dispatch: doer(whole), Codecs: codecs, Guard: guard{}, Options: gateway.Options{BodyTimeout: 50 * time.Millisecond}})
	base, _ = startWith(t, gateway.ServerConfig{Gateway: g}, time.Hour)
	conn := dial(t, base)
	say(t, conn, "POST "+chatPath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), "408") {
		t.Errorf("a slow body: %v after %q", err, b)
	}
}

// What a client says of its body's length must not take memory that there is no
// room for.
func TestABodyGetsItsMemoryWhenThereIsRoomForIt(t *testing.T) {
	const size = 16 << 20
	entered, leave := make(chan struct{}), make(chan struct{})
	o := gateway.Options{MaxBody: size, BodyBudget: 1, BodyWait: 20 * time.Millisecond} // the least: two of the largest, each with its copy
	s := serve(t, gateway.Config{Options: o}, func(ctx context.Context, c dispatch.Call) error {
		entered <- struct{}{}
		<-leave
		return whole(ctx, c)
	})
	first := make(chan struct{})
	for range 2 {
		go func() {
			defer func() { first <- struct{}{} }()
			resp, err := http.Post(s.URL+chatPath, "application/json", strings.NewReader(`{"model":"m"}`+strings.Repeat(" ", size-20)))
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		within(t, "one of the first calls", entered)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for range 8 {
		conn := dial(t, s.URL)
		all.Go(func() {
			_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n{", chatPath, size)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_ = resp.Body.Close()
			}
			if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 2*size {
		t.Errorf("8 requests that were refused took %d MB", made>>20)
	}
	close(leave)
	within(t, "the first answer", first)
	within(t, "the second answer", first)
	http.DefaultClient.CloseIdleConnections()
}

func TestTheModelsNameIsShortOrUnknown(t *testing.T) {
	s := serve(t, gateway.Config{}, func(context.Context, dispatch.Call) error {
		t.Error("it was dispatched")
		return errors.New("no")
	})
	resp := post(t, s.URL+chatPath, `{"model":"`+strings.Repeat("m", 100_000)+`"}`)
	if got := text(t, resp.Body); resp.StatusCode != 404 || len(got) > 1000 {
		t.Errorf("%d with %d bytes", resp.StatusCode, len(got))
	}
}

func TestTheLossesHeaderHoldsOnlyWhatAHeaderMay(t *testing.T) {
	losses := []wire.Loss{{Field: "seed", Class: wire.Semantic}, {Field: "né\r\nX-Evil: 1, x\x00", Class: wire.Advisory}}
	for range 500 {
		losses = append(losses, wire.Loss{Field: strings.Repeat("a", 50), Class: wire.Semantic})
	}
	losses = append(losses, wire.Loss{Field: strings.Repeat("b", 1<<20), Class: wire.Semantic})
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID, Lossy: losses}
		err := c.Sink.Whole(r, []byte("{}"), nil)
		c.Sink.Close(r, nil)
		return err
	})
	resp := post(t, s.URL+chatPath, `{"model":"m"}`)
	got := resp.Header.Get("X-Skein-Lossy")
	if !strings.HasPrefix(got, "seed, n???X-Evil: 1? x?, aaaa") || !strings.HasSuffix(got, ", ...") || len(got) > 1100 || resp.Header.Get("X-Evil") != "" {
		t.Errorf("%d bytes: %.100q", len(got), got)
	}
}

// The shapes and statuses of the real formats, as an SDK sees them.
func TestRefusalsHaveTheStatusThatTheyAreMadeWith(t *testing.T) {
	s := httptest.NewServer(gateway.New(gateway.Config{Dispatch: doer(whole), Codecs: all.Codec, Guard: guard{}}))
	defer s.Close()
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
		want               string
	}{
		{"GET", chatPath, "", nil, 405, `"type":"invalid_request_error"`},
		{"OPTIONS", messagesPath, "", nil, 405, `"type":"error"`},
		{"POST", chatPath, "{}", []string{"Content-Encoding", "gzip"}, 415, `"param":"content-encoding"`},
		{"POST", messagesPath, "{}", []string{"Content-Type", "multipart/form-data"}, 415, `"type":"error"`},
		{"POST", "/v1/files", "{}", nil, 404, `"code":"unknown_url"`},
		{"POST", "/v1/chat/completions/", "{}", nil, 404, `"code":"unknown_url"`},
		{"POST", "/v1/messages/complete", "{}", nil, 404, `"type":"not_found_error"`},
		{"POST", "/v1/messages/batches", "{}", nil, 404, `"type":"not_found_error"`},
		{"GET", "/v1/models/none", "", nil, 404, `"code":"model_not_found"`},
	} {
		r, err := http.NewRequest(c.method, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got := text(t, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(got, c.want) || resp.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, got)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestOurOwnCredentialIsSpokenOfOnce(t *testing.T) {
	for _, f := range formats {
		u := newUpstream(t, f)
		u.fail(answerWith(401, f, "authentication_error"))
		h := newHouse(t, u)
		resp := post(t, h.url+chatPath, `{"model":"smart","messages":[{"role":"user","content":"Hi"}]}`)
		got := text(t, resp.Body)
		if resp.StatusCode != 502 || strings.Count(got, "credential") != 2 { // the message and its code
			t.Errorf("%s: %d %s", f, resp.StatusCode, got)
		}
	}
	e := &llm.Error{Class: llm.Forbidden, Status: 403, Blame: llm.BlameCredential, Message: "no"}
	s := serve(t, gateway.Config{}, fails(e))
	if got := text(t, post(t, s.URL+chatPath, `{"model":"m"}`).Body); !strings.Contains(got, "operator") {
		t.Errorf("it is %s", got)
	}
}

func startWith(t *testing.T, c gateway.ServerConfig, bodyTime time.Duration) (base string, stop func() error) {
	t.Helper()
	c.SetBodyTime(bodyTime)
	return start(t, c)
}
