package effect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// Tries is how often one execution asks a service at most. A bound of an
// operation is this many times what one request can consume.
const Tries = 3

// The waits between tries. A service that asks for more than mostWait is left to
// the caller, who can wait without holding a worker.
const (
	firstWait = 20 * time.Millisecond
	mostWait  = 2 * time.Second
)

// Retry does an operation of the given class, at most [Tries] times. A try that
// did nothing is repeated whatever the class; one with an unknown outcome only
// where the class allows it. The error is a *[Error] that says what is known of
// all tries together.
func Retry(ctx context.Context, class agent.Class, do func(context.Context) error) error {
	open := false // an earlier try may have taken effect
	for try := 1; ; try++ {
		failed := known(do(ctx), class)
		if failed == nil {
			return nil
		}
		if failed.Outcome == Unknown {
			open = true
		}
		again := failed.Retry && (failed.Outcome == NotDone || class != agent.Once)
		wait := max(failed.After, firstWait<<(2*(try-1)))
		if !again || try == Tries || failed.After > mostWait || !pause(ctx, wait) || From(ctx).over() {
			if open && failed.Outcome != Unknown {
				// That this try did nothing, or was refused, says nothing of the earlier one.
				e := *failed
				e.Outcome, e.Message = Unknown, e.Message+"; an earlier try may have been done"
				failed = &e
			}
			return failed
		}
	}
}

// over reports whether the service may have forgotten the effect's command.
func (id ID) over() bool { return !id.Until.IsZero() && !time.Now().Before(id.Until) }

// known makes any error one whose meaning is known. What is read or computed has
// no outcome to be in doubt about.
func known(err error, class agent.Class) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Outcome: Unknown, Message: err.Error(), Cause: err}
	}
	if e.Outcome == Unknown && !class.Started() {
		c := *e
		c.Outcome = NotDone
		e = &c
	}
	return e
}

// pause waits for d, unless ctx ends before; a wait that ctx's deadline does not
// allow is not begun.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Ended is the error of an operation that the end of ctx stopped; outcome says
// what is known of it at that point.
func Ended(ctx context.Context, outcome Outcome, doing string) *Error {
	cause := context.Cause(ctx)
	why := "was cancelled"
	if errors.Is(cause, context.DeadlineExceeded) {
		why = "took longer than its limit"
	}
	return &Error{Outcome: outcome, Retry: true, Message: fmt.Sprintf("%s %s", doing, why), Cause: cause}
}
