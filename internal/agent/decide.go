package agent

import (
	"fmt"
	"slices"
	"time"
)

// Bounds of a run that no definition states.
const (
	maxModelFailures = 5 // in a row, with waits between them
	maxLengths       = 3 // answers in a row that end at their cap
	maxRepeats       = 3 // turns in a row with the same calls and results
	maxTries         = 5 // of one effect that may be done again
)

// Decide says what a run does about an input. It runs once, when the input
// arrives, and depends on its arguments only. It is total: an input that does not
// fit is recorded as ignored, with its reason.
func Decide(s *State, in Input) Record {
	in.At = in.At.UTC().Truncate(time.Microsecond) // as it will be read again
	d := decider{s: s, in: &in, seq: s.Seq + 1}
	lack := in.lacks()
	switch {
	case lack != "":
		d.ignore(lack)
	case in.Kind == Started:
		d.started()
	case s.Status == "":
		d.ignore("the run has not started")
	case in.Kind == Resumed:
		d.resumed()
	case s.Status.Ended():
		d.ignore("late: the run is " + string(s.Status))
	case in.Kind == CancelAsked:
		d.canceled()
	case in.Kind == Recovered:
		d.recovered()
	case in.Kind == Resolved:
		d.resolved()
	default:
		d.outcome()
	}
	d.status()
	return Record{Seq: d.seq, Input: in, Decision: d.out}
}

// decider holds what is being decided.
type decider struct {
	s   *State
	in  *Input
	seq int64
	out Decision
}

func (d *decider) ignore(why string) { d.out.Ignored = why }

func (d *decider) started() {
	if d.s.Status != "" {
		d.ignore("the run has started already")
		return
	}
	d.give(Command{Kind: CallModel, Promise: Promise{Class: PaidRead}})
}

// recovered goes through what a former owner left outstanding: nothing of it is
// under way any more.
func (d *decider) recovered() {
	for i := range d.s.Open {
		o := &d.s.Open[i]
		ending := d.s.Ending != nil
		switch {
		case o.Kind == Sleep || o.Doubt || d.s.putOff(o.ID) || o.Idle && ending:
		case o.asks(d.in.At):
			d.out.Doubt = append(d.out.Doubt, o.ID)
		case ending:
			d.rest(o)
		default:
			d.again(o)
		}
	}
}

// resolved takes a person's word on an effect in doubt. It answers one question:
// what became of one try of it.
func (d *decider) resolved() {
	r, o := d.in.Resolve, d.s.Find(d.in.Command)
	for i := range d.s.Resolves {
		if was := &d.s.Resolves[i]; was.ID == r.ID {
			d.ignore(fmt.Sprintf("%s was answered already: %s", r.ID, was.Answer))
			return
		}
	}
	switch {
	case o == nil:
		d.ignore("late: nothing is waiting for this")
	case !o.Doubt:
		d.ignore("the effect is not in doubt")
	case r.ID != o.Effect():
		d.ignore(fmt.Sprintf("the answer is about %s, and in doubt is %s", r.ID, o.Effect()))
	case r.Answer == AnswerNotDone && d.s.Ending != nil:
		d.rest(o)
	case r.Answer == AnswerNotDone:
		d.again(o)
	case r.Answer != AnswerDone && r.Answer != AnswerAbandon:
		d.ignore(fmt.Sprintf("answer %q; want %s, %s or %s", r.Answer, AnswerDone, AnswerNotDone, AnswerAbandon))
	case r.Told.Ref == "":
		d.ignore("the answer has no words for the model")
	default:
		d.next()
	}
}

// resumed goes on with a run that had stopped or failed, from where it was.
func (d *decider) resumed() {
	switch {
	case !d.s.Status.Ended():
		d.ignore("the run is " + string(d.s.Status))
		return
	case d.s.Status == Done:
		d.ignore("the run is done")
		return
	case d.s.Status == Canceled:
		d.ignore("the run was canceled; start it again, or fork it")
		return
	}
	if d.pending() {
		return
	}
	limits := d.s.Limits
	if d.in.Limits != nil {
		limits = *d.in.Limits
	}
	if limits.Steps > 0 && d.s.Steps >= limits.Steps {
		d.ignore(fmt.Sprintf("steps: %d of %d were taken; resume it with more", d.s.Steps, limits.Steps))
		return
	}
	d.give(Command{Kind: CallModel, Promise: Promise{Class: PaidRead}})
}

// pending takes up again what never came to its end, if there is any. Nothing of
// it is under way: a run ends only when nothing is.
func (d *decider) pending() bool {
	any := false
	for i := range d.s.Open {
		o := &d.s.Open[i]
		any = any || o.Kind != Sleep
		switch {
		case o.Kind == Sleep:
			d.out.Drop = append(d.out.Drop, o.ID)
		case o.Doubt:
		case o.asks(d.in.At):
			d.out.Doubt = append(d.out.Doubt, o.ID)
		default:
			d.again(o)
		}
	}
	return any
}

// canceled calls off what is outstanding. An effect that may have begun and must
// not be repeated stays visible in the journal as dropped.
func (d *decider) canceled() {
	why := d.in.Why
	if why == "" {
		why = "asked to"
	}
	if d.in.By != "" {
		why += " (by " + d.in.By + ")"
	}
	for i := range d.s.Open {
		d.out.Drop = append(d.out.Drop, d.s.Open[i].ID)
	}
	d.out.Ending = &Ending{Status: Canceled, Reason: why}
}

// give adds a command, with its derived id.
func (d *decider) give(c Command) string {
	run := d.s.Run
	if d.in.Start != nil {
		run = d.in.Start.Run
	}
	c.ID = fmt.Sprintf("%s/%d/%d", run, d.seq, len(d.out.Commands)+1)
	d.out.Commands = append(d.out.Commands, c)
	return c.ID
}

// again performs an outstanding command once more.
func (d *decider) again(o *Open) { d.out.Again = append(d.out.Again, o.ID) }

// rest keeps an outstanding command for whoever resumes the run.
func (d *decider) rest(o *Open) { d.out.Idle = append(d.out.Idle, o.ID) }

// after is the run as this input and what was decided so far leave it.
func (d *decider) after() *State {
	s := *d.s
	s.Open, s.Else, s.Resolves = slices.Clone(s.Open), slices.Clone(s.Else), slices.Clip(s.Resolves)
	s.Turns = slices.Clone(s.Turns[max(0, len(s.Turns)-maxRepeats):])
	if t := s.turn(); t != nil {
		t.Calls = slices.Clone(t.Calls)
	}
	Apply(&s, Record{Seq: d.seq, Input: *d.in, Decision: d.out})
	return &s
}
