package route_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// TestTimeDoesNotUnmend: where nothing happens, what can serve a call can serve it
// later, too; and when a reason's time is over it is another one, or none.
func TestTimeDoesNotUnmend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for i := range w.cs {
			s, now := w.cs[i].Standing, w.now
			could := false
			for now.Sub(w.now) < 3*time.Hour {
				why, until := s.Stands(0, 1000, now)
				switch {
				case could && why != 0:
					t.Fatalf("%s after %s, and it could serve before", why, now.Sub(w.now))
				case !until.IsZero() && !until.After(now):
					t.Fatalf("%s until %s, and it is %s", why, until, now)
				}
				could = why == 0
				step := time.Duration(rapid.Int64Range(1, int64(10*time.Minute)).Draw(t, "step"))
				if !until.IsZero() && rapid.Bool().Draw(t, "to the end") {
					step = until.Sub(now)
				}
				now = now.Add(step)
			}
			if why, _ := s.Stands(0, 1000, now); why != 0 && why != route.AtCapacity && why != route.QuotaFull && why != route.CommittedFull && why != route.TooLarge {
				t.Fatalf("%s after three hours", why)
			}
		}
	})
}

// TestWhatBeginsEnds: however attempts begin and end, in whatever order, over reloads,
// and whatever they end with: after the last one nothing is in flight anywhere, and
// within the hour that a provider may ask for the deployment serves again.
func TestWhatBeginsEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := epoch
		quotas := []*limit.Group{{}, {}}
		deployments := []*route.Standing{{}, {}}
		committed := []*limit.Group{nil, {}}
		reload := func(s *route.Standing) {
			s.Keys = s.Keys[:0]
			for range rapid.IntRange(0, 2).Draw(t, "keys") {
				s.Keys = append(s.Keys, route.Key{Quota: rapid.SampledFrom(quotas).Draw(t, "quota"), Credential: &limit.Cooldown{}})
			}
			s.Slots.Max = rapid.IntRange(0, 5).Draw(t, "slots")
			s.Committed, s.Spills = rapid.SampledFrom(committed).Draw(t, "committed"), rapid.Bool().Draw(t, "spills")
		}
		type attempt struct {
			of *route.Standing
			b  route.Begun
		}
		var open []attempt
		end := func(i int) {
			a := open[i]
			open = append(open[:i], open[i+1:]...)
			a.of.End(route.Observed{
				Begun: a.b, Opened: rapid.Bool().Draw(t, "opened"), Err: drawError(t), Tokens: rapid.Int64Range(-1, 5000).Draw(t, "tokens"),
				First: time.Duration(rapid.IntRange(0, 9).Draw(t, "first")) * time.Second, Took: 10 * time.Second, Output: 100,
			}, now)
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				s := rapid.SampledFrom(deployments).Draw(t, "deployment")
				key, tokens := rapid.IntRange(0, 2).Draw(t, "key"), rapid.Int64Range(0, 3000).Draw(t, "tokens")
				why, _ := s.Stands(key, tokens, now)
				b, ok := s.Begin(key, tokens, now)
				if ok != (why == 0) {
					t.Fatalf("it stands %q, and an attempt begins: %v", why, ok)
				}
				if ok {
					open = append(open, attempt{s, b})
				}
			},
			"end": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip()
				}
				end(rapid.IntRange(0, len(open)-1).Draw(t, "which"))
			},
			"headers": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip()
				}
				left := rapid.Int64Range(0, 10).Draw(t, "left")
				open[0].b.Report(limit.Reported{Requests: limit.Bucket{Limit: 10, Remaining: left, Reset: 30 * time.Second, Known: true}}, now)
			},
			"reload": func(t *rapid.T) { reload(rapid.SampledFrom(deployments).Draw(t, "deployment")) },
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			},
		})
		for len(open) > 0 {
			end(len(open) - 1)
		}
		for _, g := range append(quotas, committed[1]) {
			if g.InFlight() != 0 {
				t.Fatalf("%d are in flight for ever", g.InFlight())
			}
		}
		now = now.Add(time.Hour + 2*time.Minute)
		for i, s := range deployments {
			if s.Slots.InFlight() != 0 {
				t.Fatalf("%d are in flight for ever", s.Slots.InFlight())
			}
			b, ok := s.Begin(0, 100, now)
			if !ok {
				why, until := s.Stands(0, 100, now)
				t.Fatalf("deployment %d: %s until %s", i, why, until.Sub(now))
			}
			s.End(route.Observed{Begun: b, Opened: true, Tokens: 100, Took: time.Second}, now)
			if why, _ := s.Stands(0, 100, now); why != 0 {
				t.Fatalf("deployment %d works again, and %s", i, why)
			}
			if share := s.Health.Ramp(now.Add(10 * time.Second)); share != 1 {
				t.Fatalf("ten seconds later it takes %v of its traffic", share)
			}
		}
	})
}

// TestOneProbeAtATime: while one finds out, nobody else does, for half a minute; and a
// probe that is never heard of again keeps nobody away for longer.
func TestOneProbeAtATime(t *testing.T) {
	var s route.Standing
	now := epoch
	for range 5 {
		b, _ := s.Begin(0, 0, now)
		s.End(route.Observed{Begun: b, Opened: true, Err: &llm.Error{Class: llm.ServerError}}, now)
	}
	if _, ok := s.Begin(0, 0, now.Add(250*time.Millisecond-1)); ok { // not even where nobody else is left
		t.Fatal("it does not rest")
	}
	for i := range 4 { // none of these ends
		now = now.Add([]time.Duration{5 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second}[i])
		if b, ok := s.Begin(0, 0, now); !ok || !b.Probe {
			t.Fatalf("probe %d: begun %v, as a probe %v", i, ok, b.Probe)
		}
		for _, after := range []time.Duration{0, time.Second, 30*time.Second - 1} {
			if _, ok := s.Begin(0, 0, now.Add(after)); ok {
				t.Fatalf("another one begins %s after probe %d", after, i)
			}
		}
	}
}

// TestTheSpeedsAreRight: the quantile is within an eighth of what it was, and the
// average and the rate are those of answers that are all alike.
func TestTheSpeedsAreRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s route.Stats
		first := time.Duration(rapid.Int64Range(int64(2*time.Millisecond), int64(2*time.Minute)).Draw(t, "first"))
		each := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Second)).Draw(t, "each"))
		for range rapid.IntRange(1, 1000).Draw(t, "answers") {
			s.Note(first, first+200*each, 200, epoch)
		}
		e := s.Expect(epoch)
		near := func(what string, got, want, off float64) {
			if got < want*(1-off) || got > want*(1+off) {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
		near("first content", float64(e.First), float64(first), 0.001)
		near("95 % of first contents", float64(e.P95), float64(first), 0.25)
		near("whole", float64(e.Whole), float64(first+200*each), 0.001)
		near("tokens a second", e.Rate, float64(time.Second)/float64(each), 0.001)
	})
}

// TestAReportPutsNothingBack: of ten that were sent at once the first one's headers say
// that nine are left, for the others had not arrived yet.
func TestAReportPutsNothingBack(t *testing.T) {
	s := route.Standing{Keys: []route.Key{{Quota: &limit.Group{}}}}
	var first route.Begun
	for i := range 10 {
		b, ok := s.Begin(0, 100, epoch)
		if !ok {
			t.Fatal("it has no room")
		}
		if i == 0 {
			first = b
		}
	}
	now := epoch.Add(time.Second)
	first.Report(limit.Reported{Requests: limit.Bucket{Limit: 10, Remaining: 9, Reset: 30 * time.Second, Known: true}}, now)
	if why, until := s.Stands(0, 100, now); why != route.QuotaFull || !until.Equal(now.Add(30*time.Second)) {
		t.Errorf("it stands %q until %s", why, until.Sub(now))
	}
}
