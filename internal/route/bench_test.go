package route_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// hundred are deployments as busy as they come: with prices, learned speeds, a quota
// group each, some committed, some that fail now and then, some coming back.
func hundred() []route.Candidate {
	cs := make([]route.Candidate, 100)
	for i := range cs {
		s := &route.Standing{Keys: []route.Key{{Quota: &limit.Group{}, Credential: &limit.Cooldown{}}}}
		s.Keys[0].Quota.Set(limit.Limits{Tokens: 4_000_000, Requests: 10_000, InFlight: 1000})
		s.Slots.Max = 64
		at := epoch
		for n := range 20 + i%7 {
			at = at.Add(time.Second)
			begun, _ := s.Begin(0, 3000, at)
			o := route.Observed{Begun: begun, Opened: true, Tokens: 3100, Output: 400, First: time.Duration(300+37*(i*53%100)) * time.Millisecond, Took: 9 * time.Second}
			if i%4 == 0 && n%8 == 0 {
				o.Err = &llm.Error{Class: llm.ServerError}
			}
			s.End(o, at)
		}
		for range i * 31 % 23 {
			s.Begin(0, 3000, at)
		}
		if i%10 == 3 {
			s.Committed = &limit.Group{}
		}
		cs[i] = route.Candidate{
			Facts: &route.Facts{
				Name: "dep" + strconv.Itoa(i), Provider: "p", Makers: []llm.Maker{llm.MakerOpenAI}, Context: 128_000, HasKnown: true, Has: route.NeedTools | route.NeedVision,
				Tags: []string{"cloud:aws", "region:eu-west-1", "geo:eu", "zdr"}, Weight: 1 + i%5,
			},
			Rates:    route.Rates{Known: true, Input: 3_000_000 + int64(i*7919%100)*10_000, CacheRead: 300_000, CacheWrite: 3_750_000, Output: 15_000_000, Currency: "USD"},
			Standing: s, Warm: int64(i * 37 % 11 * 250),
		}
	}
	return cs
}

func BenchmarkChoose100(b *testing.B) {
	cs := hundred()
	for _, p := range []route.Policy{route.Priority, route.Cheapest, route.Fastest, route.Balanced, route.Weighted} {
		b.Run(p.String(), func(b *testing.B) {
			r := route.Request{Input: 3000, Output: 400, Bindings: []llm.Maker{llm.MakerOpenAI}, Needs: route.NeedTools, Require: []string{"geo:eu"}}
			tiers := []route.Tier{{Policy: p, End: 60}, {Policy: p, First: 60, End: 100}}
			out := make([]route.Choice, 0, len(cs))
			now := epoch.Add(30 * time.Second)
			b.ReportAllocs()
			for b.Loop() {
				r.Chance++
				out = route.Choose(tiers, &r, cs, now, out[:0])
			}
		})
	}
}
