package tooltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/notify"
)

// faults is where the classes differ: what remembers is asked again, what does not is
// asked again only where it is known that nothing was done.
func (s *notifySuite) faults(t *testing.T) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			topic, p := s.open(t)
			if p.Fault == nil {
				t.Skip("nothing between us can fail")
			}
			p.Fault(t, f)
			_, _, err := p.publish(t, topic, notify.Message{Subject: "s", Body: "the body"}, Command(), 1)
			told := p.told(t, "the body")
			doubt := s.place.Class == agent.Once && f.Kind != fakecloud.TooMany && f.Kind != fakecloud.Garbage && !slices.Contains(p.Before, f.Kind)
			switch {
			case doubt:
				WantError(t, err, effect.Unknown, "")
				if told > 1 {
					t.Fatalf("told %d times", told)
				}
			case err != nil || told != 1:
				t.Fatalf("told %d times, %v", told, err)
			}
		})
	}
	t.Run("too long a wait is left to the caller", func(t *testing.T) {
		topic, p := s.open(t)
		if p.Wire == nil {
			t.Skip("it has no such answer")
		}
		p.Wire.order(fakecloud.Fault{Kind: fakecloud.TooMany, RetryAfter: 30})
		command := Command()
		_, m, err := p.publish(t, topic, notify.Message{Subject: "s", Body: "b"}, command, 1)
		WantError(t, err, effect.NotDone, "429")
		if e := err.(*effect.Error); !e.Retry || e.After.Seconds() != 30 {
			t.Fatalf("the error is %+v", e)
		}
		if n := len(p.Wire.exchanges(command + "/1")); n != 1 {
			t.Fatalf("asked %d times", n)
		}
		WantCounted(t, m, nil)
	})
	for kind, outcome := range map[fakecloud.Kind]effect.Outcome{fakecloud.ServerFail: effect.Unknown, fakecloud.TooMany: effect.NotDone} {
		t.Run("gives up after a few tries of "+string(kind), func(t *testing.T) {
			topic, p := s.open(t)
			if p.Wire == nil {
				t.Skip("nothing between us can fail for ever")
			}
			p.Wire.order(fakecloud.Fault{Kind: kind})
			command := Command()
			// The largest message shows that the bound holds for all tries.
			_, _, err := p.publish(t, topic, notify.Message{Subject: "s", Body: strings.Repeat("<\x01é", 6<<10)}, command, 1)
			WantError(t, err, outcome, string(kind))
			want := effect.Tries
			if s.place.Class == agent.Once && outcome == effect.Unknown {
				want = 1
			}
			if n := len(p.Wire.exchanges(command + "/1")); n != want {
				t.Fatalf("asked %d times, wanted %d", n, want)
			}
		})
	}
	t.Run("an answer without an end is not waited for", func(t *testing.T) {
		topic, p := s.open(t)
		if p.Wire == nil {
			t.Skip("its answers are lines")
		}
		p.Wire.order(fakecloud.Fault{Kind: claims})
		_, _, err := p.publish(t, topic, notify.Message{Subject: "s", Body: "b"}, Command(), 1) // checks its bound
		if err != nil {
			WantError(t, err, effect.Unknown, "")
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		p := s.place.Make(t)
		if p.Gone == "" {
			t.Skip("it is always there")
		}
		_, m, err := p.publish(t, p.open(t, p.Gone), notify.Message{Subject: "s", Body: "b"}, Command(), 1)
		WantError(t, err, effect.NotDone, "cannot be reached")
		WantCounted(t, m, nil)
	})
}

// refused: the service's no is told to the model, and nothing that is secret.
func (s *notifySuite) refused(t *testing.T) {
	for _, kind := range []fakecloud.Kind{forbid, redirect} {
		topic, p := s.open(t)
		if p.Wire == nil {
			t.Skip("it has no such answer")
		}
		p.Wire.order(fakecloud.Fault{Kind: kind})
		command := Command()
		_, m, err := p.publish(t, topic, notify.Message{Subject: "s", Body: "b"}, command, 1)
		WantError(t, err, effect.Refused, "")
		if n := len(p.Wire.exchanges("")); n != 1 {
			t.Errorf("%s: asked %d times", kind, n)
		}
		if _, all := counted(m); all[price.MeterPublishes] < 1 {
			t.Errorf("%s: counted %v", kind, m.Readings())
		}
		if said := fmt.Sprint(err); len(said) < 20 || strings.Contains(said, "https response error") || strings.Contains(said, "operation error") {
			t.Errorf("%s: it says %q", kind, said)
		}
	}
}
