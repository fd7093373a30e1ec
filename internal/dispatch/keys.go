package dispatch

import (
	"math"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/route"
)

// A provider may have several credentials, each with a quota of its own. One that is
// refused or used up rests, and the next one is used, in the same call too; the
// deployment can serve while there is one that does not rest.

// rest is how long a credential still rests; 0 where it does not.
func rest(k *route.Key, now time.Time) time.Duration {
	return max(k.Quota.Until(now).Sub(now), k.Credential.Until(now).Sub(now), 0)
}

// pick is the credential to use for a team's call: the first that does not rest, so
// that a provider's prompt cache is found again; else the one that rests for the
// shortest time. It is -1 where there is none for the team.
func (dep *deployment) pick(team string, now time.Time) int {
	if dep.oneKey {
		return 0
	}
	best, least := -1, time.Duration(math.MaxInt64)
	for _, i := range dep.keysOf(team) {
		rest := rest(&dep.Keys[i], now)
		if rest == 0 {
			return i
		}
		if rest < least {
			best, least = i, rest
		}
	}
	return best
}

// keysOf are the places of the credentials that a team's calls may use.
func (dep *deployment) keysOf(team string) []int {
	var out []int
	for _, name := range dep.info.CredentialsOf(team) {
		if i := slices.Index(dep.info.Credentials, name); i >= 0 && i < len(dep.Keys) {
			out = append(out, i)
		}
	}
	return out
}

// another reports whether a credential besides the one that failed does not rest.
func (dep *deployment) another(team string, failed int, now time.Time) bool {
	if dep.oneKey {
		return false
	}
	return slices.ContainsFunc(dep.keysOf(team), func(i int) bool { return i != failed && rest(&dep.Keys[i], now) == 0 })
}
