package agent

import (
	"fmt"
	"time"
)

// next goes on once every call of the last answer has its result.
func (d *decider) next() {
	after := d.after()
	switch {
	case after.Ending != nil || !after.settled():
	case after.looping():
		d.end(Stopped, fmt.Sprintf("loop: the same calls gave the same results %d times in a row", maxRepeats))
	default:
		d.callModel(after)
	}
}

// callModel asks for the next step, where the limits allow one.
func (d *decider) callModel(after *State) {
	steps := after.Limits.Steps
	switch {
	case after.Ending != nil:
	case steps > 0 && after.Steps >= steps:
		d.end(Stopped, fmt.Sprintf("steps: %d of %d were taken", after.Steps, steps))
	case d.overTime(0):
		d.endOverTime()
	default:
		d.give(Command{Kind: CallModel, Promise: Promise{Class: PaidRead}})
	}
}

// overTime reports whether the run's time will have passed after a wait.
func (d *decider) overTime(wait time.Duration) bool {
	return !d.s.Deadline.IsZero() && d.in.At.Add(wait).After(d.s.Deadline)
}

func (d *decider) endOverTime() {
	d.end(Stopped, fmt.Sprintf("time: its %s are over", d.s.Limits.Time))
}

// end ends the run, once what is under way has come to its end: an effect that
// has begun is not left without its outcome. The first reason stands.
func (d *decider) end(st Status, why string) {
	if d.s.Ending == nil {
		d.out.Ending = &Ending{Status: st, Reason: why}
	}
}

// status finds what the run does once this decision holds. A doubt is not covered
// up by what else is under way, and a run that is ending ends as soon as nothing
// is.
func (d *decider) status() {
	d.out.Status, d.out.Reason = d.s.Status, d.s.Reason
	if d.out.Ignored != "" {
		return
	}
	after := d.after()
	doubts := after.Doubts()
	switch {
	case doubts > 0:
		d.out.Status = InDoubt
		d.out.Reason = fmt.Sprintf("the outcome of %d effect(s) is unknown; see show, and answer with resolve", doubts)
	case after.Acting() > 0:
		d.out.Status, d.out.Reason = Running, ""
	case after.Ending != nil:
		d.out.Status, d.out.Reason = after.Ending.Status, after.Ending.Reason
	case after.asleep():
		d.out.Status, d.out.Reason = Sleeping, ""
	default: // no decision leads here; and if one did, the run would not hang
		d.out.Ending = &Ending{Status: Failed, Reason: nothingLeft}
		d.out.Status, d.out.Reason = Failed, nothingLeft
	}
}

const nothingLeft = "internal: nothing was left to do, and no result; resume it"

// looping reports whether the last answers had the same calls with the same
// results.
func (s *State) looping() bool {
	n := len(s.Turns)
	if n < maxRepeats {
		return false
	}
	last := s.Turns[n-1].Calls
	for _, t := range s.Turns[n-maxRepeats : n-1] {
		if len(t.Calls) != len(last) {
			return false
		}
		for i := range t.Calls {
			a, b := &t.Calls[i], &last[i]
			if a.Digest != b.Digest || a.Result.Digest != b.Result.Digest || b.Digest == "" || b.Result.Digest == "" {
				return false
			}
		}
	}
	return true
}
