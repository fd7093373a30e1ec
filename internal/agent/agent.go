// Package agent is one run of an agent as a machine. A run is a fold of its
// journal: [Decide] says, once, what an [Input] leads to; the [Record] holds the
// input and what was decided; [Apply] folds records into a [State]. Recovery uses
// Apply only and takes what is outstanding from the state, so Decide may change
// in any release without repeating an effect.
//
//	in  := an outcome, a timer, an answer, …      (the shell)
//	rec := agent.Decide(state, in)                pure, total
//	       commit rec                             durable first
//	       agent.Apply(state, rec)                all that recovery does, too
//	       perform rec.Decision.Commands          outcomes come back as inputs
//
// State, inputs and records never hold payloads: only references, sizes, digests
// and facts that the shell has extracted. A fold needs no payload.
//
// What a command costs, whether money is left for it, and how it is performed are
// the engine's; what may be done about an unknown outcome is the [Class] of the
// effect, which stands in the command.
package agent

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// Definition is an agent as data. It is stored by its hash when a run starts, and
// the run keeps it whatever becomes of the configuration.
type Definition struct {
	Name   string      `json:"name"`
	Model  string      `json:"model"`
	System string      `json:"system,omitempty"`
	Tools  []Operation `json:"tools"`
	Limits Limits      `json:"limits"`
	// OutputCap is the most output tokens that one model call may have; 0 leaves it
	// to the model's own setting.
	OutputCap int64 `json:"output_cap,omitempty"`
}

// Operation is something that the agent may use, as the model is told of it.
type Operation struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Promise
}

// Limits bound a run. Zero members do not.
type Limits struct {
	Budget money.Amount  `json:"budget,omitzero"`
	Steps  int           `json:"steps,omitempty"` // model answers
	Time   time.Duration `json:"time,omitempty"`
}

// Ref names bytes that are kept elsewhere.
type Ref struct {
	Ref    string `json:"ref"`
	Size   int64  `json:"size"`
	Digest string `json:"digest,omitempty"`
}

// Status is what a run is doing. No run is running for ever: each acts, sleeps,
// waits for something named, or has ended.
type Status string

// The states of a run.
const (
	Running  Status = "running"  // a command is being performed
	Sleeping Status = "sleeping" // a timer is set
	InDoubt  Status = "in doubt" // an effect's outcome is unknown, and a person is asked
	Done     Status = "done"
	Stopped  Status = "stopped" // at one of its limits, in good order
	Failed   Status = "failed"
	Canceled Status = "canceled"
)

// Statuses are all of them.
var Statuses = []Status{Running, Sleeping, InDoubt, Done, Stopped, Failed, Canceled}

// Ended reports whether a run in status s is over.
func (s Status) Ended() bool {
	return s == Done || s == Stopped || s == Failed || s == Canceled
}

// Ending is how a run will end.
type Ending struct {
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// State is a run, folded from its journal.
type State struct {
	Run        string
	Org        string
	Agent      string
	Cause      *Start // who started it, and with what
	Definition string // hash
	Model      string
	Limits     Limits
	OutputCap  int64

	Seq      int64 // of the last record
	Status   Status
	Reason   string // why it stopped, failed or is in doubt
	Started  time.Time
	Deadline time.Time // zero: none
	Ended    time.Time
	Ending   *Ending // it stops as soon as what is under way has come to its end

	Goal     Ref
	Turns    []Turn
	Open     []Open // commands with no outcome yet, in the order in which they were given
	Steps    int
	Spent    money.Amount
	Else     []money.Amount // what was spent in other currencies than Spent's
	Failures int            // model failures since the last answer
	Lengths  int            // answers in a row that ended at their cap
	Answer   Ref            // the last message, once the run is done
	Resolves []Resolve      // the answers to effects in doubt that were taken
}

// Turn is a model's answer and the results of the calls in it.
type Turn struct {
	Message Ref
	Calls   []Call
	Cut     bool // it stopped before it was at its end
}

// Call is one tool call of an answer, valid or not.
type Call struct {
	ID      string // the model's id of the call, which its result must repeat
	Tool    string
	Command string // "" where the call was not valid and Result says why
	Digest  string // of tool and arguments
	Result  Ref
	IsError bool
	Done    bool
}

// Open is a command that was given and has no outcome.
type Open struct {
	Command
	Try     int       // from 1; one more after each time that it may have been cut off
	Started bool      // a durable record says that it may have begun
	Unsure  bool      // an earlier try may have been done
	First   time.Time // when the first of the tries began that may have been done; zero: none
	Doubt   bool      // its outcome is unknown, and it may not be done again
	Idle    bool      // nothing is under way: it waits for the run to be resumed
}

// Effect is the id of the execution that is due or under way: command/try.
func (o *Open) Effect() string { return o.ID + "/" + strconv.Itoa(o.Try) }

// Find is the outstanding command of that id; nil where there is none.
func (s *State) Find(id string) *Open {
	for i := range s.Open {
		if s.Open[i].ID == id {
			return &s.Open[i]
		}
	}
	return nil
}

// Doubts counts the effects in doubt.
func (s *State) Doubts() int {
	n := 0
	for i := range s.Open {
		if s.Open[i].Doubt {
			n++
		}
	}
	return n
}

// Acting counts the commands that are being performed, or will be as soon as
// there is room.
func (s *State) Acting() int {
	n := 0
	for i := range s.Open {
		if o := &s.Open[i]; o.Kind != Sleep && !o.Doubt && !o.Idle && !s.putOff(o.ID) {
			n++
		}
	}
	return n
}

// asleep reports whether a timer is set.
func (s *State) asleep() bool {
	for i := range s.Open {
		if s.Open[i].Kind == Sleep {
			return true
		}
	}
	return false
}

// putOff reports whether a timer is set for another try of the command.
func (s *State) putOff(id string) bool {
	for i := range s.Open {
		if o := &s.Open[i]; o.Kind == Sleep && o.PutsOff == id {
			return true
		}
	}
	return false
}

// turn is the last answer.
func (s *State) turn() *Turn {
	if len(s.Turns) == 0 {
		return nil
	}
	return &s.Turns[len(s.Turns)-1]
}

// settled reports whether every call of the last answer has its result.
func (s *State) settled() bool {
	t := s.turn()
	if t == nil {
		return true
	}
	for i := range t.Calls {
		if !t.Calls[i].Done {
			return false
		}
	}
	return true
}
