package effect_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
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
		"success":                            {agent.Once, []error{nil}, 1, ""},
		"once, not done, then done":          {agent.Once, []error{notDone, nil}, 2, ""},
		"once, unknown":                      {agent.Once, []error{unknown, nil}, 1, effect.Unknown},
		"once, not done, then unknown":       {agent.Once, []error{notDone, unknown, nil}, 2, effect.Unknown},
		"keyed, unknown, then done":          {agent.Keyed, []error{unknown, nil}, 2, ""},
		"keyed, unknown for ever":            {agent.Keyed, []error{unknown}, 3, effect.Unknown},
		"keyed, unknown, then not done":      {agent.Keyed, []error{unknown, notDone}, 3, effect.Unknown},
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
	}{
		"done": {answer(200, "1234", 4), []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterBytesRead, Quantity: 4, Source: price.Counted}}},
		"refused by its condition": {answer(412, "no", 2), request[:1]},
		"throttled":                {answer(429, "", 0), nil},
		"failed": {answer(500, "", 0), []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Estimated},
			{Meter: price.MeterWriteUnits, Quantity: 7, Source: price.Estimated}}},
		"broken off": {answer(200, "1234", 10), []price.Reading{{Meter: price.MeterPut, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterBytesRead, Quantity: 4, Source: price.Counted}, {Meter: price.MeterBytesRead, Quantity: 6, Source: price.Estimated}}},
		"never sent": {func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }, nil},
	} {
		m := &effect.Meter{}
		tr := &effect.Transport{Base: c.base, Count: func(*http.Request) effect.Counts {
			return effect.Counts{Request: request, Answer: price.MeterBytesRead}
		}}
		r, err := http.NewRequestWithContext(effect.WithMeter(t.Context(), m), http.MethodPut, "http://x/", nil)
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
