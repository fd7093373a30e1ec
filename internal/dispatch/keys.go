package dispatch

import (
	"math"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// A provider may have several credentials, each with a quota of its own. One that is
// refused or used up rests, and the next one is used, in the same call too; the
// deployment can serve while there is one that does not rest.

// key is how one credential of a provider stands at a deployment.
type key struct{ quota, credential *limit.Cooldown }

// rest is how long a credential still rests; 0 where it does not.
func (k *key) rest(now time.Time) time.Duration {
	return max(k.quota.Until(now).Sub(now), k.credential.Until(now).Sub(now), 0)
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
		rest := dep.keys[i].rest(now)
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
		if i := slices.Index(dep.info.Credentials, name); i >= 0 && i < len(dep.keys) {
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
	return slices.ContainsFunc(dep.keysOf(team), func(i int) bool { return i != failed && dep.keys[i].rest(now) == 0 })
}

// rests are the rests of a credential.
func (st *standing) rests(i int) (quota, credential *limit.Cooldown) {
	k := &st.keys[max(min(i, len(st.keys)-1), 0)] // a reload may have taken some away
	return k.quota, k.credential
}
