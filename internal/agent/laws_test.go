package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"pgregory.net/rapid"
)

// world holds a run and what must be true of its history, whatever comes in.
type world struct {
	t       *rapid.T
	s       State
	journal []Record
	now     time.Time
	decide  func(*State, Input) Record

	given  map[string]Promise   // every command ever given
	first  map[string]time.Time // when one began that may have been done
	ever   []string             // their ids
	began  map[string]bool      // started, and nobody has said that it was not done
	maybe  map[string]bool      // keyed or once: an earlier try may have been done
	ended  map[string]bool      // has its result
	prompt []Message            // what the last model call saw
}

func newWorld(t *rapid.T, decide func(*State, Input) Record) *world {
	return &world{t: t, now: epoch, decide: decide, given: map[string]Promise{}, first: map[string]time.Time{}, began: map[string]bool{},
		maybe: map[string]bool{}, ended: map[string]bool{}}
}

// put hands in one input and checks the laws.
func (w *world) put(in Input) {
	w.now = w.now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(w.t, "wait")))
	in.At = w.now
	before := w.s.Seq
	rec := w.decide(&w.s, in)
	body, err := rec.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	if rec, err = Decode(Version, body); err != nil {
		w.t.Fatal(err)
	}
	was := w.s
	was.Open = slices.Clone(w.s.Open)
	Apply(&w.s, rec)
	w.journal = append(w.journal, rec)
	if rec.Seq != before+1 || w.s.Seq != rec.Seq {
		w.t.Fatalf("record %d follows %d", rec.Seq, before)
	}
	if rec.Decision.Ignored != "" {
		if d := cmp.Diff(was.Open, w.s.Open, sameState...); d != "" {
			w.t.Fatalf("an ignored input changed what is outstanding:\n%s", d)
		}
		return
	}
	w.ids(&rec)
	w.fits(&was, &rec)
	w.effects(&rec)
	w.status(&rec)
	w.context(&rec)
}

// ids: each command is given once, under an id that its record determines.
func (w *world) ids(r *Record) {
	for _, c := range r.Decision.Commands {
		if _, ok := w.given[c.ID]; ok {
			w.t.Fatalf("%s was given twice", c.ID)
		}
		if !strings.HasPrefix(c.ID, fmt.Sprintf("r/%d/", r.Seq)) {
			w.t.Fatalf("%s is not derived from record %d", c.ID, r.Seq)
		}
		w.given[c.ID] = c.Promise
		w.ever = append(w.ever, c.ID)
	}
	for _, id := range r.Decision.Again {
		if _, ok := w.given[id]; !ok {
			w.t.Fatalf("%s is done again, and was never given", id)
		}
	}
}

// fits: an outcome counts for the try that it is of, an answer for the question
// that was put, and a run that is ending starts nothing.
func (w *world) fits(was *State, r *Record) {
	in, d := &r.Input, &r.Decision
	if o := was.Find(in.Command); o != nil {
		switch in.Kind {
		case ModelAnswered, ModelFailed, EffectStarted, ToolReturned, ToolFailed:
			if in.Try != o.Try {
				w.t.Fatalf("%s of try %d counted for try %d of %s", in.Kind, in.Try, o.Try, o.ID)
			}
		case Resolved:
			if !o.Doubt || in.Resolve.ID != o.Effect() {
				w.t.Fatalf("the answer to %s counted for %s", in.Resolve.ID, o.Effect())
			}
		}
	}
	if was.Ending == nil || in.Kind == Resumed {
		return
	}
	if len(d.Again) > 0 {
		w.t.Fatalf("the run is ending, and %s is done again by record %d", d.Again, r.Seq)
	}
	for i := range d.Commands {
		if !slices.Contains(d.Idle, d.Commands[i].ID) {
			w.t.Fatalf("the run is ending, and record %d gives %s", r.Seq, d.Commands[i].ID)
		}
	}
}

// effects: nothing that was done, or may have been, is repeated or denied.
func (w *world) effects(r *Record) {
	in, id := &r.Input, r.Input.Command
	writes := w.given[id].Class.Started()
	switch in.Kind {
	case EffectStarted:
		if slices.Contains(r.Decision.Doubt, id) {
			break // it is not begun
		}
		if p := w.given[id]; w.maybe[id] && p.For > 0 && !p.Resend && !in.At.Before(w.first[id].Add(p.For)) {
			w.t.Fatalf("%s may have been done, its key is forgotten, and it begins by record %d", id, r.Seq)
		}
		if w.began[id] {
			w.t.Fatalf("%s has begun, and begins again", id)
		}
		w.began[id] = true
		if w.first[id].IsZero() {
			w.first[id] = in.At
		}
	case ToolFailed:
		w.maybe[id] = w.maybe[id] || writes && in.Failure.unknown()
		w.began[id] = w.began[id] && in.Failure.unknown()
		if !w.maybe[id] {
			delete(w.first, id)
		} else if w.first[id].IsZero() {
			w.first[id] = in.At
		}
		if w.maybe[id] && w.s.Find(id) == nil {
			w.t.Fatalf("%s may have been done, and the model is told that it failed", id)
		}
	case ToolReturned:
		w.ended[id] = true
	case Resolved:
		if in.Resolve.Answer == AnswerNotDone {
			w.began[id], w.maybe[id] = false, false
			delete(w.first, id)
		} else {
			w.ended[id] = true
		}
	}
	for _, id := range r.Decision.Doubt {
		if !w.began[id] && !w.maybe[id] {
			w.t.Fatalf("%s is in doubt, and it is known that it was not done", id)
		}
	}
	for _, id := range slices.Concat(r.Decision.Again, r.Decision.Idle) {
		p, may := w.given[id], w.began[id] || w.maybe[id]
		if may && p.Class == Once && !p.Resend {
			w.t.Fatalf("%s is a once effect that has begun, and is done again by record %d", id, r.Seq)
		}
		if may && p.For > 0 && !p.Resend && slices.Contains(r.Decision.Again, id) && !in.At.Before(w.first[id].Add(p.For)) {
			w.t.Fatalf("%s may have been done, its key is forgotten, and record %d does it again", id, r.Seq)
		}
		if w.ended[id] {
			w.t.Fatalf("%s has its result, and is done again", id)
		}
		w.maybe[id] = w.maybe[id] || w.began[id]
		w.began[id] = false
	}
}

// status: no run is running for ever, and one that has ended is given nothing.
func (w *world) status(r *Record) {
	s := &w.s
	acting, doubts := s.Acting(), s.Doubts()
	law := ""
	switch s.Status {
	case InDoubt:
		if doubts == 0 {
			law = "in doubt about nothing"
		}
	case Running:
		if acting == 0 || doubts > 0 {
			law = "running, with nothing under way, or over a doubt"
		}
	case Sleeping:
		if !s.asleep() || acting > 0 || doubts > 0 {
			law = "sleeping, without a timer, or over something else"
		}
	case Done, Stopped, Failed, Canceled:
		if acting > 0 || doubts > 0 || len(r.Decision.Commands)+len(r.Decision.Again) > 0 {
			law = "ended, with something under way"
		}
		if s.Reason == nothingLeft {
			law = "it would have hung"
		}
	default:
		law = "no status"
	}
	if s.Status != Canceled && s.turn() != nil {
		for _, c := range s.turn().Calls {
			if !c.Done && s.Find(c.Command) == nil {
				law = "call " + c.ID + " has no result and no command"
			}
		}
	}
	if law != "" {
		w.t.Fatalf("record %d (%s): %s: %s; open %+v", r.Seq, r.Input.Kind, s.Status, law, s.Open)
	}
}

// context: what the model sees starts with what it saw before.
func (w *world) context(r *Record) {
	calls, others := 0, 0
	for i := range w.s.Open {
		switch w.s.Open[i].Kind {
		case CallModel:
			calls++
		case CallTool:
			others++
		}
	}
	if calls > 1 || calls == 1 && others > 0 {
		w.t.Fatalf("record %d: %d model calls beside %d tool calls", r.Seq, calls, others)
	}
	if calls == 0 {
		return
	}
	now := Context(&w.s)
	if len(now) < len(w.prompt) || cmp.Diff(now[:len(w.prompt)], w.prompt, sameState...) != "" {
		w.t.Fatalf("record %d: the context does not start with the earlier one:\n%s", r.Seq, cmp.Diff(w.prompt, now))
	}
	w.prompt = nil
	for _, m := range now {
		if m.Call != nil {
			if m.Ref.Ref == "" {
				w.t.Fatalf("record %d: the call %s has no result", r.Seq, m.Call.ID)
			}
			c := *m.Call
			m.Call = &c
		}
		w.prompt = append(w.prompt, m)
	}
}

// fold: the journal alone gives the same state.
func (w *world) fold() {
	var s State
	for _, r := range w.journal {
		Apply(&s, r)
	}
	if d := cmp.Diff(w.s, s, sameState...); d != "" {
		w.t.Fatalf("the journal folds to another state (-live +folded):\n%s", d)
	}
}

// some draws what may happen to the run: mostly what fits, and now and then
// anything at all.
func (w *world) some() Input {
	t := w.t
	if len(w.s.Open) > 0 && rapid.IntRange(0, 9).Draw(t, "fits") > 1 {
		return w.fitting(&w.s.Open[rapid.IntRange(0, len(w.s.Open)-1).Draw(t, "which")])
	}
	kinds := []InputKind{Started, ModelAnswered, ModelFailed, EffectStarted, ToolReturned, ToolFailed, TimerFired, Recovered,
		Resolved, Resumed, Resumed, Resumed, CancelAsked, "odd", ""}
	in := Input{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Try: rapid.IntRange(0, 3).Draw(t, "try")}
	if in.Kind == CancelAsked && rapid.IntRange(0, 9).Draw(t, "really") > 0 {
		in.Kind = Recovered
	}
	in.Command = rapid.SampledFrom(append([]string{"", "r/9/9"}, w.ever...)).Draw(t, "command")
	if rapid.Bool().Draw(t, "full") {
		w.fill(&in)
	}
	return in
}

// fitting is an outcome of an outstanding command.
func (w *world) fitting(o *Open) Input {
	in := Input{Command: o.ID, Try: o.Try}
	if o.Try > 1 && rapid.IntRange(0, 7).Draw(w.t, "late") == 0 {
		in.Try--
	}
	kinds := []InputKind{ToolReturned, ToolFailed, ToolFailed}
	switch {
	case o.Kind == Sleep:
		kinds = []InputKind{TimerFired}
	case o.Kind == CallModel:
		kinds = []InputKind{ModelAnswered, ModelAnswered, ModelAnswered, ModelFailed}
	case o.Doubt:
		kinds = []InputKind{Resolved, Resolved, ToolReturned, ToolFailed}
	case o.Class.Started() && !o.Started:
		kinds = []InputKind{EffectStarted, EffectStarted, EffectStarted, ToolFailed}
	}
	in.Kind = rapid.SampledFrom(kinds).Draw(w.t, "outcome")
	w.fill(&in)
	if in.Kind == Resolved {
		in.Resolve.ID = fmt.Sprintf("%s/%d", o.ID, in.Try)
	}
	return in
}

// fill gives an input the members of its kind.
func (w *world) fill(in *Input) {
	t := w.t
	word := func(label string) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, label) }
	ref := func(label string) Ref { v := word(label); return Ref{Ref: v, Digest: "d:" + v} }
	if rapid.Bool().Draw(t, "costs") {
		cur := rapid.SampledFrom([]string{"USD", "EUR"}).Draw(t, "currency")
		in.Cost, _ = money.ParseWithCurrency("0.01 " + cur)
	}
	failure := func(classes ...llm.ErrorClass) *Failure {
		f := &Failure{Class: rapid.SampledFrom(classes).Draw(t, "class"), Again: rapid.Bool().Draw(t, "again"), Message: "m",
			After: time.Duration(rapid.IntRange(0, 2).Draw(t, "after")) * time.Minute}
		if rapid.Bool().Draw(t, "told") {
			r := ref("words")
			f.Told = &r
		}
		return f
	}
	switch in.Kind {
	case Started:
		in.Start = &Start{Run: "r", Agent: "a", Goal: Ref{Ref: "goal"}, Limits: w.limits()}
	case ModelAnswered:
		in.Answer = &Answer{Message: ref("message"),
			Stop: rapid.SampledFrom([]llm.StopReason{llm.StopEnd, llm.StopTools, llm.StopLength, llm.StopRefusal, llm.StopContext, llm.StopPause}).Draw(t, "stop")}
		for i := range rapid.SampledFrom([]int{0, 1, 1, 2, 2, 3}).Draw(t, "calls") {
			f := CallFact{ID: fmt.Sprintf("c%d", i), Part: rapid.SampledFrom([]int{i, i, i, 0}).Draw(t, "part"), Tool: "t", Digest: "d:" + word("args"),
				Promise: rapid.SampledFrom([]Promise{{Class: Read}, {Class: Keyed}, {Class: Keyed, For: time.Minute}, {Class: Keyed, For: 5 * time.Minute}, {Class: Once}, {Class: Once},
					{Class: Once, Resend: true}, {Class: Keyed, For: time.Minute, Resend: true}, {Class: Local}, {Class: "odd"}}).Draw(t, "effect")}
			if rapid.IntRange(0, 5).Draw(t, "valid") == 0 {
				p := ref("problem")
				f.Problem = &p
			}
			in.Answer.Calls = append(in.Answer.Calls, f)
		}
	case ModelFailed:
		in.Failure = failure(llm.Overloaded, llm.Overloaded, llm.Overloaded, llm.Canceled, llm.OverBudget, llm.BadRequest)
	case ToolFailed:
		in.Failure = failure("", "", "", "", llm.OverBudget)
		in.Failure.Outcome = rapid.SampledFrom([]string{NotDone, NotDone, Refused, Unknown, Unknown, ""}).Draw(t, "known")
	case ToolReturned:
		in.Result = &Result{Ref: ref("result")}
	case Resolved:
		in.Resolve = &Resolve{ID: rapid.SampledFrom(append([]string{""}, w.ever...)).Draw(t, "effect id") + "/1", Told: ref("told"),
			Answer: rapid.SampledFrom([]string{AnswerDone, AnswerNotDone, AnswerNotDone, AnswerAbandon, "odd"}).Draw(t, "answer")}
	case Resumed:
		if rapid.Bool().Draw(t, "with limits") {
			l := w.limits()
			in.Limits = &l
		}
	}
}

func (w *world) limits() Limits {
	return Limits{Steps: rapid.SampledFrom([]int{0, 0, 2, 8}).Draw(w.t, "steps"),
		Time: rapid.SampledFrom([]time.Duration{0, 0, time.Minute, time.Hour}).Draw(w.t, "time")}
}
