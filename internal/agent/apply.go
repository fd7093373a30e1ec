package agent

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// Apply folds one record into the state. It decides nothing: it reads what the
// input says and what was decided about it. It only grows from release to release,
// and must fold every journal that was ever written.
func Apply(s *State, r Record) {
	in, d := &r.Input, &r.Decision
	s.Seq = r.Seq
	s.spend(in.Cost)
	if d.Ignored != "" || in.lacks() != "" {
		return
	}
	switch in.Kind {
	case Started:
		s.begin(in)
	case ModelAnswered:
		s.answer(in, d)
	case ModelFailed:
		s.Failures++
		if !d.keeps(in.Command) {
			s.close(in.Command)
		}
	case EffectStarted:
		if o := s.Find(in.Command); o != nil && !slices.Contains(d.Doubt, o.ID) {
			o.Started = true
			if o.First.IsZero() {
				o.First = in.At
			}
		}
	case ToolReturned:
		s.result(in.Command, in.Result.Ref, false)
	case ToolFailed:
		s.failed(in, d)
	case TimerFired:
		s.close(in.Command)
	case Resolved:
		s.resolve(in)
	case Resumed:
		s.resume(in)
	}
	s.decide(in, d)
}

// decide folds what was decided.
func (s *State) decide(in *Input, d *Decision) {
	for _, id := range d.Drop {
		s.close(id)
	}
	for _, c := range d.Commands {
		s.Open = append(s.Open, Open{Command: c, Try: 1})
	}
	for _, id := range d.Again {
		if o := s.Find(id); o != nil {
			o.Unsure = o.Unsure || o.Started
			o.Try++
			o.Started, o.Doubt, o.Idle = false, false, false
		}
	}
	for _, id := range d.Idle {
		if o := s.Find(id); o != nil {
			o.Unsure = o.Unsure || o.Started
			o.Started, o.Idle = false, true
		}
	}
	for _, id := range d.Doubt {
		if o := s.Find(id); o != nil {
			o.Doubt, o.Idle = true, false
		}
	}
	if d.Ending != nil {
		s.Ending = d.Ending
	}
	s.Status, s.Reason = d.Status, d.Reason
	if s.Status.Ended() {
		s.Ended = in.At
	}
}

func (s *State) begin(in *Input) {
	st := in.Start
	s.Cause = st
	s.Run, s.Org, s.Agent, s.Definition, s.Model = st.Run, st.Org, st.Agent, st.Definition, st.Model
	s.Limits, s.OutputCap, s.Goal = st.Limits, st.OutputCap, st.Goal
	s.Started = in.At
	s.setDeadline(in)
}

func (s *State) resume(in *Input) {
	s.Ending, s.Ended, s.Failures, s.Lengths = nil, time.Time{}, 0, 0
	if in.Limits != nil {
		s.Limits = *in.Limits
	}
	s.setDeadline(in)
}

func (s *State) setDeadline(in *Input) {
	s.Deadline = time.Time{}
	if s.Limits.Time > 0 {
		s.Deadline = in.At.Add(s.Limits.Time)
	}
}

// spend adds up costs. Currencies are never mixed: what is not in that of the
// first cost is kept beside it.
func (s *State) spend(cost money.Amount) {
	if cost.IsZero() {
		return
	}
	if s.Spent.IsZero() || s.Spent.Currency() == cost.Currency() {
		s.Spent = s.Spent.Add(cost)
		return
	}
	for i := range s.Else {
		if s.Else[i].Currency() == cost.Currency() {
			s.Else[i] = s.Else[i].Add(cost)
			return
		}
	}
	s.Else = append(s.Else, cost)
}

func (s *State) answer(in *Input, d *Decision) {
	a := in.Answer
	s.close(in.Command)
	s.Steps++
	s.Failures = 0
	s.Answer = a.Message
	if s.Lengths++; !a.cut() {
		s.Lengths = 0
	}
	t := Turn{Message: a.Message, Calls: make([]Call, 0, len(a.Calls)), Cut: a.cut()}
	for i := range a.Calls {
		f := &a.Calls[i]
		c := Call{ID: f.ID, Tool: f.Tool, Digest: f.Digest}
		if f.Problem != nil {
			c.Result, c.IsError, c.Done = *f.Problem, true, true
		} else if cmd := d.commandFor(f.Part); cmd != nil {
			c.Command = cmd.ID
		}
		t.Calls = append(t.Calls, c)
	}
	s.Turns = append(s.Turns, t)
}

// commandFor finds the command that performs the call in the given part.
func (d *Decision) commandFor(part int) *Command {
	for i := range d.Commands {
		if c := &d.Commands[i]; c.Kind == CallTool && c.Part == part {
			return c
		}
	}
	return nil
}

func (s *State) failed(in *Input, d *Decision) {
	o := s.Find(in.Command)
	if o == nil {
		return
	}
	if in.Failure.unknown() {
		o.Unsure = true
		if o.First.IsZero() {
			o.First = in.At
		}
	} else {
		o.Started = false
		if !o.Unsure { // nothing has begun yet that may have been done
			o.First = time.Time{}
		}
	}
	switch {
	case d.keeps(in.Command):
	case in.Failure.Told != nil:
		s.result(in.Command, *in.Failure.Told, true)
	default:
		o.Idle = true
	}
}

func (s *State) resolve(in *Input) {
	s.Resolves = append(s.Resolves, *in.Resolve)
	switch in.Resolve.Answer {
	case AnswerNotDone:
		if o := s.Find(in.Command); o != nil {
			o.Doubt, o.Started, o.Unsure, o.First = false, false, false, time.Time{}
		}
	default:
		s.result(in.Command, in.Resolve.Told, in.Resolve.Answer == AnswerAbandon)
	}
}

// result gives a call its result and closes its command.
func (s *State) result(command string, ref Ref, isError bool) {
	s.close(command)
	t := s.turn()
	if t == nil {
		return
	}
	for i := range t.Calls {
		if c := &t.Calls[i]; c.Command == command && !c.Done {
			c.Result, c.IsError, c.Done = ref, isError, true
		}
	}
}

func (s *State) close(id string) {
	for i := range s.Open {
		if s.Open[i].ID == id {
			s.Open = append(s.Open[:i], s.Open[i+1:]...)
			return
		}
	}
}

// keeps reports whether the command stays outstanding after a failure: it is to
// be done again, now or later, or its outcome is in doubt.
func (d *Decision) keeps(id string) bool {
	for i := range d.Commands {
		if c := &d.Commands[i]; c.Kind == Sleep && c.PutsOff == id {
			return true
		}
	}
	return slices.Contains(d.Again, id) || slices.Contains(d.Idle, id) || slices.Contains(d.Doubt, id)
}
