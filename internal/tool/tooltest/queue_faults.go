package tooltest

import (
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/queue"
)

func (s *queueSuite) faults(t *testing.T) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			to, _, p := s.open(t)
			if p.Fault == nil {
				t.Skip("nothing between us can fail")
			}
			p.Fault(t, f)
			_, _, err := p.send(t, to, queue.Message{Body: "the body"}, Command(), 1)
			held := len(p.Held(t))
			doubt := s.place.Class == agent.Once && f.Kind != fakecloud.TooMany && f.Kind != fakecloud.Garbage && !slices.Contains(p.Before, f.Kind)
			switch {
			case doubt:
				WantError(t, err, effect.Unknown, "")
				if held > 1 {
					t.Fatalf("the queue holds %d", held)
				}
			case err != nil || held != 1:
				t.Fatalf("the queue holds %d, %v", held, err)
			}
		})
	}
	for kind, outcome := range map[fakecloud.Kind]effect.Outcome{fakecloud.ServerFail: effect.Unknown, fakecloud.TooMany: effect.NotDone} {
		t.Run("gives up after a few tries of "+string(kind), func(t *testing.T) {
			to, _, p := s.open(t)
			if p.Wire == nil {
				t.Skip("nothing between us can fail for ever")
			}
			p.Wire.order(fakecloud.Fault{Kind: kind})
			command := Command()
			_, _, err := p.send(t, to, queue.Message{Body: strings.Repeat("<é\n", 15<<10)}, command, 1)
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
	t.Run("nobody is there", func(t *testing.T) {
		p := s.place.Make(t)
		if p.Gone == "" {
			t.Skip("it is always there")
		}
		_, m, err := p.send(t, p.open(t, p.Gone, true), queue.Message{Body: "b"}, Command(), 1)
		WantError(t, err, effect.NotDone, "cannot be reached")
		WantCounted(t, m, nil)
	})
}

// receiveFaults: whatever fails, a message is not lost, and what was acknowledged does
// not come again.
func (s *queueSuite) receiveFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			to, from, p := s.open(t)
			if p.Fault == nil {
				t.Skip("nothing between us can fail")
			}
			p.must(t, to, "the body", "")
			p.Fault(t, f)
			ctx, _ := Effect(t, Command(), 1)
			got, err := from.Receive(ctx, 1, 0, hidden)
			p.known(t, err)
			if len(got) == 0 { // its lock has to end first
				p.later(3 * soon * 10)
				got = []queue.Received{p.next(t, from, 4*soon, long)}
			}
			p.Fault(t, f)
			ctx, m := Effect(t, Command(), 1)
			if err := from.Ack(ctx, got[0]); err != nil {
				t.Fatalf("acknowledge: %v", err)
			}
			if _, all := counted(m); all[price.MeterAcks] > effect.Tries {
				t.Errorf("counted %v", m.Readings())
			}
			p.later(10 * soon * 10)
			p.none(t, from)
		})
	}
}

func (s *queueSuite) refused(t *testing.T) {
	for _, kind := range []fakecloud.Kind{forbid, redirect} {
		to, from, p := s.open(t)
		if p.Wire == nil {
			t.Skip("it has no such answer")
		}
		p.Wire.order(fakecloud.Fault{Kind: kind, Count: 1})
		_, _, err := p.send(t, to, queue.Message{Body: "b"}, Command(), 1)
		WantError(t, err, effect.Refused, "send")
		p.Wire.order(fakecloud.Fault{Kind: kind, Count: 1})
		_, err = from.Receive(t.Context(), 1, 0, long)
		p.known(t, err)
		WantError(t, err, effect.Refused, "receive")
		if n := len(p.Wire.exchanges("")); n != 2 {
			t.Errorf("%s: asked %d times", kind, n)
		}
	}
}
