package budget

import (
	"fmt"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// Refusal says why money could not be held, with everything that somebody needs
// to mend it. It is the error of the call or effect.
type Refusal struct {
	Limit    Limit
	Scope    string
	Window   string       // the instance
	Spent    money.Amount // in it
	Held     money.Amount // by others that have not ended
	Asked    money.Amount // the least that this one needs
	Opens    time.Time    // when the next instance begins; zero where none does
	MinUnits int64        // the output cap that Asked allows for; 0 for a tool's effect
	// Reason is set where it is not the money that is missing: the ask has no
	// bound, or its id is held already.
	Reason string
}

// Error tells all of it in one line.
func (r *Refusal) Error() string {
	var b strings.Builder
	if r.Limit.Scope == "" {
		fmt.Fprintf(&b, "budget: %s", r.Reason)
		return b.String()
	}
	fmt.Fprintf(&b, "budget %s: the %s limit of %s for %s", r.Scope, r.Limit.Kind, r.Limit.Amount, r.Limit.Window.span(r.Window))
	if r.Reason != "" {
		fmt.Fprintf(&b, " cannot be kept: %s", r.Reason)
		return b.String()
	}
	fmt.Fprintf(&b, " has %s spent and %s held; this needs at least %s", r.Spent, r.Held, r.Asked)
	if r.MinUnits > 0 {
		fmt.Fprintf(&b, " (for %d tokens of output)", r.MinUnits)
	}
	if r.Opens.IsZero() {
		b.WriteString("; it does not open again by itself: raise the limit")
	} else {
		fmt.Fprintf(&b, "; it opens again at %s", r.Opens.Format(time.RFC3339))
	}
	return b.String()
}

// span names an instance for people: "the day 2026-11-24", "the run".
func (w Window) span(instance string) string {
	switch w {
	case Run:
		return "the run"
	case Total:
		return "all time"
	}
	return "the " + string(w) + " " + instance[strings.LastIndexByte(instance, '/')+1:]
}
