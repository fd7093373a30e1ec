package route_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// script plays the text files in testdata.
//
//	deployments        one a line: name makers=… context=… inflight=n/max loses lacks=… elsewhere foreign credential=… quota=…
//	route              a choice; bindings=… input=… longer=… lossy
//	begin NAME         an attempt begins; answers whether it may
//	end NAME worked|failed|neutral
//	rest quota|credential NAME [for]
//	+5s                on any line moves the clock first
type script struct {
	now    time.Time
	names  []string
	cs     []route.Candidate
	probes map[string]bool
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{now: epoch, probes: map[string]bool{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			for _, a := range d.CmdArgs {
				if after, ok := strings.CutPrefix(a.Key, "+"); ok {
					s.now = s.now.Add(duration(t, after))
				}
			}
			switch d.Cmd {
			case "deployments":
				return s.deployments(t, d.Input)
			case "route":
				return s.route(t, d)
			case "begin":
				ok, probe := s.find(t, d).Health.Begin(s.now)
				if !ok {
					return "no\n"
				}
				s.probes[d.CmdArgs[0].Key] = probe
				if probe {
					return "as a probe\n"
				}
				return "ok\n"
			case "end":
				defer delete(s.probes, d.CmdArgs[0].Key)
				o := map[string]route.Outcome{"worked": route.Worked, "failed": route.Failed, "neutral": route.Neutral}[d.CmdArgs[1].Key]
				s.find(t, d).Health.End(o, s.probes[d.CmdArgs[0].Key], s.now)
				return "ok\n"
			case "fail": // so many failures in a row
				n, _ := strconv.Atoi(d.CmdArgs[1].Key)
				h := s.find(t, d).Health
				for range n {
					if ok, probe := h.Begin(s.now); ok {
						h.End(route.Failed, probe, s.now)
					}
				}
				return "ok\n"
			case "rest":
				c := s.cs[s.index(t, d, d.CmdArgs[1].Key)]
				of := c.Quota
				if d.CmdArgs[0].Key == "credential" {
					of = c.Credential
				}
				var after time.Duration
				if len(d.CmdArgs) > 2 {
					after = duration(t, d.CmdArgs[2].Key)
				}
				of.Rest(after, s.now)
				return "until +" + of.Until(s.now).Sub(s.now).String() + "\n"
			}
			t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			return ""
		})
	})
}

func (s *script) deployments(t *testing.T, input string) string {
	*s = script{now: s.now, probes: map[string]bool{}}
	quotas, credentials := map[string]*limit.Cooldown{}, map[string]*limit.Cooldown{}
	shared := func(m map[string]*limit.Cooldown, name string) *limit.Cooldown {
		if m[name] == nil {
			m[name] = &limit.Cooldown{}
		}
		return m[name]
	}
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		words := strings.Fields(line)
		c := route.Candidate{Health: &route.Health{}}
		quota, credential := words[0], words[0]
		for _, w := range words[1:] {
			k, v, _ := strings.Cut(w, "=")
			switch k {
			case "makers":
				for _, m := range strings.Split(v, ",") {
					c.Makers = append(c.Makers, llm.Maker(m))
				}
			case "context":
				c.Context, _ = strconv.ParseInt(v, 10, 64)
			case "inflight":
				n, most, _ := strings.Cut(v, "/")
				c.Full = n == most
			case "loses":
				c.Loses = true
			case "lacks":
				c.Lacks = llm.Operation(v)
			case "elsewhere":
				c.Elsewhere = true
			case "foreign":
				c.NoCredential = true
			case "quota":
				quota = v
			case "credential":
				credential = v
			default:
				t.Fatalf("unknown member %q", w)
			}
		}
		c.Quota, c.Credential = shared(quotas, quota), shared(credentials, credential)
		s.names, s.cs = append(s.names, words[0]), append(s.cs, c)
	}
	return "ok\n"
}

func (s *script) route(t *testing.T, d *datadriven.TestData) string {
	r := route.Request{LossyOK: d.HasArg("lossy")}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "bindings":
			for _, v := range a.Vals {
				r.Bindings = append(r.Bindings, llm.Maker(v))
			}
		case "input":
			r.Input, _ = strconv.ParseInt(a.Vals[0], 10, 64)
		case "longer":
			r.LongerThan, _ = strconv.ParseInt(a.Vals[0], 10, 64)
		}
	}
	var b strings.Builder
	for _, c := range route.Choose(route.Priority, &r, s.cs, s.now, nil) {
		name := s.names[c.Candidate]
		switch {
		case c.Taken && c.Reason <= route.Next:
			b.WriteString(name)
		case c.Taken:
			b.WriteString(name + ": " + c.Reason.String())
		default:
			b.WriteString("skipped " + name + ": " + c.Reason.String())
		}
		if !c.Until.IsZero() {
			fmt.Fprintf(&b, ", +%s", c.Until.Sub(s.now))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *script) find(t *testing.T, d *datadriven.TestData) *route.Candidate {
	return &s.cs[s.index(t, d, d.CmdArgs[0].Key)]
}

func (s *script) index(t *testing.T, d *datadriven.TestData, name string) int {
	for i, n := range s.names {
		if n == name {
			return i
		}
	}
	t.Fatalf("%s: no deployment %q", d.Pos, name)
	return -1
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEveryCandidateHasOneChoice: whatever stands in the way, each candidate is
// named once, and those to try come first.
func TestEveryCandidateHasOneChoice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := make([]route.Candidate, rapid.IntRange(0, 20).Draw(t, "n"))
		for i := range cs {
			cs[i] = route.Candidate{
				Makers: []llm.Maker{rapid.SampledFrom([]llm.Maker{llm.MakerOpenAI, llm.MakerAnthropic, route.AnyMaker}).Draw(t, "maker")}, Context: rapid.Int64Range(0, 3).Draw(t, "context"),
				Loses: rapid.Bool().Draw(t, "loses"), Full: rapid.Bool().Draw(t, "full"), Health: &route.Health{}, Quota: &limit.Cooldown{}, Credential: &limit.Cooldown{},
			}
			if rapid.Bool().Draw(t, "rests") {
				cs[i].Quota.Rest(time.Minute, epoch)
			}
		}
		r := route.Request{LossyOK: rapid.Bool().Draw(t, "lossy"), Input: rapid.Int64Range(0, 3).Draw(t, "input")}
		if rapid.Bool().Draw(t, "bound") {
			r.Bindings = []llm.Maker{llm.MakerAnthropic}
		}
		seen, skipped := map[uint16]bool{}, false
		for _, c := range route.Choose(route.Priority, &r, cs, epoch, nil) {
			if seen[c.Candidate] {
				t.Fatalf("%d is named twice", c.Candidate)
			}
			seen[c.Candidate] = true
			if c.Taken && skipped {
				t.Fatalf("%d is to be tried and comes after one that is not", c.Candidate)
			}
			skipped = skipped || !c.Taken
			if x := cs[c.Candidate]; c.Taken && (x.Loses && !r.LossyOK || !x.Quota.Until(epoch).IsZero()) {
				t.Fatalf("%d was taken against the rules: %s", c.Candidate, c.Reason)
			}
		}
		if len(seen) != len(cs) {
			t.Fatalf("%d of %d candidates have a choice", len(seen), len(cs))
		}
	})
}

func ExampleChoose() {
	full, us := route.Candidate{Full: true}, route.Candidate{}
	for _, c := range route.Choose(route.Priority, &route.Request{}, []route.Candidate{full, us}, epoch, nil) {
		fmt.Println(c.Candidate, c.Taken, c.Reason)
	}
	// Output:
	// 1 true first in order
	// 0 false at capacity
}

func BenchmarkChoose100(b *testing.B) {
	cs := make([]route.Candidate, 100)
	for i := range cs {
		cs[i] = route.Candidate{Makers: []llm.Maker{llm.MakerOpenAI}, Context: 128_000, Full: i%3 == 0, Health: &route.Health{}, Quota: &limit.Cooldown{}, Credential: &limit.Cooldown{}}
		if i%5 == 0 {
			cs[i].Quota.Rest(time.Minute, epoch)
		}
	}
	r := route.Request{Input: 3000, Bindings: []llm.Maker{llm.MakerOpenAI}}
	out := make([]route.Choice, 0, 100)
	b.ReportAllocs()
	for b.Loop() {
		out = route.Choose(route.Priority, &r, cs, epoch, out[:0])
	}
}
