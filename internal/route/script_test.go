package route_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// script plays the text files in testdata/scenarios.
//
//	deployments        one a line: NAME and its members, see member
//	tiers              policy=n, how many of them in turn are of a tier
//	route              a choice; see request
//	shares n           n choices by chance, and how many in a hundred each one leads
//	begin NAME         an attempt begins; answers whether it may; tokens=…
//	end NAME OUTCOME   the oldest of its attempts ends: worked, neutral, failed, unsent or a class of error;
//	                   first=… took=… output=… after=…
//	attempts NAME      such attempts one after another: worked, failed and how many in turn: worked=3 failed=2
//	alive NAME         its probe brings content
//	rest quota|credential NAME [for]
//	expect NAME        what was learned of it
//	+5s                on any line moves the clock first
type script struct {
	t     *testing.T
	now   time.Time
	cs    []route.Candidate
	tiers []route.Tier
	open  map[string][]route.Begun
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		s := &script{now: epoch}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			args := d.CmdArgs[:0]
			for _, a := range d.CmdArgs {
				if after, ok := strings.CutPrefix(a.Key, "+"); ok {
					s.now = s.now.Add(s.duration(after))
				} else {
					args = append(args, a)
				}
			}
			d.CmdArgs = args
			return s.play(d)
		})
	})
}

func (s *script) play(d *datadriven.TestData) string {
	switch d.Cmd {
	case "deployments":
		return s.deployments(d.Input)
	case "tiers":
		s.tiers = s.tiers[:0]
		first := 0
		for _, a := range d.CmdArgs {
			n := int(s.number(a.Vals[0]))
			s.tiers = append(s.tiers, route.Tier{Policy: s.policy(a.Key), First: first, End: first + n})
			first += n
		}
		return "ok\n"
	case "route":
		return s.route(d)
	case "shares":
		return s.shares(d)
	case "wait":
		return "ok\n"
	}
	if d.Cmd == "rest" {
		return s.rest(d)
	}
	name := d.CmdArgs[0].Key
	x := s.find(name)
	switch d.Cmd {
	case "begin":
		var tokens int64
		s.scan(d, "tokens", &tokens)
		b, ok := x.Standing.Begin(0, tokens, s.now)
		if !ok {
			return "no\n"
		}
		s.open[name] = append(s.open[name], b)
		switch {
		case b.Probe:
			return "as a probe\n"
		case b.Committed:
			return "out of the committed capacity\n"
		}
		return "ok\n"
	case "end":
		b := s.open[name][0]
		s.open[name] = s.open[name][1:]
		x.Standing.End(s.observed(d, d.CmdArgs[1].Key, b), s.now)
		return "ok\n"
	case "attempts":
		for _, a := range d.CmdArgs[1:] {
			if a.Key != "worked" && a.Key != "failed" {
				continue
			}
			for range s.number(a.Vals[0]) {
				if b, ok := x.Standing.Begin(0, 0, s.now); ok {
					x.Standing.End(s.observed(d, a.Key, b), s.now)
				}
			}
		}
		return "ok\n"
	case "alive":
		x.Standing.Health.Alive(s.now)
		return "ok\n"
	case "expect":
		e := x.Standing.Expect(s.now)
		return fmt.Sprintf("first content in %s, 95 %% below %s; %.0f tokens/s; whole in %s, 95 %% below %s; from %d and %d\n",
			e.First.Round(time.Millisecond), e.P95.Round(time.Millisecond), e.Rate, e.Whole.Round(time.Millisecond), e.WholeP95.Round(time.Millisecond), e.Samples, e.Answers)
	}
	s.t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	return ""
}

func (s *script) observed(d *datadriven.TestData, outcome string, b route.Begun) route.Observed {
	o := route.Observed{Begun: b, Opened: true, Tokens: -1}
	s.scan(d, "output", &o.Output)
	s.scan(d, "tokens", &o.Tokens)
	o.First, o.Took = s.optional(d, "first"), s.optional(d, "took")
	switch outcome {
	case "worked":
	case "unsent":
		o.Opened = false
	case "neutral":
		o.Err = &llm.Error{Class: llm.BadRequest}
	case "failed":
		o.Err = &llm.Error{Class: llm.ServerError}
	default:
		o.Err = &llm.Error{Class: llm.ErrorClass(outcome)}
	}
	if o.Err != nil {
		o.Err.RetryAfter = s.optional(d, "after")
	}
	return o
}

func (s *script) rest(d *datadriven.TestData) string {
	k := &s.find(d.CmdArgs[1].Key).Standing.Keys[0]
	var after time.Duration
	if len(d.CmdArgs) > 2 {
		after = s.duration(d.CmdArgs[2].Key)
	}
	if d.CmdArgs[0].Key == "credential" {
		k.Credential.Rest(after, s.now)
		return "until +" + k.Credential.Until(s.now).Sub(s.now).String() + "\n"
	}
	k.Quota.Rest(after, s.now)
	return "until +" + k.Quota.Until(s.now).Sub(s.now).String() + "\n"
}

func (s *script) deployments(input string) string {
	*s = script{t: s.t, now: s.now, open: map[string][]route.Begun{}}
	quotas, credentials := map[string]*limit.Group{}, map[string]*limit.Cooldown{}
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		words := strings.Fields(line)
		x := route.Candidate{Facts: &route.Facts{Name: words[0], Provider: words[0]}, Standing: &route.Standing{}}
		s.cs = append(s.cs, x)
		m := map[string]string{"quota": words[0], "credential": words[0]}
		for _, w := range words[1:] {
			k, v, _ := strings.Cut(w, "=")
			m[k] = v
			s.member(&s.cs[len(s.cs)-1], k, v)
		}
		if quotas[m["quota"]] == nil {
			quotas[m["quota"]] = &limit.Group{}
		}
		if credentials[m["credential"]] == nil {
			credentials[m["credential"]] = &limit.Cooldown{}
		}
		x.Standing.Keys = []route.Key{{Quota: quotas[m["quota"]], Credential: credentials[m["credential"]]}}
		if tpm := m["tpm"]; tpm != "" {
			quotas[m["quota"]].Set(limit.Limits{Tokens: s.number(tpm)})
		}
	}
	return "ok\n"
}

// member sets one member of a deployment.
func (s *script) member(x *route.Candidate, k, v string) {
	switch k {
	case "quota", "credential", "tpm": // see deployments; tpm are tokens per minute of its quota
	case "makers":
		for _, m := range strings.Split(v, ",") {
			x.Makers = append(x.Makers, llm.Maker(m))
		}
	case "context":
		x.Context = s.number(v)
	case "inflight": // n/most
		n, most, _ := strings.Cut(v, "/")
		for range s.number(n) {
			x.Standing.Slots.Take()
		}
		x.Standing.Slots.Max = int(s.number(most))
	case "loses":
		x.Loses = true
	case "lacks":
		x.Lacks = llm.Operation(v)
	case "elsewhere":
		x.Elsewhere = true
	case "foreign":
		x.Key = -1
	case "barred":
		x.Barred = true
	case "full":
		x.Full = true
	case "provider":
		x.Provider = v
	case "tags":
		x.Tags = strings.Split(v, ",")
	case "has":
		x.Has, x.HasKnown = s.needs(v), true
	case "weight":
		x.Weight = int(s.number(v))
	case "fallback":
		x.Fallback = v
	case "same":
		x.Same = uint32(s.number(v))
	case "warm":
		x.Warm = s.number(v)
	case "committed": // tokens per minute
		x.Standing.Committed = &limit.Group{}
		x.Standing.Committed.Set(limit.Limits{Tokens: s.number(v)})
	case "spills":
		x.Standing.Spills = true
	case "price": // input/cached/output, per million tokens
		p := strings.Split(v, "/")
		x.Rates = route.Rates{Known: true, Currency: "USD", Input: s.price(p[0]), CacheRead: s.price(p[1]), CacheWrite: s.price(p[0]) * 5 / 4, Output: s.price(p[2])}
	case "currency":
		x.Rates.Currency = v
	case "speed": // until the first content/tokens per second, as learned a moment ago
		first, rate, _ := strings.Cut(v, "/")
		f := s.duration(first)
		for range 4 {
			x.Standing.Stats.Note(f, f+1000*time.Second/time.Duration(s.number(rate)), 1000, s.now)
		}
	default:
		s.t.Fatalf("unknown member %q", k)
	}
}

// request is that of a route or shares command: bindings, input, marked, output,
// longer, lossy, needs, require, only, same, hint, chance.
func (s *script) request(d *datadriven.TestData) route.Request {
	r := route.Request{LossyOK: d.HasArg("lossy"), Chance: 1}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "bindings":
			for _, v := range a.Vals {
				r.Bindings = append(r.Bindings, llm.Maker(v))
			}
		case "input":
			r.Input = s.number(a.Vals[0])
		case "marked":
			r.Marked = s.number(a.Vals[0])
		case "output":
			r.Output = s.number(a.Vals[0])
		case "longer":
			r.LongerThan = s.number(a.Vals[0])
		case "needs":
			r.Needs = s.needs(strings.Join(a.Vals, ","))
		case "require":
			r.Require = a.Vals
		case "only":
			r.Only = a.Vals
		case "same":
			r.SameOnly, r.SameAs = true, uint32(s.number(a.Vals[0]))
		case "hint":
			p := s.policy(a.Vals[0])
			r.Policy = &p
		case "chance":
			r.Chance = uint64(s.number(a.Vals[0]))
		}
	}
	return r
}

func (s *script) tiersOf(d *datadriven.TestData) []route.Tier {
	for _, a := range d.CmdArgs {
		if a.Key == "policy" {
			return []route.Tier{{Policy: s.policy(a.Vals[0]), End: len(s.cs)}}
		}
	}
	return s.tiers
}

func (s *script) route(d *datadriven.TestData) string {
	r := s.request(d)
	var b strings.Builder
	for _, c := range route.Choose(s.tiersOf(d), &r, s.cs, s.now, nil) {
		if !c.Taken {
			b.WriteString("skipped ")
		}
		fmt.Fprintf(&b, "%s: %s\n", s.cs[c.Candidate].Name, c.Explain(&r, s.cs, s.now))
	}
	return b.String()
}

func (s *script) shares(d *datadriven.TestData) string {
	r := s.request(d)
	n := s.number(d.CmdArgs[0].Key)
	led := make([]int64, len(s.cs))
	for i := range n {
		r.Chance = uint64(i)
		led[route.Choose(s.tiersOf(d), &r, s.cs, s.now, nil)[0].Candidate]++
	}
	var b strings.Builder
	for i, x := range s.cs {
		fmt.Fprintf(&b, "%s: %d %%\n", x.Name, (led[i]*100+n/2)/n)
	}
	return b.String()
}

func (s *script) find(name string) *route.Candidate {
	for i := range s.cs {
		if s.cs[i].Name == name {
			return &s.cs[i]
		}
	}
	s.t.Fatalf("no deployment %q", name)
	return nil
}

func (s *script) policy(name string) route.Policy {
	p, ok := route.Policies[name]
	if !ok {
		s.t.Fatalf("no policy %q", name)
	}
	return p
}

func (s *script) needs(v string) (n route.Needs) {
	names := map[string]route.Needs{"vision": route.NeedVision, "documents": route.NeedDocuments, "audio": route.NeedAudio, "tools": route.NeedTools, "schema": route.NeedSchema, "reasoning": route.NeedReasoning}
	for _, name := range strings.Split(v, ",") {
		n |= names[name]
	}
	return n
}

func (s *script) scan(d *datadriven.TestData, key string, to *int64) {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			*to = s.number(a.Vals[0])
		}
	}
}

func (s *script) optional(d *datadriven.TestData, key string) time.Duration {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			return s.duration(a.Vals[0])
		}
	}
	return 0
}

func (s *script) number(v string) int64 {
	n, err := strconv.ParseInt(strings.ReplaceAll(v, "_", ""), 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// price is a price per million tokens, such as 0.30, in 10^-12 per token.
func (s *script) price(v string) int64 {
	whole, cents, _ := strings.Cut(v, ".")
	return s.number(whole)*1_000_000 + s.number((cents + "000000")[:6])
}

func (s *script) duration(v string) time.Duration {
	d, err := time.ParseDuration(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}
