package llm

import (
	"fmt"
	"time"
)

// Error is what went wrong with a call, classified once at the edge. The
// machines branch on its Class, Blame, Billed and RetryAfter only.
type Error struct {
	Class      ErrorClass
	Blame      Blame
	Billed     Billed
	RetryAfter time.Duration // what the upstream asked for; 0 where it did not
	Retry      Retry         // what the upstream says of sending the same again

	Status  int    // HTTP status, the upstream's or our own
	Code    string // the upstream's machine word, where it gave one
	Param   string // the request's field that is meant
	Message string // for people; never holds a credential or a prompt
}

func (e *Error) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s (%d): %s", e.Class, e.Status, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Class, e.Message)
}

// ErrorClass is the kind of failure.
type ErrorClass string

// The classes.
const (
	BadRequest      ErrorClass = "bad_request"      // 400, 404 on a field, 413, 422: the same request fails everywhere
	Unauthorized    ErrorClass = "unauthorized"     // 401: a credential is missing or wrong
	Forbidden       ErrorClass = "forbidden"        // 403: a credential may not do this
	NotFound        ErrorClass = "not_found"        // the model or path is unknown there
	RateLimited     ErrorClass = "rate_limited"     // 429
	QuotaExhausted  ErrorClass = "quota_exhausted"  // 429 or 402 that waiting does not mend
	ContextOverflow ErrorClass = "context_overflow" // the input is too long for this model
	Filtered        ErrorClass = "filtered"         // the provider refused the content
	Overloaded      ErrorClass = "overloaded"       // 503, 529
	ServerError     ErrorClass = "server_error"     // other 5xx
	Unreachable     ErrorClass = "unreachable"      // no connection, DNS, TLS
	TimedOut        ErrorClass = "timed_out"        // a limit of the attempt or the call passed
	BrokenStream    ErrorClass = "broken_stream"    // ended without its proper end
	Malformed       ErrorClass = "malformed"        // the upstream sent what its format does not allow
	OverBudget      ErrorClass = "over_budget"      // our own refusal: a hard budget
	Busy            ErrorClass = "busy"             // our own refusal: no capacity, or shutting down
	Canceled        ErrorClass = "canceled"         // the client went away, or the run was cancelled
	Lossy           ErrorClass = "lossy"            // our own refusal: no deployment can carry a field
	Internal        ErrorClass = "internal"         // our own fault
)

// Blame says whose fault it is, and so what a breaker, a cooldown or a rotation
// acts on.
type Blame string

// Who can be to blame.
const (
	BlameRequest    Blame = "request"
	BlameKey        Blame = "key" // the client's own key
	BlameCredential Blame = "credential"
	BlameQuota      Blame = "quota_group"
	BlameDeployment Blame = "deployment"
	BlameProvider   Blame = "provider"
	BlameSkein      Blame = "skein"
	BlameClient     Blame = "client"
)

// Billed says whether the provider charges for the attempt all the same.
type Billed string

// Whether a failed attempt costs.
const (
	BilledNo    Billed = "no"
	BilledMaybe Billed = "maybe"
	BilledYes   Billed = "yes"
)

// Retry is an upstream's own word on whether the same request may be sent to it again.
type Retry uint8

// What an upstream says; mostly nothing.
const (
	RetryUnsaid Retry = iota
	RetryYes
	RetryNo
)
