// Package tool is what agents use. A [Tool] is one resource, named by URL, with
// a few [Operation]s; each has a JSON Schema, an effect class and bounds, and an
// execution of one is an effect. A driver (file, sqlite, fake, later the clouds)
// is one file in its tool's folder and one line in a table.
//
// Whether and when an operation runs is never decided here: `agent` decides, and
// `engine` writes what must be durable before the first byte leaves.
package tool

import (
	"context"
	"encoding/json"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

// Operation is one thing that a tool can do, as the model sees it.
type Operation struct {
	Name        string // as the model calls it: "reports_read"
	Description string
	Schema      json.RawMessage // of the arguments
	Class       agent.Class     // belongs to driver and resource, and is never assumed
	Basis       string          // what the class rests on, for `skein check`: "create-if-absent by the command's id"
	Timeout     time.Duration
	MaxResult   int             // bytes that go back to the model
	Bound       []price.Reading // the most that one execution can consume; nil is unbounded
}

// Call is one execution.
type Call struct {
	ID   string // the command's id, run/seq/n: the key of a keyed effect, and what the service remembers
	Try  int    // from 1; more after a crash
	Op   string
	Args json.RawMessage // already valid against the operation's schema
}

// Result is what an execution gave. Its readings are in the [Meter] of its context.
type Result struct {
	Content []byte // text or JSON for the model, at most MaxResult bytes
	Repeat  bool   // a keyed effect that had been done before, under this id
}

// Tool is a resource that agents may use. It is safe for concurrent use.
type Tool interface {
	// Operations lists what it can do. It never changes.
	Operations() []Operation
	// Do executes one operation. It counts what it consumes into [MeterFrom](ctx),
	// also where it fails. The error is a *[Error] wherever the outcome is known.
	Do(ctx context.Context, c Call) (Result, error)
	// Check tries the resource with a read that costs nothing or next to nothing.
	Check(ctx context.Context) error
	// Close lets go of what the tool holds.
	Close() error
}

// Error is a failure whose meaning is known.
type Error struct {
	Outcome Outcome
	Retry   bool          // worth trying again as it is
	After   time.Duration // what the service asked for
	Message string        // readable by the model and by people
}

func (e *Error) Error() string { return e.Message }

// Outcome is what is known of an effect that failed.
type Outcome string

// The outcomes.
const (
	NotDone Outcome = "not_done" // nothing happened
	Unknown Outcome = "unknown"  // it may have happened
	Refused Outcome = "refused"  // the service said no, and will again: the model should hear it
)
