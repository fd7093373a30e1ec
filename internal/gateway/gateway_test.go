package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/telemetry"
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

func TestAnErrorBeforeTheFirstFrameHasAStatusOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		err        *llm.Error
		status     int
		retry      string
		retryAfter string
	}{
		"budget":             {&llm.Error{Class: llm.OverBudget, Status: 429}, 429, "false", ""},
		"busy":               {&llm.Error{Class: llm.Busy, Status: 503, RetryAfter: 1500 * time.Millisecond}, 503, "true", "2"},
		"rate":               {&llm.Error{Class: llm.RateLimited, Status: 429, RetryAfter: time.Second}, 429, "true", "1"},
		"lossy":              {&llm.Error{Class: llm.Lossy, Status: 400}, 400, "false", ""},
		"upstream":           {&llm.Error{Class: llm.ServerError, Status: 500, Blame: llm.BlameProvider}, 500, "", ""},
		"our own credential": {&llm.Error{Class: llm.Unauthorized, Status: 401, Blame: llm.BlameCredential}, 502, "false", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, stream := range []string{"false", "true"} {
				s := serve(t, gateway.Config{}, func(ctx context.Context, call dispatch.Call) error {
					if stream == "true" { // opened, but nothing was shown yet
						if err := call.Sink.Open(&dispatch.Receipt{Call: call.ID}); err != nil {
							return err
						}
					}
					return fails(c.err)(ctx, call)
				})
				resp := post(t, s.URL+messagesPath, `{"model":"m","stream":`+stream+`}`)
				if resp.StatusCode != c.status || resp.Header.Get("X-Should-Retry") != c.retry || resp.Header.Get("Retry-After") != c.retryAfter {
					t.Errorf("stream %s: %d, retry %q after %q", stream, resp.StatusCode, resp.Header.Get("X-Should-Retry"), resp.Header.Get("Retry-After"))
				}
				if got := text(t, resp.Body); !strings.Contains(got, `"format":"messages"`) {
					t.Errorf("stream %s: the body is %s", stream, got)
				}
				if resp.Header.Get("X-Skein-Attempts") != "2" || resp.Header.Get("Request-Id") == "" {
					t.Errorf("stream %s: the receipt is %v", stream, resp.Header)
				}
			}
		})
	}
}

func TestAnErrorAfterTheFirstFrameIsAnEventOfTheFormat(t *testing.T) {
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID, Attempts: 3}
		if err := errors.Join(c.Sink.Open(r), c.Sink.Frame([]byte("data: half\n\n"), nil)); err != nil {
			return err
		}
		e := &llm.Error{Class: llm.BrokenStream}
		c.Sink.Close(r, e)
		return e
	})
	resp := post(t, s.URL+chatPath, `{"model":"m","stream":true}`, "TE", "trailers")
	if got := text(t, resp.Body); got != "data: half\n\nerror: broken_stream\n\n" {
		t.Errorf("it is %q", got)
	}
	if resp.Trailer.Get("X-Skein-Attempts") != "3" {
		t.Errorf("the trailers are %v", resp.Trailer)
	}
}

// A client must never take a broken answer for a whole one, whatever breaks.
func TestABrokenAnswerNeverEndsWell(t *testing.T) {
	begin := func(c dispatch.Call) {
		if err := errors.Join(c.Sink.Open(&dispatch.Receipt{}), c.Sink.Frame([]byte("data: half\n\n"), nil)); err != nil {
			t.Error(err)
		}
	}
	for name, d := range map[string]doer{
		"never closed":               func(_ context.Context, c dispatch.Call) error { begin(c); return nil },
		"never closed, with error":   func(_ context.Context, c dispatch.Call) error { begin(c); return errors.New("oops") },
		"panic":                      func(_ context.Context, c dispatch.Call) error { begin(c); panic(http.ErrAbortHandler) },
		"closed as if nobody was on": func(_ context.Context, c dispatch.Call) error { begin(c); e := gone(); c.Sink.Close(nil, e); return e },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, gateway.Config{}, d)
			b, err := io.ReadAll(post(t, s.URL+chatPath, `{"model":"m","stream":true}`).Body)
			if err == nil && !strings.Contains(string(b), "error:") {
				t.Errorf("it ended well: %q", b)
			}
		})
	}
}

func gone() *llm.Error { return &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient} }

func TestRefusalsComeInTheCallersShape(t *testing.T) {
	s := serve(t, gateway.Config{}, whole)
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
		format             string
	}{
		{"POST", "/v1/nothing", "", nil, 404, "chat"},
		{"POST", "/v1/nothing", "", []string{"Anthropic-Version", "2023-06-01"}, 404, "messages"},
		{"POST", "/v1/nothing", "", []string{"X-Api-Key", "k"}, 404, "messages"},
		{"GET", chatPath, "", nil, 405, "chat"},
		{"DELETE", messagesPath, "", nil, 405, "messages"},
		{"POST", "/v1/models", "", nil, 405, "chat"},
		{"POST", chatPath, `{}`, nil, 400, "chat"},
		{"POST", messagesPath, ``, nil, 400, "messages"},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "chat"},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Encoding", "gzip"}, 415, "chat"},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Type", "text/plain"}, 200, ""},
		{"GET", "/v1/models/none", "", nil, 404, "chat"},
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
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(got, c.format) {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, got)
		}
		if c.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow header", c.method, c.path)
		}
	}
}

func TestWhoMayNotCallIsToldBeforeTheBodyIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		config gateway.Config
		status int
	}{
		"no key":     {gateway.Config{Guard: guard{err: auth.ErrMissing}}, 401},
		"foreign":    {gateway.Config{Guard: guard{err: auth.ErrForeign}}, 403},
		"draining":   {gateway.Config{Health: drained()}, 503},
		"not listed": {gateway.Config{Guard: guard{p: &auth.Principal{Models: []string{"other"}}}}, 404},
	} {
		s := serve(t, c.config, func(context.Context, dispatch.Call) error {
			t.Errorf("%s: dispatched all the same", name)
			return nil
		})
		resp := post(t, s.URL+chatPath, `{"model":"m"}`)
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text(t, resp.Body))
		}
	}
}

func drained() *telemetry.Health {
	h := &telemetry.Health{}
	h.Drain()
	return h
}

func TestTheModelsListIsInTheCallersShapeAndOnlyWhatTheKeyMayUse(t *testing.T) {
	p := &auth.Principal{Org: "default", Models: []string{"a/one", "c"}}
	s := serve(t, gateway.Config{Guard: guard{p: p}}, whole)
	get := func(path string, header ...string) (out map[string]any) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := fmt.Sprint(get("/v1/models")); got != "map[data:[map[created:0 id:a/one object:model owned_by:skein] map[created:0 id:c object:model owned_by:skein]] object:list]" {
		t.Errorf("OpenAI's: %s", got)
	}
	if got := fmt.Sprint(get("/v1/models", "Anthropic-Version", "2023-06-01")); got != "map[data:[map[created_at:1970-01-01T00:00:00Z display_name:a/one id:a/one type:model] map[created_at:1970-01-01T00:00:00Z display_name:c id:c type:model]] first_id:a/one has_more:false last_id:c]" {
		t.Errorf("Anthropic's: %s", got)
	}
	page := get("/v1/models?limit=1", "X-Api-Key", "k")
	if page["has_more"] != true || page["last_id"] != "a/one" {
		t.Errorf("the first page is %v", page)
	}
	page = get("/v1/models?limit=1&after_id=a/one", "X-Api-Key", "k")
	if page["has_more"] != false || page["last_id"] != "c" {
		t.Errorf("the second page is %v", page)
	}
	if got := get("/v1/models/a/one"); got["id"] != "a/one" {
		t.Errorf("one model is %v", got)
	}
}

func TestBodiesThatAreTooLargeAreRefused(t *testing.T) {
	s := serve(t, gateway.Config{Options: gateway.Options{MaxBody: 100 << 10}}, whole)
	fits := `{"model":"m","x":"` + strings.Repeat("y", 100<<10-20) + `"}`
	if len(fits) != 100<<10 {
		t.Fatalf("the test's body has %d bytes", len(fits))
	}
	for name, c := range map[string]struct {
		body   io.Reader
		status int
	}{
		"stated, fits":        {strings.NewReader(fits), 200},
		"stated, too large":   {strings.NewReader(fits + " "), 413},
		"unstated, fits":      {io.MultiReader(strings.NewReader(fits)), 200},
		"unstated, too large": {io.MultiReader(strings.NewReader(fits + " ")), 413},
	} {
		resp, err := http.Post(s.URL+chatPath, "application/json", c.body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := text(t, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || c.status == 200 && got != fits || c.status == 413 && !strings.Contains(got, "max_body") {
			t.Errorf("%s: %d, %.200s", name, resp.StatusCode, got)
		}
	}
}

func TestBodiesShareABudgetAndWaitForIt(t *testing.T) {
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	o := gateway.Options{MaxBody: 3 << 10, BodyBudget: 7 << 10, BodyWait: 50 * time.Millisecond} // one buffer of 4 KiB at a time
	s := serve(t, gateway.Config{Options: o}, func(ctx context.Context, c dispatch.Call) error {
		entered <- struct{}{}
		<-leave
		return whole(ctx, c)
	})
	first := make(chan *http.Response, 1)
	go func() { first <- post(t, s.URL+chatPath, `{"model":"m"}`) }()
	within(t, "the first call", entered)
	refused := post(t, s.URL+chatPath, `{"model":"m"}`)
	if got := text(t, refused.Body); refused.StatusCode != 503 || refused.Header.Get("Retry-After") == "" || !strings.Contains(got, "body_budget") {
		t.Errorf("the second call: %d %s", refused.StatusCode, got)
	}
	close(leave)
	if r := <-first; r.StatusCode != 200 {
		t.Errorf("the first call: %d", r.StatusCode)
	}
	if r := post(t, s.URL+chatPath, `{"model":"m"}`); r.StatusCode != 200 {
		t.Errorf("a call after it: %d", r.StatusCode)
	}
}

func TestASlowBodyIsNotWaitedForForever(t *testing.T) {
	s := serve(t, gateway.Config{Options: gateway.Options{BodyTimeout: 50 * time.Millisecond}}, whole)
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { _, _ = pw.Write([]byte(`{"model":`)) }()
	resp, err := http.Post(s.URL+chatPath, "application/json", pr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("it is %d %s", resp.StatusCode, text(t, resp.Body))
	}
}

// The time for the body must not bound the answer, which may take much longer.
func TestTheBodysTimeDoesNotEndTheAnswer(t *testing.T) {
	s := serve(t, gateway.Config{Options: gateway.Options{BodyTimeout: 20 * time.Millisecond}}, func(ctx context.Context, c dispatch.Call) error {
		select {
		case <-ctx.Done():
			t.Error("the context ended")
		case <-time.After(100 * time.Millisecond):
		}
		return whole(ctx, c)
	})
	if r := post(t, s.URL+chatPath, `{"model":"m"}`); r.StatusCode != 200 {
		t.Errorf("it is %d", r.StatusCode)
	}
}

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

func TestADeadlineIsTakenFromTheClient(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		stream bool
		want   time.Duration
	}{
		"none":                  {nil, false, 0},
		"sdk":                   {[]string{"X-Stainless-Timeout", "600"}, false, 600 * time.Second},
		"sdk, streamed":         {[]string{"X-Stainless-Timeout", "600"}, true, 0},
		"wish in seconds":       {[]string{"X-Request-Timeout", "1.5"}, true, 1500 * time.Millisecond},
		"wish as a duration":    {[]string{"X-Request-Timeout", "90s"}, false, 90 * time.Second},
		"the least of both":     {[]string{"X-Request-Timeout", "90s", "X-Stainless-Timeout", "60"}, false, time.Minute},
		"nonsense":              {[]string{"X-Request-Timeout", "soon"}, false, 0},
		"not a number":          {[]string{"X-Request-Timeout", "NaN"}, false, 0},
		"longer than any call":  {[]string{"X-Request-Timeout", "9e99"}, false, 0},
		"negative":              {[]string{"X-Request-Timeout", "-1"}, false, 0},
		"a negative duration":   {[]string{"X-Request-Timeout", "-5s"}, false, 0},
		"streamed, with a wish": {[]string{"X-Request-Timeout", "9s", "X-Stainless-Timeout", "1"}, true, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, gateway.Config{}, func(ctx context.Context, call dispatch.Call) error {
				var got time.Duration
				if !call.Deadline.IsZero() {
					got = call.Deadline.Sub(call.Arrived)
				}
				if got != c.want {
					t.Errorf("it is %s, want %s", got, c.want)
				}
				return whole(ctx, call)
			})
			post(t, s.URL+chatPath, fmt.Sprintf(`{"model":"m","stream":%v}`, c.stream), c.header...)
		})
	}
}

func TestTheSourceEditsItsOwnFormatAndTranslatesOthersOnce(t *testing.T) {
	s := serve(t, gateway.Config{}, func(ctx context.Context, c dispatch.Call) error {
		own, losses, err := c.Source.Body(&wire.Target{Format: llm.Chat, Upstream: "U"})
		if err != nil || losses != nil || string(own) != `{"model":"m"}U` {
			t.Errorf("its own format: %s, %v, %v", own, losses, err)
		}
		for range 2 {
			other, losses, err := c.Source.Body(&wire.Target{Format: llm.Messages, Upstream: "V"})
			if err != nil || len(losses) != 1 || string(other) != `messages for V: {"model":"m"}` {
				t.Errorf("another format: %s, %v, %v", other, losses, err)
			}
		}
		return whole(ctx, c)
	})
	post(t, s.URL+chatPath, `{"model":"m"}`)
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
