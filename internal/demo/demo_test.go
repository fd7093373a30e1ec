package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/show"
)

// program is skein itself, built once: tours start it as processes of its own.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "skein")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left there is the system's to clear away
	program = filepath.Join(dir, "skein")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/skein").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build skein: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// aTour is a tour with some of the companies, whose processes end with the test.
func aTour(t *testing.T, cloud string, pace time.Duration, companies ...string) (*tour, *bytes.Buffer) {
	if testing.Short() {
		t.Skip("it starts processes and kills them; left out with -short")
	}
	dir, err := os.MkdirTemp("", "tour") // short, for the data directory's socket
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(Options{Cloud: cloud})
	if err != nil {
		t.Fatal(err)
	}
	p.companies, p.budget = companies, amount("0.02") // too little with either provider
	out := &bytes.Buffer{}
	tour := newTour(Options{Exe: program, Dir: filepath.Join(dir, "demo"), Pace: pace, Out: out}, p)
	t.Cleanup(func() {
		tour.skein.stop(time.Second)
		tour.cloud.stop(time.Second)
		if t.Failed() {
			t.Logf("the tour said:\n%s", out)
			for _, name := range []string{"skein.log", "fakecloud.log"} {
				b, err := os.ReadFile(filepath.Join(tour.Dir, name))
				t.Logf("%s (%v):\n%s", name, err, b)
			}
		}
		_ = os.RemoveAll(dir) // a folder below the system's temporary one
	})
	return tour, out
}

// Faults and kills at places that a seed chooses: whatever happens, every run comes
// to its end, nothing is done twice, and the bill is what the services logged.
// SKEIN_DEMO_SEEDS takes more seeds than the few of every day.
func TestNothingIsLostOrRepeatedWhereverItBreaks(t *testing.T) {
	seeds := 6
	if n, err := strconv.Atoi(os.Getenv("SKEIN_DEMO_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range uint64(seeds) {
		cloud := scenes[seed%uint64(len(scenes))].name
		t.Run(fmt.Sprintf("seed %d on %s", seed, cloud), func(t *testing.T) {
			tour, out := aTour(t, cloud, time.Millisecond, "Apple", "Tesla", poor)
			tour.plan.chance(rand.New(rand.NewPCG(seed, 7)))
			t.Logf("faults %+v", tour.plan.faults)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := tour.give(ctx); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"== SIGKILL", "taken over after an interruption", "All of it held"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it says nothing of %q", want)
				}
			}
		})
	}
}

// chance puts faults and kills of a seed into a plan.
func (p *plan) chance(r *rand.Rand) {
	one := func(kinds ...fakecloud.Kind) fakecloud.Kind { return kinds[r.IntN(len(kinds))] }
	p.faults = nil
	for range 3 {
		p.faults = append(p.faults, fakecloud.Fault{
			Service: []string{p.scene.first, p.scene.second}[r.IntN(2)],
			Kind:    one(fakecloud.CutOff, fakecloud.Refuse, fakecloud.Garbage, fakecloud.ErrorEvent, fakecloud.NoEnd, fakecloud.ServerFail, fakecloud.TooMany, fakecloud.FailAfter),
			Match:   fakecloud.Match{After: r.IntN(8)}, Count: 1 + r.IntN(2), AfterChunks: r.IntN(6),
		})
	}
	for _, service := range []string{p.scene.store, p.scene.table, p.scene.topic} {
		p.faults = append(p.faults, fakecloud.Fault{
			Service: service, Kind: one(fakecloud.Refuse, fakecloud.CutOff, fakecloud.FailAfter, fakecloud.ServerFail, fakecloud.TooMany, fakecloud.Garbage),
			Match: fakecloud.Match{After: r.IntN(2)}, Count: 1,
		})
	}
	p.kills = nil
	lines := 0
	for range 2 {
		lines += 4 + r.IntN(16)
		at := lines
		p.kills = append(p.kills, func(a *activity) bool { return a.lines >= at })
	}
}

// A judge that finds nothing proves nothing: each of these lies must be found.
func TestTheJudgeFindsWhatIsWrong(t *testing.T) {
	for _, sc := range scenes {
		t.Run(sc.name, func(t *testing.T) { theJudgeFinds(t, sc) })
	}
}

func theJudgeFinds(t *testing.T, sc *scene) {
	tour, _ := aTour(t, sc.name, 0, "Apple", poor)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tour.plan.kills = nil
	if err := errors.Join(tour.stage(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := tour.play(ctx); err != nil {
		t.Fatal(err)
	}
	truth, err := tour.evidence(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tour.judge(truth); err != nil {
		t.Fatalf("the truth is found wrong: %v: %q", err, truth.mistakes)
	}
	apple := truth.runs[slices.IndexFunc(truth.runs, func(r *show.Whole) bool { return tour.names[r.ID] == "Apple" })].ID
	for name, c := range map[string]struct {
		lie  func(j *judgement)
		want string
	}{
		"a service logged more": {func(j *judgement) { j.usage[0].Readings = map[string]int64{"calls": 9} }, "were booked, and the service logged"},
		"a service logged what nobody booked": {func(j *judgement) {
			j.usage = append(j.usage, fakecloud.Consumed{ID: "call_x/1", Readings: map[string]int64{"calls": 1}})
		}, "nothing was booked"},
		"a service logged nothing":            {func(j *judgement) { j.usage = nil }, "the service logged 0"},
		"a line is missing":                   {func(j *judgement) { j.bill.Lines = j.bill.Lines[1:] }, "nothing was booked"},
		"a line costs more":                   {func(j *judgement) { j.bill.Lines[1].Cost = "0.5" }, "and the total says"},
		"the total is another":                {func(j *judgement) { j.bill.Totals[0].Cost = "0.5" }, "and the total says"},
		"there is no total":                   {func(j *judgement) { j.bill.Totals = nil }, "no total"},
		"a finding was written twice":         {func(j *judgement) { j.log = append(j.log, done(j.log, sc.wrote)) }, "2 findings written"},
		"a notice was sent twice":             {func(j *judgement) { j.log = append(j.log, done(j.log, sc.told)) }, "2 notices sent"},
		"nobody was notified":                 {func(j *judgement) { j.log = without(j.log, sc.topic) }, "0 notices sent, want one of each"},
		"the finding is wrong":                {func(j *judgement) { j.findings["Apple"]["verdict"] = "weak" }, "the finding of Apple"},
		"the finding is missing":              {func(j *judgement) { j.findings["Apple"] = nil }, "the finding of Apple"},
		"a run failed":                        {func(j *judgement) { j.run(apple).Status = agent.Failed }, "ended failed"},
		"the poor run was not stopped":        {func(j *judgement) { j.poor(tour).Status = agent.Done }, poor},
		"the poor run spent more than it had": {func(j *judgement) { j.poor(tour).Limits.Budget = amount("0.000001") }, "spent"},
		"a notice was sent for another run": {func(j *judgement) {
			i := slices.IndexFunc(j.log, func(l fakecloud.Line) bool { return sc.told(&l) && l.Done })
			j.log[i].Command = "run_x/2/1"
		}, "0 notices sent, want one of each"},
		"a write was not done": {func(j *judgement) {
			for i := range j.log {
				j.log[i].Done = j.log[i].Done && !sc.wrote(&j.log[i])
			}
		}, "0 findings written"},
		"a service's storage was used for nothing": {func(j *judgement) {
			j.usage = append(j.usage, fakecloud.Consumed{ID: apple + "/9/1/1", Service: sc.store, Readings: map[string]int64{"requests.get": 1}})
		}, "nothing was booked"},
	} {
		t.Run(name, func(t *testing.T) {
			j := copied(truth)
			c.lie(j)
			err := tour.judge(j)
			if !errors.Is(err, ErrMistakes) || !strings.Contains(strings.Join(j.mistakes, "\n"), c.want) {
				t.Errorf("it finds %q (%v), and nothing of %q", j.mistakes, err, c.want)
			}
		})
	}
}

func amount(s string) *money.Amount {
	a := money.MustParse(s, money.USD)
	return &a
}

// copied is evidence that can be tampered with.
func copied(j *judgement) *judgement {
	c := &judgement{
		findings: map[string]finding{}, log: slices.Clone(j.log), usage: slices.Clone(j.usage),
		bill: &api.Bill{Lines: slices.Clone(j.bill.Lines), Totals: slices.Clone[[]ledger.Total](j.bill.Totals)},
	}
	for _, w := range j.runs {
		run, limits := *w.Run, *w.Limits
		run.Limits = &limits
		c.runs = append(c.runs, &show.Whole{Run: &run, Calls: w.Calls, Bill: w.Bill})
	}
	for company, f := range j.findings {
		if f == nil {
			continue
		}
		c.findings[company] = finding{}
		for k, v := range f {
			c.findings[company][k] = v
		}
	}
	return c
}

func (j *judgement) run(id string) *api.Run {
	return j.runs[slices.IndexFunc(j.runs, func(r *show.Whole) bool { return r.ID == id })].Run
}

func (j *judgement) poor(t *tour) *api.Run {
	return j.runs[slices.IndexFunc(j.runs, func(r *show.Whole) bool { return t.names[r.ID] == poor })].Run
}

// done is a line of something that a service did.
func done(log []fakecloud.Line, is func(*fakecloud.Line) bool) fakecloud.Line {
	return log[slices.IndexFunc(log, func(l fakecloud.Line) bool { return is(&l) && l.Done })]
}

func without(log []fakecloud.Line, service string) []fakecloud.Line {
	return slices.DeleteFunc(log, func(l fakecloud.Line) bool { return l.Service == service })
}

// Whoever leaves in the middle is told how to go on, and nothing is lost.
func TestATourThatIsLeftGoesOnWithServe(t *testing.T) {
	tour, out := aTour(t, "", time.Millisecond, "Apple", "NVIDIA", poor)
	ctx, cancel := context.WithCancel(t.Context())
	tour.plan.kills = []moment{func(a *activity) bool {
		if a.findings > 0 {
			cancel() // as a Ctrl-C does
		}
		return false
	}}
	if err := tour.give(ctx); !errors.Is(err, ErrLeft) {
		t.Fatalf("it ended with %v", err)
	}
	for _, want := range []string{"Left in the middle", "export SKEIN_DATA=" + tour.Dir, "serve &", fmt.Sprintf("kill %d", tour.cloud.pid())} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says nothing of %q", want)
		}
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := errors.Join(tour.startSkein(ctx), tour.untilEnded(ctx)); err != nil {
		t.Fatal(err)
	}
	j, err := tour.evidence(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tour.judge(j); err != nil {
		t.Errorf("%v: %q", err, j.mistakes)
	}
}

func TestAFolderThatIsNoDemosIsLeftAlone(t *testing.T) {
	for _, beside := range []string{"", "fakecloud"} { // which others may have, too: the repository has
		dir := t.TempDir()
		mine := filepath.Join(dir, "mine.txt")
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, beside), 0o700), os.WriteFile(mine, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		err := Run(t.Context(), Options{Exe: program, Dir: dir, Out: &bytes.Buffer{}})
		if err == nil || !strings.Contains(err.Error(), "not of an earlier demo: name another folder with --dir") {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(mine); err != nil {
			t.Error(err)
		}
	}
}

func TestARealModelIsTakenFromTheEnvironment(t *testing.T) {
	env := func(pairs ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			i := slices.Index(pairs, name)
			if i < 0 {
				return "", false
			}
			return pairs[i+1], true
		}
	}
	for name, c := range map[string]struct {
		env  []string
		want []string
	}{
		"OpenAI":    {[]string{"OPENAI_API_KEY", "k"}, []string{"kind: openai}", "upstream: \"gpt-5-mini\""}},
		"Anthropic": {[]string{"ANTHROPIC_API_KEY", "k"}, []string{"kind: anthropic}", "upstream: \"claude-haiku-4-5\""}},
		"Ollama": {[]string{"OPENAI_BASE_URL", "http://127.0.0.1:11434/v1", "OPENAI_MODEL", "qwen3"},
			[]string{`endpoint: "http://127.0.0.1:11434/v1"`, `upstream: "qwen3"`, `"openai/qwen3": {input: "0", output: "0"}`}},
	} {
		p := &plan{scene: scenes[0]}
		if err := p.realModel(env(c.env...)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p.real = true
		conf, err := p.config("127.0.0.1:1")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range append(c.want, "http://127.0.0.1:1/cloud/aws") {
			if !strings.Contains(string(conf), want) {
				t.Errorf("%s: the configuration lacks %q:\n%s", name, want, conf)
			}
		}
		if strings.Contains(string(conf), "key: stand-in") {
			t.Errorf("%s: a stand-in model is left", name)
		}
	}
	if err := (&plan{}).realModel(env()); err == nil || !strings.Contains(err.Error(), "OPENAI_API_KEY") {
		t.Errorf("without any: %v", err)
	}
}
