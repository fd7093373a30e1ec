// Package sim is a seeded simulation of everything between an agent's decisions
// and what services saw of them. The real machines (`agent`, `engine/sched`) run
// in one loop over a virtual clock; the store, the driver, the services, the
// network and the people are models of their own, with faults: replies are lost,
// late and doubled, batches are refused, and the process dies between any two
// actions and starts again from what was durable.
//
// The judge is what the services logged and what the store held, not what the
// machines say of themselves. A [Variant] breaks the driver on purpose: the checks
// must find each of them.
//
// There is no goroutine and no chance but the seed's, so a seed replays exactly.
package sim

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"
)

// Options say what to simulate.
type Options struct {
	Seed    uint64
	Variant Variant
	// LogsOnly judges by the services' logs and the end alone, and not by watching
	// the order in which the driver does things.
	LogsOnly bool
	Trace    io.Writer // every action, one line each; nil is none
}

// Variant is a way of being broken.
type Variant string

// The variants of the driver that the checks must find.
const (
	Sound        Variant = ""
	PerformEarly Variant = "perform before the commit"
	DropStarted  Variant = "lose the records of what may have begun"
	ForgetDoubt  Variant = "forget at recovery what may have begun"
	ChangeIDs    Variant = "perform another try under another id"
	DeafClock    Variant = "forget timers"
	MissRefusal  Variant = "take a refused batch for a commit"
	LoseOutcome  Variant = "lose the outcome of what was called off"
	BookTwice    Variant = "book an effect at its start, too"
	TrustKeys    Variant = "take every key for one that is remembered for ever"
)

// Variants are all that are broken.
var Variants = []Variant{PerformEarly, DropStarted, ForgetDoubt, ChangeIDs, DeafClock, MissRefusal, LoseOutcome, BookTwice, TrustKeys}

// Report is what a simulation came to.
type Report struct {
	Trace    uint64 // the hash of all actions: the same seed gives the same one
	Actions  int
	Crashes  int
	Refusals int
	Records  int
	Effects  int            // deliveries to services
	Repeats  int            // of keyed effects that had been done
	Doubts   int            // answered by people
	Ended    map[string]int // runs by their last status
	Took     time.Duration  // virtual
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
		r.Trace, r.Took = w.hash.Sum64(), w.now.Sub(start)
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
	w.final()
	return r, nil
}
