package limit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
)

// modelCall is a call as the dumb model sees it: its tokens count at its start, by the
// estimate until it ends. What a call longer than a minute had above its estimate
// counts from its end on, as an entry of its own.
type modelCall struct {
	at     time.Time
	tokens int64
	ended  bool
	above  bool // only what was above an estimate
}

// TestConfiguredLimitsAreHardCaps: no 60 seconds hold more calls or tokens than
// configured, but for what actual numbers were above their estimates; what the group
// counts is never more than what 62.5 seconds held; and Room's until is true: there
// is room then, and not a millisecond before.
func TestConfiguredLimitsAreHardCaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := limit.Limits{
			Requests: rapid.Int64Range(0, 20).Draw(t, "requests"), Tokens: rapid.Int64Range(0, 1000).Draw(t, "tokens"),
			InFlight: rapid.IntRange(0, 10).Draw(t, "in flight"),
		}
		var g limit.Group
		g.Set(l)
		now := epoch
		var calls []modelCall
		var above int64
		used := func(at time.Time, window time.Duration) (n, tokens int64) {
			for _, c := range calls {
				if at.Sub(c.at) < window {
					tokens += c.tokens
					if !c.above {
						n++
					}
				}
			}
			return n, tokens
		}
		running := func() (n int) {
			for _, c := range calls {
				if !c.ended {
					n++
				}
			}
			return n
		}
		fits := func(tokens int64, at time.Time, window time.Duration) bool {
			n, sum := used(at, window)
			return (l.Requests == 0 || n < l.Requests) && (l.Tokens == 0 || sum+tokens <= l.Tokens) && (l.InFlight == 0 || running() < l.InFlight)
		}
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				tokens := rapid.Int64Range(0, 300).Draw(t, "estimate")
				ok, until, why := g.Room(tokens, now)
				switch {
				case ok && !fits(tokens, now, time.Minute):
					t.Fatalf("there is room for %d in %+v, and there should not be: %v", tokens, l, calls)
				case !ok && fits(tokens, now, time.Minute+2500*time.Millisecond):
					t.Fatalf("no room for %d in %+v (%s), and there should be: %v", tokens, l, why, calls)
				case why == limit.TooLarge:
					if l.Tokens == 0 || tokens <= l.Tokens || !until.IsZero() {
						t.Fatalf("%d of %d tokens are too large until %s", tokens, l.Tokens, until)
					}
				case why == limit.Full:
					if running() < l.InFlight || !until.IsZero() {
						t.Fatalf("full with %d of %d, until %s", running(), l.InFlight, until)
					}
				case !ok:
					if _, _, then := g.Room(tokens, until); then != limit.Given && then != limit.Full {
						t.Fatalf("no room until %s, and then %s", until.Sub(now), then)
					}
					if still, _, _ := g.Room(tokens, until.Add(-time.Millisecond)); still {
						t.Fatalf("no room until %s, and there is room before", until.Sub(now))
					}
				}
				if ok {
					g.Take(tokens, now)
					calls = append(calls, modelCall{at: now, tokens: tokens})
				}
			},
			"end": func(t *rapid.T) {
				i := slices.IndexFunc(calls, func(c modelCall) bool { return !c.ended })
				if i < 0 {
					t.Skip()
				}
				c := &calls[i]
				actual := rapid.Int64Range(-1, 400).Draw(t, "actual")
				g.Done(now.Sub(c.at), c.tokens, actual, now)
				c.ended = true
				if actual < 0 {
					return
				}
				more := max(actual-c.tokens, 0)
				above += more
				c.tokens = actual
				if now.Sub(c.at) >= time.Minute && more > 0 {
					c.tokens -= more
					calls = append(calls, modelCall{at: now, tokens: more, ended: true, above: true})
				}
			},
			"never sent": func(t *rapid.T) {
				i := slices.IndexFunc(calls, func(c modelCall) bool { return !c.ended })
				if i < 0 {
					t.Skip()
				}
				g.Cancel(now.Sub(calls[i].at), calls[i].tokens, now)
				calls = slices.Delete(calls, i, i+1)
			},
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(t *rapid.T) {
				n, tokens := used(now, time.Minute)
				if l.Requests > 0 && n > l.Requests || l.Tokens > 0 && tokens > l.Tokens+above || l.InFlight > 0 && running() > l.InFlight {
					t.Fatalf("%d calls with %d tokens, %d in flight of %+v, %d above their estimates", n, tokens, running(), l, above)
				}
				if g.InFlight() != running() {
					t.Fatalf("%d in flight, want %d", g.InFlight(), running())
				}
			},
		})
	})
}

// TestAGroupNeverGetsStuck: whatever headers and refusals said, an hour and a minute
// after the last of them there is room again; and until then, until is true.
func TestAGroupNeverGetsStuck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g limit.Group
		g.Set(limit.Limits{Requests: rapid.Int64Range(0, 3).Draw(t, "requests"), InFlight: rapid.IntRange(0, 3).Draw(t, "in flight")})
		now := epoch
		bucket := rapid.Custom(func(t *rapid.T) limit.Bucket {
			return limit.Bucket{
				Limit: rapid.Int64().Draw(t, "limit"), Remaining: rapid.Int64().Draw(t, "remaining"),
				Reset: time.Duration(rapid.Int64().Draw(t, "reset")), Known: rapid.Bool().Draw(t, "known"),
			}
		})
		sane := rapid.Custom(func(t *rapid.T) limit.Bucket {
			most := rapid.Int64Range(1, 100_000).Draw(t, "limit")
			left := rapid.Int64Range(0, most).Draw(t, "remaining")
			b := limit.Bucket{Limit: most, Remaining: left, Reset: time.Duration(rapid.Int64Range(0, 90).Draw(t, "s")) * time.Second, Known: true}
			if rapid.Bool().Draw(t, "refills") {
				b.Reset = time.Minute * time.Duration(most-left) / time.Duration(most)
			}
			return b
		})
		either := rapid.OneOf(bucket, sane)
		running := 0
		t.Repeat(map[string]func(*rapid.T){
			"report": func(t *rapid.T) {
				g.Report(limit.Reported{
					Requests: either.Draw(t, "requests"), Tokens: either.Draw(t, "tokens"), Input: either.Draw(t, "input"), Output: either.Draw(t, "output"),
					Age: time.Duration(rapid.Int64Range(-1, 100).Draw(t, "age")) * time.Second, Took: time.Duration(rapid.Int64Range(-1, 100).Draw(t, "took")) * time.Second,
				}, now)
			},
			"refused": func(t *rapid.T) {
				g.TooMany(time.Duration(rapid.Int64().Draw(t, "after")), now)
			},
			"take": func(t *rapid.T) {
				n := rapid.Int64Range(0, 200_000).Draw(t, "tokens")
				ok, until, why := g.Room(n, now)
				if !ok && why != limit.Full {
					if then, _, w := g.Room(n, until); !then && w != limit.Full {
						t.Fatalf("no room until +%s, and then %s", until.Sub(now), w)
					}
					if until.Sub(now) > time.Hour+time.Minute {
						t.Fatalf("no room until +%s", until.Sub(now))
					}
				}
				g.Take(n, now)
				running++
			},
			"done": func(t *rapid.T) {
				if running > 0 {
					g.Done(time.Duration(rapid.IntRange(0, 100).Draw(t, "took"))*time.Second, 1000, rapid.Int64Range(-1, 5000).Draw(t, "actual"), now)
					running--
				}
			},
			"never sent": func(t *rapid.T) {
				if running > 0 {
					g.Cancel(time.Duration(rapid.IntRange(0, 100).Draw(t, "took"))*time.Second, rapid.Int64Range(0, 200_000).Draw(t, "tokens"), now)
					running--
				}
			},
			"worked": func(*rapid.T) { g.Clear() },
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, 100_000).Draw(t, "ms")) * time.Millisecond)
			},
		})
		for ; running > 0; running-- {
			g.Done(0, 0, 0, now)
		}
		now = now.Add(time.Hour + time.Minute + 3*time.Second)
		if ok, until, why := g.Room(1_000_000, now); !ok {
			t.Fatalf("no room: %s until +%s", why, until.Sub(now))
		}
	})
}

func TestANilGroupAllowsAll(t *testing.T) {
	var g *limit.Group
	if ok, until, why := g.Room(1, epoch); !ok || !until.IsZero() || why != limit.Given || !g.Until(epoch).IsZero() {
		t.Fatal(ok, until, why)
	}
}

func TestACallThatEndsTwiceIsABrokenInvariant(t *testing.T) {
	var g limit.Group
	g.Take(1, epoch)
	g.Done(0, 1, 1, epoch)
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	g.Done(0, 1, 1, epoch)
}

func ExampleGroup() {
	var g limit.Group
	g.Set(limit.Limits{Tokens: 400_000})
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	g.Take(300_000, now)
	ok, until, why := g.Room(200_000, now.Add(20*time.Second))
	fmt.Println(ok, until.Format(time.TimeOnly), why)
	g.Done(21*time.Second, 300_000, 50_000, now.Add(21*time.Second))
	ok, _, why = g.Room(200_000, now.Add(21*time.Second))
	fmt.Println(ok, why)
	// Output:
	// false 12:01:02 its tokens per minute are used up
	// true there is room
}
