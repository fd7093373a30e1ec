package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func TestAWholeAnswerComesWithItsReceipt(t *testing.T) {
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		if c.Model != "m" || c.Cause.Call != c.ID || c.Cause.Org != "default" || !strings.HasPrefix(c.Sink.Answer().ID, "chatcmpl-") {
			t.Errorf("the call is %+v, its answer %+v", c, c.Sink.Answer())
		}
		r := &dispatch.Receipt{Call: c.ID, Deployment: "openai/gpt", Attempts: 2, OutputCap: 300, Cost: "0.5 USD", Lossy: []wire.Loss{
			{Field: "user", Class: wire.Advisory}, {Field: "n", Class: wire.Neutral}, {Field: "seed", Class: wire.Semantic}}}
		if err := c.Sink.Whole(r, []byte(`{"answer":1}`), nil); err != nil {
			return err
		}
		c.Sink.Close(r, nil)
		return nil
	})
	resp := post(t, s.URL+chatPath, `{"model":"m"}`)
	if got := text(t, resp.Body); resp.StatusCode != 200 || got != `{"answer":1}` || resp.ContentLength != 12 {
		t.Errorf("%d %s (%d bytes)", resp.StatusCode, got, resp.ContentLength)
	}
	for name, want := range map[string]string{
		"X-Skein-Deployment": "openai/gpt", "X-Skein-Attempts": "2", "X-Skein-Output-Cap": "300", "X-Skein-Cost": "0.5 USD",
		"X-Skein-Lossy": "user, seed", "Content-Type": "application/json",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := resp.Header.Get("X-Skein-Call"); !strings.HasPrefix(id, "call_") || resp.Header.Get("X-Request-Id") != id {
		t.Errorf("the ids are %q and %q", id, resp.Header.Get("X-Request-Id"))
	}
}

func TestACanonicalAnswerIsEncodedInTheCallersFormat(t *testing.T) {
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID}
		err := c.Sink.Whole(r, nil, &llm.Response{Parts: []llm.Part{{Text: "hello"}}})
		c.Sink.Close(r, nil)
		return err
	})
	if got := text(t, post(t, s.URL+messagesPath, `{"model":"m"}`).Body); !strings.HasPrefix(got, `{"id":"msg_`) || !strings.Contains(got, "hello") {
		t.Errorf("it is %s", got)
	}
}

func TestCostIsHiddenFromKeysThatMayNotSeeIt(t *testing.T) {
	p := &auth.Principal{Org: "default", HideCost: true}
	s := serve(t, gateway.Config{Guard: guard{p: p}}, whole)
	if got := post(t, s.URL+chatPath, `{"model":"m"}`).Header.Get("X-Skein-Cost"); got != "" {
		t.Errorf("it says %s", got)
	}
}

// Each frame must reach the client before the next one is made: no buffer on the
// way collects them.
func TestEachFrameIsFlushed(t *testing.T) {
	next := make(chan struct{})
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID, Deployment: "d", Attempts: 1}
		if err := c.Sink.Open(r); err != nil {
			return err
		}
		for i := range 3 {
			if err := c.Sink.Frame(fmt.Appendf(nil, "data: %d\n\n", i), nil); err != nil {
				return err
			}
			<-next
		}
		c.Sink.Close(r, nil)
		return nil
	})
	resp := post(t, s.URL+chatPath, `{"model":"m","stream":true}`)
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream; charset=utf-8" {
		t.Errorf("the content type is %s", ct)
	}
	if resp.Header.Get("X-Skein-Deployment") != "d" || resp.Header.Get("X-Skein-Attempts") != "" {
		t.Error("a stream's headers should have the deployment and not the attempts")
	}
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	if rest := text(t, lines); rest != "" {
		t.Errorf("after the end came %q", rest)
	}
}

// A client must never take a broken answer for a whole one, whatever breaks.
// The time for the body must not bound the answer, which may take much longer.
func TestAClientThatHangsUpEndsTheContext(t *testing.T) {
	ended := make(chan struct{})
	s := serve(t, gateway.Config{}, func(ctx context.Context, c dispatch.Call) error {
		if err := errors.Join(c.Sink.Open(&dispatch.Receipt{}), c.Sink.Frame([]byte("data: 1\n\n"), nil)); err != nil {
			return err
		}
		<-ctx.Done()
		c.Sink.Close(&dispatch.Receipt{}, gone())
		close(ended)
		return gone()
	})
	resp := post(t, s.URL+chatPath, `{"model":"m","stream":true}`)
	resp.Body.Close()
	within(t, "the end of the context", ended)
}

func TestASlowClientIsCutAtItsWriteTimeout(t *testing.T) {
	failed := make(chan struct{})
	s := serve(t, gateway.Config{Options: gateway.Options{WriteTimeout: 50 * time.Millisecond}}, func(_ context.Context, c dispatch.Call) error {
		frame := bytes.Repeat([]byte("x"), 1<<20)
		if err := c.Sink.Open(&dispatch.Receipt{}); err != nil {
			return err
		}
		for {
			if c.Sink.Frame(frame, nil) != nil {
				close(failed)
				c.Sink.Close(&dispatch.Receipt{}, gone())
				return gone()
			}
		}
	})
	post(t, s.URL+chatPath, `{"model":"m","stream":true}`) // and nobody reads on
	within(t, "the error of a write", failed)
}

// No chunk of a stream may cost an allocation.
func TestAFrameAllocatesNothing(t *testing.T) {
	g := gateway.New(gateway.Config{Codecs: codecs, Guard: guard{}, Dispatch: doer(func(_ context.Context, c dispatch.Call) error {
		frame := []byte("data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n")
		if err := errors.Join(c.Sink.Open(&dispatch.Receipt{Call: c.ID}), c.Sink.Frame(frame, nil)); err != nil {
			t.Error(err)
		}
		if n := testing.AllocsPerRun(1000, func() {
			if err := c.Sink.Frame(frame, nil); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("a frame allocates %v times", n)
		}
		c.Sink.Close(&dispatch.Receipt{}, nil)
		return nil
	})})
	w := &discard{header: http.Header{}}
	g.ServeHTTP(w, httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader(`{"model":"m","stream":true}`)))
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header               { return d.header }
func (d *discard) Write(b []byte) (int, error)       { return len(b), nil }
func (d *discard) WriteHeader(int)                   {}
func (d *discard) FlushError() error                 { return nil }
func (d *discard) SetWriteDeadline(time.Time) error  { return nil }
func (d *discard) SetReadDeadline(t time.Time) error { return nil }

// What the gateway itself costs a call, without sockets and dispatch.
func BenchmarkServe(b *testing.B) {
	g := gateway.New(gateway.Config{Codecs: codecs, Guard: guard{}, Dispatch: doer(whole)})
	body := `{"model":"m","messages":"` + strings.Repeat("x", 4000) + `"}`
	in := strings.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, chatPath, in)
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		in.Reset(body)
		clear(w.header)
		g.ServeHTTP(w, r)
	}
}
