// Package function calls functions of others: JSON in, JSON out. A [Function] is one
// with its driver; [Drivers] is the table of those.
//
// What a function does is its own affair, so its effect class is what the operator
// declares, and once where nothing is declared. The command's id travels with every
// call, so that a function that remembers it can be declared keyed.
package function

import (
	"context"
	"encoding/json"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Invocation is one call of a function.
type Invocation struct {
	Payload json.RawMessage
	// Async lets the function run on its own: it is accepted, and nobody hears how it
	// ends.
	Async bool
}

// Answer is what a function gave back; of an asynchronous one nothing.
type Answer struct {
	Payload json.RawMessage // JSON; a text that is not JSON comes as a JSON string
	// Failed says that the function ran and ended in an error of its own, which the
	// payload describes.
	Failed bool
}

// Function is a function. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type Function interface {
	// Invoke calls the function, with the command's id beside the payload. It asks
	// once, unless nothing was done: doing it again is for its caller to decide.
	Invoke(ctx context.Context, in Invocation, command string) (Answer, error)
	// Carries says how the function gets the command's id: "in the client context, as skein_command".
	Carries() string
	// Async reports whether the driver can let a function run on its own.
	Async() bool
	// Bound is the most that one call can consume, with so many bytes of payload and
	// within so long; nil where nothing bounds it.
	Bound(size int, within time.Duration) []price.Reading
	// Check tries whether the function is there, without calling it.
	Check(ctx context.Context) error
	Close() error
}

// Drivers is every driver of functions.
func Drivers() []resource.Driver[Function] {
	return []resource.Driver[Function]{}
}
