package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
)

// stage is a dispatcher whose calls say what the test tells them to.
type stage struct {
	joins bool
	calls atomic.Int64
	began chan string // the id of each call
	says  chan string // frames; "end" ends a call well, "fail" with an error
	ended chan error  // what the call's context said at its end
	cost  string      // of calls that ended
}

func newStage() *stage {
	return &stage{began: make(chan string, 10), says: make(chan string), ended: make(chan error, 10), cost: "0.5 USD"}
}

func (s *stage) Names() []string            { return nil }
func (s *stage) Resolve(name string) string { return name }
func (s *stage) Joins(string) bool          { return s.joins }

func (s *stage) Do(ctx context.Context, c dispatch.Call) (*dispatch.CallRecord, error) {
	s.calls.Add(1)
	s.began <- c.ID
	stream := c.Source.Facts().Stream
	r := &dispatch.Receipt{Call: c.ID, Deployment: "d1", Attempts: 1, Cost: s.cost}
	rec := &dispatch.CallRecord{ID: c.ID, Cost: s.cost, Outcome: "ok", Attempts: []dispatch.AttemptRecord{{Deployment: "d1"}}}
	fail := func(e *llm.Error) (*dispatch.CallRecord, error) {
		rec.Outcome = string(e.Class)
		c.Sink.Close(r, e)
		s.ended <- context.Cause(ctx)
		return rec, e
	}
	if stream {
		_ = c.Sink.Open(r)
	}
	all := ""
	for {
		select {
		case <-ctx.Done():
			return fail(gone())
		case say := <-s.says:
			switch say {
			case "end":
				if !stream {
					_ = c.Sink.Whole(r, []byte(all), nil)
				} else if all == "" {
					_ = c.Sink.Frame([]byte("."), nil)
				}
				c.Sink.Close(r, nil)
				s.ended <- nil
				return rec, nil
			case "fail":
				return fail(&llm.Error{Class: llm.ServerError, Status: 502})
			}
			all += say
			if stream {
				if err := c.Sink.Frame([]byte(say), nil); err != nil {
					return fail(gone())
				}
			}
		}
	}
}

// wait waits for something to be sent.
func wait[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(deadline):
		t.Fatalf("%s did not happen", what)
		panic("")
	}
}

func (s *stage) say(t testing.TB, frames ...string) {
	t.Helper()
	for _, f := range frames {
		select {
		case s.says <- f:
		case <-time.After(deadline):
			t.Fatalf("nobody takes %q", f)
		}
	}
}

// stageHouse is a gateway over a stage, on a server.
func stageHouse(t *testing.T, s *stage, o gateway.Options, p *auth.Principal) (base string, g *gateway.Gateway) {
	t.Helper()
	g = gateway.New(gateway.Config{Options: o, Dispatch: s, Codecs: codecs, Guard: guard{p: p}})
	base, _ = start(t, gateway.ServerConfig{Gateway: g, Grace: 100 * time.Millisecond})
	return base, g
}

const (
	streamed   = `{"model":"m","stream":true}`
	unstreamed = `{"model":"m"}`
)

// A request sent again under its key while its call runs gets the same answer, from the
// start, streamed or not, and the first one's going away does not end it.
func TestARepetitionJoinsTheCallThatRuns(t *testing.T) {
	for name, body := range map[string]string{"streamed": streamed, "unstreamed": unstreamed} {
		t.Run(name, func(t *testing.T) {
			s := newStage()
			base, g := stageHouse(t, s, gateway.Options{}, nil)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			first := send(ctx, t, base, body, "Idempotency-Key", "k1")
			call := wait(t, "the call", s.began)
			s.say(t, "one ")
			second := send(t.Context(), t, base, body, "Idempotency-Key", "k1", "TE", "trailers")
			third := send(t.Context(), t, base, body, "Idempotency-Key", "k1")
			eventually(t, "all three listen", func() bool { return g.Clients() == 3 })
			if body == streamed {
				for _, c := range []*sent{first, second, third} {
					c.upTo(t, "one ")
				}
			}
			hangUp()
			eventually(t, "the first one has gone", func() bool { return g.Clients() == 2 })
			s.say(t, "two ", "three", "end")
			for i, c := range []*sent{second, third} {
				resp, got := c.all(t)
				if got != "one two three" || resp.StatusCode != 200 || resp.Header.Get("X-Skein-Call") != call {
					t.Errorf("client %d got %d %q of %s", i+2, resp.StatusCode, got, resp.Header.Get("X-Skein-Call"))
				}
			}
			if resp := second.head(t); body == streamed && (resp.Header.Get("X-Skein-Joined") != "true" || resp.Trailer.Get("X-Skein-Cost") != "0.5 USD") {
				t.Errorf("the second one's headers are %v, its trailers %v", resp.Header, resp.Trailer)
			}
			if resp := third.head(t); len(resp.Trailer) != 0 {
				t.Errorf("the third one got trailers %v", resp.Trailer)
			}
			if n := s.calls.Load(); n != 1 {
				t.Errorf("there were %d calls", n)
			}
		})
	}
}

// sent is a request whose answer arrives by and by.
type sent struct {
	resp chan *http.Response
	got  *http.Response
	text string
	err  error
}

func send(ctx context.Context, t *testing.T, base, body string, header ...string) *sent {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+chatPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	s := &sent{resp: make(chan *http.Response, 1)}
	go func() {
		resp, err := http.DefaultClient.Do(r)
		s.err = err
		s.resp <- resp
	}()
	return s
}

func (s *sent) head(t *testing.T) *http.Response {
	t.Helper()
	if s.got == nil {
		if s.got = wait(t, "an answer", s.resp); s.got == nil {
			t.Fatal(s.err)
		}
	}
	return s.got
}

func (s *sent) upTo(t *testing.T, text string) {
	t.Helper()
	b := make([]byte, len(text)-len(s.text))
	if _, err := io.ReadFull(s.head(t).Body, b); err != nil || s.text+string(b) != text {
		t.Fatalf("it is %q, %v", s.text+string(b), err)
	}
	s.text = text
}

func (s *sent) all(t *testing.T) (*http.Response, string) {
	t.Helper()
	resp := s.head(t)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v after %q", err, s.text+string(b))
	}
	_ = resp.Body.Close()
	s.text += string(b)
	return resp, s.text
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !is(); {
		if time.Now().After(end) {
			t.Fatalf("%s: it does not come to that", what)
		}
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
	}
}

// A key stands for one request, and for one answer.
func TestAKeyThatWasUsedIsToldSo(t *testing.T) {
	for _, hide := range []bool{false, true} {
		s := newStage()
		base, _ := stageHouse(t, s, gateway.Options{}, &auth.Principal{Key: "k", Org: "o", HideCost: hide})
		first := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "a")
		call := wait(t, "the call", s.began)
		other, got := send(t.Context(), t, base, streamed, "Idempotency-Key", "a").all(t)
		if other.StatusCode != 422 || !strings.Contains(got, call) || other.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("another request while it runs: %d %s", other.StatusCode, got)
		}
		s.say(t, "hello", "end")
		first.all(t)
		again, got := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "a").all(t)
		h := again.Header
		if again.StatusCode != 409 || h.Get("X-Skein-Call") != call || h.Get("X-Should-Retry") != "false" || h.Get("X-Skein-Deployment") != "d1" ||
			!strings.Contains(got, call) || !strings.Contains(got, "outcome ok") || !strings.Contains(got, "/api/v1/calls/"+call) {
			t.Errorf("the same request afterwards: %d %s %v", again.StatusCode, got, h)
		}
		if shown := h.Get("X-Skein-Cost") == "0.5 USD" && strings.Contains(got, "0.5 USD"); shown == hide {
			t.Errorf("hide %v: the cost is %q in %s", hide, h.Get("X-Skein-Cost"), got)
		}
		if other, _ := send(t.Context(), t, base, streamed, "Idempotency-Key", "a").all(t); other.StatusCode != 422 {
			t.Errorf("another request afterwards: %d", other.StatusCode)
		}
		if s.calls.Load() != 1 {
			t.Errorf("there were %d calls", s.calls.Load())
		}
	}
}

func TestAnswersAreGivenAgainWhereTheyAreKept(t *testing.T) {
	for name, body := range map[string]string{"streamed": streamed, "unstreamed": unstreamed} {
		s := newStage()
		base, g := stageHouse(t, s, gateway.Options{Replay: time.Hour}, nil)
		first := send(t.Context(), t, base, body, "Idempotency-Key", "a")
		wait(t, "the call", s.began)
		s.say(t, "one ", "two", "end")
		resp, want := first.all(t)
		for range 2 {
			again, got := send(t.Context(), t, base, body, "Idempotency-Key", "a").all(t)
			if got != want || again.StatusCode != 200 || again.Header.Get("X-Skein-Replayed") != "true" || again.Header.Get("X-Skein-Call") != resp.Header.Get("X-Skein-Call") ||
				again.Header.Get("Content-Type") != resp.Header.Get("Content-Type") {
				t.Errorf("%s: %d %q %v", name, again.StatusCode, got, again.Header)
			}
		}
		if resp.Header.Get("X-Skein-Replayed") != "" || s.calls.Load() != 1 {
			t.Errorf("%s: the first one was replayed, or there were %d calls", name, s.calls.Load())
		}
		if calls, bytes := g.Remembered(); calls != 1 || bytes == 0 {
			t.Errorf("%s: %d calls of %d bytes are remembered", name, calls, bytes)
		}
	}
}

// Keys are their principal's own: the same words of another one are another key.
func TestKeysAreScopedToWhoSendsThem(t *testing.T) {
	s := newStage()
	g := gateway.New(gateway.Config{Dispatch: s, Codecs: codecs, Guard: byHeader{}})
	base, _ := start(t, gateway.ServerConfig{Gateway: g})
	a := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "x", "X-Who", "a")
	wait(t, "the first call", s.began)
	b := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "x", "X-Who", "b")
	wait(t, "the second call", s.began)
	s.say(t, "end", "end")
	a.all(t)
	b.all(t)
}

type byHeader struct{}

func (byHeader) Check(r *http.Request) (*auth.Principal, error) {
	return &auth.Principal{Org: "o", Key: r.Header.Get("X-Who")}, nil
}

// A connection that was lost is what the key is for: the call goes on for a while, and
// whoever asks again gets all of it, also where it has ended in between.
func TestALostConnectionFindsItsCallAgain(t *testing.T) {
	for _, ended := range []bool{false, true} {
		s := newStage()
		base, g := stageHouse(t, s, gateway.Options{}, nil)
		ctx, hangUp := context.WithCancel(t.Context())
		first := send(ctx, t, base, streamed, "Idempotency-Key", "a")
		wait(t, "the call", s.began)
		s.say(t, "one ")
		first.upTo(t, "one ")
		hangUp()
		eventually(t, "the client has gone", func() bool { return g.Clients() == 0 })
		if ended {
			s.say(t, "two", "end")
			if err := wait(t, "the end", s.ended); err != nil {
				t.Fatal(err)
			}
		}
		again := send(t.Context(), t, base, streamed, "Idempotency-Key", "a")
		if !ended {
			again.upTo(t, "one ")
			s.say(t, "two", "end")
		}
		if resp, got := again.all(t); resp.StatusCode != 200 || got != "one two" || s.calls.Load() != 1 {
			t.Errorf("ended %v: %d %q in %d calls", ended, resp.StatusCode, got, s.calls.Load())
		}
	}
}

func TestACallThatNobodyComesBackToEnds(t *testing.T) {
	s := newStage()
	base, g := stageHouse(t, s, gateway.Options{}, nil)
	g.SetLinger(20 * time.Millisecond)
	ctx, hangUp := context.WithCancel(t.Context())
	send(ctx, t, base, streamed, "Idempotency-Key", "a")
	wait(t, "the call", s.began)
	hangUp()
	if err := wait(t, "its end", s.ended); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended by %v", err)
	}
	// It cost something, so its key is used up, and says so.
	eventually(t, "the key is used", func() bool {
		resp, got := send(t.Context(), t, base, streamed, "Idempotency-Key", "a").all(t)
		return resp.StatusCode == 409 && strings.Contains(got, "outcome canceled")
	})
	if _, bytes := g.Remembered(); bytes != 0 {
		t.Errorf("%d bytes of it are kept", bytes)
	}
}

// What failed and cost nothing was as good as never.
func TestACallThatFailedForNothingLeavesItsKeyFree(t *testing.T) {
	for cost, calls := range map[string]int64{"": 2, "0 USD": 2, "0.5 USD": 1} {
		s := newStage()
		s.cost = cost
		base, _ := stageHouse(t, s, gateway.Options{}, nil)
		first := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "a")
		wait(t, "the call", s.began)
		s.say(t, "fail")
		if resp, _ := first.all(t); resp.StatusCode != 502 {
			t.Errorf("the first one got %d", resp.StatusCode)
		}
		wait(t, "the end", s.ended)
		again := send(t.Context(), t, base, unstreamed, "Idempotency-Key", "a")
		if calls == 2 {
			wait(t, "another call", s.began)
			s.say(t, "end")
		}
		if resp, _ := again.all(t); (resp.StatusCode == 200) != (calls == 2) || s.calls.Load() != calls {
			t.Errorf("cost %q: %d in %d calls", cost, resp.StatusCode, s.calls.Load())
		}
	}
}

// An SDK that asks again after its own timeout joins, where the model lets it; the same
// request of somebody who asks for the first time never does.
func TestAnSDKsRetryJoinsWhereTheModelAllowsIt(t *testing.T) {
	for _, joins := range []bool{true, false} {
		s := newStage()
		s.joins = joins
		base, g := stageHouse(t, s, gateway.Options{}, nil)
		ctx, hangUp := context.WithCancel(t.Context())
		first := send(ctx, t, base, streamed, "X-Stainless-Retry-Count", "0")
		call := wait(t, "the call", s.began)
		s.say(t, "one ")
		first.upTo(t, "one ")
		hangUp()
		eventually(t, "the client has gone", func() bool { return g.Clients() == 0 })
		if !joins {
			wait(t, "the end of a call whose client has gone", s.ended)
		}
		same := send(t.Context(), t, base, streamed, "X-Stainless-Retry-Count", "0")
		wait(t, "a call of its own for a first try", s.began)
		retry := send(t.Context(), t, base, streamed, "X-Stainless-Retry-Count", "1")
		if joins {
			retry.upTo(t, "one ")
			if got := retry.head(t).Header.Get("X-Skein-Call"); got != call {
				t.Errorf("it joined %s, not %s", got, call)
			}
		} else {
			wait(t, "a call of its own for the retry", s.began)
		}
		s.say(t, "end", "end")
		same.all(t)
		retry.all(t)
		if want := map[bool]int64{true: 2, false: 3}[joins]; s.calls.Load() != want {
			t.Errorf("joins %v: %d calls", joins, s.calls.Load())
		}
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	s := serve(t, gateway.Config{}, whole)
	for _, key := range []string{"", strings.Repeat("k", 256)} {
		r, _ := http.NewRequest(http.MethodPost, s.URL+chatPath, strings.NewReader(unstreamed))
		r.Header["Idempotency-Key"] = []string{key}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, resp.Body); resp.StatusCode != 400 || !strings.Contains(got, "Idempotency-Key") {
			t.Errorf("%d %s", resp.StatusCode, got)
		}
		_ = resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

// What a call's answer is longer than its bound, nobody can join it, and it needs no
// more memory than its client is behind.
func TestALongAnswerPassesInBoundedMemory(t *testing.T) {
	const frame, frames = 64 << 10, 200 // 12.5 MiB
	var g *gateway.Gateway
	most := int64(0)
	d := doer(func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID}
		if err := c.Sink.Open(r); err != nil {
			return err
		}
		for range frames {
			if err := c.Sink.Frame(make([]byte, frame), nil); err != nil {
				c.Sink.Close(r, gone())
				return gone()
			}
			_, bytes := g.Remembered()
			most = max(most, bytes)
		}
		c.Sink.Close(r, nil)
		return nil
	})
	g = gateway.New(gateway.Config{Dispatch: d, Codecs: codecs, Guard: guard{}})
	base, stop := start(t, gateway.ServerConfig{Gateway: g})
	resp := send(t.Context(), t, base, streamed, "Idempotency-Key", "a").head(t)
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != frame*frames {
		t.Errorf("%d bytes, %v", n, err)
	}
	_ = resp.Body.Close()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, left := g.Remembered(); most > 5<<20 || left != 0 {
		t.Errorf("it took %d bytes, and %d are left", most, left)
	}
}

// However many keys a client makes up, what is remembered of them is bounded.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	g := gateway.New(gateway.Config{Options: gateway.Options{Replay: time.Hour}, Dispatch: doer(whole), Codecs: codecs, Guard: guard{}})
	base, _ := start(t, gateway.ServerConfig{Gateway: g})
	body := `{"model":"m","x":"` + strings.Repeat("x", 20<<10) + `"}`
	for i := range 2500 {
		resp, _ := send(t.Context(), t, base, body, "Idempotency-Key", fmt.Sprint(i)).all(t)
		if resp.StatusCode != 200 {
			t.Fatalf("request %d: %d", i, resp.StatusCode)
		}
	}
	calls, bytes := g.Remembered()
	if calls > 2048 || calls < 100 || bytes > 16<<20 || bytes < 8<<20 {
		t.Errorf("%d calls of %d bytes are remembered", calls, bytes)
	}
}

// The server's stop does not wait for clients who may come back.
func TestAStopEndsWhatNobodyListensTo(t *testing.T) {
	s := newStage()
	g := gateway.New(gateway.Config{Dispatch: s, Codecs: codecs, Guard: guard{}})
	base, stop := start(t, gateway.ServerConfig{Gateway: g})
	ctx, hangUp := context.WithCancel(t.Context())
	first := send(ctx, t, base, streamed, "Idempotency-Key", "a")
	wait(t, "the call", s.began)
	s.say(t, "one ")
	first.upTo(t, "one ")
	hangUp()
	began := time.Now()
	if err := stop(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("stopping took %s: %v", time.Since(began), err)
	}
	if err := wait(t, "the end of the call", s.ended); err == nil {
		t.Error("the call ended by itself")
	}
}
