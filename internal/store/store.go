// Package store is the one place that writes. Whatever must not be lost is an
// append-only [Record]; records that must be atomic together go into one [Batch];
// one writer commits batches in groups. What people and programs read are
// [View]s: tables folded from records in the same transaction, which can always
// be dropped and folded again. Bytes too large or too private for a record are
// [Payload]s, named by reference.
//
// Whoever owns a kind of record encodes its body and registers its views; store
// knows neither. A record's lsn, given at commit, is the only order there is.
package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// Record is one durable fact.
type Record struct {
	LSN     int64  // given at commit
	Org     string // "default" where nobody says otherwise
	Kind    string // "run", "entry", "attempt", "key", …; its owner knows the body
	Version int    // of the body's encoding
	Stream  string // what it belongs to: a run's or call's id; "" for none
	Seq     int64  // its place in the stream, from 1 without a gap; 0 where the stream keeps no order
	Epoch   int64  // of the stream's owner; an append under an older epoch than the stream's is refused
	Config  string // the configuration revision under which it was made
	Body    []byte

	// Value is what Body encodes, where whoever made the record has it at hand, so
	// that a view need not decode what was encoded a moment ago. It is not stored,
	// and must say no more than Body does: a view that is folded again has Body alone.
	Value any `json:"-"`
}

// Payload is bytes by reference.
type Payload struct {
	Ref   string // unique; derived by the owner, so that writing it twice leaves one
	Org   string
	Owner string // the run or call that it is kept for
	Alg   string // "none" for now; an unknown one parks what needs it
	KeyID string
	Data  []byte
}

// Batch is committed whole or not at all.
type Batch struct {
	Records  []Record
	Payloads []Payload
}

// The errors that callers decide on. Any other error of a commit means that its
// outcome is unknown: the store refuses everything from then on; stop, and read
// it again after a start.
var (
	ErrFenced   = errors.New("the stream has a newer owner")               // nothing was written
	ErrConflict = errors.New("the stream has gone on")                     // Seq is taken or leaves a gap; nothing was written
	ErrNoRoom   = errors.New("the data directory cannot be written")       // disk full, read-only; nothing was written
	ErrClosed   = errors.New("the store is closed")                        // nothing was written
	ErrReadOnly = errors.New("the store was opened read-only")             // nothing was written
	ErrRefused  = errors.New("the batch was refused")                      // by a view, or for its form; nothing was written
	ErrBroken   = errors.New("an earlier write ended in an unknown state") // the commit after which it came may be there or not
	ErrOwned    = errors.New("the data directory is in use")               // another process holds the lock
	ErrVersion  = errors.New("the data directory has another version")     // written by a newer program, or not by this one at all
	ErrNotFound = errors.New("not found")
)

// Reader is what queries read through: committed state only. Each query sees a
// consistent snapshot; for several queries over one snapshot see [Store.Snapshot].
// Arguments and destinations are what database/sql takes for them, [time.Time]
// being stored as RFC 3339 text in UTC with microseconds, which sorts as it should.
type Reader interface {
	// QueryContext returns rows that the caller closes; until then they hold a
	// connection.
	QueryContext(ctx context.Context, query string, args ...any) (Rows, error)
	// QueryRowContext reads the first row; its Scan answers [sql.ErrNoRows] where
	// there is none.
	QueryRowContext(ctx context.Context, query string, args ...any) Row
}

// Row is one row, or the error instead of it.
type Row = sqlite.Row

// Rows is the answer to a query, used as [sql.Rows] is.
type Rows = sqlite.Rows

// Tx is what a view writes through, inside the commit's own transaction. It
// keeps its statements prepared, so queries should be constants with arguments.
type Tx interface {
	Reader
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	// Add is ExecContext of a statement that adds n to the row of keys: its arguments
	// are the keys and then the numbers. It is run later in the same transaction,
	// once for all that was added to one row, so that a row that many records touch
	// is written once a group. Until then a query does not see it. The numbers of
	// some thousands of records must add up without leaving 64 bits.
	Add(ctx context.Context, query string, keys []string, n ...int64) error
}

// View is a table, or several, folded from records. Its tables begin with org.
type View struct {
	Name    string   // unique
	Version int      // a change drops the tables and folds all records again at the next start
	Kinds   []string // the records that it folds
	Tables  []string // what to drop before folding again
	Schema  []string // statements that create them
	// Apply folds one record. It must depend on the record and the view's own
	// tables only: it is called again for the same record where a transaction is
	// undone and made anew. An error from it refuses the batch. A view that needs a
	// record's body later keeps its lsn, and its queries join `record`.
	Apply func(ctx context.Context, tx Tx, r *Record) error
}

// Filter picks records. Zero members match everything.
type Filter struct {
	Org    string
	Kinds  []string
	Stream string
	// Ordered picks records that have a place in their stream: a Seq, or an Epoch. An
	// index has these; a stream's others are found by looking at all records.
	Ordered bool
}
