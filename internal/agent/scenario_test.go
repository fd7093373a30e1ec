package agent

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

var update = flag.Bool("update", false, "rewrite the outcomes in testdata")

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "400"); err != nil {
		panic(err)
	}
	flag.Parse()
	if *update {
		if err := flag.Set("rewrite", "true"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var epoch = time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC)

// sameState compares states; money as amounts.
var sameState = []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b money.Amount) bool { return a == b })}

// story is a run and its journal as a scenario tells it.
type story struct {
	t       *testing.T
	s       State
	folded  State // of the encoded journal
	journal []Record
	now     time.Time
}

func newStory(t *testing.T) *story { return &story{t: t, now: epoch} }

// put hands one input in, folds it, and says what came of it.
func (st *story) put(in Input) string {
	in.At = st.now
	rec := Decide(&st.s, in)
	Apply(&st.s, rec)
	body, err := rec.Encode()
	if err != nil {
		st.t.Fatal(err)
	}
	back, err := Decode(Version, body)
	if err != nil {
		st.t.Fatal(err)
	}
	Apply(&st.folded, back)
	if d := cmp.Diff(st.s, st.folded, sameState...); d != "" {
		st.t.Fatalf("the encoded journal folds to another state (-live +folded):\n%s", d)
	}
	st.journal = append(st.journal, rec)
	return show(&rec) + st.open()
}

// show is a decision, one line each thing.
func show(r *Record) string {
	var b strings.Builder
	d := &r.Decision
	if d.Ignored != "" {
		return fmt.Sprintf("#%d ignored: %s\n", r.Seq, d.Ignored)
	}
	fmt.Fprintf(&b, "#%d %s", r.Seq, d.Status)
	if d.Reason != "" {
		fmt.Fprintf(&b, ": %s", d.Reason)
	}
	b.WriteByte('\n')
	for i := range d.Commands {
		c := &d.Commands[i]
		fmt.Fprintf(&b, "  give %s %s", c.ID, c.Kind)
		switch c.Kind {
		case CallTool:
			fmt.Fprintf(&b, " %s %s", c.Class, c.Tool)
		case Sleep:
			fmt.Fprintf(&b, " until %s, then %s again", c.Until.Sub(epoch), c.PutsOff)
		}
		b.WriteByte('\n')
	}
	for _, l := range []struct {
		what string
		ids  []string
	}{{"again", d.Again}, {"rest", d.Idle}, {"in doubt", d.Doubt}, {"drop", d.Drop}} {
		if len(l.ids) > 0 {
			fmt.Fprintf(&b, "  %s %s\n", l.what, strings.Join(l.ids, ", "))
		}
	}
	if d.Ending != nil && !d.Status.Ended() {
		fmt.Fprintf(&b, "  will be %s: %s\n", d.Ending.Status, d.Ending.Reason)
	}
	return b.String()
}

// open is what is outstanding.
func (st *story) open() string {
	if len(st.s.Open) == 0 {
		return "open: nothing\n"
	}
	var parts []string
	for i := range st.s.Open {
		o := &st.s.Open[i]
		text := o.Effect()
		for _, f := range []struct {
			is   bool
			word string
		}{{o.Kind == Sleep, "timer"}, {o.Started, "started"}, {o.Unsure, "unsure"}, {o.Doubt, "doubt"}, {o.Idle, "rests"}} {
			if f.is {
				text += " " + f.word
			}
		}
		parts = append(parts, text)
	}
	return "open: " + strings.Join(parts, ", ") + "\n"
}

// find is an outstanding command by the name of its tool, "model" or "timer", or
// by its id.
func (st *story) find(name string) (id string, try int) {
	for i := range st.s.Open {
		o := &st.s.Open[i]
		if o.ID == name || o.Tool == name || o.Kind == CallModel && name == "model" || o.Kind == Sleep && name == "timer" {
			return o.ID, o.Try
		}
	}
	return name, 1
}

// do carries out one directive of a scenario.
func (st *story) do(d *datadriven.TestData) string {
	args := map[string]string{}
	name := ""
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			name = a.Key
			continue
		}
		args[a.Key] = strings.Join(a.Vals, ",")
	}
	st.now = st.now.Add(time.Second)
	if v := args["after"]; v != "" {
		st.now = st.now.Add(st.duration(v))
	}
	in := Input{Kind: InputKind(d.Cmd), Cost: st.amount(args["cost"])}
	in.Command, in.Try = st.find(name)
	if v := args["try"]; v != "" {
		in.Try = st.number(v)
	}
	ref := func(v string) Ref { return Ref{Ref: v, Size: int64(len(v)), Digest: "d:" + v} }
	told := func() *Ref {
		if args["told"] == "" {
			return nil
		}
		r := ref(args["told"])
		return &r
	}
	switch d.Cmd {
	case "new":
		*st = *newStory(st.t)
		return "ok\n"
	case "start":
		in = Input{Kind: Started, Start: &Start{Run: "r", Org: "default", Agent: "analyst", Goal: ref("goal"), Limits: st.limits(args)}}
	case "answer":
		in.Kind = ModelAnswered
		in.Answer = st.answer(args, ref)
	case "model-fails":
		in.Kind = ModelFailed
		in.Failure = &Failure{Class: llm.ErrorClass(args["class"]), Message: args["message"], Again: args["again"] != "", After: st.duration(args["wait"])}
	case "effect-starts":
		in.Kind = EffectStarted
	case "returns":
		in.Kind, in.Result = ToolReturned, &Result{Ref: ref(args["result"])}
	case "fails":
		in.Kind = ToolFailed
		in.Failure = &Failure{Class: llm.ErrorClass(args["class"]), Outcome: args["outcome"], Message: args["message"], Told: told(),
			Again: args["again"] != "", After: st.duration(args["wait"])}
	case "timer":
		in.Kind = TimerFired
		in.Command, in.Try = st.find("timer")
		if o := st.s.Find(in.Command); o != nil && st.now.Before(o.Until) {
			st.now = o.Until
		}
	case "recover":
		in = Input{Kind: Recovered}
	case "resolve":
		in.Kind, in.Try = Resolved, 0
		id := args["id"]
		if o := st.s.Find(in.Command); id == "" && o != nil {
			id = o.Effect()
		}
		in.Resolve = &Resolve{ID: id, Answer: args["answer"], Told: ref("told:" + args["answer"]), By: "ann"}
	case "resume":
		in = Input{Kind: Resumed, By: "ann"}
		if len(args) > 0 {
			l := st.limits(args)
			in.Limits = &l
		}
	case "cancel":
		in = Input{Kind: CancelAsked, By: args["by"], Why: args["why"]}
	case "everywhere": // the input named, put in after each record so far
		return st.everywhere(name)
	case "state":
		return st.state()
	case "context":
		return st.context()
	}
	return st.put(in)
}

// everywhere says what an input leads to at each point of the journal.
func (st *story) everywhere(kind string) string {
	var b strings.Builder
	var s State
	for i := range st.journal {
		Apply(&s, st.journal[i])
		rec := Decide(&s, Input{Kind: InputKind(kind), At: st.now})
		fmt.Fprintf(&b, "after #%d %s: %s", s.Seq, st.journal[i].Input.Kind, strings.TrimPrefix(show(&rec), fmt.Sprintf("#%d ", rec.Seq)))
	}
	return b.String()
}

func (st *story) state() string {
	s := &st.s
	var b strings.Builder
	fmt.Fprintf(&b, "%s", s.Status)
	if s.Reason != "" {
		fmt.Fprintf(&b, ": %s", s.Reason)
	}
	fmt.Fprintf(&b, "\nseq %d, steps %d, failures %d, lengths %d, spent %s\n", s.Seq, s.Steps, s.Failures, s.Lengths, s.Spent)
	if !s.Deadline.IsZero() {
		fmt.Fprintf(&b, "deadline %s\n", s.Deadline.Sub(epoch))
	}
	for i := range s.Turns {
		fmt.Fprintf(&b, "turn %s\n", s.Turns[i].Message.Ref)
		for _, c := range s.Turns[i].Calls {
			fmt.Fprintf(&b, "  %s %s %s", c.ID, c.Tool, c.Command)
			if c.Done {
				fmt.Fprintf(&b, " = %s", c.Result.Ref)
			}
			if c.IsError {
				b.WriteString(" (error)")
			}
			b.WriteByte('\n')
		}
	}
	return b.String() + st.open()
}

func (st *story) context() string {
	var b strings.Builder
	for _, m := range Context(&st.s) {
		fmt.Fprintf(&b, "%s %s%s", m.Role, m.Ref.Ref, m.Text)
		if m.Call != nil {
			fmt.Fprintf(&b, " (of %s)", m.Call.ID)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// promise reads a class, for how long its key is remembered, and whether it is resent:
// keyed/5m, once/resend.
func (st *story) promise(text string) Promise {
	class, more, _ := strings.Cut(text, "/")
	p := Promise{Class: Class(class)}
	switch {
	case more == "resend":
		p.Resend = true
	case more != "":
		p.For = st.duration(more)
	}
	return p
}

// answer makes an answer of calls=(tool:class,...); the class "invalid" is a call
// that the shell found wrong.
func (st *story) answer(args map[string]string, ref func(string) Ref) *Answer {
	a := &Answer{Call: "call", Message: ref(fmt.Sprintf("answer%d", st.s.Steps+1)), Stop: llm.StopReason(args["stop"])}
	if args["calls"] == "" {
		return a
	}
	for i, c := range strings.Split(args["calls"], ",") {
		tool, class, _ := strings.Cut(strings.TrimSpace(c), ":")
		f := CallFact{ID: fmt.Sprintf("c%d.%d", st.s.Steps+1, i+1), Part: i, Tool: tool, Promise: st.promise(class), Digest: "d:" + tool}
		if class == "invalid" {
			f.Class = ""
			p := ref("no " + tool)
			f.Problem = &p
		}
		a.Calls = append(a.Calls, f)
	}
	return a
}

func (st *story) limits(args map[string]string) Limits {
	return Limits{Budget: st.amount(args["budget"]), Steps: st.number(args["steps"]), Time: st.duration(args["time"])}
}

func (st *story) amount(v string) money.Amount {
	if v == "" {
		return money.Amount{}
	}
	a, err := money.ParseWithCurrency(v + " USD")
	if err != nil {
		st.t.Fatal(err)
	}
	return a
}

func (st *story) number(v string) int {
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		st.t.Fatal(err)
	}
	return n
}

func (st *story) duration(v string) time.Duration {
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		st.t.Fatal(err)
	}
	return d
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		st := newStory(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			st.t = t
			return st.do(d)
		})
	})
}
