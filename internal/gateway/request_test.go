package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

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
	entered, leave := make(chan struct{}, 3), make(chan struct{})
	// Each call takes two buffers of 4 KiB, so two calls fit.
	o := gateway.Options{MaxBody: 3 << 10, BodyBudget: 20 << 10, BodyWait: 50 * time.Millisecond}
	s := serve(t, gateway.Config{Options: o}, func(ctx context.Context, c dispatch.Call) error {
		entered <- struct{}{}
		<-leave
		return whole(ctx, c)
	})
	first := make(chan int, 2)
	for range 2 {
		go func() { first <- post(t, s.URL+chatPath, `{"model":"m"}`).StatusCode }()
		within(t, "a call", entered)
	}
	refused := post(t, s.URL+chatPath, `{"model":"m"}`)
	if got := text(t, refused.Body); refused.StatusCode != 503 || refused.Header.Get("Retry-After") == "" || !strings.Contains(got, "body_budget") {
		t.Errorf("the third call: %d %s", refused.StatusCode, got)
	}
	close(leave)
	for range 2 {
		if status := <-first; status != 200 {
			t.Errorf("one of the first calls: %d", status)
		}
	}
	if r := post(t, s.URL+chatPath, `{"model":"m"}`); r.StatusCode != 200 {
		t.Errorf("a call after them: %d", r.StatusCode)
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

func TestADeadlineIsTakenFromTheClient(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		stream bool
		want   time.Duration
	}{
		"none":                  {nil, false, 0},
		"sdk":                   {[]string{"X-Stainless-Timeout", "600"}, false, 600 * time.Second},
		"Google's":              {[]string{"X-Server-Timeout", "20"}, false, 20 * time.Second},
		"Google's, streamed":    {[]string{"X-Server-Timeout", "20"}, true, 0},
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
