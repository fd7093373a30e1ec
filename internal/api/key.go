package api

import (
	"time"

	"github.com/skein-run/skein/internal/auth"
)

// NewKey is a key to make.
type NewKey struct {
	Name        string        `json:"name" minLength:"1" maxLength:"128"`
	Team        string        `json:"team,omitempty" maxLength:"128"`
	Project     string        `json:"project,omitempty" maxLength:"128"`
	Customer    string        `json:"customer,omitempty" maxLength:"128"`
	Role        auth.Role     `json:"role,omitempty" enum:"member,admin"`
	Models      []string      `json:"models,omitempty" doc:"The models that the key may use; none listed means all."`
	Budget      *auth.Budget  `json:"budget,omitempty" doc:"A hard limit of the key's own."`
	HideCost    bool          `json:"hide_cost,omitempty" doc:"Answers do not say what they cost."`
	Expires     time.Time     `json:"expires,omitzero"`
	Priority    auth.Priority `json:"priority,omitempty" enum:"low,normal,high" doc:"Of its calls, and the most that they can ask for; normal where it is left out."`
	Require     []string      `json:"require,omitempty" doc:"Tags that a deployment must have to get its calls, such as geo:eu."`
	Idempotency string        `json:"-"`
}

// KeyText is a new key with its text.
type KeyText struct {
	auth.Key
	Text string `json:"key" doc:"The key itself. It is shown this once."`
}
