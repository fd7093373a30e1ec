package tooltest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/function"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Function is the suite for drivers of functions.
func Function(t *testing.T, d resource.Driver[function.Function]) {
	open := func(t *testing.T) (function.Function, *functionPlace) {
		t.Helper()
		p := newFunctionPlace(t, d.Scheme)
		return openFunction(t, p, p.URL), p
	}
	t.Run("is checked without a call", func(t *testing.T) {
		f, p := open(t)
		ctx, m := Effect(t, Command(), 1)
		if err := f.Check(ctx); err != nil {
			t.Fatal(err)
		}
		if n := p.called(); n != 0 || f.Carries() == "" {
			t.Errorf("it was called %d times; it carries the id %q", n, f.Carries())
		}
		WantCounted(t, m, nil)
	})
	t.Run("gives what the function gives", func(t *testing.T) { functionAnswers(t, open) })
	t.Run("tells a function's own failure", func(t *testing.T) { functionFails(t, open) })
	t.Run("lets it run on its own", func(t *testing.T) { functionAsync(t, open) })
	t.Run("refuses", func(t *testing.T) {
		f, p := open(t)
		ctx, m := Effect(t, Command(), 1)
		for _, payload := range []string{"", "{", `{"text":"` + strings.Repeat("x", function.MostPayload) + `"}`} {
			_, err := f.Invoke(ctx, function.Invocation{Payload: []byte(payload)}, Command())
			WantError(t, err, effect.Refused, "payload")
		}
		WantCounted(t, m, nil)
		gone := openFunction(t, p, p.missing)
		ctx, m = Effect(t, Command(), 1)
		_, err := gone.Invoke(ctx, function.Invocation{Payload: []byte("{}")}, Command())
		WantError(t, err, effect.Refused, "function")
		if strings.Contains(err.Error(), "a-secret-key") {
			t.Errorf("the error shows a secret: %v", err)
		}
		within(t, m, gone.Bound(2, time.Minute))
		if n := p.called(); n != 0 {
			t.Errorf("it was called %d times", n)
		}
	})
	t.Run("is cancelled", func(t *testing.T) {
		f, p := open(t)
		ctx, m := Cancelled(t)
		_, err := f.Invoke(ctx, function.Invocation{Payload: []byte("{}")}, Command())
		WantError(t, err, effect.NotDone, "cancelled")
		WantCounted(t, m, nil)
		if n := p.called(); n != 0 {
			t.Errorf("it was called %d times", n)
		}
	})
	t.Run("asks once, and says what is known", func(t *testing.T) { functionFaults(t, open) })
}

func openFunction(t *testing.T, p *functionPlace, url string) function.Function {
	t.Helper()
	f, u, _, err := resource.Open("function", url, resource.With{Write: true, Session: p.session}, function.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(u.String(), "a-secret-key") {
		t.Fatalf("the URL is shown as %s", u)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

type openFunc func(*testing.T) (function.Function, *functionPlace)

func functionAnswers(t *testing.T, open openFunc) {
	f, p := open(t)
	for payload, want := range map[string]string{
		`{"a":[1.50,"é<"]}`:      `{"a":[1.50,"é<"]}`,
		`{"text":"plain words"}`: `"plain words"`,
		`{"text":" "}`:           `" "`,
		`{"size":1000}`:          `"` + strings.Repeat("x", 998) + `"`,
	} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		before := p.called()
		a, err := f.Invoke(ctx, function.Invocation{Payload: []byte(payload)}, command)
		if err != nil || a.Failed || string(a.Payload) != want {
			t.Errorf("%s gave %s, %v, %v; wanted %s", payload, a.Payload, a.Failed, err, want)
		}
		if got := p.command(t); got != command || p.called() != before+1 {
			t.Errorf("called %d times with the id %q, wanted %q", p.called()-before, got, command)
		}
		within(t, m, f.Bound(len(payload), 30*time.Second))
		got := map[price.Meter]price.Reading{}
		for _, r := range m.Readings() {
			got[r.Meter] = r
		}
		if got[price.MeterInvocations] != (price.Reading{Meter: price.MeterInvocations, Quantity: 1, Source: price.Counted}) ||
			got[price.MeterBytesSent].Quantity != int64(len(payload)) || got[price.MeterBytesRead].Quantity == 0 {
			t.Errorf("counted %v", m.Readings())
		}
		if r := got[price.MeterMemoryTime]; (p.memory > 0) != (r.Quantity > 0) || r.Quantity > 0 && r.Source != p.kind {
			t.Errorf("counted %v", r)
		}
		p.wantInvoked(t, command+"/1", m)
	}
}

// wantInvoked compares invocations with what the service says that it served.
func (p *functionPlace) wantInvoked(t *testing.T, id string, m *effect.Meter) {
	t.Helper()
	if p.Cloud == nil {
		return
	}
	sure, all := counted(m)
	var served int64
	for _, ln := range p.Cloud.Log().Lines() {
		if ln.Effect == id {
			served += ln.Readings[string(price.MeterInvocations)]
			if mem := ln.Readings[string(price.MeterMemoryTime)]; p.kind == price.Reported && sure[price.MeterMemoryTime] != 0 && sure[price.MeterMemoryTime] != mem {
				t.Errorf("counted %d MB-ms, and the service says %d", sure[price.MeterMemoryTime], mem)
			}
		}
	}
	if served < sure[price.MeterInvocations] || served > all[price.MeterInvocations] {
		t.Errorf("the service served %d invocations, and counted were %d to %d", served, sure[price.MeterInvocations], all[price.MeterInvocations])
	}
}

func functionFails(t *testing.T, open openFunc) {
	f, p := open(t)
	command := Command()
	ctx, m := Effect(t, command, 1)
	a, err := f.Invoke(ctx, function.Invocation{Payload: []byte(`{"fail":true}`)}, command)
	within(t, m, f.Bound(20, 30*time.Second))
	p.wantInvoked(t, command+"/1", m)
	if p.called() != 1 {
		t.Errorf("it was called %d times", p.called())
	}
	if p.failed != "" {
		WantError(t, err, p.failed, "500")
		if strings.Contains(err.Error(), "a-secret-key") {
			t.Errorf("the error shows a secret: %v", err)
		}
		return
	}
	if err != nil || !a.Failed || !strings.Contains(string(a.Payload), "it is too hot") {
		t.Errorf("%s, %v, %v", a.Payload, a.Failed, err)
	}
}

func functionAsync(t *testing.T, open openFunc) {
	f, p := open(t)
	command := Command()
	ctx, m := Effect(t, command, 1)
	a, err := f.Invoke(ctx, function.Invocation{Payload: []byte(`{"a":1}`), Async: true}, command)
	if !f.Async() {
		WantError(t, err, effect.Refused, "on its own")
		WantCounted(t, m, nil)
		return
	}
	if err != nil || a.Payload != nil || p.called() != 1 {
		t.Fatalf("%+v, %v, called %d times", a, err, p.called())
	}
	within(t, m, f.Bound(7, 30*time.Second))
	p.wantInvoked(t, command+"/1", m)
}

func functionFaults(t *testing.T, open openFunc) {
	for _, fault := range faults() {
		t.Run(string(fault.Kind), func(t *testing.T) {
			f, p := open(t)
			if p.Cloud == nil {
				t.Skip("it is no stand-in's function")
			}
			p.Order(t, fault)
			command := Command()
			ctx, m := Effect(t, command, 1)
			a, err := f.Invoke(ctx, function.Invocation{Payload: []byte(`{"a":1}`)}, command)
			within(t, m, f.Bound(7, 30*time.Second))
			p.wantInvoked(t, command+"/1", m)
			if n := len(p.Cloud.Log().Lines()); n != 1 || p.called() > 1 {
				t.Errorf("asked %d times, called %d times", n, p.called())
			}
			switch fault.Kind {
			case fakecloud.TooMany:
				WantError(t, err, effect.NotDone, "")
				if p.called() != 0 {
					t.Error("it was called")
				}
				WantCounted(t, m, nil)
			case fakecloud.Garbage: // whatever it was, it came as an answer
				if err != nil {
					WantError(t, err, effect.Unknown, "")
				} else if !json.Valid(a.Payload) {
					t.Errorf("the answer is %s", a.Payload)
				}
			default:
				WantError(t, err, effect.Unknown, "function")
			}
		})
	}
	t.Run("slower than its time", func(t *testing.T) {
		f, p := open(t)
		if p.Cloud == nil {
			t.Skip("it is no stand-in's function")
		}
		p.Order(t, fakecloud.Fault{Kind: fakecloud.Slow, DelayMS: 60_000})
		command := Command()
		ctx, m := Effect(t, command, 1)
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := f.Invoke(ctx, function.Invocation{Payload: []byte(`{"a":1}`)}, command)
		WantError(t, err, effect.Unknown, "longer than its limit")
		within(t, m, f.Bound(7, 30*time.Second))
		if _, all := counted(m); all[price.MeterInvocations] != 1 {
			t.Errorf("counted %v", m.Readings())
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		f, p := open(t)
		if p.Cloud != nil {
			t.Skip("a stand-in is")
		}
		u, err := url.Parse(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = "127.0.0.1:1"
		gone := openFunction(t, p, u.String())
		ctx, m := Effect(t, Command(), 1)
		_, err = gone.Invoke(ctx, function.Invocation{Payload: []byte("{}")}, Command())
		WantError(t, err, effect.NotDone, "cannot be reached")
		WantCounted(t, m, nil)
		if err := gone.Check(ctx); err == nil {
			t.Error("the check says nothing")
		}
		u, _ = url.Parse(p.URL)
		u.Path = "/moved"
		moved := openFunction(t, p, u.String())
		_, err = moved.Invoke(ctx, function.Invocation{Payload: []byte("{}")}, Command())
		WantError(t, err, effect.Refused, "redirects are not followed")
		if p.called() != 0 {
			t.Error("a redirect was followed")
		}
		a, err := f.Invoke(ctx, function.Invocation{Payload: fmt.Appendf(nil, `{"size":%d}`, function.MostAnswer+1)}, Command())
		if err != nil || !strings.Contains(string(a.Payload), "too large") {
			t.Errorf("a large answer: %.80s, %v", a.Payload, err)
		}
	})
}
