// Package budget keeps money from being spent twice over. A [Limit] is an amount
// for a scope over a window; a [State] knows what was spent and what is held in
// each. [State.Hold] sets money aside for one attempt or effect in all its scopes
// at once, or in none; [State.Settle] turns a hold into what was really spent.
//
// Pure: the time is an argument, and the caller has the lock. Under a hard limit,
// spent + held is never above it.
package budget

import (
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// Limit is an amount for a scope over a window. A scope has at most one hard and
// one soft limit for each kind of window.
type Limit struct {
	Org        string         `json:"org"`   // "" is the default org
	Scope      string         `json:"scope"` // "team:research", "key:…", "run:…"
	Amount     money.Amount   `json:"amount"`
	Window     Window         `json:"window"`
	Zone       *time.Location `json:"-"` // where days and months begin; nil is UTC
	Kind       Kind           `json:"kind"`
	Thresholds []int64        `json:"thresholds,omitempty"` // percent of Amount at which Settle reports an [Event]
}

// Kind says what a limit does.
type Kind string

// The kinds of limit.
const (
	Hard Kind = "hard" // never passed
	Soft Kind = "soft" // reported when passed
)

// DefaultOrg is the org that is meant where none is named.
const DefaultOrg = "default"

// Ask is the money that one attempt or effect may cost, from above:
// Fixed + PerUnit × cap × Choices.
type Ask struct {
	ID     string // of the attempt or effect
	Org    string // "" is the default org
	Scopes []string

	Fixed   money.Amount  // the bound of the input, or of a tool's effect
	PerUnit price.PerUnit // of output
	Want    int64         // the cap that is wanted, in tokens of output; 0 for a tool's effect
	Min     int64         // the least cap that is worth it
	Choices int64         // answers asked for; 0 is 1
	// Unbounded says why there is no bound: a hard limit refuses it. Empty where
	// the members above are one.
	Unbounded string

	Windows []string // a buffer for the verdict's Windows
}

// Verdict is the answer to an [Ask].
type Verdict struct {
	OK      bool
	Cap     int64        // to send upstream: min(Want, what every scope affords)
	Held    money.Amount // Fixed + PerUnit × Cap × Choices
	Hard    bool         // a hard limit applied: the hold must be durable before the first byte leaves
	Windows []string     // the window instances that it is held in: "key:abc/day/2026-11-24"
	Refusal *Refusal     // why not
}

// Settled is what became of a hold.
type Settled struct {
	Found   bool         // false where the hold had ended before, or never was: nothing changed
	Held    money.Amount // what had been set aside
	Spent   money.Amount // what is booked now
	Overrun money.Amount // how much more that is than was held
	Hard    bool         // a hard limit was among its limits
	Events  []Event      // thresholds that were crossed
}

// Event says that a limit's threshold was crossed.
type Event struct {
	Limit   Limit        `json:"limit"`
	Window  string       `json:"window"` // the instance
	Percent int64        `json:"percent"`
	Spent   money.Amount `json:"spent"`
}

// Standing is how one limit stands, for display.
type Standing struct {
	Limit  Limit        `json:"limit"`
	Window string       `json:"window"` // the instance
	Spent  money.Amount `json:"spent"`
	Held   money.Amount `json:"held"`
	Opens  time.Time    `json:"opens,omitzero"` // when the next instance begins; zero where none does
}
