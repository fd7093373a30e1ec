package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
)

// tally is a dispatcher that counts its calls, each of which is whole at once.
type tally struct {
	doer
	joins bool
	calls atomic.Int64
}

func (c *tally) Joins(string) bool { return c.joins }

func (c *tally) Do(ctx context.Context, call dispatch.Call) (*dispatch.CallRecord, error) {
	c.calls.Add(1)
	r := &dispatch.Receipt{Call: call.ID, Deployment: "d1", Attempts: 1, Cost: "0.5 USD"}
	if err := call.Sink.Whole(r, []byte("{}"), nil); err != nil {
		return nil, err
	}
	call.Sink.Close(r, nil)
	return &dispatch.CallRecord{ID: call.ID, Cost: "0.5 USD", Outcome: "ok"}, nil
}

func posted(g *gateway.Gateway, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// An answer is kept for as long as the configuration says, that its key was used for
// an hour, and then nothing is left of it.
func TestAKeyIsForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &tally{}
		g := gateway.New(gateway.Config{Options: gateway.Options{Replay: 10 * time.Minute}, Dispatch: d, Codecs: codecs, Guard: guard{}})
		ask := func(want int, calls int64) {
			t.Helper()
			if w := posted(g, unstreamed, "Idempotency-Key", "a"); w.Code != want || d.calls.Load() != calls {
				t.Errorf("%d %s in %d calls", w.Code, w.Body, d.calls.Load())
			}
			synctest.Wait()
		}
		ask(200, 1)
		time.Sleep(10*time.Minute - time.Second)
		ask(200, 1)
		time.Sleep(2 * time.Second)
		ask(409, 1)
		if calls, bytes := g.Remembered(); calls != 1 || bytes != 0 {
			t.Errorf("%d calls of %d bytes are remembered", calls, bytes)
		}
		time.Sleep(50 * time.Minute)
		ask(200, 2)
		time.Sleep(2 * time.Hour)
		if calls, bytes := g.Remembered(); calls != 0 || bytes != 0 {
			t.Errorf("in the end %d calls of %d bytes are remembered", calls, bytes)
		}
	})
}

// Where more calls run than can be remembered, one that nobody named is served all the
// same: only what has a key is sent away.
func TestACallWithoutAKeyIsServedThoughNoneCanBeRemembered(t *testing.T) {
	s := newStage()
	s.joins = true
	s.began = make(chan string, 10_000)
	s.ended = make(chan error, 10_000)
	g := gateway.New(gateway.Config{Dispatch: s, Codecs: codecs, Guard: guard{}})
	go func() {
		for range 2048 {
			go posted(g, unstreamed)
		}
	}()
	for range 2048 {
		wait(t, "a call", s.began)
	}
	if w := posted(g, unstreamed, "Idempotency-Key", "a"); w.Code != 503 || !strings.Contains(w.Body.String(), "too many calls with an Idempotency-Key") {
		t.Errorf("one with a key: %d %s", w.Code, w.Body)
	}
	last := make(chan int)
	go func() { last <- posted(g, unstreamed).Code }()
	wait(t, "a call beyond the bound", s.began)
	for range 2049 {
		s.say(t, "end")
	}
	if code := wait(t, "its answer", last); code != 200 {
		t.Errorf("one without a key: %d", code)
	}
	eventually(t, "all have ended", func() bool { return g.Clients() == 0 })
}

// Where nobody is asked for a key of Skein's, two callers with credentials of their own
// never share an answer; a signature, which each request has another of, is none.
func TestCallersWithCredentialsOfTheirOwnShareNoAnswer(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"Bearer sk-1", "Bearer sk-1", 200}, {"Bearer sk-1", "Bearer sk-2", 422}, {"AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 y", 200}} {
		d := &tally{}
		g := gateway.New(gateway.Config{Options: gateway.Options{Replay: time.Hour}, Dispatch: d, Codecs: codecs, Guard: guard{}})
		posted(g, unstreamed, "Idempotency-Key", "a", "Authorization", c.a)
		if w := posted(g, unstreamed, "Idempotency-Key", "a", "Authorization", c.b); w.Code != c.want {
			t.Errorf("%s, %s: %d %s", c.a, c.b, w.Code, w.Body)
		}
	}
}

// FuzzHints asks with any headers: each is heeded or refused, and what is heeded is
// well formed.
func FuzzHints(f *testing.F) {
	for _, s := range []string{"priority", "geo:eu, zdr", "aws,azure/gpt@eu", "low", "true", "k1", "1.5", "90s", "\x00", "é,", strings.Repeat("a,", 70)} {
		f.Add(s, s, s, s, s, s, s)
	}
	f.Add("cheapest", "geo:eu", "aws", "high", "1", "a-key", "NaN")
	f.Fuzz(func(t *testing.T, policy, require, only, priority, fallback, key, timeout string) {
		var got *dispatch.Call
		g := gateway.New(gateway.Config{Codecs: codecs, Guard: guard{}, Dispatch: knowing{func(ctx context.Context, c dispatch.Call) error {
			got = &c
			return whole(ctx, c)
		}}})
		before := time.Now()
		w := posted(g, unstreamed, "X-Skein-Policy", policy, "X-Skein-Require", require, "X-Skein-Only", only, "X-Skein-Priority", priority,
			"X-Skein-No-Fallback", fallback, "Idempotency-Key", key, "X-Request-Timeout", timeout, "X-Stainless-Retry-Count", timeout)
		switch w.Code {
		case http.StatusBadRequest:
			if got != nil || w.Header().Get("X-Should-Retry") != "false" {
				t.Errorf("it was refused and served, or is to be repeated: %s", w.Body)
			}
		case http.StatusOK:
			h := &got.Hints
			if len(h.Require) == 0 || len(h.Require) > 16 || len(h.Only) == 0 || len(h.Only) > 32 || got.Priority < -1 || got.Priority > 1 {
				t.Errorf("it was served with %+v, %d", h, got.Priority)
			}
			for _, tag := range h.Require {
				if tag == "" || len(tag) > 64 || strings.ToLower(tag) != tag || strconv.Quote(tag) != `"`+tag+`"` {
					t.Errorf("a tag is %q", tag)
				}
			}
			if !got.Deadline.IsZero() && (got.Deadline.Before(before) || got.Deadline.After(before.Add(25*time.Hour))) {
				t.Errorf("its deadline is %s", got.Deadline)
			}
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
