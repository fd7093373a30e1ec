// Package tool is what agents use. A [Tool] is one resource, named by URL, with
// a few [Operation]s; each has a JSON Schema, an effect class and bounds, and an
// execution of one is an effect. [Open] makes a tool of its [Spec], a [Set] is the
// tools of one agent by the names that its model sees, and [Validate] checks
// arguments before anything runs.
//
// This package knows what a model sees; the folders below it know services.
// `objects`, `table`, `sqldb`, `notify`, `queue` and `function` each declare one small
// interface and the table of its drivers: a new backend is one file there and one line
// in that table. `effect` is what they share, and `cloud` as whom they ask.
//
// Whether and when an operation runs is never decided here: `agent` decides, and
// `engine` writes what must be durable before the first byte leaves.
package tool

import (
	"context"
	"encoding/json"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Operation is one thing that a tool can do, as the model sees it.
type Operation struct {
	Name        string // as the model calls it: "reports_read"
	Description string
	Schema      json.RawMessage // of the arguments
	Class       agent.Class     // belongs to driver and resource, and is never assumed
	For         time.Duration   // how long a keyed effect may be done again, from its first start; 0 is for ever
	Resend      bool            // on_doubt: resend: done again where its outcome is unknown, saying that it may be a repeat
	Basis       string          // what the class rests on, for `skein check`: "create-if-absent by the command's id"
	Timeout     time.Duration
	MaxResult   int             // bytes that go back to the model
	Rest        bool            // a longer result is kept whole ([Result.Whole]), for the model to read on in
	Bound       []price.Reading // the most that one execution can consume; nil is unbounded, empty is nothing

	compiled *jsonschema.Schema // of Schema; nil where nobody compiled it yet
}

// Call is one execution.
type Call struct {
	ID   string // the command's id, run/seq/n: the key of a keyed effect, and what the service remembers
	Try  int    // from 1; more after a crash
	Op   string
	Args json.RawMessage // already valid against the operation's schema
	// Again says that an earlier try has an unknown outcome and no key protects this
	// one: what it tells people should say that it may be a repeat.
	Again bool
	// Protected is how much longer the command's id protects another try; 0 is for ever.
	Protected time.Duration
}

// Result is what an execution gave. Its readings are in the [Meter] of its context.
type Result struct {
	Content []byte // text or JSON for the model, at most MaxResult bytes
	// Whole is the whole result where Content is only its beginning: it is kept beside
	// the run, and the model reads on in it. nil where Content is all, or where the
	// operation itself can be asked for the rest.
	Whole  []byte
	Repeat bool // a keyed effect that had been done before, under this id
}

// Tool is a resource that agents may use. It is safe for concurrent use.
type Tool interface {
	// Resource says what it works on. It never changes.
	Resource() Resource
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

// Resource is what a tool works on.
type Resource struct {
	Name    string // the tool's: "reports"
	Kind    string // objects, sql, table, notify, or the name of a built-in
	URL     string // as configured, without secrets; "" for a built-in
	Driver  string // the scheme that serves it: file, sqlite, fake; "" for a built-in
	Cloud   string // the first part of Service: aws, local
	Service string // finds its price card: `priced_as`, or what the driver is by itself, such as "local/files"
	// Notional says that the resource is not really there: it is priced as if it were.
	Notional bool
}

// Error is a failure whose meaning is known.
type Error = effect.Error

// Outcome is what is known of an effect that failed.
type Outcome = effect.Outcome

// The outcomes.
const (
	NotDone = effect.NotDone // nothing happened
	Unknown = effect.Unknown // it may have happened
	Refused = effect.Refused // the service said no, and will again: the model should hear it
)
