// Package effect is what one execution of a tool's operation shares with the
// driver that carries it out: who it is ([ID]), what it consumes ([Meter]), and
// what is known when it fails ([Error]). All three travel below the tools, so a
// driver needs to know nothing of models, schemas or runs.
package effect

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// ID names an effect: a command and the number of its execution.
type ID struct {
	Command string // run/seq/n: the key of a keyed effect, the same in every try
	Try     int    // from 1; more after a crash
	// Until is when the service may have forgotten the command: nothing is sent once more
	// from then on. The zero time is never.
	Until time.Time
}

// String is the effect's own id, run/seq/n/try.
func (id ID) String() string { return id.Command + "/" + strconv.Itoa(id.Try) }

type idKey struct{}

// With gives ctx the id of the effect that is done under it.
func With(ctx context.Context, id ID) context.Context { return context.WithValue(ctx, idKey{}, id) }

// From is the effect of ctx; the zero ID where there is none, as in a check.
func From(ctx context.Context) ID {
	id, _ := ctx.Value(idKey{}).(ID)
	return id
}

// Guarantee is what a service lets be done about an effect whose outcome is unknown.
// It belongs to driver and resource, and is never assumed.
type Guarantee struct {
	Class agent.Class
	// For is how long the service remembers the key of a keyed effect, from its first
	// request on; zero is for ever.
	For   time.Duration
	Basis string // what it rests on, for `skein check`: "FIFO topic, MessageDeduplicationId by the command's id"
}

// Outcome is what is known of an effect that failed.
type Outcome string

// The outcomes.
const (
	NotDone Outcome = "not_done" // nothing happened
	Unknown Outcome = "unknown"  // it may have happened
	Refused Outcome = "refused"  // the service said no, and will again: the model should hear it
)

// Error is a failure whose meaning is known.
type Error struct {
	Outcome Outcome
	Retry   bool          // worth trying again as it is
	After   time.Duration // what the service asked for
	Message string        // readable by the model and by people
	Cause   error         // what lies beneath, for logs; nil where the message says all
}

func (e *Error) Error() string { return e.Message }

// Unwrap is the error beneath.
func (e *Error) Unwrap() error { return e.Cause }

// Unreachable is the error of a request that never got a connection, so that no service
// has seen it.
func Unreachable(doing string, err error) *Error {
	e := &Error{Outcome: NotDone, Retry: true, Message: doing + ": the service cannot be reached", Cause: err}
	var host *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host) && host.IsNotFound:
		e.Message += ": there is no host " + host.Name
	case errors.As(err, &certificate):
		e.Message += ": its certificate is not trusted: " + certificate.Err.Error()
	}
	return e
}
