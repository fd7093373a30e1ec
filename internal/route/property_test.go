package route_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// world is a model's deployments in any state, and a request.
type world struct {
	cs    []route.Candidate
	tiers []route.Tier
	r     route.Request
	now   time.Time
}

// drawWorld has up to a dozen deployments, each with a past of its own.
func drawWorld(t *rapid.T) *world {
	w := &world{now: epoch}
	quotas := []*limit.Group{{}, {}, {}}
	for _, q := range quotas {
		q.Set(limit.Limits{Requests: rapid.Int64Range(0, 30).Draw(t, "rpm"), Tokens: rapid.Int64Range(0, 50_000).Draw(t, "tpm"), InFlight: rapid.IntRange(0, 8).Draw(t, "at a time")})
	}
	n := rapid.IntRange(1, 12).Draw(t, "deployments")
	for i := range n {
		w.cs = append(w.cs, drawCandidate(t, i, quotas))
	}
	for range rapid.IntRange(0, 30).Draw(t, "bursts") {
		x := rapid.SampledFrom(w.cs).Draw(t, "which")
		drawBurst(t, x.Standing, w.now)
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
	}
	w.tiers = drawTiers(t, n)
	w.r = drawRequest(t)
	return w
}

var (
	makers   = []llm.Maker{llm.MakerOpenAI, llm.MakerAnthropic}
	tags     = []string{"geo:eu", "geo:us", "zdr"}
	policies = []route.Policy{route.Priority, route.Cheapest, route.Fastest, route.Balanced, route.Weighted}
)

func some[T any](t *rapid.T, of []T, label string) (out []T) {
	for _, x := range of {
		if rapid.Bool().Draw(t, label) {
			out = append(out, x)
		}
	}
	return out
}

// mostly is true seven times in eight, so that something is left after many of them.
func mostly(t *rapid.T, label string) bool { return rapid.IntRange(0, 7).Draw(t, label) > 0 }

func drawCandidate(t *rapid.T, i int, quotas []*limit.Group) route.Candidate {
	f := &route.Facts{
		Name: fmt.Sprint("d", i), Provider: fmt.Sprint("p", i%3), Makers: some(t, makers, "maker"), Tags: some(t, tags, "tag"),
		Context: rapid.SampledFrom([]int64{0, 0, 4000, 100_000}).Draw(t, "context"), HasKnown: !mostly(t, "has known"),
		Has: route.Needs(rapid.IntRange(0, 63).Draw(t, "has")), Weight: rapid.IntRange(0, 9).Draw(t, "weight"), Same: uint32(rapid.IntRange(0, 2).Draw(t, "same")),
	}
	if !mostly(t, "own") {
		f.Fallback = "other"
	}
	s := &route.Standing{Keys: []route.Key{{Quota: rapid.SampledFrom(quotas).Draw(t, "quota"), Credential: &limit.Cooldown{}}}, Spills: rapid.Bool().Draw(t, "spills")}
	s.Slots.Max = rapid.IntRange(0, 6).Draw(t, "slots")
	if !mostly(t, "on demand") {
		s.Committed = &limit.Group{}
		s.Committed.Set(limit.Limits{Tokens: rapid.Int64Range(1, 20_000).Draw(t, "committed")})
	}
	x := route.Candidate{
		Facts: f, Standing: s, Loses: !mostly(t, "faithful"), Elsewhere: !mostly(t, "here"), Barred: !mostly(t, "open"), Full: !mostly(t, "room"),
		Warm: rapid.Int64Range(0, 8000).Draw(t, "warm"),
	}
	if mostly(t, "priced") {
		in := rapid.Int64Range(1, 100).Draw(t, "price") * 100_000
		x.Rates = route.Rates{Known: true, Currency: "USD", Input: in, CacheRead: in / 10, CacheWrite: in * 5 / 4, Output: in * 4}
	}
	if !mostly(t, "has a key") {
		x.Key = -1
	}
	if !mostly(t, "has the API") {
		x.Lacks = llm.Embed
	}
	return x
}

// drawBurst is some attempts in a row, which all end alike, or do not end.
func drawBurst(t *rapid.T, s *route.Standing, now time.Time) {
	err := drawError(t)
	first := time.Duration(rapid.IntRange(1, 5000).Draw(t, "first")) * time.Millisecond
	ends := rapid.Bool().Draw(t, "ends")
	for range rapid.IntRange(1, 12).Draw(t, "attempts") {
		b, ok := s.Begin(0, 500, now)
		if ok && ends {
			s.End(route.Observed{Begun: b, Opened: true, Err: err, Tokens: 700, First: first, Took: 2 * first, Output: 100}, now)
		}
	}
}

func drawError(t *rapid.T) *llm.Error {
	class := rapid.SampledFrom([]llm.ErrorClass{"", "", llm.ServerError, llm.TimedOut, llm.RateLimited, llm.Unauthorized, llm.BadRequest, llm.Canceled, llm.QuotaExhausted}).Draw(t, "class")
	if class == "" {
		return nil
	}
	return &llm.Error{Class: class, RetryAfter: time.Duration(rapid.SampledFrom([]int{0, 0, 3, 90}).Draw(t, "after")) * time.Second}
}

// drawTiers covers some of the deployments, from the first on; or, now and then, what
// is no order at all.
func drawTiers(t *rapid.T, n int) (tiers []route.Tier) {
	for first := 0; first < n && rapid.Bool().Draw(t, "tier"); {
		tier := route.Tier{Policy: rapid.SampledFrom(policies).Draw(t, "policy"), First: first, End: first + rapid.IntRange(1, n).Draw(t, "of")}
		first = tier.End
		tiers = append(tiers, tier)
	}
	return tiers
}

func drawRequest(t *rapid.T) route.Request {
	r := route.Request{
		Input: rapid.Int64Range(0, 8000).Draw(t, "input"), Output: rapid.Int64Range(0, 2000).Draw(t, "output"), LossyOK: rapid.Bool().Draw(t, "lossy"),
		Chance: rapid.Uint64().Draw(t, "chance"), Needs: route.Needs(rapid.SampledFrom([]int{0, 0, 0, 1, 8, 63}).Draw(t, "needs")),
	}
	r.Marked = rapid.Int64Range(0, r.Input).Draw(t, "marked")
	if !mostly(t, "unbound") {
		r.Bindings = some(t, makers, "binding")
	}
	if !mostly(t, "anywhere") {
		r.Require = some(t, tags, "require")
	}
	if !mostly(t, "any") {
		r.Only = []string{"p0", "d1", "d2"}
	}
	if !mostly(t, "any length") {
		r.LongerThan = 5000
	}
	if !mostly(t, "any model") {
		r.SameOnly, r.SameAs = true, uint32(rapid.IntRange(0, 2).Draw(t, "same as"))
	}
	if !mostly(t, "no hint") {
		p := rapid.SampledFrom(policies).Draw(t, "hint")
		r.Policy = &p
	}
	return r
}

// legal is what a request may never go against, said another way than route does.
func legal(r *route.Request, x *route.Candidate) bool {
	has := func(of []string, s string) bool { return slices.Index(of, s) >= 0 }
	for _, tag := range r.Require {
		if !has(x.Tags, tag) {
			return false
		}
	}
	for _, b := range r.Bindings {
		if !slices.Contains(x.Makers, b) && !slices.Contains(x.Makers, route.AnyMaker) {
			return false
		}
	}
	return !(x.Lacks != "" || x.Key < 0 || x.Elsewhere || x.Barred ||
		len(r.Only) > 0 && !has(r.Only, x.Name) && !has(r.Only, x.Provider) ||
		x.HasKnown && x.Has&r.Needs != r.Needs ||
		x.Context > 0 && x.Context < r.Input ||
		r.LongerThan > 0 && x.Context <= r.LongerThan ||
		x.Loses && !r.LossyOK ||
		r.SameOnly && (x.Same == 0 || x.Same != r.SameAs))
}

// TestEveryCandidateGetsOneVerdict, and the right one: whatever the policies, those to
// try come first; nothing illegal is among them, and nothing that has no room unless
// all that is legal waits for room; nothing that could serve is left out.
func TestEveryCandidateGetsOneVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		tokens := w.r.Input + w.r.Output
		seen := map[uint16]bool{}
		serves, queues, over := false, false, false
		for i, c := range route.Choose(w.tiers, &w.r, w.cs, w.now, nil) {
			x := &w.cs[c.Candidate]
			why, until := x.Standing.Stands(x.Key, tokens, w.now)
			can := legal(&w.r, x)
			switch {
			case seen[c.Candidate]:
				t.Fatalf("%s has two verdicts", x.Name)
			case c.Taken && over:
				t.Fatalf("%s is to be tried after one that is not", x.Name)
			case c.Taken && !can:
				t.Fatalf("%s may not serve, and is to be tried: %s", x.Name, c.Reason)
			case c.Reason == 0 || c.Taken != (c.Reason <= route.Queue):
				t.Fatalf("%s: taken %v for the reason %d, %s", x.Name, c.Taken, c.Reason, c.Reason)
			case c.Taken && c.Reason == route.Queue && !(why.Capacity() || why == 0 && x.Full):
				t.Fatalf("%s waits for room, and %s", x.Name, cmp.Or(why.String(), "has room"))
			case c.Taken && c.Reason == route.ComingBack && why == route.Resting: // as nobody else is left
			case c.Taken && c.Reason != route.Queue && (why != 0 || x.Full) && (i < 8 || !why.Capacity() && why != route.QuotaRests && why != route.TooLarge):
				t.Fatalf("%s is to be tried, and %s", x.Name, why)
			case !c.Taken && can && why == 0 && !x.Full:
				t.Fatalf("%s could serve, and is skipped: %s", x.Name, c.Reason)
			case !can && (!c.Reason.Lasting() || !c.Until.IsZero()):
				t.Fatalf("%s can never serve, and is skipped: %s, until %s", x.Name, c.Reason, c.Until)
			case c.Reason == route.PoolFull && x.Full, c.Reason == route.QuotaRests && (why.Capacity() || x.Full):
			case !c.Taken && c.Reason == why && (why == route.Resting || why == route.Probed) && c.Until.Sub(w.now) == 250*time.Millisecond: // to be probed soon
			case can && !c.Taken && (c.Reason != why || !c.Until.Equal(until)):
				t.Fatalf("%s is skipped: %s until %s; it stands: %s until %s", x.Name, c.Reason, c.Until, why, until)
			case !c.Until.IsZero() && !c.Until.After(w.now):
				t.Fatalf("%s: until %s, which is past", x.Name, c.Until)
			}
			seen[c.Candidate], over = true, over || !c.Taken
			serves, queues = serves || c.Taken && c.Reason != route.Queue, queues || c.Reason == route.Queue
		}
		if len(seen) != len(w.cs) {
			t.Fatalf("%d verdicts on %d deployments", len(seen), len(w.cs))
		}
		if serves && queues {
			t.Fatal("some are to be waited for while others could serve")
		}
	})
}

// TestHealthGoesBeforePolicy: what loses meaning comes last, then other models, then
// what is ejected, then what comes back; and later tiers after earlier ones. Neither
// price, nor speed, nor chance, nor a warm cache goes over that.
func TestHealthGoesBeforePolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		var last [4]int
		for _, c := range route.Choose(w.tiers, &w.r, w.cs, w.now, nil) {
			if !c.Taken || c.Reason == route.Queue {
				return
			}
			x := &w.cs[c.Candidate]
			at := [4]int{3: int(c.Tier)}
			for i, is := range []bool{x.Loses, x.Fallback != ""} {
				if is {
					at[i] = 1
				}
			}
			switch c.Reason {
			case route.ComingBack:
				at[2] = 1
			case route.Ejected:
				at[2] = 2
			case route.Lossy: // which says nothing of its health
				at[2], at[3] = last[2], last[3]
				if at[0] != last[0] || at[1] != last[1] {
					at[2], at[3] = 0, 0
				}
			}
			if slices.Compare(at[:], last[:]) < 0 {
				t.Fatalf("%s (%s) comes after what is worse: %v after %v", x.Name, c.Reason, at, last)
			}
			last = at
		}
	})
}

// TestTheOrderListedDecidesTiesOnly: the same deployments listed in another order get
// the same verdicts, and are in an order as good by the policy.
func TestTheOrderListedDecidesTiesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		p := rapid.SampledFrom([]route.Policy{route.Cheapest, route.Fastest}).Draw(t, "policy")
		w.r.Policy, w.tiers = &p, nil
		other := rapid.Permutation(w.cs).Draw(t, "listed")
		type verdict struct {
			name   string
			taken  bool
			reason route.Reason
			until  time.Time
		}
		choose := func(cs []route.Candidate) (verdicts []verdict, values []int64, chance bool) {
			for _, c := range route.Choose(nil, &w.r, cs, w.now, nil) {
				v := verdict{name: cs[c.Candidate].Name, taken: c.Taken, until: c.Until}
				if !c.Taken || c.Reason == route.Queue {
					v.reason = c.Reason
				}
				verdicts = append(verdicts, v)
				chance = chance || c.Reason == route.ComingBack || c.Share > 0 || c.Reason == route.Explored || c.Reason == route.CacheWarm
				switch {
				case !c.Taken:
				case p == route.Cheapest:
					values = append(values, c.Cost)
				default:
					values = append(values, int64(c.Whole))
				}
			}
			slices.SortFunc(verdicts, func(a, b verdict) int { return cmp.Compare(a.name, b.name) })
			return verdicts, values, chance
		}
		a, byA, chance := choose(w.cs)
		b, byB, chanceB := choose(other)
		if !slices.Equal(a, b) {
			t.Fatalf("verdicts depend on the order listed:\n%v\n%v", a, b)
		}
		if !chance && !chanceB && !slices.Equal(byA, byB) {
			t.Fatalf("%s: the order depends on the order listed:\n%v\n%v", p, byA, byB)
		}
	})
}
