package sched

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/llm"
)

var update = flag.Bool("update", false, "rewrite the outcomes in testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		if err := flag.Set("rewrite", "true"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var epoch = time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC)

// desk feeds a machine by hand, and remembers what it handed to the store.
type desk struct {
	t       *testing.T
	m       *Machine
	now     time.Time
	batches map[int64]Command
	durable map[string][]agent.Record
}

func newDesk(t *testing.T, models, tools int) *desk {
	return &desk{t: t, m: New(Config{Models: models, Tools: tools}), now: epoch,
		batches: map[int64]Command{}, durable: map[string][]agent.Record{}}
}

// step feeds one event, and says what the machine wants done.
func (d *desk) step(e Event) string {
	var b strings.Builder
	for _, c := range d.m.Step(&e, d.now, nil) {
		switch c.Kind {
		case Commit:
			d.batches[c.Batch] = c
			fmt.Fprintf(&b, "commit batch %d:", c.Batch)
			if c.Record != nil {
				fmt.Fprintf(&b, " %s #%d %s", c.Run, c.Record.Seq, c.Record.Input.Kind)
			}
			if c.Attach != 0 {
				fmt.Fprintf(&b, " with %d", c.Attach)
			}
			fmt.Fprintf(&b, " (epoch %d)", c.Epoch)
		case Load:
			fmt.Fprintf(&b, "load %s", c.Run)
		case Prepare:
			fmt.Fprintf(&b, "prepare %s", c.Do.Effect())
		case Perform:
			fmt.Fprintf(&b, "perform %s", c.Do.Effect())
		case CallOff:
			fmt.Fprintf(&b, "call off %s", c.Do.Effect())
		case Wake:
			fmt.Fprintf(&b, "wake at %s", c.At.Sub(epoch))
		case Lost:
			fmt.Fprintf(&b, "lost %s", c.Run)
			if c.Attach != 0 {
				fmt.Fprintf(&b, ", and %d with it", c.Attach)
			}
		}
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// effect splits run/seq/n/try.
func effect(id string) (run, command string, try int) {
	parts := strings.Split(id, "/")
	try = 1
	if len(parts) == 4 {
		try, _ = strconv.Atoi(parts[3])
	}
	return parts[0], strings.Join(parts[:3], "/"), try
}

func (d *desk) do(td *datadriven.TestData) string {
	args := map[string]string{}
	var names []string
	for _, a := range td.CmdArgs {
		if len(a.Vals) == 0 {
			names = append(names, a.Key)
		}
		args[a.Key] = strings.Join(a.Vals, ",")
	}
	number := func(k string) int64 { n, _ := strconv.ParseInt(args[k], 10, 64); return n }
	arrived := func(run string, in agent.Input) string {
		in.At = d.now
		return d.step(Event{Kind: Arrived, Run: run, Input: in, Attach: number("attach")})
	}
	outcome := func(in agent.Input) string {
		run, command, try := effect(names[0])
		in.Command, in.Try = command, try
		return arrived(run, in)
	}
	var out string
	switch td.Cmd {
	case "new":
		*d = *newDesk(d.t, int(number("models")), int(number("tools")))
		return "ok\n"
	case "start":
		name := args["agent"]
		if name == "" {
			name = "a"
		}
		for _, run := range names {
			out += arrived(run, agent.Input{Kind: agent.Started, Start: &agent.Start{Run: run, Agent: name}})
		}
		return out
	case "committed":
		for _, n := range names {
			batch, _ := strconv.ParseInt(n, 10, 64)
			if c := d.batches[batch]; c.Record != nil {
				d.durable[c.Run] = append(d.durable[c.Run], *c.Record)
			}
			out += d.step(Event{Kind: Committed, Batch: batch})
		}
		return out
	case "refused":
		batch, _ := strconv.ParseInt(names[0], 10, 64)
		return d.step(Event{Kind: Refused, Batch: batch, Fenced: slices.Contains(names, "fenced")})
	case "prepared":
		run, command, _ := effect(names[0])
		return d.step(Event{Kind: Prepared, Run: run, Command: command, Attach: number("attach")})
	case "answers":
		in := agent.Input{Kind: agent.ModelAnswered, Answer: &agent.Answer{}}
		for i, class := range strings.FieldsFunc(args["calls"], func(r rune) bool { return r == ',' }) {
			class, remembered, _ := strings.Cut(class, "/")
			p := agent.Promise{Class: agent.Class(class)}
			if remembered != "" {
				var err error
				if p.For, err = time.ParseDuration(remembered); err != nil {
					d.t.Fatal(err)
				}
			}
			in.Answer.Calls = append(in.Answer.Calls, agent.CallFact{ID: fmt.Sprint(i), Part: i, Tool: "t", Promise: p})
		}
		return outcome(in)
	case "model-fails":
		return outcome(agent.Input{Kind: agent.ModelFailed, Failure: &agent.Failure{Class: llm.Overloaded, Again: true}})
	case "returns":
		return outcome(agent.Input{Kind: agent.ToolReturned, Result: &agent.Result{}})
	case "fails":
		return outcome(agent.Input{Kind: agent.ToolFailed, Failure: &agent.Failure{Outcome: args["outcome"], Class: llm.ErrorClass(args["class"])}})
	case "cancel":
		return arrived(names[0], agent.Input{Kind: agent.CancelAsked})
	case "resume":
		return arrived(names[0], agent.Input{Kind: agent.Resumed})
	case "resolve":
		_, command, _ := effect(names[0])
		return outcome(agent.Input{Kind: agent.Resolved, Resolve: &agent.Resolve{ID: command + "/1", Answer: args["answer"], Told: agent.Ref{Ref: "x"}}})
	case "loaded": // what is durable of the run
		var st *agent.State
		epoch := int64(0)
		for _, r := range d.durable[names[0]] {
			if st == nil {
				st = &agent.State{}
			}
			agent.Apply(st, r)
			epoch = 1
		}
		return d.step(Event{Kind: Loaded, Run: names[0], State: st, Epoch: epoch})
	case "restart":
		d.m, d.batches = New(Config{Models: int(number("models")), Tools: int(number("tools"))}), map[int64]Command{}
		return "ok\n"
	case "tick":
		after, err := time.ParseDuration(names[0])
		if err != nil {
			d.t.Fatal(err)
		}
		d.now = d.now.Add(after)
		return d.step(Event{Kind: Ticked})
	case "drain":
		return d.step(Event{Kind: Drained})
	case "load":
		runs, performing, commits := d.m.Load()
		return fmt.Sprintf("%d runs, %d performing, %d commits; free %d models, %d tools\n", runs, performing, commits, d.m.free[models], d.m.free[tools])
	}
	d.t.Fatalf("unknown directive %s", td.Cmd)
	return ""
}

func TestRules(t *testing.T) {
	datadriven.Walk(t, "testdata/rules", func(t *testing.T, path string) {
		d := newDesk(t, 4, 4)
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			d.t = t
			return d.do(td)
		})
	})
}
