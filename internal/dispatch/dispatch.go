// Package dispatch drives the `call` machine: it asks `route`, `limit` and
// `budget` under their locks, sends attempts through `provider`, watches their
// limits, and settles them. It knows no client socket and no run: a call's request
// comes from a [Source], its answer goes to a [Sink], and what is committed
// together with the last entry is the caller's to say ([Call.Settle]).
package dispatch

import (
	"context"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/wire"
)

// Call is one model request to serve.
type Call struct {
	ID       string       // call_…, made at the door
	Cause    ledger.Cause // who and what it is for; Cause.Call is ID
	Model    string       // the name that was asked for
	Arrived  time.Time
	Deadline time.Time // the caller's; zero where it has none
	Source   Source
	Sink     Sink
	// Settle commits the entry of the call's last attempt with whatever the caller
	// wants in the same batch, and returns when all of it is durable. Nil: dispatch
	// commits it alone.
	Settle func(ctx context.Context, s *Settlement) error
}

// Source gives each attempt its request.
type Source interface {
	Facts() *wire.Facts
	// Body is the request as t wants it, and what it loses on the way. The slice is
	// the caller's until Release.
	Body(t *wire.Target) (body []byte, losses []wire.Loss, err error)
}

// Sink takes the answer. Its methods are called from one goroutine, in order:
// Open once, then Frame for each piece, then Close once; or Close alone where
// nothing could be shown.
type Sink interface {
	// Format is what Frame's bytes are to be in; "" asks for events only.
	Format() llm.Format
	// Answer says what the client is told of the answer.
	Answer() *wire.Answer
	// Open says that the answer begins: status and headers may go out.
	Open(r *Receipt) error
	// Frame hands over bytes in Format, or events. They are valid until it returns.
	// An error means that the client has gone.
	Frame(b []byte, events []llm.Event) error
	// Whole hands over an unstreamed answer, as bytes in Format, or canonical.
	Whole(r *Receipt, b []byte, resp *llm.Response) error
	// Close ends the answer; err is nil where it was whole.
	Close(r *Receipt, err *llm.Error)
}

// Receipt is what can be said of a call to its client, at the time.
type Receipt struct {
	Call       string
	Deployment string
	Attempts   int
	OutputCap  int64 // set where Skein lowered it
	Lossy      []wire.Loss
	Cost       string // "0.00123 USD"; empty while it is not known
}

// Settlement is the end of a call's last attempt, before it is durable.
type Settlement struct {
	Entry    *ledger.Entry
	Call     *CallRecord
	Response *llm.Response // where the sink asked for events
	Err      *llm.Error    // what the call ended with; nil for a whole answer
	// Batch holds the records of the entry and the call; the caller adds its own.
	Batch store.Batch
}
