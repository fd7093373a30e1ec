// Package sim is a seeded simulation of the calls of many clients to deployments
// that fail. The real decisions (`call`, `route`, `limit`) run in one loop over a
// virtual clock; what drives them does as `dispatch` does, in the same order and
// without its goroutines; the upstreams and the clients are models of their own:
// outages, brown-outs, flapping, slow recovery, limits that refuse, answers that
// break in the middle or fall silent; bursts, herds, a noisy key, deadlines,
// hang-ups, and clients that try again.
//
// The judge is what the upstreams and the clients saw, with bounds that follow from
// the configuration, and not what the decisions say of themselves. A [Variant]
// breaks the driver on purpose: the checks must find each of them.
//
// There is no goroutine and no chance but the seed's, so a seed replays exactly.
package sim

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"
)

// Options say what to simulate.
type Options struct {
	Seed    uint64
	Variant Variant
	Calls   int       // clients make no more than so many; 0: as many as the seed says
	Trace   io.Writer // everything that happens, one line each; nil is none
}

// Variant is a way of being broken.
type Variant string

// The variants of the driver that the checks must find.
const (
	Sound          Variant = ""
	LoseCalls      Variant = "forget a call whose attempt broke"
	AnswerTwice    Variant = "show what the loser of two attempts brings"
	IgnoreRetries  Variant = "repeat without a budget"
	IgnoreHedges   Variant = "hedge without a budget"
	NoProbe        Variant = "let no probe through"
	ManyProbes     Variant = "send to one that rests"
	NoRamp         Variant = "send all at once to one that comes back"
	ForgetEnd      Variant = "forget the end of an attempt that was cancelled"
	EndEarly       Variant = "count an attempt out at its first content"
	IgnoreQuota    Variant = "start what the quota has no room for"
	DeafToRefusals Variant = "learn nothing from a 429"
	FIFO           Variant = "queue without regard for keys"
	KeepClaim      Variant = "keep the claim of one who was called"
	WakeNobody     Variant = "call nobody when there is room"
	LoseHold       Variant = "lose the hold of an attempt that is not the last"
	ReturnTwice    Variant = "give a hold back that is settled, too"
	DeafClock      Variant = "forget the timer"
	NoFailover     Variant = "try the first in order only"
	BlameRefusals  Variant = "take a 429 for a failure of the deployment"
	OnlyFull       Variant = "wait for those only that were full"
	HoldUp         Variant = "let one who may go to few hold up all"
	CallInCircles  Variant = "call the next when one who was called waits again"
)

// Variants are all that are broken.
var Variants = []Variant{
	LoseCalls, AnswerTwice, IgnoreRetries, IgnoreHedges, NoProbe, ManyProbes, NoRamp, ForgetEnd, EndEarly, IgnoreQuota,
	DeafToRefusals, FIFO, KeepClaim, WakeNobody, LoseHold, ReturnTwice, DeafClock, NoFailover, BlameRefusals, OnlyFull, HoldUp, CallInCircles,
}

// Report is what a simulation came to.
type Report struct {
	Trace    uint64 // the hash of all that happened: the same seed gives the same one
	Story    string
	Actions  int
	Calls    int
	Attempts int
	Answers  int // whole ones
	Hangups  int
	Errors   map[string]int // calls that failed, by class
	Repeats  int            // choices that counted as repetitions
	Denied   int            // and those that the budget denied
	Hedges   int
	Seams    int
	Queued   int
	Shed     int // out of a queue, or not let into it
	Rests    int // of deployments
	Refused  int // 429 by an upstream
	Repaired int // answers that were whole although one of their attempts failed
	Took     time.Duration
}

// Violation is a promise that was broken.
type Violation struct {
	Seed  uint64
	At    time.Duration
	Check string // which promise
	What  string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d, at %s: %s: %s", v.Seed, v.At, v.Check, v.What)
}

// Run simulates one seed. The error is a *[Violation].
func Run(o Options) (r Report, err error) {
	w := newWorld(o)
	defer func() {
		r = w.report
		r.Trace, r.Took = w.hash, w.now.Sub(start)
		if p := recover(); p != nil {
			v, ok := p.(*Violation)
			if !ok {
				v = w.violation("no panic", fmt.Sprintf("%v\n%s", p, debug.Stack()))
			}
			err = v
		}
	}()
	w.open()
	for w.act() {
	}
	w.judge.final()
	return r, nil
}

// Story is the last lines of what happened in a seed up to its violation, with as few
// calls as still show one. It is empty where there is none.
func Story(o Options, lines int) (story string, calls int, err error) {
	r, err := Run(o)
	if err == nil {
		return "", r.Calls, nil
	}
	// With fewer calls it is another story, which may fail where one of more does not:
	// halving finds a small number that fails, and not always the least.
	calls = r.Calls
	for low := 0; low+1 < calls; {
		o.Calls = (low + calls) / 2
		if _, fewer := Run(o); fewer != nil {
			calls, err = o.Calls, fewer
		} else {
			low = o.Calls
		}
	}
	t := &tail{n: lines}
	o.Calls, o.Trace = calls, t
	_, err = Run(o)
	return strings.Join(t.lines, ""), calls, err
}

// tail keeps the last lines that are written to it.
type tail struct {
	n     int
	lines []string
}

func (t *tail) Write(b []byte) (int, error) {
	t.lines = append(t.lines, string(b))
	t.lines = t.lines[max(len(t.lines)-t.n, 0):]
	return len(b), nil
}
