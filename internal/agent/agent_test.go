package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLawsHoldWhateverComesIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, Decide)
		for range rapid.IntRange(1, 60).Draw(t, "inputs") {
			if w.s.Status == "" && rapid.IntRange(0, 9).Draw(t, "start") > 0 {
				in := Input{Kind: Started}
				w.fill(&in)
				w.put(in)
				continue
			}
			w.put(w.some())
		}
		w.fold()
	})
}

// another is a decide of another release: other limits, other ids of commands, in
// another order.
func another(s *State, in Input) Record {
	o := *s
	o.Limits.Steps += 3
	o.Deadline = time.Time{}
	o.Failures = max(0, o.Failures-2)
	o.Lengths = max(0, o.Lengths-1)
	rec := Decide(&o, in)
	d := &rec.Decision
	slices.Reverse(d.Commands)
	slices.Reverse(d.Again)
	for i := range d.Commands {
		d.Commands[i].ID = fmt.Sprintf("r/%d/x%d", rec.Seq, i)
	}
	return rec
}

func TestAnotherDecideRepeatsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, Decide)
		in := Input{Kind: Started}
		w.fill(&in)
		w.put(in)
		for range rapid.IntRange(1, 6).Draw(t, "releases") {
			for range rapid.IntRange(1, 12).Draw(t, "inputs") {
				w.put(w.some())
			}
			// A crash: the next release has the journal, and nothing else.
			w.fold()
			if w.decide = Decide; rapid.Bool().Draw(t, "another") {
				w.decide = another
			}
			w.put(Input{Kind: Recovered})
		}
		w.fold()
	})
}

// release names the journals that this code writes. A new release writes under a
// new name, and the journals of the old ones stay as they are.
const release = "v0"

// TestRecordedJournalsFold keeps every journal that was ever recorded readable:
// each line is a record's body, and beside it stands the state that it folds to.
func TestRecordedJournalsFold(t *testing.T) {
	if *update {
		record(t)
	}
	journals, err := filepath.Glob("testdata/journals/*.jsonl")
	if err != nil || len(journals) == 0 {
		t.Fatal("no recorded journals", err)
	}
	for _, path := range journals {
		t.Run(filepath.Base(path), func(t *testing.T) {
			st := &story{t: t}
			for _, line := range lines(t, path) {
				rec, err := Decode(Version, line)
				if err != nil {
					t.Fatal(err)
				}
				Apply(&st.s, rec)
			}
			golden := strings.TrimSuffix(path, "jsonl") + "state"
			if *update && strings.HasPrefix(filepath.Base(path), release) {
				if err := os.WriteFile(golden, []byte(st.state()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), st.state()); d != "" {
				t.Errorf("the journal of an earlier time folds to another state (-then +now):\n%s", d)
			}
		})
	}
}

func lines(t testing.TB, path string) [][]byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

// record writes a journal with every kind of input.
func record(t *testing.T) {
	st := newStory(t)
	tick := func(in Input) { st.now = st.now.Add(time.Second); st.put(in) }
	say := func(kind InputKind, name string, fill func(*Input)) {
		in := Input{Kind: kind, Cost: st.amount("0.0125")}
		in.Command, in.Try = st.find(name)
		if fill != nil {
			fill(&in)
		}
		tick(in)
	}
	ref := func(v string) Ref { return Ref{Ref: v, Size: 9, Digest: "sha256:" + v} }
	words := ref("words")
	fails := func(f Failure) func(*Input) { return func(in *Input) { in.Failure = &f } }
	answer := func(calls ...CallFact) func(*Input) {
		return func(in *Input) {
			in.Answer = &Answer{Call: "call_1", Deployment: "openai/m", Attempts: 1, Message: ref("answer"), Stop: "tools", Calls: calls}
		}
	}
	tick(Input{Kind: Started, Start: &Start{Run: "run_1", Org: "default", Agent: "analyst", Definition: "sha256:d", Model: "smart",
		Limits: Limits{Budget: st.amount("0.5"), Steps: 60, Time: 30 * time.Minute}, OutputCap: 900, Goal: ref("goal"), Input: []byte(`{"company":"acme"}`),
		Key: "k", By: "ann", Project: "p", Team: "t", Customer: "c", APIKey: "key_1"}})
	say(ModelFailed, "model", fails(Failure{Class: "overloaded", Message: "busy", Again: true, After: 3 * time.Second, Call: "call_0"}))
	say(TimerFired, "timer", nil)
	say(ModelAnswered, "model", answer(
		CallFact{ID: "c1", Part: 1, Tool: "list", Promise: Promise{Class: Read}, Digest: "sha256:1"}, CallFact{ID: "c2", Part: 2, Tool: "write", Promise: Promise{Class: Keyed}, Digest: "sha256:2"},
		CallFact{ID: "c3", Part: 3, Tool: "tell", Promise: Promise{Class: Once}, Digest: "sha256:3"}, CallFact{ID: "c4", Part: 4, Tool: "gone", Problem: &words},
		CallFact{ID: "c5", Part: 5, Tool: "mail", Promise: Promise{Class: Once}, Digest: "sha256:5"}))
	say(EffectStarted, "write", nil)
	say(EffectStarted, "tell", nil)
	say(ToolFailed, "list", fails(Failure{Outcome: Unknown, Message: "cut", Told: &words, Again: true}))
	tick(Input{Kind: Recovered})
	say(ToolReturned, "write", func(in *Input) { in.Result = &Result{Ref: ref("written"), Repeat: true} })
	say(ToolReturned, "tell", func(in *Input) { in.Try, in.Result = 7, &Result{Ref: ref("late")} })
	say(Resolved, "tell", func(in *Input) {
		in.Resolve = &Resolve{ID: in.Command + "/1", Answer: AnswerDone, Told: ref("told"), By: "ann"}
	})
	say(TimerFired, "timer", nil)
	say(ToolFailed, "mail", fails(Failure{Class: "over_budget", Outcome: NotDone, Message: "full"}))
	say(ToolReturned, "list", func(in *Input) { in.Result = &Result{Ref: ref("names")} })
	tick(Input{Kind: Resumed, By: "ann", Limits: &Limits{Budget: st.amount("1"), Steps: 90, Time: time.Hour}})
	say(EffectStarted, "mail", nil)
	say(ToolFailed, "mail", fails(Failure{Outcome: Refused, Message: "no", Told: &words}))
	say(ModelAnswered, "model", answer(CallFact{ID: "c6", Part: 1, Tool: "list", Promise: Promise{Class: Read}, Digest: "sha256:1"}))
	tick(Input{Kind: CancelAsked, By: "ann", Why: "enough"})
	var b bytes.Buffer
	for i := range st.journal {
		body, err := st.journal[i].Encode()
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(body, '\n'))
	}
	if err := os.WriteFile("testdata/journals/"+release+"-everything.jsonl", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDecodeRefusesWhatCannotBeFolded(t *testing.T) {
	for body, want := range map[string]string{
		`{`:                                    "decode a run's record",
		`{"seq":1,"input":{"kind":"started"}}`: "record 1: the input started has no run to start",
		`{"seq":2,"input":{"kind":"odd"}}`:     `record 2: unknown input "odd"`,
		`{"seq":3,"input":{"kind":"tool_returned"}}`:                           "record 3: the input tool_returned has no result",
		`{"seq":4,"input":{"kind":"recovered","cost":"9999999999999999 USD"}}`: "record 4: a cost of 9999999999999999 USD cannot be",
	} {
		if _, err := Decode(Version, []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", body, err, want)
		}
	}
	if _, err := Decode(Version+1, nil); err == nil || !strings.Contains(err.Error(), "use the release that wrote it") {
		t.Errorf("another version: %v", err)
	}
}

// FuzzDecode: whatever stands in a journal, it is refused or folds, and what was
// read is written again as it was.
func FuzzDecode(f *testing.F) {
	journals, _ := filepath.Glob("testdata/journals/*.jsonl")
	var whole []Record
	for _, path := range journals {
		for _, line := range lines(f, path) {
			f.Add(line)
			rec, err := Decode(Version, line)
			if err != nil {
				f.Fatal(err)
			}
			whole = append(whole, rec)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rec, err := Decode(Version, body)
		if err != nil {
			return
		}
		once, err := rec.Encode()
		if err != nil {
			t.Skip("a time that JSON cannot hold")
		}
		back, err := Decode(Version, once)
		if err != nil {
			t.Fatalf("%s was written, and cannot be read: %v", once, err)
		}
		if twice, err := back.Encode(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not stable: %v\n%s\n%s", err, once, twice)
		}
		var s State
		Apply(&s, rec)
		for _, r := range whole { // and in the middle of a journal
			Apply(&s, r)
			c := s
			c.Open, c.Turns, c.Else = slices.Clone(s.Open), slices.Clone(s.Turns), slices.Clone(s.Else)
			Apply(&c, rec)
			Decide(&c, rec.Input)
			_ = Context(&c)
		}
	})
}

func ExampleDecide() {
	s := &State{}
	at := time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC)
	for _, in := range []Input{
		{Kind: Started, At: at, Start: &Start{Run: "run_1", Agent: "analyst"}},
		{Kind: ModelAnswered, At: at, Command: "run_1/1/1", Try: 1, Answer: &Answer{Calls: []CallFact{{ID: "c1", Tool: "alerts_notify", Promise: Promise{Class: Once}}}}},
		{Kind: EffectStarted, At: at, Command: "run_1/2/1", Try: 1},
		{Kind: Recovered, At: at}, // the process was killed here
	} {
		rec := Decide(s, in)
		Apply(s, rec)
		fmt.Println(rec.Seq, in.Kind, "→", s.Status)
		for _, c := range rec.Decision.Commands {
			fmt.Println("  ", c.ID, c.Kind, c.Class)
		}
	}
	// Output:
	// 1 started → running
	//    run_1/1/1 call_model paid-read
	// 2 model_answered → running
	//    run_1/2/1 call_tool once
	// 3 effect_started → running
	// 4 recovered → in doubt
}
