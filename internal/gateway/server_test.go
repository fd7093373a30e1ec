package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/store/storetest"
	"github.com/skein-run/skein/internal/telemetry"
)

// start serves c on a free port until the test ends or stop is called.
func start(t *testing.T, c gateway.ServerConfig) (base string, stop func() error) {
	t.Helper()
	c.Addr = "127.0.0.1:0"
	s, err := gateway.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		http.DefaultClient.CloseIdleConnections()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	return "http://" + s.Addr().String(), stop
}

func newGateway(d doer) *gateway.Gateway {
	return gateway.New(gateway.Config{Dispatch: d, Codecs: codecs, Guard: guard{}})
}

func TestTheServerHasEveryHandlerAtItsPath(t *testing.T) {
	says := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
	}
	base, _ := start(t, gateway.ServerConfig{Gateway: says("gateway"), API: says("api"), Metrics: says("metrics"), Live: says("live"), Ready: says("ready")})
	for path, want := range map[string]string{
		"/v1/models": "gateway", "/api/v1/runs": "api", "/metrics": "metrics", "/healthz": "live", "/readyz": "ready",
	} {
		if got := text(t, post(t, base+path, "").Body); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	resp := post(t, base+"/", "")
	if got := text(t, resp.Body); resp.StatusCode != 404 || !strings.Contains(got, "/v1/") {
		t.Errorf("/: %d %s", resp.StatusCode, got)
	}
}

func TestStoppingLetsCallsEndAndTakesNoNewOnes(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	health := &telemetry.Health{}
	drained := false
	base, stop := start(t, gateway.ServerConfig{
		Gateway: newGateway(func(ctx context.Context, c dispatch.Call) error {
			close(entered)
			<-leave
			return whole(ctx, c)
		}),
		Stopping: func() { health.Drain(); close(leave) },
		Drain:    func(context.Context) error { drained = true; return nil },
	})
	answer := make(chan *http.Response, 1)
	go func() { answer <- post(t, base+chatPath, `{"model":"m"}`) }()
	within(t, "the call", entered)
	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	r := <-answer
	if got := text(t, r.Body); r.StatusCode != 200 || got != `{"model":"m"}` {
		t.Errorf("the call under way: %d %s", r.StatusCode, got)
	}
	if !drained || !health.Draining() {
		t.Error("it was not drained")
	}
	if _, err := http.Get(base + "/healthz"); err == nil {
		t.Error("it still listens")
	}
}

func TestStoppingIsBounded(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan struct{})
	base, stop := start(t, gateway.ServerConfig{
		Grace: 50 * time.Millisecond,
		Gateway: newGateway(func(ctx context.Context, c dispatch.Call) error {
			defer close(ended)
			if err := errors.Join(c.Sink.Open(&dispatch.Receipt{}), c.Sink.Frame([]byte("data: 1\n\n"), nil)); err != nil {
				return err
			}
			close(entered)
			<-ctx.Done()
			c.Sink.Close(&dispatch.Receipt{}, gone())
			return gone()
		}),
		Drain: func(ctx context.Context) error {
			select {
			case <-ended:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
	resp := post(t, base+chatPath, `{"model":"m","stream":true}`)
	within(t, "the call", entered)
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("stopping: %v", err)
	}
	within(t, "the end of the call", ended)
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "data: 1\n\nerror: busy\n\n" {
		t.Errorf("the stream that was cut ended without a word: %q, %v", b, err)
	}
}

func TestFollowersDoNotHoldUpAStop(t *testing.T) {
	entered := make(chan struct{})
	base, stop := start(t, gateway.ServerConfig{API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		close(entered)
		<-r.Context().Done()
	})})
	resp, err := http.Get(base + "/api/v1/runs/r/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	within(t, "the request", entered)
	began := time.Now()
	if err := stop(); err != nil || time.Since(began) > deadline {
		t.Errorf("stopping took %s: %v", time.Since(began), err)
	}
}

func TestWhoeverComesThroughTheSocketIsTheOwner(t *testing.T) {
	k, err := auth.Open(t.Context(), storetest.New(t, auth.View()).Reader(), auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &auth.Guard{Keys: k}
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.Listen("unix", path) // one that a crash left behind
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	_, stop := start(t, gateway.ServerConfig{Socket: path, API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, err := g.Check(r); err != nil || p != auth.Owner() {
			t.Errorf("it is %v, %v", p, err)
		}
	})})
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v", fi.Mode(), err)
	}
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer c.CloseIdleConnections()
	resp, err := c.Get("http://not-a-loopback-name/api/v1/version")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestAddressesThatCannotBeHadAreNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]gateway.ServerConfig{
		taken.Addr().String() + " is in use by another program": {Addr: taken.Addr().String()},
		"192.0.2.1:7878 is not an address of this machine":      {Addr: "192.0.2.1:7878"},
		"that is not a socket; move it away":                    {Socket: file},
		"listening on the data directory's socket":              {Socket: filepath.Join(dir, "none", "s")},
	} {
		if _, err := gateway.Listen(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// The write deadline of one answer must not cut the next one on the connection.
func TestAConnectionIsAsGoodAsNewForItsNextRequest(t *testing.T) {
	g := gateway.New(gateway.Config{
		Options: gateway.Options{WriteTimeout: 30 * time.Millisecond}, Dispatch: doer(whole), Codecs: codecs, Guard: guard{},
	})
	base, _ := start(t, gateway.ServerConfig{Gateway: g, Live: new(telemetry.Health).Live()})
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, r := range []string{"POST " + chatPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"} {
		if _, err := io.WriteString(conn, r); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 {
			t.Errorf("%d", resp.StatusCode)
		}
		text(t, resp.Body)
		timer := time.NewTimer(60 * time.Millisecond) // longer than the deadline that was left behind
		<-timer.C
	}
}

func TestSecretsAreNeverLoggedByTheGateway(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	l := slog.New(telemetry.Logger(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), telemetry.LogOptions{Level: "debug"}).Handler())
	s := storetest.New(t, auth.View())
	k, err := auth.Open(t.Context(), s.Reader(), auth.Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := k.Create(t.Context(), auth.Owner(), auth.New{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	key := token.Text()
	g := gateway.New(gateway.Config{Codecs: codecs, Guard: &auth.Guard{Keys: k}, Log: l, Dispatch: doer(func(ctx context.Context, c dispatch.Call) error {
		if c.Model == "panic" {
			panic("a bug")
		}
		if c.Model == "fail" {
			e := &llm.Error{Class: llm.ServerError, Status: 500, Message: "upstream said no to Bearer " + key + " and to a very private prompt"}
			c.Sink.Close(nil, e)
			return e
		}
		return whole(ctx, c)
	})})
	base, stop := start(t, gateway.ServerConfig{Gateway: g, Log: l})
	prompt := "a very private prompt"
	for _, model := range []string{"m", "fail", "panic"} {
		body := `{"model":"` + model + `","messages":"` + prompt + `"}`
		for _, how := range [][]string{{"Authorization", "Bearer " + key}, {"X-Api-Key", key}, {"Api-Key", key}, {}} {
			path := chatPath
			if len(how) == 0 {
				path += "?key=" + key
			}
			r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if len(how) > 0 {
				r.Header.Set(how[0], how[1])
			}
			if resp, err := http.DefaultClient.Do(r); err == nil {
				if resp.StatusCode == 401 {
					t.Error("the key was not accepted")
				}
				resp.Body.Close()
			}
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	got := log.String()
	for _, secret := range []string{key, key[len(key)-52:], prompt} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	for _, want := range []string{"call served", token.ID(), chatPath, "a bug"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the log:\n%s", want, got)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// A folder for the socket that anybody may write is one in which anybody may put
// another socket in its place.
func TestTheSocketIsNotPutWhereOthersCanWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.Listen(gateway.ServerConfig{Socket: filepath.Join(dir, "s.sock")}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("it listens: %v", err)
	}
}

// Some clients speak HTTP/2 without encryption and without asking first.
func TestHTTP2IsSpokenWithoutEncryption(t *testing.T) {
	next := make(chan struct{})
	base, stop := start(t, gateway.ServerConfig{Gateway: newGateway(func(ctx context.Context, c dispatch.Call) error {
		if c.Model == "whole" {
			return whole(ctx, c)
		}
		if err := errors.Join(c.Sink.Open(&dispatch.Receipt{}), c.Sink.Frame([]byte("data: half\n\n"), nil)); err != nil {
			return err
		}
		<-next
		c.Sink.Close(nil, gone())
		return gone()
	})})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	c := http.Client{Transport: &http.Transport{Protocols: &protocols}}
	resp, err := c.Post(base+chatPath, "application/json", strings.NewReader(`{"model":"whole"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, resp.Body); resp.ProtoMajor != 2 || got != `{"model":"whole"}` {
		t.Errorf("HTTP/%d: %s", resp.ProtoMajor, got)
	}
	resp.Body.Close()
	resp, err = c.Post(base+chatPath, "application/json", strings.NewReader(`{"model":"cut","stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if _, err := io.ReadFull(resp.Body, b); err != nil {
		t.Fatalf("the first frame does not come: %v", err)
	}
	close(next)
	if rest, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("an answer that was cut off ended well: %q", rest)
	}
	resp.Body.Close()
	c.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A drain may take longer than is left to what was cut off: what has ended by then is
// no error of the stop.
func TestALongDrainIsNoError(t *testing.T) {
	c := gateway.ServerConfig{
		Gateway: gateway.New(gateway.Config{Dispatch: doer(whole), Codecs: codecs, Guard: guard{}}),
		Drain:   func(ctx context.Context) error { <-ctx.Done(); return nil },
	}
	c.SetLastGrace(20 * time.Millisecond)
	base, stop := start(t, c)
	if resp, _ := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "a").all(t); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
