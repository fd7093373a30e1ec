package effect_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fails(outcome effect.Outcome, retry bool, after time.Duration) error {
	return &effect.Error{Outcome: outcome, Retry: retry, After: after, Message: "it failed"}
}

func TestRetryDoesAgainOnlyWhatMayBeDoneAgain(t *testing.T) {
	notDone, unknown, refused := fails(effect.NotDone, true, 0), fails(effect.Unknown, true, 0), fails(effect.Refused, false, 0)
	for name, c := range map[string]struct {
		class  agent.Class
		errs   []error // of the tries, in order; the last of them for all further ones
		tries  int
		result effect.Outcome // "" where it succeeds
	}{
		"success":                       {agent.Once, []error{nil}, 1, ""},
		"once, not done, then done":     {agent.Once, []error{notDone, nil}, 2, ""},
		"once, unknown":                 {agent.Once, []error{unknown, nil}, 1, effect.Unknown},
		"once, not done, then unknown":  {agent.Once, []error{notDone, unknown, nil}, 2, effect.Unknown},
		"keyed, unknown, then done":     {agent.Keyed, []error{unknown, nil}, 2, ""},
		"keyed, unknown for ever":       {agent.Keyed, []error{unknown}, 3, effect.Unknown},
		"keyed, unknown, then not done": {agent.Keyed, []error{unknown, notDone}, 3, effect.Unknown},
		// Whether the earlier try was done is not known, whatever a later one hears.
		"keyed, unknown, then refused":       {agent.Keyed, []error{unknown, refused}, 2, effect.Unknown},
		"read, unknown, then refused":        {agent.Read, []error{unknown, refused}, 2, effect.Refused},
		"keyed, not done for ever":           {agent.Keyed, []error{notDone}, 3, effect.NotDone},
		"keyed, refused":                     {agent.Keyed, []error{refused, nil}, 1, effect.Refused},
		"read, unknown for ever":             {agent.Read, []error{unknown}, 3, effect.NotDone},
		"read, an error of no kind":          {agent.Read, []error{errors.New("x"), nil}, 1, effect.NotDone},
		"once, an error of no kind":          {agent.Once, []error{errors.New("x"), nil}, 1, effect.Unknown},
		"asked to wait a second":             {agent.Read, []error{fails(effect.NotDone, true, time.Second), nil}, 2, ""},
		"asked to wait longer than a worker": {agent.Read, []error{fails(effect.NotDone, true, 3*time.Second), nil}, 1, effect.NotDone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				start := time.Now()
				err := effect.Retry(t.Context(), c.class, func(context.Context) error {
					tries++
					return c.errs[min(tries, len(c.errs))-1]
				})
				var e *effect.Error
				errors.As(err, &e)
				if tries != c.tries || (c.result == "") != (err == nil) || e != nil && e.Outcome != c.result {
					t.Errorf("%d tries, %+v; wanted %d and %q", tries, e, c.tries, c.result)
				}
				if waited := time.Since(start); waited > 2*time.Second {
					t.Errorf("it waited %v", waited)
				}
			})
		})
	}
}

func TestRetryDoesNotWaitPastTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := effect.Retry(ctx, agent.Read, func(context.Context) error { return fails(effect.NotDone, true, time.Second) })
		if err == nil || time.Since(start) != 0 {
			t.Errorf("it waited %v: %v", time.Since(start), err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		start = time.Now()
		err = effect.Retry(ctx, agent.Read, func(context.Context) error { return fails(effect.NotDone, true, time.Second) })
		if err == nil || time.Since(start) != 100*time.Millisecond {
			t.Errorf("it was cancelled after 100ms and waited %v: %v", time.Since(start), err)
		}
	})
}

func TestNothingIsSentOnceMoreWhenItsKeyMayBeForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := effect.With(t.Context(), effect.ID{Command: "run_1/2/3", Try: 1, Until: time.Now().Add(4 * time.Minute)})
		tries := 0
		err := effect.Retry(ctx, agent.Keyed, func(context.Context) error {
			if tries++; tries == 2 {
				time.Sleep(5 * time.Minute) // the service hangs, and cuts the connection
			}
			return fails(effect.Unknown, true, 0)
		})
		var e *effect.Error
		if tries != 2 || !errors.As(err, &e) || e.Outcome != effect.Unknown {
			t.Errorf("%d tries, %v; wanted no third one, and an unknown outcome", tries, err)
		}
	})
}

// answers is a transport that answers without a network.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func TestTransportCountsByWhatTheAnswerSays(t *testing.T) {
	request := []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterWriteUnits, Quantity: 7, Source: price.Reported}}
	answer := func(status int, body string, length int64) answers {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, ContentLength: length, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	for name, c := range map[string]struct {
		base answers
		want []price.Reading
		head bool
		most int64
	}{
		"done": {base: answer(200, "1234", 4), want: []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterBytesRead, Quantity: 4, Source: price.Counted}}},
		"the head of something long": {base: answer(200, "", 4000), want: request[:1], head: true},
		"longer than is read": {base: answer(200, "1234", 4000), want: []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterBytesRead, Quantity: 4, Source: price.Counted}, {Meter: price.MeterBytesRead, Quantity: 2, Source: price.Estimated}}, most: 6},
		"refused by its condition": {base: answer(412, "no", 2), want: request[:1]},
		"throttled":                {base: answer(429, "", 0)},
		"throttled as Azure Storage does": {base: func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 503, Header: http.Header{"X-Ms-Error-Code": {"ServerBusy"}}, Body: http.NoBody}, nil
		}},
		"failed": {base: answer(500, "", 0), want: []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Estimated},
			{Meter: price.MeterWriteUnits, Quantity: 7, Source: price.Estimated}}},
		"broken off": {base: answer(200, "1234", 10), want: []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterBytesRead, Quantity: 4, Source: price.Counted}, {Meter: price.MeterBytesRead, Quantity: 6, Source: price.Estimated}}},
		"never sent": {base: func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }},
	} {
		m := &effect.Meter{}
		tr := &effect.Transport{Base: c.base, Count: func(*http.Request) effect.Counts {
			return effect.Counts{Request: request, Answer: price.MeterBytesRead, Most: c.most}
		}}
		method := http.MethodPut
		if c.head {
			method = http.MethodHead
		}
		r, err := http.NewRequestWithContext(effect.WithMeter(t.Context(), m), method, "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := tr.RoundTrip(r); err == nil {
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if got := m.Readings(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v; wanted %v", name, got, c.want)
		}
	}
}

func TestUnitsCountEachStartedOne(t *testing.T) {
	for n, want := range map[int64]int64{0: 1, 1: 1, 1023: 1, 1024: 1, 1025: 2, 4096: 4} {
		if got := effect.Units(n, 1024); got != want {
			t.Errorf("%d bytes are %d units, wanted %d", n, got, want)
		}
	}
}

func TestNoMeterCountsNothing(t *testing.T) {
	effect.MeterFrom(t.Context()).Count(price.MeterGet, 1, price.Counted)
	if id := effect.From(t.Context()); id != (effect.ID{}) {
		t.Errorf("the effect of no context is %+v", id)
	}
	if id := effect.From(effect.With(t.Context(), effect.ID{Command: "run_1/2/3", Try: 4})); id.String() != "run_1/2/3/4" {
		t.Errorf("the effect's id is %s", id)
	}
}

// A stream that the service breaks off in HTTP/2 has been seen by it, and is sent once: a
// request is not sent again by itself, and what it can have cost is estimated once.
func TestABrokenStreamIsCountedOnce(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked by %s", r.Proto)
		}
		asked.Add(1)
		panic(http.ErrAbortHandler)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	base := effect.NewBase()
	base.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
	defer base.CloseIdleConnections()
	tr := &effect.Transport{Base: base, Count: func(*http.Request) effect.Counts {
		return effect.Counts{Request: []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted}}}
	}}
	for i, method := range []string{http.MethodPut, http.MethodPost, http.MethodGet, http.MethodDelete} {
		m := &effect.Meter{}
		r, err := http.NewRequestWithContext(effect.WithMeter(t.Context(), m), method, srv.URL, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := tr.RoundTrip(r); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s was answered", method)
		}
		want := []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Estimated}}
		if got := m.Readings(); !reflect.DeepEqual(got, want) || asked.Load() != int64(i+1) {
			t.Errorf("%s: %v after %d requests", method, got, asked.Load())
		}
	}
}
