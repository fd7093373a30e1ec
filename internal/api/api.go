// Package api is Skein's own API: what every verb of the command line and every
// program may ask for, as one [Service]. [Local] answers it in the process that
// has the data, [Handler] serves it below /api/v1, described by OpenAPI, and
// [Client] asks a running Skein for it; so a verb works the same with either.
//
// Who asks is the context's principal ([auth.With]); without one nothing is
// allowed. What one project made, another project's key cannot see: it gets the
// answer for what is not there.
package api

import (
	"context"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
)

// Service is all that may be asked for. It is safe for concurrent use. What goes
// wrong because of the one who asks is an *[Error].
type Service interface {
	// StartRun starts an agent. The same Idempotency again gives the run that it started.
	StartRun(ctx context.Context, s StartRun) (*Run, error)
	// Run is a run with its timeline.
	Run(ctx context.Context, id string) (*Run, error)
	// Runs lists runs without their timelines, the latest first.
	Runs(ctx context.Context, q RunQuery) ([]Run, error)
	// FollowRun calls each for every event of a run after an lsn, as they come, and
	// returns nil when the run has ended, or the error of each or of ctx.
	FollowRun(ctx context.Context, id string, after int64, each func(Event) error) error
	// CancelRun ends a run and calls off what is under way.
	CancelRun(ctx context.Context, id, reason string) (*Run, error)
	// ResumeRun goes on with a run that stopped at a limit, or failed.
	ResumeRun(ctx context.Context, id string, l NewLimits) (*Run, error)
	// ResolveEffect says what became of an effect in doubt.
	ResolveEffect(ctx context.Context, id, effect string, a Answer) (*Run, error)

	// Call is the record of one model call.
	Call(ctx context.Context, id string) (*dispatch.CallRecord, error)
	// Calls lists them, the latest first.
	Calls(ctx context.Context, q CallQuery) ([]dispatch.Listed, error)

	// Bill is the itemised bill of what matches.
	Bill(ctx context.Context, q BillQuery) (*Bill, error)
	// Confirm books what entries really were, as their provider says; those of which
	// it says what is booked already are left as they are.
	Confirm(ctx context.Context, c []Confirmation) (*Confirmed, error)
	// Budgets says how every budget stands.
	Budgets(ctx context.Context) ([]Budget, error)

	// CreateKey makes a key; what it returns is the only place where its text stands.
	CreateKey(ctx context.Context, n NewKey) (*KeyText, error)
	// Keys lists the keys.
	Keys(ctx context.Context) ([]auth.Key, error)
	// RevokeKey ends a key, at once where at is zero.
	RevokeKey(ctx context.Context, id string, at time.Time) (*auth.Key, error)

	// Version says what is running.
	Version(ctx context.Context) (*Version, error)
}

// CallQuery picks calls; zero members match everything.
type CallQuery struct {
	Run, Key, Model, Outcome string
	Limit                    int   // default 100
	Before                   int64 // an lsn: those recorded before it
}

// Version is what is running.
type Version struct {
	Version string    `json:"version"`
	Commit  string    `json:"commit,omitempty"`
	Go      string    `json:"go"`
	Started time.Time `json:"started,omitzero"`
	Config  string    `json:"config,omitempty" doc:"The configuration's revision."`
}
