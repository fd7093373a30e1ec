package auth

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/skein-run/skein/internal/money"
)

// Key is what is known of a key. It holds no secret.
type Key struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Org      string    `json:"org"`
	Team     string    `json:"team,omitempty"`
	Project  string    `json:"project,omitempty"`
	Customer string    `json:"customer,omitempty"`
	Role     Role      `json:"role"`
	Models   []string  `json:"models,omitempty"`
	Budget   *Budget   `json:"budget,omitempty"`
	HideCost bool      `json:"hide_cost,omitempty"` // answers do not say what they cost
	Priority Priority  `json:"priority,omitempty" enum:"low,normal,high" doc:"Of its calls, and the most that they can ask for."`
	Require  []string  `json:"require,omitempty" doc:"Tags that a deployment must have to get its calls."`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"` // from then on; a time to come is a rotation's overlap
}

// Budget is a hard limit of a key's own: so much in each window.
type Budget struct {
	Limit  money.Amount `json:"limit" pattern:"^[0-9]+(\\.[0-9]+)? [A-Z]{3}$" patternDescription:"an amount with its currency, such as 0.50 USD"`
	Window string       `json:"window" enum:"hour,day,week,month,total"`
}

// Windows are the windows that a key's budget may have.
var Windows = []string{"hour", "day", "week", "month", "total"}

// Status is "active", "revoked" or "expired".
func (k *Key) Status(now time.Time) string {
	switch {
	case !k.Revoked.IsZero() && !now.Before(k.Revoked):
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	}
	return "active"
}

// New is a key to make.
type New struct {
	Name     string
	Org      string // default: DefaultOrg
	Team     string
	Project  string
	Customer string
	Role     Role // default: Member
	Models   []string
	Budget   *Budget
	HideCost bool
	Priority Priority // default: Normal
	Require  []string // tags that a deployment must have to get the key's calls
	Expires  time.Time
	// Idempotency names the request. The same name again makes no second key.
	Idempotency string
}

// FieldError is a mistake in what was asked for.
type FieldError struct {
	Field   string
	Message string // says what is wrong and what would be right
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

const (
	maxName   = 128
	maxModels = 1000
)

func (n *New) validate(now time.Time) error {
	for _, x := range [...]struct{ field, value string }{
		{"name", n.Name}, {"org", n.Org}, {"team", n.Team}, {"project", n.Project}, {"customer", n.Customer},
	} {
		if err := CheckName(x.field, x.value); err != nil {
			return err
		}
	}
	if len(n.Models) > maxModels {
		return &FieldError{"models", fmt.Sprintf("names %d models; at most %d are allowed, and none at all means every model", len(n.Models), maxModels)}
	}
	for i, m := range n.Models {
		if err := CheckName(fmt.Sprintf("models[%d]", i), m); err != nil {
			return err
		}
	}
	switch {
	case n.Name == "":
		return &FieldError{"name", "a key needs a name, so that a list says what it is for"}
	case n.Role != Member && n.Role != Admin:
		return &FieldError{"role", fmt.Sprintf("%q is not a role; use %q or %q", n.Role, Member, Admin)}
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return &FieldError{"expires", fmt.Sprintf("%s has passed; give a time to come", n.Expires.Format(time.RFC3339))}
	case n.Budget != nil && n.Budget.Limit.Sign() <= 0:
		return &FieldError{"budget.limit", "give an amount above zero with its currency, such as \"20 USD\""}
	case n.Budget != nil && n.Budget.Limit.Currency() != money.USD:
		return &FieldError{"budget.limit", fmt.Sprintf("%s is not in USD; prices are, and a limit in another currency would hold nothing back", n.Budget.Limit)}
	case n.Budget != nil && !slices.Contains(Windows, n.Budget.Window):
		return &FieldError{"budget.window", fmt.Sprintf("%q is not a window; use one of %s", n.Budget.Window, strings.Join(Windows, ", "))}
	}
	return nil
}

// CheckName keeps names printable on one line and short: they end up in lists,
// bills and budget scopes. Its error is a *[FieldError].
func CheckName(field, s string) error {
	if len(s) > maxName {
		return &FieldError{field, fmt.Sprintf("is %d bytes long; at most %d are allowed", len(s), maxName)}
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return &FieldError{field, fmt.Sprintf("holds the unprintable character %U; use plain text", r)}
		}
	}
	return nil
}
