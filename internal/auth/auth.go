// Package auth says who is asking. A [Key] is a credential that Skein issues; it
// belongs to a project of a team of an org, and may name a customer. [Keys] makes,
// lists, revokes and checks them: they are records of kind "key", folded into the
// view `keys` and held in memory for the check itself. A request's [Principal]
// comes from a [Guard], which looks wherever a served format puts a credential.
//
// Only the SHA-256 of a key's secret is stored. The key is shown once, when it is
// made, and must never reach a log; see [Redact].
package auth

import (
	"context"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/ledger"
)

// Role is what a principal may do besides using models and agents.
type Role string

// The roles.
const (
	Member Role = "member" // uses models and agents, and sees what its project made
	Admin  Role = "admin"  // also makes and revokes keys, and sees all of its org
)

// Principal is who is asking. It is shared between requests: never change one.
type Principal struct {
	Org      string
	Team     string
	Project  string
	Key      string // the key's id; "" for the owner of the data directory
	Customer string
	Role     Role
	Models   []string // the models that may be used; none listed means all
	HideCost bool     // is not told what calls cost
	Priority Priority // of the calls, where they ask for none
	Require  []string // tags that a deployment must have to get the calls
}

// DefaultOrg is the org of everything where nobody says otherwise.
const DefaultOrg = "default"

var owner = &Principal{Org: DefaultOrg, Role: Admin}

// Owner is the principal of whoever owns the data directory: it may do
// everything in the default org.
func Owner() *Principal { return owner }

// MayUse reports whether the principal may use a model by that name. A * in what it
// may use stands for anything.
func (p *Principal) MayUse(model string) bool {
	if len(p.Models) == 0 {
		return true
	}
	return slices.ContainsFunc(p.Models, func(m string) bool {
		before, after, star := strings.Cut(m, "*")
		return m == model || star && len(model) >= len(before)+len(after) && strings.HasPrefix(model, before) && strings.HasSuffix(model, after)
	})
}

// Admin reports whether the principal may administer its org.
func (p *Principal) Admin() bool { return p.Role == Admin }

// Sees reports whether the principal may read what was done for c. What one
// project made, another project's key cannot see.
func (p *Principal) Sees(c *ledger.Cause) bool {
	switch {
	case p.Org != c.Org:
		return false
	case p.Admin():
		return true
	case p.Customer != "" && p.Customer != c.Customer:
		return false
	}
	return p.Project == c.Project && p.Team == c.Team
}

// Cause is the beginning of what anything done for the principal is booked to.
func (p *Principal) Cause() ledger.Cause {
	return ledger.Cause{Org: p.Org, Team: p.Team, Project: p.Project, Key: p.Key, Customer: p.Customer}
}

// Scopes are the principal's budget scopes, the widest first.
func (p *Principal) Scopes() []string {
	s := append(make([]string, 0, 5), "org:"+p.Org)
	for _, x := range [...]struct{ kind, name string }{
		{"team:", p.Team}, {"project:", p.Project}, {"customer:", p.Customer}, {"key:", p.Key},
	} {
		if x.name != "" {
			s = append(s, x.kind+x.name)
		}
	}
	return s
}

type principalKey struct{}

// With gives ctx a principal.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From is the principal of ctx; nil, who may do nothing, where it has none.
func From(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}
