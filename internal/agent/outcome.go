package agent

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// outcome handles what became of one try of one command.
func (d *decider) outcome() {
	in, o := d.in, d.s.Find(d.in.Command)
	switch {
	case o == nil:
		d.ignore("late: nothing is waiting for this")
	case in.of() != o.Kind:
		d.ignore(fmt.Sprintf("%s says nothing of a %s", in.Kind, o.Kind))
	case in.Kind == TimerFired:
		d.woke(o)
	case in.Try != o.Try:
		d.ignore(fmt.Sprintf("late: this is of try %d, and try %d is what counts", in.Try, o.Try))
	case o.Doubt && in.Kind == ToolReturned: // it has come after all, and nobody need be asked
		d.next()
	case o.Doubt:
		d.ignore("late: the effect is in doubt; answer it with resolve")
	case o.Idle || d.s.putOff(o.ID):
		d.ignore("late: the outcome of this try is known")
	case in.Kind == ModelAnswered:
		d.answered()
	case in.Kind == ModelFailed:
		d.modelFailed(o)
	case in.Kind == ToolReturned:
		d.next()
	case in.Kind == ToolFailed:
		d.toolFailed(o)
	case o.Started: // and it is an EffectStarted, of which there is one in a try
		d.ignore("the effect has started already")
	case !o.Class.Started():
		d.ignore("an effect of class " + string(o.Class) + " needs no record of its start")
	case o.asks(in.At): // it had to wait for its turn until the service has forgotten its key
		d.out.Doubt = append(d.out.Doubt, o.ID)
	}
}

// of is the kind of command that the input is about.
func (in *Input) of() CommandKind {
	switch in.Kind {
	case ModelAnswered, ModelFailed:
		return CallModel
	case TimerFired:
		return Sleep
	}
	return CallTool
}

// answered goes on from a model's answer: run its calls, or be done.
func (d *decider) answered() {
	a := d.in.Answer
	switch {
	case len(a.Calls) > 0:
		d.calls(a)
	case a.cut() && d.s.Lengths+1 >= maxLengths:
		d.end(Stopped, fmt.Sprintf("length: %d answers in a row ended at their output cap", maxLengths))
	case a.cut():
		d.callModel(d.after()) // let it go on
	case a.Stop == llm.StopContext:
		d.end(Stopped, "context: what the model has to read has become too long for it")
	case a.Stop == llm.StopRefusal:
		d.end(Failed, "refused: the model declined to go on")
	default:
		d.end(Done, "")
	}
}

// calls performs the valid calls of an answer.
func (d *decider) calls(a *Answer) {
	for i := range a.Calls {
		c := &a.Calls[i]
		if c.Problem != nil || d.out.commandFor(c.Part) != nil {
			continue
		}
		promise := c.Promise
		if !promise.Class.known() {
			promise = Promise{Class: Once}
		}
		id := d.give(Command{Kind: CallTool, Promise: promise, Tool: c.Tool, Message: a.Message, Part: c.Part, Digest: c.Digest})
		if d.s.Ending != nil {
			d.out.Idle = append(d.out.Idle, id)
		}
	}
	if len(d.out.Commands) == 0 {
		d.next()
	}
}

func (d *decider) modelFailed(o *Open) {
	f := d.in.Failure
	switch {
	case f.Class == llm.OverBudget:
		d.end(Stopped, "budget: "+f.Message)
	case d.s.Ending != nil:
	case f.Class == llm.Canceled && f.Again:
		d.again(o) // the process is going down: whoever comes next does it
	case f.Again && d.s.Failures+1 < maxModelFailures:
		d.retry(o, backoff(d.s.Failures, f.After))
	case d.overTime(0):
		d.endOverTime()
	default:
		d.end(Failed, fmt.Sprintf("model: %s: %s", f.Class, f.Message))
	}
}

func (d *decider) toolFailed(o *Open) {
	f := d.in.Failure
	unknown := f.unknown()
	more := f.Again || unknown // another try may help
	wait := backoff(o.Try-1, f.After)
	then := *o // as the failure leaves it
	then.Started, then.Unsure = false, o.Unsure || unknown
	switch {
	case f.Class == llm.OverBudget:
		d.rest(o)
		d.end(Stopped, "budget: "+f.Message)
	case unknown && then.asks(d.in.At):
		d.out.Doubt = append(d.out.Doubt, o.ID)
	case more && d.s.Ending != nil:
		d.rest(o)
	case more && then.asks(d.in.At.Add(wait)):
		d.out.Doubt = append(d.out.Doubt, o.ID)
	case more && o.Try < maxTries:
		d.retry(o, wait)
	case o.Class.Started() && (unknown || o.Unsure):
		// A key makes another try harmless, but tries do not go on for ever, and that
		// this one did nothing says nothing of the earlier ones: ask.
		d.out.Doubt = append(d.out.Doubt, o.ID)
	case f.Told != nil:
		d.next() // the model is told, and may try something else
	default:
		d.rest(o)
		d.end(Failed, fmt.Sprintf("tool %s: %s", o.Tool, f.Message))
	}
}

// retry performs an outstanding command once more after a wait, if there is time.
func (d *decider) retry(o *Open, wait time.Duration) {
	wait = max(wait, time.Millisecond)
	if d.overTime(wait) {
		d.outOfTime(o)
		return
	}
	d.give(Command{Kind: Sleep, Promise: Promise{Class: Local}, PutsOff: o.ID, Until: d.in.At.Add(wait)})
}

// woke performs what was put off.
func (d *decider) woke(timer *Open) {
	o := d.s.Find(timer.PutsOff)
	switch {
	case o == nil || o.Doubt || o.Idle:
	case d.s.Ending != nil:
		d.rest(o)
	case d.overTime(0):
		d.outOfTime(o)
	case o.asks(d.in.At): // the timer fired late: nobody was there to hear it
		d.out.Doubt = append(d.out.Doubt, o.ID)
	default:
		d.again(o)
	}
}

// outOfTime ends the run before another try of the command.
func (d *decider) outOfTime(o *Open) {
	if o.Kind == CallModel {
		d.out.Drop = append(d.out.Drop, o.ID)
	} else {
		d.rest(o)
	}
	d.endOverTime()
}

// backoff doubles from half a second to a minute; chance is the shell's to add,
// by when it fires the timer.
func backoff(failures int, atLeast time.Duration) time.Duration {
	wait := 500 * time.Millisecond << min(failures, 7)
	return max(min(wait, time.Minute), atLeast)
}
