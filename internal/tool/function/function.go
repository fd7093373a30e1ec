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
	// Again says that this may be a repeat, which the function is told beside the command's
	// id. One that runs on its own cannot be told.
	Again bool
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
	// Invoke calls the function once, with the command's id beside the payload: doing it
	// again is for its caller to decide. A payload has [MostPayload] bytes at most.
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

// MostPayload is the most that a function is called with, in bytes, and MostAnswer the
// most that is read of what it gives back.
const (
	MostPayload = 256 << 10
	MostAnswer  = 6 << 20
)

// Drivers is every driver of functions. Each takes the option for: how long the
// function remembers a command's id, where it is declared keyed.
func Drivers() []resource.Driver[Function] {
	return []resource.Driver[Function]{
		{Scheme: "awslambda", Service: "aws/lambda", Form: "awslambda:///arn:aws:lambda:us-east-1:123456789012:function:name",
			Options: []string{"region", "endpoint", "qualifier", "memory", "timeout", "arch", "for"}, Open: openLambda, Grants: lambdaGrants},
		{Scheme: "azurefunc", Service: "azure/functions", Form: "azurefunc://app.azurewebsites.net/api/name",
			Options: []string{"region", "endpoint", "key_env", "audience", "memory", "for"}, Open: openAzure},
		{Scheme: "gcprun", Service: "gcp/run", Form: "gcprun://service-project.region.run.app/path",
			Options: []string{"region", "endpoint", "audience", "memory", "cpu", "for"}, Open: openRun, Grants: runGrants},
		{Scheme: "https", Service: "local/http", Form: "https://host/path", Options: []string{resource.AnyOption}, Open: openHTTP},
		{Scheme: "http", Service: "local/http", Form: "http://host/path", Options: []string{resource.AnyOption}, Open: openHTTP},
	}
}
