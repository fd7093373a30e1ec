package show

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// Story tells a run as it goes, a line for each attempt at a model's answer: when,
// which step, where, how long, what it cost, and what came of it; the tool calls
// of an answer stand in its line once they have their results. What failed has a
// line of its own, and so has what took over.
//
//	15:04:05.120    1  azure/gpt-5.1@eastus2       1.2s  0.003081 USD  todo_write (18ms)
//	15:04:05.410    2  azure/gpt-5.1@eastus2       97ms  0.002070 USD  ! broken_stream: the stream broke off
//	15:04:06.006    2  aws/claude-sonnet-4-5       36ms  0.004983 USD  took over: reports_list, history_schema (15ms, 0.000005 USD)
type Story struct {
	w io.Writer
	o StoryOptions

	last    time.Time // of the last event
	open    []string  // operations without a result
	told    *answer   // an answer whose line is not written, because of them
	failing string    // the deployment whose attempt was the last to fail
	doubt   string    // the doubt that was told last
	lost    []lost    // what interruptions cut off, and was not told yet
	costs   map[string]money.Amount
	err     error
}

// StoryOptions say how a story is told.
type StoryOptions struct {
	// Call finds a call's record; nil, or a nil record, where there is none to have.
	Call func(id string) *dispatch.CallRecord
	// Bill is the run's lines: with it each cost is what it came to in the end, and
	// what an interruption cut off is told, too.
	Bill []ledger.Line
	// Since is what times are counted from; zero shows the time of day.
	Since time.Time
	// Prefix begins each line.
	Prefix string
}

// lost is an attempt or effect whose end nobody saw.
type lost struct {
	id, where string
	at        time.Time
	step      int
}

// NewStory begins the story of one run.
func NewStory(w io.Writer, o StoryOptions) *Story {
	s := &Story{w: w, o: o, costs: map[string]money.Amount{}}
	for i := range o.Bill {
		l := &o.Bill[i]
		id := entryOf(l)
		s.costs[id] = s.costs[id].Add(l.Amount())
		seen := slices.ContainsFunc(s.lost, func(x lost) bool { return x.id == id })
		if slices.Contains(l.Marks, price.MarkUnknown) && !seen {
			s.lost = append(s.lost, lost{id: id, where: cmp.Or(l.Deployment, l.Resource), at: l.Time, step: l.Step})
		}
	}
	return s
}

// entryOf is the attempt or effect that a line is about, whether it books it first
// or says later what it was.
func entryOf(l *ledger.Line) string {
	id, _, _ := strings.Cut(l.ID, "#")
	return cmp.Or(l.Corrects, id)
}

// cost is what an entry came to, or what was said of it at the time.
func (s *Story) cost(id string, said *money.Amount) *money.Amount {
	if c, ok := s.costs[id]; ok {
		return &c
	}
	return said
}

// answer is a model's answer that is being told.
type answer struct {
	line
	did   string        // what it asked for
	slow  time.Duration // of the slowest of that
	price money.Amount  // of all of it
	notes []string
}

// line is what stands in one line.
type line struct {
	at    time.Time
	step  int
	where string
	took  time.Duration
	cost  *money.Amount
	what  string
}

// Add tells the run's next event. Its error is the writer's.
func (s *Story) Add(e *api.Event) error {
	switch e.Kind {
	case agent.ModelAnswered, agent.ModelFailed:
		s.flush()
		s.modelCall(e)
	case agent.EffectStarted, agent.TimerFired: // what follows says it all
	case agent.ToolReturned:
		s.returned(e)
	case agent.ToolFailed:
		s.flush()
		s.closed(e.Where)
		s.plain(e, "! "+e.Where+": "+cmp.Or(e.Failed, "it failed"))
	case agent.Recovered:
		s.recovered(e)
	default:
		s.flush()
		s.plain(e, e.What)
	}
	s.ending(e)
	s.last = e.At
	return s.err
}

// Past takes an event in of which nothing is told any more.
func (s *Story) Past(e *api.Event) {
	w, bill := s.w, s.lost
	s.w, s.lost = io.Discard, nil
	_ = s.Add(e) // nothing is written
	s.w, s.lost = w, bill
}

// Flush writes what waits for results, at the end of what there is to tell.
func (s *Story) Flush() error {
	s.flush()
	return s.err
}

// modelCall tells each attempt of a call, and keeps the answer for its tools.
func (s *Story) modelCall(e *api.Event) {
	var rec *dispatch.CallRecord
	if s.o.Call != nil && e.Call != "" && (e.Attempts > 1 || e.Kind == agent.ModelFailed) {
		rec = s.o.Call(e.Call)
	}
	l := line{at: e.At, step: e.Step, where: e.Where, took: time.Duration(e.TookMS) * time.Millisecond, cost: e.Cost}
	if e.Attempts == 1 {
		l.cost = s.cost(e.Call+"/1", e.Cost)
	}
	if rec != nil {
		tried := rec.Attempts
		if e.Kind == agent.ModelAnswered && len(tried) > 0 {
			a := &tried[len(tried)-1]
			tried = tried[:len(tried)-1]
			l.where, l.took, l.cost = a.Deployment, a.Ended.Sub(a.Started), s.cost(a.ID, priced(a.Cost))
		}
		for i := range tried {
			s.attempt(e.Step, &tried[i])
		}
		if e.Kind == agent.ModelFailed && len(tried) > 0 {
			if rec.Error != "" && rec.Error != tried[len(tried)-1].Error && !e.Status.Ended() {
				s.plain(e, "! "+rec.Outcome+": "+rec.Error)
			}
			return
		}
	}
	if e.Kind == agent.ModelFailed {
		if !e.Status.Ended() { // else the end says why
			l.what = "! " + e.Failed
			s.failing = cmp.Or(l.where, s.failing)
			s.write(&l)
		}
		return
	}
	s.told, s.open = &answer{line: l, did: times(e.Tools)}, slices.Clone(e.Tools)
	if s.failing != "" && s.failing != l.where {
		s.told.what = "took over: "
	}
	s.failing = ""
	if e.Failed != "" {
		s.told.notes = append(s.told.notes, e.Failed)
	}
	if len(e.Tools) == 0 {
		s.told.did = "answered"
		if e.Status == agent.Done {
			s.told.did = "answered → done"
		}
		s.flush()
	}
}

func (s *Story) attempt(step int, a *dispatch.AttemptRecord) {
	what := a.Outcome
	if a.Error != "" {
		what += ": " + a.Error
	}
	s.failing = a.Deployment
	s.write(&line{at: a.Ended, step: step, where: a.Deployment, took: a.Ended.Sub(a.Started), cost: s.cost(a.ID, priced(a.Cost)), what: "! " + what})
}

// priced reads an amount such as "0.25 USD"; nil where there is none.
func priced(text string) *money.Amount {
	a, err := money.ParseWithCurrency(text)
	if err != nil {
		return nil
	}
	return &a
}

// returned counts a result; the answer's line is written with the last of them.
func (s *Story) returned(e *api.Event) {
	s.closed(e.Where)
	took := time.Duration(e.TookMS) * time.Millisecond
	t := s.told
	if t == nil { // the line was written already, because of a failure or an interruption
		notes := []string{Took(took)}
		if e.Cost != nil {
			notes = append(notes, Money(*e.Cost))
		}
		s.plain(e, e.What+" ("+strings.Join(notes, ", ")+")")
		return
	}
	t.slow = max(t.slow, took)
	if e.Cost != nil {
		t.price = t.price.Add(*e.Cost)
	}
	if _, more, ok := strings.Cut(e.What, "; "); ok {
		t.notes = append(t.notes, e.Where+": "+more)
	}
	if len(s.open) == 0 {
		s.flush()
	}
}

func (s *Story) closed(tool string) {
	if i := slices.Index(s.open, tool); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
}

// recovered tells what the new owner found under way.
func (s *Story) recovered(e *api.Event) {
	middle := "a model's answer"
	if len(s.open) > 0 {
		middle = times(s.open)
	}
	gap := e.At.Sub(s.last)
	s.flush()
	for len(s.lost) > 0 && s.lost[0].at.Before(e.At) {
		x := &s.lost[0]
		s.write(&line{at: x.at, step: x.step, where: x.where, took: -1, cost: s.cost(x.id, nil), what: "! cut off: nobody saw its end"})
		s.lost = s.lost[1:]
	}
	s.plain(e, fmt.Sprintf("-- taken over after an interruption in the middle of %s; %s since its last record", middle, Took(gap)))
}

// ending tells a change of status that is not a step.
func (s *Story) ending(e *api.Event) {
	why := string(e.Status)
	if e.Reason != "" {
		why += ": " + Reason(e.Reason)
	}
	switch {
	case e.Status == agent.Done && e.Kind == agent.ModelAnswered: // its line says so
	case e.Status.Ended():
		s.flush()
		s.plain(e, "→ "+why)
	case e.Status == agent.InDoubt && s.doubt != why:
		s.doubt = why
		s.flush()
		s.plain(e, "→ "+why)
	}
}

// flush writes the answer that is being told.
func (s *Story) flush() {
	t := s.told
	if t == nil {
		return
	}
	s.told = nil
	t.what += t.did
	var notes []string
	if t.slow > 0 {
		notes = append(notes, Took(t.slow))
	}
	if !t.price.IsZero() {
		notes = append(notes, Money(t.price))
	}
	if notes = append(notes, t.notes...); len(notes) > 0 {
		t.what += " (" + strings.Join(notes, ", ") + ")"
	}
	s.write(&t.line)
}

// times lists names, those that come several times once, with their number.
func times(names []string) string {
	var parts []string
	for i, n := range names {
		if slices.Index(names, n) < i {
			continue
		}
		count := 0
		for _, m := range names {
			if m == n {
				count++
			}
		}
		if count > 1 {
			n += fmt.Sprintf(" ×%d", count)
		}
		parts = append(parts, n)
	}
	return strings.Join(parts, ", ")
}

// plain writes a line that is no attempt.
func (s *Story) plain(e *api.Event, what string) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, "%s%s  %3s  %s\n", s.o.Prefix, s.when(e.At), "", clean(what))
	}
}

// write writes an attempt.
func (s *Story) write(l *line) {
	step, took, cost := "", "", ""
	if l.step > 0 {
		step = fmt.Sprint(l.step)
	}
	if l.took >= 0 {
		took = Took(l.took)
	}
	if l.cost != nil {
		cost = Money(*l.cost)
	}
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, "%s%s  %3s  %-*s  %6s  %12s  %s\n", s.o.Prefix, s.when(l.at), step, whereWidth, l.where, took, cost, clean(l.what))
	}
}

// whereWidth is enough for most names of deployments; a longer one moves its line.
const whereWidth = 41

func (s *Story) when(t time.Time) string {
	if s.o.Since.IsZero() {
		return t.Local().Format("15:04:05.000")
	}
	return fmt.Sprintf("%7.2fs", t.Sub(s.o.Since).Seconds())
}
