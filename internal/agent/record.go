package agent

import (
	"encoding/json"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

// Kind and Version are those of a run's records in the store.
const (
	Kind    = "run"
	Version = 1
)

// Record is one entry of a run's journal: what came in, and what was decided.
type Record struct {
	Seq      int64    `json:"seq"`
	Input    Input    `json:"input"`
	Decision Decision `json:"decision"`
}

// Decision is what an input led to.
type Decision struct {
	Status   Status    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Commands []Command `json:"commands,omitempty"` // new ones
	Again    []string  `json:"again,omitempty"`    // outstanding ones that are performed once more
	Idle     []string  `json:"idle,omitempty"`     // outstanding ones that wait for the run to be resumed
	Doubt    []string  `json:"doubt,omitempty"`    // outstanding ones whose outcome nobody knows
	Drop     []string  `json:"drop,omitempty"`     // outstanding ones that are called off
	Ending   *Ending   `json:"ending,omitempty"`   // the run is to end so
	Ignored  string    `json:"ignored,omitempty"`  // the input did not fit: why. Only its cost counts
}

// CommandKind is something that a run wants done.
type CommandKind string

// The kinds of command.
const (
	CallModel CommandKind = "call_model"
	CallTool  CommandKind = "call_tool"
	Sleep     CommandKind = "sleep"
)

// Command is one thing to do. Its id is run/seq/n, derived from the record that
// gave it, and is the key under which a keyed effect is remembered.
type Command struct {
	ID   string      `json:"id"`
	Kind CommandKind `json:"kind"`
	Promise
	Tool    string    `json:"tool,omitempty"`     // the operation
	Message Ref       `json:"message,omitzero"`   // the answer that holds the call
	Part    int       `json:"part,omitempty"`     // which part of it
	Digest  string    `json:"digest,omitempty"`   // of tool and arguments
	Until   time.Time `json:"until,omitzero"`     // Sleep: not before
	PutsOff string    `json:"puts_off,omitempty"` // Sleep: the command of which another try is due then
}

// InputKind says what happened.
type InputKind string

// The inputs of a run.
const (
	Started       InputKind = "started"
	ModelAnswered InputKind = "model_answered"
	ModelFailed   InputKind = "model_failed"
	EffectStarted InputKind = "effect_started" // its first byte may leave from now on
	ToolReturned  InputKind = "tool_returned"
	ToolFailed    InputKind = "tool_failed"
	TimerFired    InputKind = "timer_fired"
	Recovered     InputKind = "recovered" // a new owner has taken the run over
	Resolved      InputKind = "resolved"  // somebody has said what became of an effect in doubt
	Resumed       InputKind = "resumed"   // go on after a stop or failure
	CancelAsked   InputKind = "cancel_asked"
)

// Input is one thing that happened to a run. Kind says which members are meant.
type Input struct {
	Kind    InputKind    `json:"kind"`
	At      time.Time    `json:"at"`
	Command string       `json:"command,omitempty"` // whose outcome this is
	Try     int          `json:"try,omitempty"`
	Cost    money.Amount `json:"cost,omitzero"`

	Start   *Start   `json:"start,omitempty"`
	Answer  *Answer  `json:"answer,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
	Result  *Result  `json:"result,omitempty"`
	Resolve *Resolve `json:"resolve,omitempty"`
	By      string   `json:"by,omitempty"`     // CancelAsked, Resumed: who
	Why     string   `json:"why,omitempty"`    // CancelAsked
	Limits  *Limits  `json:"limits,omitempty"` // Resumed: new ones
}

// Start begins a run.
type Start struct {
	Run        string          `json:"run"`
	Org        string          `json:"org"`
	Agent      string          `json:"agent"`
	Definition string          `json:"definition"`
	Model      string          `json:"model"`
	Limits     Limits          `json:"limits"`
	OutputCap  int64           `json:"output_cap,omitempty"`
	Goal       Ref             `json:"goal"`
	Input      json.RawMessage `json:"input,omitempty"` // the caller's own, small
	Key        string          `json:"key,omitempty"`   // a second start under it is the same run
	By         string          `json:"by,omitempty"`
	Project    string          `json:"project,omitempty"`
	Team       string          `json:"team,omitempty"`
	Customer   string          `json:"customer,omitempty"`
	APIKey     string          `json:"api_key,omitempty"` // the id of the key that started it
	Trace      string          `json:"trace,omitempty"`   // the span that asked for it, as a W3C traceparent
}

// Answer is a model's answer, as facts.
type Answer struct {
	Call       string         `json:"call"`
	Deployment string         `json:"deployment,omitempty"`
	Attempts   int            `json:"attempts,omitempty"`
	Message    Ref            `json:"message"`
	Stop       llm.StopReason `json:"stop,omitempty"`
	Calls      []CallFact     `json:"calls,omitempty"`
	Usage      llm.Usage      `json:"usage"`
}

// cut reports whether the answer stopped before its end, with nothing to be done
// but to let it go on.
func (a *Answer) cut() bool {
	return len(a.Calls) == 0 && (a.Stop == llm.StopLength || a.Stop == llm.StopPause)
}

// CallFact is what the shell found out about a tool call.
type CallFact struct {
	ID   string `json:"id"`
	Part int    `json:"part"`
	Tool string `json:"tool"`
	Promise
	Digest  string `json:"digest,omitempty"`
	Problem *Ref   `json:"problem,omitempty"` // the call is not valid; what the model is told
}

// Failure is why a command has no result.
type Failure struct {
	Class   llm.ErrorClass `json:"class,omitempty"`   // of a model call
	Outcome string         `json:"outcome,omitempty"` // of an effect: NotDone, Refused; anything else is unknown
	Message string         `json:"message,omitempty"` // short, for people
	Told    *Ref           `json:"told,omitempty"`    // what the model is told
	Again   bool           `json:"again,omitempty"`   // trying once more may help
	After   time.Duration  `json:"after,omitempty"`   // not before
	Call    string         `json:"call,omitempty"`
}

// What is known of an effect that failed.
const (
	NotDone = "not_done" // nothing happened
	Refused = "refused"  // the service said no, and will again
	Unknown = "unknown"  // it may have happened
)

// unknown reports whether the effect may have been done all the same. Whatever
// is not classified may have been.
func (f *Failure) unknown() bool {
	return f.Outcome != NotDone && f.Outcome != Refused && f.Class != llm.OverBudget
}

// Result is what a tool gave.
type Result struct {
	Ref    Ref  `json:"ref"`
	Repeat bool `json:"repeat,omitempty"` // it had been done before, under the same key
}

// Resolve is a person's word on an effect in doubt.
type Resolve struct {
	ID     string `json:"id"` // of the effect, command/try: an answer fits the question that was put, and a repeat is known
	Answer string `json:"answer"`
	Told   Ref    `json:"told"` // what the model is told
	By     string `json:"by,omitempty"`
}

// The answers to an effect in doubt.
const (
	AnswerDone    = "done"
	AnswerNotDone = "not-done"
	AnswerAbandon = "abandon"
)
